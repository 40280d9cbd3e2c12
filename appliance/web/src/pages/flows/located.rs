//! Named locations as they are kept: one setting, changed within one transaction each time, by
//! people on a page and by programs alike. In come locations as they are wanted; out go those that
//! are kept, or which field cannot be and why.

use ::flows::answers::{Site as Place, Sites};
use ::flows::world::Prefix;
use access::audit::{Entry as Line, record};
use access::{Caller, Permission as P};
use model::Timestamp;
use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{StoreError, read_setting, write_setting};

use crate::http::Failure;
use crate::site::Site;

const KEY: &str = "flows.locations";
/// Locations, networks of one, and characters of a text at most.
pub(crate) const MOST: usize = 200;
const MOST_NETWORKS: usize = 64;
const LONGEST: usize = 200;
pub(super) const DEGREES: &str = "Give degrees, such as 48.4 or -3.7.";

/// Colours: the word that is kept, what people read, the class of the style sheet.
pub(crate) const COLOURS: [(&str, &str, &str); 7] = [
    ("", "None", ""),
    ("blue", "Blue", "s0"),
    ("green", "Green", "s1"),
    ("amber", "Amber", "s2"),
    ("violet", "Violet", "s3"),
    ("red", "Red", "s4"),
    ("cyan", "Cyan", "s5"),
];

/// A named place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Location {
    /// Its number, which stays; 0 for one that is new.
    #[serde(default)]
    pub(crate) id: u32,
    pub(crate) name: String,
    /// Networks as text, as [`Prefix`] reads them.
    pub(crate) networks: Vec<String>,
    /// Latitude and longitude in degrees.
    #[serde(default)]
    pub(crate) at: Option<(f64, f64)>,
    #[serde(default)]
    pub(crate) description: String,
    /// One of [`COLOURS`].
    #[serde(default)]
    pub(crate) colour: String,
}

/// A field that cannot be so, and why.
#[derive(Debug)]
pub(crate) struct Wrong(pub(crate) &'static str, pub(crate) String);

/// Why a location is not kept.
#[derive(Debug)]
pub(crate) enum Kept {
    Wrong(Wrong),
    Failed(Failure),
}

impl From<Wrong> for Kept {
    fn from(wrong: Wrong) -> Self {
        Self::Wrong(wrong)
    }
}

impl From<StoreError> for Kept {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<Kept> for Failure {
    fn from(kept: Kept) -> Self {
        match kept {
            Kept::Wrong(Wrong(field, why)) => Self::invalid(format!("{field}: {why}")),
            Kept::Failed(failure) => failure,
        }
    }
}

fn load(conn: &Connection) -> Result<Vec<Location>, StoreError> {
    Ok(read_setting(conn, KEY)?.unwrap_or_default())
}

/// All locations, by name.
pub(crate) async fn all(site: &Site) -> Result<Vec<Location>, Failure> {
    let mut all = site.store.read(|r| load(r.main())).await?;
    all.sort_unstable_by(|one, other| one.name.cmp(&other.name));
    Ok(all)
}

/// The same as questions take them.
pub(crate) fn sites(all: &[Location]) -> Sites {
    let networks = |l: &Location| l.networks.iter().filter_map(|text| text.parse().ok()).collect();
    all.iter().map(|l| Place { number: l.id, networks: networks(l) }).collect()
}

/// The class of a colour.
pub(crate) fn class(colour: &str) -> &'static str {
    COLOURS.iter().find(|(word, _, _)| *word == colour).map_or("", |(_, _, class)| class)
}

/// Keeps a location: a new one where its number is 0, else in place of the one with its number.
pub(crate) async fn keep(
    site: &Site,
    by: &Caller,
    wanted: Location,
    now: Timestamp,
) -> Result<Location, Kept> {
    let mut new = checked(wanted)?;
    change(site, by, now, move |all| {
        if all.iter().any(|l| l.id != new.id && l.name == new.name) {
            return Err(Wrong("name", "Another location has this name.".to_owned()).into());
        }
        if let Some(old) = all.iter_mut().find(|location| location.id == new.id) {
            *old = new.clone();
        } else if new.id != 0 {
            return Err(Kept::Failed(Failure::not_found("There is no such location.")));
        } else if all.len() >= MOST {
            return Err(Wrong("name", format!("There are {MOST} locations already.")).into());
        } else {
            new.id = all.iter().map(|location| location.id).max().unwrap_or(0).saturating_add(1);
            all.push(new.clone());
        }
        Ok(new)
    })
    .await
}

/// Forgets a location.
pub(crate) async fn forget(
    site: &Site,
    by: &Caller,
    id: u32,
    now: Timestamp,
) -> Result<(), Failure> {
    let forgotten = change(site, by, now, move |all| {
        let before = all.len();
        all.retain(|location| location.id != id);
        let gone = || Kept::Failed(Failure::not_found("There is no such location."));
        (all.len() < before).then_some(()).ok_or_else(gone)
    });
    Ok(forgotten.await?)
}

async fn change<T: Send + 'static>(
    site: &Site,
    by: &Caller,
    now: Timestamp,
    edit: impl FnOnce(&mut Vec<Location>) -> Result<T, Kept> + Send + 'static,
) -> Result<T, Kept> {
    by.require(P::SettingsEdit).map_err(|error| Kept::Failed(error.into()))?;
    let (by, store) = (by.clone(), site.store.clone());
    site.store
        .write_synced("settings", move |w| {
            let old = load(w.main())?;
            let mut new = old.clone();
            let done = edit(&mut new)?;
            if new != old {
                write_setting(w.main(), KEY, &new, now, by.actor.name())?;
                let detail = json!({ "from": old, "to": new });
                record(w, Line::new(&by, "settings.change", KEY, now).with(detail))?;
                w.after_commit(move || store.announce_settings());
            }
            Ok(done)
        })
        .await
}

