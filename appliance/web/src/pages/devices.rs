//! The list of devices, adding one by hand, files of them, a scan.

use std::collections::HashMap;

use access::Permission as P;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderValue, Method};
use axum::response::{IntoResponse, Response};
use discovery::edit::{DevicePatch, EnrichmentPatch, NewDevice};
use discovery::enrich::DeviceType;
use discovery::list::{DeviceFilter, Sort, State};
use discovery::{DiscoveryError, ExportFormat, Network};
use model::{DeviceId, Mac, Timestamp};

use super::deeds::{self, Scan};
use super::{Ask, Form, back, done, rows};
use crate::http::{Entry, Failure, Route, Routes};
use crate::site::Site;
use crate::view::{
    Choice, Column, DeviceNewPage, DevicesPage, Empty, Field, Filter, Link, Pager, Place, Query,
    Tab, Tone, count,
};

/// The most devices that one form marks.
const MOST_MARKED: usize = 500;

pub(super) fn routes() -> Routes<Site> {
    let (read, edit, scan) =
        (Entry::Needs(P::DevicesRead), Entry::Needs(P::DevicesEdit), Entry::Needs(P::DevicesScan));
    Routes::new()
        .add(Route::new(Method::GET, "/devices", read, list, "The devices"))
        .add(Route::new(Method::GET, "/devices/export", read, export, "The devices as a file"))
        .add(Route::new(Method::GET, "/devices/new", edit, new, "A form for a device"))
        .add(Route::new(Method::POST, "/devices/new", edit, create, "Add a device"))
        .add(Route::new(Method::POST, "/devices/mark", edit, mark, "Mark devices as known"))
        .add(Route::new(Method::POST, "/scan", scan, start_scan, "Scan now"))
}

/// What the query string asks for.
pub(crate) fn filter(query: &Query, limit: u32) -> DeviceFilter {
    let text = |key| query.get(key).map(str::to_owned);
    let word = query.get("sort").unwrap_or("name");
    let plain = word.strip_prefix('-').unwrap_or(word);
    let state = query.get("status").unwrap_or("all");
    DeviceFilter {
        state: State::ALL.iter().find(|(w, _)| *w == state).map_or(State::All, |(_, s)| *s),
        search: text("q").unwrap_or_default(),
        device_type: text("type"),
        interface: text("interface"),
        vendor: text("vendor"),
        sort: Sort::ALL.iter().find(|(w, _)| *w == plain).map_or(Sort::Name, |(_, s)| *s),
        descending: word.starts_with('-'),
        after: text("before"),
        limit: limit as usize,
    }
}

async fn list(ask: Ask) -> Result<Response, Failure> {
    let query = ask.query.clone();
    let limit = ask.rows();
    let (mut shell, page) = tokio::join!(
        ask.shell("Devices", Some(Place::Devices)),
        ask.site.discovery.list(filter(&query, limit), ask.now)
    );
    let page = page?;
    if let Some(text) = ask.site.discovery.tally().flood(ask.now) {
        shell
            .flash
            .push(crate::view::Flash { tone: Tone::Warn, text: super::errors::sentence(&text) });
    }
    let rows = rows::devices(&ask.site, &page.ids, ask.now).await;
    let survey = Survey::of(&ask.site, ask.now);
    let scanning = ask.site.discovery.status().borrow().scanning;
    let narrowed = ["q", "type", "interface", "vendor"].iter().any(|k| query.get(k).is_some());
    let in_tab = survey.count(query.get("status").unwrap_or_default());
    let shown = match (rows.len(), narrowed) {
        (0, _) => String::new(),
        (n, true) => format!("{n} shown"),
        (n, false) => format!("{n} of {}", count(in_tab)),
    };
    let empty = rows.is_empty().then(|| match survey.all {
        0 if scanning => DevicesPage::first_scan(),
        0 => DevicesPage::nothing_yet(),
        _ => Empty::no_match("/devices"),
    });
    ask.page(&DevicesPage {
        tabs: survey.tabs(&query),
        filters: survey.filters(&query),
        columns: columns(&query),
        empty,
        pager: Pager::keyset(&query, page.next.as_deref(), "Next", shown),
        cards: query.get("view") == Some("cards"),
        scanning: if scanning { networks(&ask.site) } else { String::new() },
        rows,
        shell,
        query,
    })
}

