//! Devices: lists, one by one, changes, scans, wake-up calls. Assets are the same devices.

use std::net::IpAddr;

use access::Permission as P;
use axum::extract::{Path, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use discovery::edit::{DevicePatch, EnrichmentPatch, NewDevice};
use discovery::enrich::{DeviceType, Identity};
use discovery::list::{DeviceFilter, Sort, State as Which};
use discovery::{Address, Correction, Device, DiscoveryError, ExportFormat};
use model::{DeviceId, Mac, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Body, Params, answer, created, done, json, one_of, page_query, schema};
use crate::http::{Cursor, Entry, Failure, Route, Routes, Schema, Visitor};
use crate::pages::deeds;
use crate::site::Site;

mod history;
mod reach;

pub(super) fn routes() -> Routes<Site> {
    let (read, edit) = (Entry::Needs(P::DevicesRead), Entry::Needs(P::DevicesEdit));
    let forget = Entry::Needs(P::DevicesForget);
    let device = || Schema::named("Device");
    let get = Method::GET;
    Routes::new()
        .add(listed(Route::new(get.clone(), "/api/v1/devices", read, list, "Devices")))
        .add(listed(Route::new(get.clone(), "/api/v1/assets", read, list, "Devices as assets")))
        .add(
            Route::new(Method::POST, "/api/v1/devices", edit, create, "Add a device by hand")
                .takes(schema::new_device())
                .gives(device()),
        )
        .add(
            filtered(Route::new(
                get.clone(),
                "/api/v1/devices/export",
                read,
                export,
                "Devices as a file",
            ))
            .query("format", "string", "csv (usual) or json.")
            .patient(),
        )
        .add(
            Route::new(get.clone(), "/api/v1/devices/facets", read, facets, "Values to filter by")
                .gives(schema::facets()),
        )
        .add(Route::new(get.clone(), "/api/v1/devices/{id}", read, one, "A device").gives(device()))
        .add(
            Route::new(
                get.clone(),
                "/api/v1/devices/{id}/risk",
                read,
                risk,
                "How much of a risk a device is, and why",
            )
            .gives(schema::risk()),
        )
        .add(
            Route::new(
                Method::POST,
                "/api/v1/devices/mark",
                edit,
                mark,
                "Mark many devices as known or unknown",
            )
            .takes(schema::mark())
            .gives(schema::marked()),
        )
        .add(Route::new(get, "/api/v1/assets/{id}", read, one, "A device as asset").gives(device()))
        .add(
            Route::new(Method::PATCH, "/api/v1/devices/{id}", edit, patch, "Change a device")
                .takes(schema::device_patch())
                .gives(device()),
        )
        .add(
            Route::new(Method::PATCH, "/api/v1/assets/{id}", edit, patch, "Change an asset")
                .takes(schema::device_patch())
                .gives(device()),
        )
        .add(
            Route::new(
                Method::PATCH,
                "/api/v1/devices/{id}/enrichment",
                edit,
                correct,
                "Correct what a device is",
            )
            .takes(schema::enrichment())
            .gives(device()),
        )
        .add(
            Route::new(
                Method::POST,
                "/api/v1/devices/{id}/merge",
                edit,
                merge,
                "Join a device with another one that it turned out to be",
            )
            .takes(schema::merge())
            .gives(device()),
        )
        .add(Route::new(
            Method::DELETE,
            "/api/v1/devices/{id}",
            forget,
            delete,
            "Forget a device with its history",
        ))
        .merge(history::routes())
        .merge(reach::routes())
}

fn filtered(route: Route<Site>) -> Route<Site> {
    route
        .query("q", "string", "Words in name, host name, addresses, vendor, services or tags.")
        .query("status", "string", "all, online, offline, unknown, new or favourite.")
        .query("type", "string", "Of this type, such as printer.")
        .query("interface", "string", "Last heard on this interface.")
        .query("vendor", "string", "Of this vendor.")
        .query(
            "sort",
            "string",
            "name, ip, last_seen, first_seen, vendor or type; with - in front, the other way round.",
        )
}

fn listed(route: Route<Site>) -> Route<Site> {
    filtered(route).paged().gives(Schema::page(Schema::named("Device")))
}

/// A device as programs get it.
#[derive(Serialize)]
#[allow(clippy::struct_excessive_bools)] // each is a fact of its own
struct Shown<'a> {
    id: DeviceId,
    name: String,
    mac: Mac,
    macs: &'a [Mac],
    randomised_mac: bool,
    ip: Option<IpAddr>,
    addresses: &'a [Address],
    interface: Option<&'a str>,
    hostname: Option<&'a str>,
    vendor: Option<&'a str>,
    #[serde(rename = "type")]
    kind: Option<DeviceType>,
    os_family: Option<&'a str>,
    os_version: Option<&'a str>,
    brand: Option<&'a str>,
    model: Option<&'a str>,
    services: &'a [String],
    identity: &'a Identity,
    online: bool,
    since: Timestamp,
    first_seen: Timestamp,
    last_seen: Option<Timestamp>,
    custom_name: Option<&'a str>,
    icon: Option<&'a str>,
    notes: &'a str,
    known: bool,
    favourite: bool,
    tags: &'a [String],
    criticality: u8,
    corrected: Option<&'a Correction>,
    manual: bool,
}

