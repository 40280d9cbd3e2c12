//! Places that people name by their networks: a floor, a branch, a partner. Kept as one setting.

use ::flows::answers::{Site as Place_, Sites};
use ::flows::world::Prefix;
use access::Permission as P;
use axum::extract::Path;
use axum::http::Method;
use axum::response::Response;
use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use store::{StoreError, read_setting};

use super::LOOK;
use crate::http::{Entry, Failure, Route, Routes};
use crate::pages::router::keep_setting;
use crate::pages::{Ask, Form, done};
use crate::site::Site;
use crate::view::flows::{LocationLine, LocationsPage};
use crate::view::{ConfirmPage, Field, Place, Tone};

const HERE: &str = "/flows/locations";
const KEY: &str = "flows.locations";
/// Locations, networks of one, and characters of a text at most.
const MOST: usize = 200;
const MOST_NETWORKS: usize = 64;
const LONGEST: usize = 200;

/// A named place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Location {
    /// Its number, which stays.
    pub(crate) id: u32,
    pub(crate) name: String,
    /// Networks as text, as [`Prefix`] reads them.
    pub(crate) networks: Vec<String>,
    /// Latitude and longitude in degrees.
    pub(crate) at: Option<(f64, f64)>,
    pub(crate) description: String,
}

pub(super) fn routes() -> Routes<Site> {
    let edit = Entry::Needs(P::SettingsEdit);
    Routes::new()
        .add(Route::new(Method::GET, HERE, LOOK, show, "Named places"))
        .add(Route::new(Method::POST, HERE, edit, set, "Name a place, or change it"))
        .add(Route::new(
            Method::GET,
            "/flows/locations/{id}/delete",
            edit,
            ask_delete,
            "Ask before deleting a place",
        ))
        .add(Route::new(
            Method::POST,
            "/flows/locations/{id}/delete",
            edit,
            delete,
            "Delete a place",
        ))
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
pub(super) fn sites(all: &[Location]) -> Sites {
    let networks = |l: &Location| l.networks.iter().filter_map(|text| text.parse().ok()).collect();
    all.iter().map(|l| Place_ { number: l.id, networks: networks(l) }).collect()
}

async fn show(ask: Ask) -> Result<Response, Failure> {
    let locations = all(&ask.site).await?;
    let wanted = ask.query.get("edit").and_then(|id| id.parse::<u32>().ok());
    let chosen = locations.iter().find(|location| Some(location.id) == wanted).cloned();
    let mut page = blank(&ask, &locations).await;
    if let Some(chosen) = chosen {
        let degrees = |of: fn(&(f64, f64)) -> f64| {
            Field::new(chosen.at.as_ref().map(|at| of(at).to_string()).unwrap_or_default())
        };
        page.id = chosen.id.to_string();
        (page.latitude, page.longitude) = (degrees(|at| at.0), degrees(|at| at.1));
        page.name = Field::new(chosen.name);
        page.networks = Field::new(chosen.networks.join("\n"));
        page.description = Field::new(chosen.description);
    }
    ask.page(&page)
}

async fn blank(ask: &Ask, all: &[Location]) -> LocationsPage {
    let line = |l: &Location| LocationLine {
        id: l.id,
        name: l.name.clone(),
        networks: l.networks.join(", "),
        at: l.at.map(|(lat, long)| format!("{lat}°, {long}°")).unwrap_or_default(),
        description: l.description.clone(),
    };
    LocationsPage {
        locations: all.iter().map(line).collect(),
        id: String::new(),
        name: Field::default(),
        networks: Field::default(),
        latitude: Field::default(),
        longitude: Field::default(),
        description: Field::default(),
        shell: ask.flows_shell("Locations").await,
    }
}

/// What was filled in, or which field cannot be and why.
fn read(form: &Form) -> Result<Location, (&'static str, String)> {
    let short = |name: &'static str| {
        let text = form.get(name);
        let fits = text.chars().count() <= LONGEST && !text.chars().any(char::is_control);
        let why = || (name, format!("Give one line of at most {LONGEST} characters."));
        fits.then(|| text.to_owned()).ok_or_else(why)
    };
    let name = short("name")?;
    if name.is_empty() {
        return Err(("name", "Give it a name.".to_owned()));
    }
    let mut networks = Vec::new();
    let words = form.raw("networks").split([',', ' ', '\r', '\n', '\t', ';']);
    for word in words.filter(|word| !word.is_empty()) {
        let shown: String = word.chars().take(60).collect();
        let network: Prefix = word
            .parse()
            .map_err(|_| ("networks", format!("{shown} is no network, such as 192.168.7.0/24.")))?;
        networks.push(network.to_string());
    }
    networks.dedup();
    if networks.is_empty() || networks.len() > MOST_NETWORKS {
        return Err(("networks", format!("Give 1 to {MOST_NETWORKS} networks.")));
    }
    let degrees = |name: &'static str, most: f64| match form.get(name) {
        "" => Ok(None),
        text => {
            let number = text.parse::<f64>().ok().filter(|n| n.abs() <= most);
            let why = || (name, format!("Give degrees from -{most} to {most}."));
            number.map(Some).ok_or_else(why)
        }
    };
    let at = match (degrees("latitude", 90.0)?, degrees("longitude", 180.0)?) {
        (Some(latitude), Some(longitude)) => Some((latitude, longitude)),
        (None, None) => None,
        (None, _) => return Err(("latitude", "Give both, or neither.".to_owned())),
        (_, None) => return Err(("longitude", "Give both, or neither.".to_owned())),
    };
    let id = form.get("id").parse().unwrap_or(0);
    Ok(Location { id, name, networks, at, description: short("description")? })
}

