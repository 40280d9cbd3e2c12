//! What the page of a host shows: facts, charts, tables.

use std::time::Duration;

use access::Permission as P;
use agents::history::{Point, Series};
use agents::{Host, State};
use discovery::Device;
use model::{DeviceId, Timestamp};
use wire::Report;

use super::{list, place};
use crate::http::Failure;
use crate::pages::Ask;
use crate::view::{
    AgentPanel, Choice, Field, Flash, HostForm, HostPage, Lines, Moment, Place, Query, Tab, Tone,
    bytes, count, rate, span,
};

mod tables;

/// Times that charts show: word, label, length in hours.
const RANGES: [(&str, &str, u64); 5] = [
    ("1h", "1 h", 1),
    ("24h", "24 h", 24),
    ("7d", "7 d", 168),
    ("30d", "30 d", 720),
    ("1y", "1 year", 8_760),
];
/// Points of a line.
const POINTS: usize = 180;
/// The most lines of a chart.
const MOST_LINES: usize = 6;

/// What an answer adds to the page.
#[derive(Default)]
pub(super) struct Said {
    /// What was asked about.
    pub(super) target: String,
    /// What the host said.
    pub(super) lines: Vec<String>,
    /// What was wrong with the question.
    pub(super) error: String,
    /// What was wrong with the settings.
    pub(super) form_error: String,
}

pub(super) async fn page(
    ask: &Ask,
    host: &Host,
    form: HostForm,
    said: Said,
) -> Result<HostPage, Failure> {
    let chosen = ask.query.get("range").unwrap_or("1h");
    let range = RANGES.iter().find(|(word, ..)| *word == chosen).unwrap_or(&RANGES[0]);
    let time = (ask.now.minus(Duration::from_secs(range.2 * 3_600)), ask.now);
    let names = ["cpu", "iowait", "steal", "memory", "swap", "load", "disk", "received", "sent"];
    let more = ["read", "written", "temperature", "pressure"];
    let names = names.into_iter().chain(more).map(str::to_owned).collect();
    let series = ask.site.agents.history(host.id, names, true, time, POINTS).await?;
    let files = list::files(ask).await;
    let mut shell = ask.shell(&host.name, Some(Place::Hosts)).await;
    if !said.form_error.is_empty() {
        shell.flash.push(Flash { tone: Tone::Bad, text: said.form_error });
    }
    let here = Query::new(place(host));
    let ranges = RANGES.iter().map(|(word, label, _)| Tab {
        label: (*label).to_owned(),
        href: here.with("range", word).href(),
        count: None,
        key: "",
        current: *word == range.0,
    });
    Ok(HostPage {
        shell,
        host: list::row(host, &files, ask.now),
        device: host.device.and_then(|id| named(ask, id)),
        facts: facts(host, ask.now),
        notices: notices(ask, host).await?,
        ranges: ranges.collect(),
        charts: charts(&series, time),
        tables: tables::all(&host.known, ask.now),
        commands: commands(ask, host),
        target: Field::new(said.target),
        lines: said.lines,
        said: said.error,
        form,
        muted: host.settings.muted_until.filter(|t| *t > ask.now).map(|t| Moment::ago(t, ask.now)),
        can_manage: ask.may(P::AgentsManage),
        state: host.state.as_str(),
    })
}

fn named(ask: &Ask, id: DeviceId) -> Option<(i64, String)> {
    ask.site.discovery.with(id, Device::name).map(|name| (id.0, name))
}

/// What the page of a device shows of the host that it is.
pub(in crate::pages) async fn panel(ask: &Ask, device: DeviceId) -> Option<AgentPanel> {
    if !ask.may(P::AgentsRead) {
        return None;
    }
    let host = ask.site.agents.of_device(device)?;
    let files = list::files(ask).await;
    let mut facts = facts(&host, ask.now);
    facts.truncate(8);
    Some(AgentPanel { host: list::row(&host, &files, ask.now), facts })
}