impl<'a> From<&'a Device> for Shown<'a> {
    fn from(device: &'a Device) -> Self {
        let (presence, person) = (&device.presence, &device.person);
        Self {
            id: device.id,
            name: device.name(),
            mac: device.mac,
            macs: &device.macs,
            randomised_mac: device.evidence.randomised_mac,
            ip: device.main_address().map(|a| a.ip),
            addresses: &device.addresses,
            interface: device.interface.as_deref(),
            hostname: device.hostname(),
            vendor: device.vendor(),
            kind: device.device_type(),
            os_family: device.os_family(),
            os_version: device.os_version(),
            brand: device.brand(),
            model: device.model(),
            services: device.services(),
            identity: &device.identity,
            online: presence.online,
            since: presence.since,
            first_seen: presence.first_seen,
            last_seen: (presence.last_seen > Timestamp(0)).then_some(presence.last_seen),
            custom_name: person.name.as_deref(),
            icon: person.icon.as_deref(),
            notes: &person.notes,
            known: person.known,
            favourite: person.favourite,
            tags: &person.tags,
            criticality: person.criticality,
            corrected: person.corrected.as_ref(),
            manual: device.manual,
        }
    }
}

/// Longer than nearly every device, so that the text is written without moving it.
const USUAL_LENGTH: usize = 2_048;

fn written(device: &Device) -> Vec<u8> {
    let mut body = Vec::with_capacity(USUAL_LENGTH);
    // Plain values: they cannot fail to be written.
    let _ = serde_json::to_writer(&mut body, &Shown::from(device));
    body
}

fn shown(device: &Device) -> Response {
    json(written(device))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    q: Option<String>,
    status: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    interface: Option<String>,
    vendor: Option<String>,
    sort: Option<String>,
    limit: Option<u32>,
    cursor: Option<String>,
    format: Option<String>,
}

impl ListQuery {
    fn filter(&self) -> Result<DeviceFilter, Failure> {
        let status = self.status.as_deref().unwrap_or("all");
        let sort = self.sort.as_deref().unwrap_or("name");
        Ok(DeviceFilter {
            state: one_of("status", status, &Which::ALL)?,
            search: self.q.clone().unwrap_or_default(),
            device_type: self.kind.clone(),
            interface: self.interface.clone(),
            vendor: self.vendor.clone(),
            sort: one_of("sort", sort.strip_prefix('-').unwrap_or(sort), &Sort::ALL)?,
            descending: sort.starts_with('-'),
            ..DeviceFilter::default()
        })
    }
}

async fn list(
    State(site): State<Site>,
    Params(query): Params<ListQuery>,
) -> Result<Response, Failure> {
    if query.format.is_some() {
        return Err(Failure::invalid("format: only /api/v1/devices/export takes this."));
    }
    let mut filter = query.filter()?;
    // A place in one order means nothing in another one.
    let sort = query.sort.unwrap_or_else(|| "name".to_owned());
    let page = page_query(query.limit, query.cursor)?;
    if let Some((order, after)) = page.after::<(String, String)>()? {
        if order != sort {
            return Err(Failure::invalid("cursor: it belongs to another order; start anew."));
        }
        filter.after = Some(after);
    }
    filter.limit = page.limit() as usize;
    let found = site.discovery.list(filter, Timestamp::now()).await?;
    let mut body = Vec::with_capacity(USUAL_LENGTH * (found.ids.len() + 1));
    body.extend_from_slice(b"{\"items\":[");
    let mut first = true;
    for id in found.ids {
        // One that is gone meanwhile is left out.
        site.discovery.with(id, |device| {
            if !std::mem::take(&mut first) {
                body.push(b',');
            }
            let _ = serde_json::to_writer(&mut body, &Shown::from(device));
        });
    }
    body.push(b']');
    if let Some(next) = found.next {
        let next = Cursor::new(&(sort, next));
        body.extend_from_slice(format!(",\"next\":\"{}\"", next.as_str()).as_bytes());
    }
    body.push(b'}');
    Ok(json(body))
}