async fn set(ask: Ask, form: Form) -> Result<Response, Failure> {
    let mut locations = all(&ask.site).await?;
    let read = read(&form).and_then(|new| {
        let taken = locations.iter().any(|l| l.id != new.id && l.name == new.name);
        let full = new.id == 0 && locations.len() >= MOST;
        match (taken, full) {
            (true, _) => Err(("name", "Another location has this name.".to_owned())),
            (_, true) => Err(("name", format!("There are {MOST} locations already."))),
            _ => Ok(new),
        }
    });
    let mut new = match read {
        Ok(new) => new,
        Err((wrong, why)) => {
            let mut page = blank(&ask, &locations).await;
            let field = |name: &str| {
                let value: String = form.raw(name).chars().take(4_000).collect();
                if name == wrong { Field::refused(value, why.clone()) } else { Field::new(value) }
            };
            page.id = form.get("id").parse::<u32>().map(|id| id.to_string()).unwrap_or_default();
            page.name = field("name");
            page.networks = field("networks");
            (page.latitude, page.longitude) = (field("latitude"), field("longitude"));
            page.description = field("description");
            return ask.refused(&page);
        }
    };
    if let Some(old) = locations.iter_mut().find(|location| location.id == new.id) {
        *old = new;
    } else {
        new.id = locations.iter().map(|location| location.id).max().unwrap_or(0) + 1;
        locations.push(new);
    }
    keep_setting(&ask, KEY, load, locations).await?;
    Ok(done(HERE, Tone::Ok, "Saved."))
}

async fn find(site: &Site, id: &str) -> Result<(Vec<Location>, Location), Failure> {
    let locations = all(site).await?;
    let found = locations.iter().find(|location| location.id.to_string() == id).cloned();
    let found = found.ok_or_else(|| Failure::not_found("There is no such location."))?;
    Ok((locations, found))
}

async fn ask_delete(ask: Ask, Path(id): Path<String>) -> Result<Response, Failure> {
    let (_, found) = find(&ask.site, &id).await?;
    ask.page(&ConfirmPage {
        shell: ask.shell("Delete a location", Some(Place::Flows)).await,
        question: format!("Delete \u{201c}{}\u{201d}?", found.name),
        consequences: vec!["Its networks are shown by their numbers again.".to_owned()],
        action: format!("{HERE}/{}/delete", found.id),
        fields: Vec::new(),
        button: "Delete".to_owned(),
        danger: true,
        cancel: HERE.to_owned(),
    })
}

async fn delete(ask: Ask, Path(id): Path<String>) -> Result<Response, Failure> {
    let (mut locations, found) = find(&ask.site, &id).await?;
    locations.retain(|location| location.id != found.id);
    keep_setting(&ask, KEY, load, locations).await?;
    Ok(done(HERE, Tone::Ok, &format!("{} was deleted.", found.name)))
}