fn facts(host: &Host, now: Timestamp) -> Vec<(&'static str, String)> {
    let (hello, known) = (&host.hello, &host.known);
    let mut facts = vec![
        ("System", hello.os.clone()),
        ("Host name", hello.host.clone()),
        ("Up for", up_for(known)),
        ("Processors", known.cpu.as_ref().map(processors).unwrap_or_default()),
        ("Memory", memory(known)),
        ("Processes", known.procs.as_ref().map(|p| count(p.n.into())).unwrap_or_default()),
        ("Kernel", hello.kernel.clone()),
        ("Architecture", hello.arch.clone()),
        ("Virtual machine", hello.virt.clone().unwrap_or_default()),
    ];
    if let Some(sys) = &known.sys {
        if sys.reboot_needed {
            facts.push(("Reboot", "needed by an update".to_owned()));
        }
        if let Some(updates) = sys.updates {
            facts.push(("Updates that wait", count(updates.into())));
        }
    }
    if let Some(psi) = &known.psi {
        let text = format!("{} % cpu, {} % memory, {} % disks", psi.cpu, psi.mem, psi.io);
        facts.push(("Pressure", text));
    }
    let agent = [hello.version.as_str(), hello.build.as_str()].join(" ");
    facts.push(("Agent", agent.trim().to_owned()));
    facts.push(("Comes from", host.address.map(|a| a.ip().to_string()).unwrap_or_default()));
    facts.push(("Reports every", format!("{} s", host.settings.interval_s)));
    facts.push(("Reports so far", count(host.acked)));
    let ends = Moment::ago(host.expires_at, now).text;
    facts.push(("Certificate ends", ends));
    facts.push(("Enrolled", format!("{} by {}", host.enrolled_at.local(), host.enrolled_by)));
    facts.retain(|(_, value)| !value.is_empty());
    facts
}

fn up_for(known: &Report) -> String {
    if known.up_s == 0 { String::new() } else { span(Duration::from_secs(known.up_s)) }
}

fn processors(cpu: &wire::report::Cpu) -> String {
    let [one, five, fifteen] = cpu.load;
    let cores = if cpu.n == 1 { "1 core".to_owned() } else { format!("{} cores", cpu.n) };
    format!("{cores}, {:.0} % busy, load {one:.2} {five:.2} {fifteen:.2}", cpu.pct)
}

fn memory(known: &Report) -> String {
    let Some(mem) = &known.mem else { return String::new() };
    let used = mem.total.saturating_sub(mem.avail);
    let swap = match mem.swap_total {
        0 => String::new(),
        total => format!(", swap {} of {}", bytes(mem.swap_used), bytes(total)),
    };
    format!("{} of {}{swap}", bytes(used), bytes(mem.total))
}

async fn notices(ask: &Ask, host: &Host) -> Result<Vec<Flash>, Failure> {
    let mut all = Vec::new();
    let mut say = |tone, text: String| all.push(Flash { tone, text });
    match host.state {
        State::Copied => say(
            Tone::Bad,
            "Its identity was seen on two hosts. If it was copied or put back from a backup, trust \
             it again and enrol the copy anew; if not, somebody has its key: revoke it."
                .to_owned(),
        ),
        State::Revoked => {
            say(Tone::Warn, "It is revoked: its agent is let in no more.".to_owned());
        }
        State::Active => {}
    }
    if host.clock_is_off() {
        let off = span(Duration::from_millis(host.clock_ms.unsigned_abs()));
        let way = if host.clock_ms > 0 { "ahead" } else { "behind" };
        say(Tone::Warn, format!("Its clock is {off} {way}; times shown here are put right."));
    }
    if host.lost + host.gaps > 0 {
        let ranges = ask.site.agents.lost(host.id).await?;
        let last = ranges.first().map(|range| {
            let why = if range.why.is_empty() { "nobody said why" } else { &range.why };
            format!(" Last {}: {why}.", range.at.local())
        });
        let text = format!(
            "{} of its reports are gone.{}",
            count(host.lost + host.gaps),
            last.unwrap_or_default()
        );
        say(Tone::Info, text);
    }
    Ok(all)
}

