//! The page of places that people name by their networks: a floor, a branch, a partner.

use access::Permission as P;
use axum::extract::Path;
use axum::http::Method;
use axum::response::Response;

use super::LOOK;
use super::located::{self, COLOURS, Kept, Location, Wrong, all, forget, keep};
use crate::http::{Entry, Failure, Route, Routes};
use crate::pages::{Ask, Form, done};
use crate::site::Site;
use crate::view::flows::{LocationLine, LocationsPage};
use crate::view::{Choice, ConfirmPage, Field, Place, Tone};

const HERE: &str = "/flows/locations";

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
        page.colours = colours(&chosen.colour);
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
        colour: located::class(&l.colour),
    };
    LocationsPage {
        locations: all.iter().map(line).collect(),
        id: String::new(),
        name: Field::default(),
        networks: Field::default(),
        latitude: Field::default(),
        longitude: Field::default(),
        description: Field::default(),
        colours: colours(""),
        shell: ask.flows_shell("Locations").await,
    }
}

/// What was filled in, or which field cannot be and why.
fn read(form: &Form) -> Result<Location, Wrong> {
    let words = form.raw("networks").split([',', ' ', '\r', '\n', '\t', ';']);
    let degrees = |name: &'static str| match form.get(name) {
        "" => Ok(None),
        text => text.parse::<f64>().map(Some).map_err(|_| Wrong(name, located::DEGREES.to_owned())),
    };
    Ok(Location {
        id: form.get("id").parse().unwrap_or(0),
        name: form.get("name").to_owned(),
        networks: words.filter(|word| !word.is_empty()).map(str::to_owned).collect(),
        at: match (degrees("latitude")?, degrees("longitude")?) {
            (Some(latitude), Some(longitude)) => Some((latitude, longitude)),
            (None, None) => None,
            (None, _) => return Err(Wrong("latitude", "Give both, or neither.".to_owned())),
            (_, None) => return Err(Wrong("longitude", "Give both, or neither.".to_owned())),
        },
        description: form.get("description").to_owned(),
        colour: form.get("colour").to_owned(),
    })
}

async fn set(ask: Ask, form: Form) -> Result<Response, Failure> {
    let kept = match read(&form) {
        Ok(new) => keep(&ask.site, &ask.visitor.caller, new, ask.now).await,
        Err(wrong) => Err(wrong.into()),
    };
    let Wrong(wrong, why) = match kept {
        Ok(_) => return Ok(done(HERE, Tone::Ok, "Saved.")),
        // The page offers no other colours.
        Err(Kept::Wrong(wrong)) if wrong.0 != "colour" => wrong,
        Err(other) => return Err(other.into()),
    };
    let mut page = blank(&ask, &all(&ask.site).await?).await;
    let field = |name: &str| {
        let value: String = form.raw(name).chars().take(4_000).collect();
        if name == wrong { Field::refused(value, why.clone()) } else { Field::new(value) }
    };
    page.id = form.get("id").parse::<u32>().map(|id| id.to_string()).unwrap_or_default();
    page.name = field("name");
    page.networks = field("networks");
    (page.latitude, page.longitude) = (field("latitude"), field("longitude"));
    page.description = field("description");
    page.colours = colours(form.get("colour"));
    ask.refused(&page)
}

/// The colours to choose from.
fn colours(chosen: &str) -> Vec<Choice> {
    Choice::list(COLOURS.map(|(word, label, _)| (word, label)), chosen)
}

async fn find(site: &Site, id: &str) -> Result<Location, Failure> {
    let found = all(site).await?.into_iter().find(|location| location.id.to_string() == id);
    found.ok_or_else(|| Failure::not_found("There is no such location."))
}

async fn ask_delete(ask: Ask, Path(id): Path<String>) -> Result<Response, Failure> {
    let found = find(&ask.site, &id).await?;
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
    let found = find(&ask.site, &id).await?;
    forget(&ask.site, &ask.visitor.caller, found.id, ask.now).await?;
    Ok(done(HERE, Tone::Ok, &format!("{} was deleted.", found.name)))
}