/// The same as it is kept, or what is wrong with it.
fn checked(wanted: Location) -> Result<Location, Wrong> {
    let short = |field: &'static str, text: &str| {
        let fits = text.chars().count() <= LONGEST && !text.chars().any(char::is_control);
        let why = || Wrong(field, format!("Give one line of at most {LONGEST} characters."));
        fits.then(|| text.trim().to_owned()).ok_or_else(why)
    };
    let (name, description) =
        (short("name", &wanted.name)?, short("description", &wanted.description)?);
    if name.is_empty() {
        return Err(Wrong("name", "Give it a name.".to_owned()));
    }
    let mut networks: Vec<String> = Vec::new();
    for word in wanted.networks.iter().take(MOST_NETWORKS + 1) {
        let shown: String = word.chars().take(60).collect();
        let why = || Wrong("networks", format!("{shown} is no network, such as 192.168.7.0/24."));
        let network = word.parse::<Prefix>().map_err(|_| why())?.to_string();
        if !networks.contains(&network) {
            networks.push(network);
        }
    }
    if networks.is_empty() || networks.len() > MOST_NETWORKS {
        return Err(Wrong("networks", format!("Give 1 to {MOST_NETWORKS} networks.")));
    }
    if let Some((latitude, longitude)) = wanted.at {
        for (field, degrees, most) in
            [("latitude", latitude, 90.0), ("longitude", longitude, 180.0)]
        {
            // A number that is none is no less than anything either.
            if degrees.is_nan() || degrees.abs() > most {
                return Err(Wrong(field, format!("Give degrees from -{most} to {most}.")));
            }
        }
    }
    if !COLOURS.iter().any(|(word, _, _)| *word == wanted.colour) {
        let words: Vec<&str> = COLOURS.iter().skip(1).map(|(word, _, _)| *word).collect();
        return Err(Wrong("colour", format!("Give one of {}, or nothing.", words.join(", "))));
    }
    Ok(Location { name, networks, description, ..wanted })
}
