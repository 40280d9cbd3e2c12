//! Where flows come from and how well they are heard: the kernel's connections and exporters, what
//! keeps them from counting, and what is kept.

use ::flows::collect::{ExporterStatus, KernelStatus, UdpStatus};
use ::flows::query::{SensorsQuery, Sums};
use ::flows::{ACCOUNTING, Status};
use access::Permission as P;
use axum::http::Method;
use axum::response::Response;
use model::Timestamp;
use vyos::edit::Draft;

use super::names::Names;
use super::{LOOK, told};
use crate::api::flows::{FEWEST_PACKETS, MOST_HOURS, last};
use crate::http::{Entry, Failure, Route, Routes};
use crate::pages::router::propose;
use crate::pages::{Ask, Form};
use crate::site::Site;
use crate::view::flows::{ExporterLine, SensorLine, SourcesPage, Span};
use crate::view::{Moment, Tab, bytes, count, span};

const HERE: &str = "/flows/sources";
/// An exporter's clock that goes wrong by more than this is shown, in milliseconds.
const CLOCK_OFF_MS: i64 = 5_000;

pub(super) fn routes() -> Routes<Site> {
    let change = Entry::Needs(P::RouterChange);
    let what = "Plan to have the router count the octets of connections";
    Routes::new()
        .add(
            Route::new(Method::GET, HERE, LOOK, show, "Where flows come from")
                .query("hours", "integer", "How far back sensors are looked at, up to 168.")
                .query("min_packets", "integer", "Sensors with at least so many; 1000 if absent."),
        )
        .add(Route::new(Method::POST, "/flows/sources/accounting", change, account, what))
}

/// Sightings that are shown.
const SIGHTINGS: usize = 25;

async fn show(ask: Ask) -> Result<Response, Failure> {
    let status = ask.site.collectors.status();
    let names = Names::new(&ask.site);
    let exporters = status.udp.as_ref().map(|udp| &udp.exporters[..]).unwrap_or_default();
    let mut page = SourcesPage {
        troubles: status.troubles(),
        can_account: ask.may(P::RouterChange) && lacks_accounting(&status),
        kernel: status.kernel.as_ref().map(|kernel| of_kernel(&ask, kernel)).unwrap_or_default(),
        exporters: exporters.iter().map(|one| line(&ask, &names, one)).collect(),
        udp: status.udp.as_ref().map(of_udp).unwrap_or_default(),
        kept: of_kept(&ask, &status),
        span: Span::default(),
        sensors: Vec::new(),
        sightings: Vec::new(),
        note: String::new(),
        all: String::new(),
        runs: status.is_running,
        shell: ask.flows_shell("Sources").await,
    };
    sensors(&ask, &names, &mut page).await?;
    ask.page(&page)
}

/// Fills in what each sensor told of in the hours that are asked for.
async fn sensors(ask: &Ask, names: &Names<'_>, page: &mut SourcesPage) -> Result<(), Failure> {
    let read = |name: &str| ask.query.get(name).and_then(|text| text.parse::<u64>().ok());
    let fewest = read("min_packets").unwrap_or(FEWEST_PACKETS).max(1);
    let hours = read("hours").map_or(24, |hours| hours.clamp(1, MOST_HOURS as u64) as i64);
    let tabs = [("1", "1 h"), ("", "24 h"), ("168", "7 d")];
    page.span.tabs = tabs.map(|(word, label)| Tab::of(&ask.query, "hours", word, label)).to_vec();
    let query = SensorsQuery { range: last(hours), sensor: None, interface: None };
    let found = match ask.site.flows.ask(ask.now, move |desk| desk.sensors(&query)).await {
        Ok(found) => found,
        Err(error) => {
            page.note = told(error)?.text;
            return Ok(());
        }
    };
    let line = |sensor, interface, sums: &Sums, seen: (Timestamp, Timestamp)| SensorLine {
        who: names.sensor(sensor),
        interface: names.interface(interface),
        between: (String::new(), String::new()),
        packets: count(sums.packets),
        bytes: bytes(sums.bytes),
        counts: count(sums.flows),
        first: Moment::ago(seen.0, ask.now),
        last: Moment::ago(seen.1, ask.now),
    };
    let busy = |packets: u64| packets >= fewest;
    for one in found.sensors.iter().filter(|one| busy(one.sums.packets)) {
        let counts = format!("{} / {}", count(one.networks), count(one.sightings));
        let line = line(one.address, one.interface, &one.sums, one.seen);
        page.sensors.push(SensorLine { counts, ..line });
    }
    for one in found.sightings.iter().filter(|one| busy(one.sums.packets)).take(SIGHTINGS) {
        let line = line(one.sensor, one.interface, &one.sums, one.seen);
        let between = (one.from.to_string(), one.to.to_string());
        page.sightings.push(SensorLine { between, ..line });
    }
    if fewest > 1 {
        page.note = format!("Who saw fewer than {} packets is left out.", count(fewest));
        page.all = ask.query.with("min_packets", "1").href();
    }
    if found.is_bounded {
        page.note.push_str(" There were more networks than are told apart.");
    }
    Ok(())
}