async fn export(
    State(site): State<Site>,
    Params(query): Params<ListQuery>,
) -> Result<Response, Failure> {
    if query.limit.is_some() || query.cursor.is_some() {
        return Err(Failure::invalid("limit, cursor: a file has all devices of the filter."));
    }
    let word = query.format.as_deref().unwrap_or("csv");
    let format = one_of("format", word, &ExportFormat::ALL)?;
    let text = site.discovery.export(query.filter()?, format, Timestamp::now()).await?;
    let name = match format {
        ExportFormat::Csv => "attachment; filename=\"devices.csv\"",
        ExportFormat::Json => "attachment; filename=\"devices.json\"",
    };
    let headers = [(CONTENT_TYPE, format.media_type()), (CONTENT_DISPOSITION, name)];
    Ok((headers.map(|(n, v)| (n, HeaderValue::from_static(v))), text).into_response())
}

async fn facets(State(site): State<Site>) -> Result<Response, Failure> {
    #[derive(Serialize)]
    struct Value {
        value: String,
        devices: u32,
    }
    #[derive(Serialize)]
    struct Found {
        counts: discovery::list::Counts,
        types: Vec<Value>,
        interfaces: Vec<Value>,
        vendors: Vec<Value>,
    }
    let counts = site.discovery.counts(Timestamp::now()).await?;
    let facets = site.discovery.facets().await?;
    let values = |all: Vec<(String, u32)>| -> Vec<Value> {
        all.into_iter().map(|(value, devices)| Value { value, devices }).collect()
    };
    answer(&Found {
        counts,
        types: values(facets.types),
        interfaces: values(facets.interfaces),
        vendors: values(facets.vendors),
    })
}

async fn one(State(site): State<Site>, Path(id): Path<DeviceId>) -> Result<Response, Failure> {
    match site.discovery.with(id, written) {
        Some(body) => Ok(json(body)),
        None => Box::pin(moved(&site, id)).await,
    }
}

/// Where a device went that is asked for by an old number.
async fn moved(site: &Site, id: DeviceId) -> Result<Response, Failure> {
    let Some(into) = site.discovery.merged_into(id).await? else {
        return Err(DiscoveryError::NotFound(id).into());
    };
    let place = HeaderValue::from_str(&format!("/api/v1/devices/{into}"));
    let place = place.map_err(|e| Failure::internal("Finding the device", e))?;
    Ok((StatusCode::PERMANENT_REDIRECT, [(axum::http::header::LOCATION, place)]).into_response())
}

async fn risk(State(site): State<Site>, Path(id): Path<DeviceId>) -> Result<Response, Failure> {
    let device = site.discovery.get(id).ok_or(DiscoveryError::NotFound(id))?;
    let scan = site.discovery.port_scan(id).await?;
    answer(&discovery::risk::risk(&device, scan.as_ref(), Timestamp::now()))
}

/// The most devices that are marked at once.
const MOST_MARKED: usize = 500;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Mark {
    ids: Vec<DeviceId>,
    known: bool,
}

async fn mark(
    State(site): State<Site>,
    visitor: Visitor,
    Body(Mark { ids, known }): Body<Mark>,
) -> Result<Response, Failure> {
    if ids.is_empty() || ids.len() > MOST_MARKED {
        return Err(Failure::invalid(format!("ids: give 1 to {MOST_MARKED} devices.")));
    }
    let marked = deeds::mark(&site, &visitor.caller, &ids, known, Timestamp::now()).await?;
    answer(&serde_json::json!({ "devices": marked }))
}

async fn create(
    State(site): State<Site>,
    visitor: Visitor,
    Body(new): Body<NewDevice>,
) -> Result<Response, Failure> {
    let device = deeds::create(&site, &visitor.caller, new, Timestamp::now()).await?;
    let mut response = created(&format!("/api/v1/devices/{}", device.id), &Shown::from(&device))?;
    *response.status_mut() = StatusCode::CREATED;
    Ok(response)
}

async fn patch(
    State(site): State<Site>,
    visitor: Visitor,
    Path(id): Path<DeviceId>,
    Body(patch): Body<DevicePatch>,
) -> Result<Response, Failure> {
    let device = deeds::edit(&site, &visitor.caller, id, patch, Timestamp::now()).await?;
    Ok(shown(&device))
}

async fn correct(
    State(site): State<Site>,
    visitor: Visitor,
    Path(id): Path<DeviceId>,
    Body(patch): Body<EnrichmentPatch>,
) -> Result<Response, Failure> {
    let device = deeds::correct(&site, &visitor.caller, id, patch, Timestamp::now()).await?;
    Ok(shown(&device))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Merge {
    into: DeviceId,
}

async fn merge(
    State(site): State<Site>,
    visitor: Visitor,
    Path(id): Path<DeviceId>,
    Body(Merge { into }): Body<Merge>,
) -> Result<Response, Failure> {
    let device = deeds::merge(&site, &visitor.caller, id, into, Timestamp::now()).await?;
    Ok(shown(&device))
}

async fn delete(
    State(site): State<Site>,
    visitor: Visitor,
    Path(id): Path<DeviceId>,
) -> Result<Response, Failure> {
    deeds::forget(&site, &visitor.caller, id, Timestamp::now()).await?;
    Ok(done())
}