fn columns(query: &Query) -> Vec<Column> {
    let sortable = |label, key| Column::sortable(query, label, key, "name");
    vec![
        sortable("Device", "name"),
        Column::plain("State"),
        sortable("Address", "ip"),
        sortable("Type", "type"),
        Column::plain("Interface"),
        Column::plain("Last 24 h"),
        sortable("Last seen", "last_seen"),
    ]
}

fn networks(site: &Site) -> String {
    let segments = site.discovery.segments();
    let networks = segments.iter().flat_map(|s| &s.networks);
    let v4: Vec<String> = networks.filter(|n| n.own.is_ipv4()).map(Network::cidr).collect();
    if v4.is_empty() { "the network".to_owned() } else { v4.join(", ") }
}

/// All devices counted in one walk through memory, for tabs and filters.
#[derive(Default)]
pub(super) struct Survey {
    pub(super) all: u64,
    pub(super) online: u64,
    pub(super) unknown: u64,
    pub(super) new: u64,
    favourite: u64,
    pub(super) kinds: HashMap<DeviceType, u64>,
    interfaces: HashMap<String, u64>,
    vendors: HashMap<String, u64>,
}

impl Survey {
    pub(super) fn of(site: &Site, now: Timestamp) -> Self {
        site.discovery.with_all(|devices| {
            let mut survey = Self::default();
            for device in devices {
                survey.all += 1;
                survey.online += u64::from(device.presence.online);
                survey.unknown += u64::from(!device.person.known);
                survey.new += u64::from(rows::is_new(device, now));
                survey.favourite += u64::from(device.person.favourite);
                if let Some(kind) = device.device_type() {
                    *survey.kinds.entry(kind).or_default() += 1;
                }
                bump(&mut survey.interfaces, device.interface.as_deref());
                bump(&mut survey.vendors, device.vendor());
            }
            survey
        })
    }

    fn count(&self, status: &str) -> u64 {
        match status {
            "online" => self.online,
            "offline" => self.all - self.online,
            "unknown" => self.unknown,
            "new" => self.new,
            "favourite" => self.favourite,
            _ => self.all,
        }
    }

    fn tabs(&self, query: &Query) -> Vec<Tab> {
        let tabs = [
            ("", "All", "devices-all"),
            ("online", "Online", "devices-online"),
            ("offline", "Offline", "devices-offline"),
            ("unknown", "Unknown", "devices-unknown"),
            ("new", "New", "devices-new"),
        ];
        tabs.map(|(value, label, key)| {
            Tab::of(query, "status", value, label).counted(self.count(value), key)
        })
        .into()
    }

    fn filters(&self, query: &Query) -> Vec<Filter> {
        let kinds = DeviceType::ALL.iter().filter(|k| self.kinds.contains_key(k));
        let mut interfaces: Vec<&String> = self.interfaces.keys().collect();
        model::sort_by(&mut interfaces, Ord::cmp);
        let mut vendors: Vec<_> = self.vendors.iter().collect();
        model::sort_by(&mut vendors, |a, b| b.1.cmp(a.1).then_with(|| a.0.cmp(b.0)));
        vendors.truncate(100);
        let same = |word: &String| (word.clone(), word.clone());
        vec![
            Filter::of(query, "type", "Type", kinds.map(|k| (k.as_str(), rows::kind(*k)))),
            Filter::of(query, "interface", "Interface", interfaces.into_iter().map(same)),
            Filter::of(query, "vendor", "Vendor", vendors.into_iter().map(|(v, _)| same(v))),
        ]
    }
}

fn bump(counts: &mut HashMap<String, u64>, word: Option<&str>) {
    let Some(word) = word else { return };
    match counts.get_mut(word) {
        Some(n) => *n += 1,
        None => drop(counts.insert(word.to_owned(), 1)),
    }
}

async fn export(ask: Ask) -> Result<Response, Failure> {
    let word = ask.query.get("format").unwrap_or("csv");
    let known = ExportFormat::ALL.iter().find(|(w, _)| *w == word);
    let (word, format) = *known.ok_or_else(|| Failure::invalid("format: give csv or json."))?;
    let file = ask.site.discovery.export(filter(&ask.query, 0), format, ask.now).await?;
    let day = ask.now.local();
    let name = format!("attachment; filename=\"devices-{}.{word}\"", &day[..day.len().min(10)]);
    let name = HeaderValue::from_str(&name).unwrap_or(HeaderValue::from_static("attachment"));
    let kind = HeaderValue::from_static(format.media_type());
    Ok(([(CONTENT_TYPE, kind), (CONTENT_DISPOSITION, name)], file).into_response())
}

