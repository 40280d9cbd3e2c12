//! What lies between hosts: round trips of all pairs, and how much passes where somebody asks.

use std::collections::HashMap;

use access::Permission as P;
use agents::mesh::{
    End, Kind, LONGEST_TRIAL, MOST_IN_ROUND, Measured, MeshSettings, PAIR_OCTETS, Trial,
};
use agents::{AgentsError, Host, State};
use axum::http::Method;
use axum::response::Response;

use super::{MANAGE, READ};
use crate::http::{Entry, Failure, Route, Routes};
use crate::pages::errors::sentence;
use crate::pages::{Ask, Form, done};
use crate::site::Site;
use crate::view::mesh::{HeatMap, MeshCell, MeshPage, TrialRow};
use crate::view::{Choice, Empty, Field, Flash, Moment, Place, Tone, bytes, count, percent, rate};

const HERE: &str = "/agents/mesh";
/// Trials that are shown.
const SHOWN: usize = 50;
const KINDS: [(&str, &str); 2] = [
    ("throughput", "Throughput of one TCP connection"),
    ("jitter", "Loss and jitter of datagrams"),
];
const SECONDS: [&str; 3] = ["2", "5", "10"];

pub(super) fn routes() -> Routes<Site> {
    let (get, post) = (|| Method::GET, || Method::POST);
    let (round_by, trial_by) = (Entry::Needs(P::AgentsProbe), Entry::Needs(P::AgentsThroughput));
    let (round_at, trial_at) = ("/agents/mesh/round", "/agents/mesh/trial");
    let set_at = "/agents/mesh/settings";
    Routes::new()
        .add(Route::new(get(), HERE, READ, show, "What lies between hosts"))
        .add(Route::new(post(), round_at, round_by, round, "Measure round trips"))
        .add(Route::new(post(), trial_at, trial_by, trial, "Measure how much passes").patient())
        .add(Route::new(post(), set_at, MANAGE, set, "Change when round trips are measured"))
}

async fn show(ask: Ask) -> Result<Response, Failure> {
    let page = page(&ask, &Form::default()).await?;
    ask.page(&page)
}

async fn round(ask: Ask) -> Result<Response, Failure> {
    match ask.site.agents.measure_latencies(&ask.visitor.caller, ask.now).await {
        Ok(0) => {
            let text = "No host that is online can be asked to ping another one or the router.";
            Ok(done(HERE, Tone::Warn, text))
        }
        Ok(pairs) => {
            let text = format!("{} under way; look again in a moment.", told(pairs));
            Ok(done(HERE, Tone::Ok, &text))
        }
        Err(AgentsError::Measuring) => {
            Ok(done(HERE, Tone::Warn, &sentence(&AgentsError::Measuring.to_string())))
        }
        Err(error) => Err(error.into()),
    }
}

async fn trial(ask: Ask, form: Form) -> Result<Response, Failure> {
    let trial = match read(&form) {
        Ok(trial) => trial,
        Err(problem) => return refused(&ask, &form, problem).await,
    };
    match ask.site.agents.measure(&ask.visitor.caller, trial, ask.now).await {
        Ok(measured) => {
            let (tone, text) = result(&measured);
            Ok(done("/agents/mesh#trials", tone, &sentence(&text)))
        }
        Err(error @ AgentsError::Access(_)) => Err(error.into()),
        Err(AgentsError::Invalid(invalid)) => {
            refused(&ask, &form, sentence(&invalid.problem)).await
        }
        Err(error) => refused(&ask, &form, sentence(&error.to_string())).await,
    }
}

fn read(form: &Form) -> Result<Trial, String> {
    let end = |name: &str| {
        let end = form.get(name).parse::<End>();
        end.map_err(|_| format!("Choose a host or the router: {name}."))
    };
    let kind = Kind::of(form.get("kind")).ok_or_else(|| "Choose what to measure.".to_owned())?;
    let seconds = form.get("seconds").parse();
    let seconds = seconds.map_err(|_| format!("Choose 1 to {LONGEST_TRIAL} seconds."))?;
    Ok(Trial { kind, from: end("from")?, to: end("to")?, seconds })
}