/// What this person may ask of this host, as far as the host allows it.
fn commands(ask: &Ask, host: &Host) -> Vec<Choice> {
    let all: [(&str, &str, &str, P); 8] = [
        ("processes", "processes", "Processes that use most", P::AgentsProcesses),
        ("tail", "tail", "The end of a log", P::AgentsLogs),
        ("follow", "tail", "Follow a log", P::AgentsLogs),
        ("ping", "ping", "Ping from there", P::AgentsProbe),
        ("trace", "trace", "Trace from there", P::AgentsProbe),
        ("scan", "scan", "Scan a network of its own", P::AgentsScan),
        ("update", "update", "Update the agent", P::AgentsUpdate),
        ("restart", "restart", "Start the agent anew", P::AgentsUpdate),
    ];
    let can = |word: &str| host.hello.abilities.iter().any(|allowed| allowed == word);
    let offered = all.into_iter().filter(|(_, word, _, needed)| {
        host.state == State::Active && can(word) && ask.may(*needed)
    });
    Choice::list(offered.map(|(key, _, label, _)| (key, label)), "processes")
}

type Time = (Timestamp, Timestamp);

fn charts(series: &Series, time: Time) -> Vec<Lines> {
    // Two missing points are a gap.
    let gap = (time.1.0 - time.0.0) / POINTS as i64 * 3 + 150_000;
    let points = |all: &[Point], factor: f64| -> Vec<(Timestamp, f64)> {
        all.iter().map(|p| (p.at, p.mean * factor)).collect()
    };
    let some = |names: &[(&str, &str)]| -> Vec<crate::view::Series> {
        let found = names.iter().filter_map(|(name, label)| {
            Some(((*label).to_owned(), points(series.get(*name)?, 1.0)))
        });
        found.collect()
    };
    let of_kind = |kind: &str, what: &str, factor: f64| -> Vec<crate::view::Series> {
        let found = series.iter().filter_map(|(name, all)| {
            let (word, of) = name.split_once(' ')?;
            let is_it = word == kind && all.iter().any(|p| p.greatest > 0.0);
            is_it.then(|| (format!("{of}{what}"), points(all, factor)))
        });
        found.take(MOST_LINES).collect()
    };
    let both = |one: (&str, &str), other: (&str, &str), factor: f64| {
        let mut all = of_kind(one.0, one.1, factor);
        all.extend(of_kind(other.0, other.1, factor));
        model::sort_by(&mut all, |a, b| a.0.cmp(&b.0));
        all.truncate(MOST_LINES);
        all
    };
    let mut charts = Vec::new();
    let mut plain = |id: &str, title: &str, unit: &str, lines: Vec<crate::view::Series>| {
        if !lines.is_empty() {
            charts.push(Lines::new(id, title, unit, time, gap, &lines));
        }
    };
    let shares = [("cpu", "busy"), ("iowait", "waiting for disks"), ("steal", "stolen")];
    plain("c-cpu", "Processors", "%", some(&shares));
    plain("c-memory", "Memory", "%", some(&[("memory", "memory"), ("swap", "swap")]));
    plain("c-load", "Load", "processes", some(&[("load", "of one minute")]));
    plain("c-disk", "Disks in use", "%", of_kind("disk", "", 1.0));
    plain("c-temperature", "Temperatures", "°C", of_kind("temperature", "", 1.0));
    plain("c-pressure", "Pressure", "%", of_kind("pressure", "", 1.0));
    let net = both(("received", " received"), ("sent", " sent"), 8.0);
    if !net.is_empty() {
        charts.push(Lines::rates("c-net", "Network", time, gap, net));
    }
    let io = both(("read", " read"), ("written", " written"), 8.0);
    if !io.is_empty() {
        charts.push(Lines::rates("c-io", "Disks", time, gap, io));
    }
    charts
}

/// Octets a second for people.
fn octets(bps: u64) -> String {
    rate(bps as f64 * 8.0)
}