async fn mark(ask: Ask, form: Form) -> Result<Response, Failure> {
    let ids: Vec<DeviceId> =
        form.all("id").filter_map(|id| id.parse().ok().map(DeviceId)).take(MOST_MARKED).collect();
    let known = form.ticked("known");
    let word = if known { "known" } else { "unknown" };
    if ids.is_empty() {
        return Ok(back(&form, "/devices", Tone::Warn, "No device was selected."));
    }
    let n = deeds::mark(&ask.site, &ask.visitor.caller, &ids, known, ask.now).await?;
    let devices = if n == 1 { "device" } else { "devices" };
    Ok(back(&form, "/devices", Tone::Ok, &format!("{n} {devices} marked as {word}.")))
}

async fn start_scan(ask: Ask, form: Form) -> Result<Response, Failure> {
    Ok(match deeds::scan(&ask.site, &ask.visitor.caller, ask.now).await {
        Ok(Scan::Done(report)) => back(&form, "/devices", Tone::Ok, &deeds::scan_words(&report)),
        Ok(Scan::Running) => {
            let text = "The scan is running. Devices appear as they answer.";
            back(&form, "/devices", Tone::Info, text)
        }
        Err(failure) => back(&form, "/devices", Tone::Bad, &failure.explained.message),
    })
}

async fn new(ask: Ask) -> Result<Response, Failure> {
    let page = new_page(&ask, &Form::default()).await;
    ask.page(&page)
}

async fn new_page(ask: &Ask, form: &Form) -> DeviceNewPage {
    DeviceNewPage {
        shell: ask.shell("Add a device", Some(Place::Devices)).await,
        mac: Field::new(form.get("mac")),
        name: Field::new(form.get("name")),
        kinds: kind_choices(form.get("type")),
        notes: Field::new(form.raw("notes")),
        existing: None,
    }
}

/// All types, with "automatic" first.
pub(super) fn kind_choices(chosen: &str) -> Vec<Choice> {
    let kinds = DeviceType::ALL.iter().map(|k| (k.as_str().to_owned(), rows::kind(*k)));
    let automatic = (String::new(), "Automatic".to_owned());
    Choice::list(std::iter::once(automatic).chain(kinds), chosen)
}

async fn create(ask: Ask, form: Form) -> Result<Response, Failure> {
    let mut refused = new_page(&ask, &form).await;
    let text = |name| Some(form.get(name).to_owned()).filter(|t| !t.is_empty());
    let correction = EnrichmentPatch { device_type: text("type"), ..EnrichmentPatch::default() };
    correction.correction().map_err(DiscoveryError::from)?;
    let Ok(mac) = form.get("mac").parse::<Mac>() else {
        let problem = "Give six pairs of hexadecimal digits, such as 02:1a:2b:3c:4d:5e.";
        refused.mac = Field::refused(form.get("mac"), problem);
        return ask.refused(&refused);
    };
    let new = NewDevice { mac, name: text("name"), notes: Some(form.raw("notes").to_owned()) };
    let by = &ask.visitor.caller;
    let device = match deeds::create(&ask.site, by, new, ask.now).await {
        Ok(device) => device,
        Err(DiscoveryError::Taken { device, .. }) => {
            let href = format!("/devices/{device}");
            refused.existing = rows::device_link(&ask.site, device)
                .or_else(|| Some(Link { label: format!("device {device}"), href }));
            refused.mac = Field::refused(form.get("mac"), "This address is listed already.");
            return ask.refused(&refused);
        }
        Err(DiscoveryError::Invalid(invalid)) => {
            let problem = rows::capital(&format!("{}.", invalid.problem));
            match invalid.field {
                "mac" => refused.mac.error = problem,
                "name" => refused.name.error = problem,
                _ => refused.shell.flash.push(crate::view::Flash {
                    tone: Tone::Bad,
                    text: rows::capital(&format!("{}: {problem}", invalid.field)),
                }),
            }
            return ask.refused(&refused);
        }
        Err(other) => return Err(other.into()),
    };
    if correction.device_type.is_some() {
        deeds::correct(&ask.site, by, device.id, correction, ask.now).await?;
    }
    if !form.ticked("known") {
        let patch = DevicePatch { known: Some(false), ..DevicePatch::default() };
        deeds::edit(&ask.site, by, device.id, patch, ask.now).await?;
    }
    let text = format!("{} was added.", device.name());
    Ok(done(&format!("/devices/{}", device.id), Tone::Ok, &text))
}