async fn refused(ask: &Ask, form: &Form, problem: String) -> Result<Response, Failure> {
    let mut page = page(ask, form).await?;
    page.shell.flash.push(Flash { tone: Tone::Bad, text: problem });
    ask.refused(&page)
}

async fn set(ask: Ask, form: Form) -> Result<Response, Failure> {
    let enabled = form.ticked("enabled");
    let every_minutes = form.get("every").parse().unwrap_or_default();
    let settings = MeshSettings { enabled, every_minutes };
    match ask.site.agents.set_mesh(&ask.visitor.caller, settings, ask.now).await {
        Ok(()) if enabled => {
            let text = format!("Saved. Round trips are measured every {every_minutes} minutes.");
            Ok(done(HERE, Tone::Ok, &text))
        }
        Ok(()) => Ok(done(HERE, Tone::Ok, "Saved. Round trips are measured when asked for only.")),
        Err(AgentsError::Invalid(invalid)) => {
            let mut page = page(&ask, &form).await?;
            page.every = Field::refused(form.raw("every"), sentence(&invalid.problem));
            page.enabled = enabled;
            ask.refused(&page)
        }
        Err(error) => Err(error.into()),
    }
}

async fn page(ask: &Ask, form: &Form) -> Result<MeshPage, Failure> {
    let agents = &ask.site.agents;
    let all = agents.all();
    let active = |host: &&Host| host.state == State::Active;
    let hosts: Vec<&Host> = all.iter().filter(active).take(MOST_IN_ROUND).collect();
    let settings = agents.mesh_settings();
    let latencies = agents.latencies().await?;
    let by_pair: HashMap<(End, End), &Measured> =
        latencies.iter().map(|one| ((one.from, one.to), one)).collect();
    let fresh = settings.fresh_since(ask.now);
    let ends = || [End::Router].into_iter().chain(hosts.iter().map(|host| End::Host(host.id)));
    let row = |host: &&Host| {
        let from = End::Host(host.id);
        let cells = ends().map(|to| match by_pair.get(&(from, to)) {
            _ if from == to => MeshCell { about: "itself".to_owned(), ..MeshCell::default() },
            Some(one) if one.at >= fresh => {
                let age = Moment::ago(one.at, ask.now).text;
                let answered = format!("{} of {} answered, {age}", one.received, one.sent);
                let about =
                    if one.why.is_empty() { answered } else { format!("{}, {age}", one.why) };
                MeshCell { ms: one.value, about, failed: one.value.is_none() }
            }
            _ => MeshCell { about: "not measured".to_owned(), ..MeshCell::default() },
        });
        (host.name.clone(), cells.collect())
    };
    let rows: Vec<(String, Vec<MeshCell>)> = hosts.iter().map(row).collect();
    let name = |end: End| name(&all, end);
    let columns: Vec<String> = ends().map(name).collect();
    let empty = rows.is_empty().then(|| {
        let text = "Round trips and throughput are measured by the agents on hosts.";
        Empty::new("server", "No host has an agent yet", text)
    });
    let mut note = match agents.mesh_progress() {
        Some(progress) => {
            format!("A round is under way: {} of {}.", progress.done, told(progress.of))
        }
        None => String::new(),
    };
    let total = all.iter().filter(active).count();
    if total > hosts.len() {
        let most = count(hosts.len() as u64);
        note = format!("{note} Of {total} hosts the first {most} by name are measured.");
    }
    let choices = |name_of: &str, usual: End| {
        let online = all.iter().filter(|host| host.online && host.state == State::Active);
        let hosts = online.map(|host| (host.id.to_string(), host.name.clone()));
        let router = (End::Router.to_string(), "Router".to_owned());
        let chosen = form.get(name_of);
        let usual = usual.to_string();
        let chosen = if chosen.is_empty() { usual.as_str() } else { chosen };
        Choice::list([router].into_iter().chain(hosts), chosen)
    };
    let first = all.iter().find(|host| host.online).map_or(End::Router, |h| End::Host(h.id));
    let trials = agents.trials(SHOWN).await?;
    let trials = trials.into_iter().map(|one| {
        let (tone, result) = result(&one);
        let what = if one.kind == Kind::Jitter { "Datagrams" } else { "Throughput" };
        let at = Moment::ago(one.at, ask.now);
        let (from, to) = (name(one.from), name(one.to));
        TrialRow { at, what, from, to, result, tone, by: one.by }
    });
    let seconds = form.get("seconds");
    let pairs = hosts.len() * hosts.len();
    Ok(MeshPage {
        heat: HeatMap::new(&columns, &rows),
        columns,
        rows,
        empty,
        note: note.trim().to_owned(),
        can_measure: ask.may(P::AgentsProbe),
        can_try: ask.may(P::AgentsThroughput),
        kinds: Choice::list(KINDS, form.get("kind")),
        from: choices("from", first),
        to: choices("to", End::Router),
        seconds: Choice::list(
            SECONDS.map(|s| (s, format!("{s} seconds"))),
            if seconds.is_empty() { "5" } else { seconds },
        ),
        trials: trials.collect(),
        can_manage: ask.may(P::AgentsManage),
        enabled: settings.enabled,
        every: Field::new(settings.every_minutes.to_string()),
        cost: format!(
            "A round of {} costs about {} on the network in all.",
            told(pairs),
            bytes(pairs as u64 * PAIR_OCTETS)
        ),
        shell: ask.shell("Between hosts", Some(Place::Hosts)).await,
    })
}