/// Whether there are connections whose octets nobody counts.
fn lacks_accounting(status: &Status) -> bool {
    status.kernel.as_ref().is_some_and(|kernel| kernel.is_accounting == Some(false))
}

fn of_kernel(ask: &Ask, kernel: &KernelStatus) -> Vec<(&'static str, String)> {
    let account = &kernel.account;
    let counts = match (kernel.counts, kernel.is_accounting) {
        (_, None) => "no: the kernel tracks none",
        (_, Some(false)) => "no: the kernel does not count their octets",
        (false, _) => "no: an exporter on this router tells of the same",
        (true, _) => "yes",
    };
    let mut facts = vec![
        ("Counted", counts.to_owned()),
        ("Connections", count(account.known)),
        ("Flows of them", count(account.flows)),
    ];
    if let Some(at) = kernel.looked_at {
        let took = std::time::Duration::from_micros(kernel.took_us);
        let took = format!("{}, in {} ms", Moment::ago(at, ask.now).text, took.as_millis());
        facts.push(("Last look", took));
    }
    // What is zero on a healthy router is not worth a line.
    let odd = [
        ("Begun before accounting", account.uncounted),
        ("Gone without a word", account.vanished),
        ("Beyond what is remembered", account.beyond),
        ("Times that the kernel told too fast", kernel.overruns),
    ];
    let odd = odd.into_iter().filter(|(_, number)| *number > 0);
    facts.extend(odd.map(|(label, number)| (label, count(number))));
    facts
}

fn of_udp(udp: &UdpStatus) -> Vec<(&'static str, String)> {
    let places: Vec<String> = udp.listening.iter().map(|(at, _)| at.to_string()).collect();
    let refused = match (udp.refused, udp.refused_from) {
        (0, _) => String::new(),
        (number, Some(from)) => format!("{}, last from {from}", count(number)),
        (number, None) => count(number),
    };
    let some = |number: u64| if number == 0 { String::new() } else { count(number) };
    let facts = [
        ("Received at", places.join(", ")),
        ("Datagrams", count(udp.datagrams)),
        ("Flows of them", count(udp.flows)),
        ("Told twice, and left out", some(udp.told_twice)),
        ("From others than are allowed", refused),
        ("No export traffic", some(udp.unknown)),
        ("Of more exporters than are kept", some(udp.beyond)),
        ("Lost for want of room", some(udp.dropped)),
    ];
    facts.into_iter().filter(|(_, value)| !value.is_empty()).collect()
}

fn of_kept(ask: &Ask, status: &Status) -> Vec<(&'static str, String)> {
    let kept = &status.kept.kept;
    let mut facts = vec![
        ("Flows since the start", count(kept.flows)),
        ("Written", bytes(kept.written)),
        ("Summed up", count(status.sums.counted)),
    ];
    if let Some(at) = status.sums.at {
        facts.push(("Last summed up", Moment::ago(at, ask.now).text));
    }
    if status.kept.dropped > 0 {
        facts.push(("Lost because the disk was behind", count(status.kept.dropped)));
    }
    facts
}

fn line(ask: &Ask, names: &Names<'_>, one: &ExporterStatus) -> ExporterLine {
    let stats = &one.stats;
    let mut notes = Vec::new();
    let mut note = |number: u64, what: &str| {
        if number > 0 {
            notes.push(format!("{} {what}", count(number)));
        }
    };
    note(stats.malformed_total(), "malformed");
    note(stats.undecoded, "without their template");
    note(stats.evicted, "templates too many");
    note(stats.samples_dropped, "samples dropped by it");
    if stats.clock_ahead.abs() > CLOCK_OFF_MS {
        let off = span(std::time::Duration::from_millis(stats.clock_ahead.unsigned_abs()));
        let way = if stats.clock_ahead > 0 { "ahead" } else { "behind" };
        notes.push(format!("its clock is {off} {way}"));
    }
    if one.is_local {
        notes.push("on this router".to_owned());
    }
    ExporterLine {
        who: names.address(one.address),
        speaks: stats.version.map(|version| version.as_str().to_owned()).unwrap_or_default(),
        heard: Moment::ago(stats.last_seen, ask.now),
        flows: count(stats.flows),
        lost: count(stats.lost),
        sampling: match stats.sampling {
            0 | 1 => "all packets".to_owned(),
            many => format!("1 in {}", count(many.into())),
        },
        notes: notes.join(", "),
    }
}

async fn account(ask: Ask, form: Form) -> Result<Response, Failure> {
    let config = ask.config("Sources").await?;
    let dialect = ask.dialect(&config).await;
    let mut draft = Draft::new(&config, &dialect);
    draft.count_connections(true);
    let commands = draft.commands();
    if commands.is_empty() {
        let text = format!("The router is told to count already ({ACCOUNTING}).");
        return Ok(crate::pages::done(HERE, crate::view::Tone::Info, &text));
    }
    propose(&ask, &form, HERE, "Count what connections carry", commands).await
}