fn told(pairs: usize) -> String {
    if pairs == 1 { "1 pair".to_owned() } else { format!("{} pairs", count(pairs as u64)) }
}

fn name(hosts: &[Host], end: End) -> String {
    match end {
        End::Router => "Router".to_owned(),
        End::Host(id) => hosts
            .iter()
            .find(|host| host.id == id)
            .map_or_else(|| "a host that is gone".to_owned(), |host| host.name.clone()),
    }
}

/// What came of a trial, with its colour.
fn result(one: &Measured) -> (Tone, String) {
    let Some(value) = one.value else { return (Tone::Bad, one.why.clone()) };
    match one.kind {
        Kind::Jitter => {
            let lost = one.loss_percent();
            let tone = if lost >= 1.0 { Tone::Warn } else { Tone::Ok };
            (tone, format!("{} lost, jitter {value:.2} ms", percent(lost / 100.0)))
        }
        Kind::Throughput | Kind::Latency => {
            (Tone::Ok, format!("{}, {} in all", rate(value), bytes(one.received)))
        }
    }
}

#[cfg(test)]
mod tests {
    use model::Timestamp;

    use super::*;

    #[test]
    fn what_came_of_a_trial_is_told_in_units_of_the_field() {
        let mut one = Measured {
            at: Timestamp(0),
            kind: Kind::Throughput,
            from: End::Router,
            to: End::Router,
            by: String::new(),
            sent: 117_500_000,
            received: 117_500_000,
            value: Some(940e6),
            least: None,
            greatest: None,
            why: String::new(),
        };
        assert_eq!(result(&one), (Tone::Ok, "940 Mbit/s, 112 MiB in all".to_owned()));
        (one.kind, one.sent, one.received, one.value) = (Kind::Jitter, 100, 97, Some(0.256));
        assert_eq!(result(&one), (Tone::Warn, "3 % lost, jitter 0.26 ms".to_owned()));
        (one.value, one.why) = (None, "nas: no route".to_owned());
        assert_eq!(result(&one), (Tone::Bad, "nas: no route".to_owned()));
    }
}
