//! Puts what agents sent into the tables: many links in one transaction, each message once.
//!
//! Parcels come from the links; for each transaction out go the highest numbers that are in the
//! tables, which is what links acknowledge. Rows and that number are committed together.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use model::{DeviceId, NewEvent, Severity, Timestamp};
use rusqlite::{OptionalExtension as _, params};
use serde_json::{Map, Value, json};
use store::{StoreError, Writing};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout_at};
use wire::{EventItem, EventKind, Report};

use crate::agents::event_of;
use crate::alarm::{Change, Trouble};
use crate::counts::Counts;
use crate::members::Member;
use crate::session::{Numbered, What};
use crate::tables::{self, LostRange};
use crate::{AgentId, Agents, AgentsError};

/// How long messages are gathered before they are written: each write wears the flash.
const GATHER: Duration = Duration::from_millis(500);
/// So many messages and events are written at once.
const ENOUGH: usize = 2_000;
/// What is older than this by the host's clock is taken to be as old as this: it would make files of
/// days that are long forgotten.
const OLDEST: Duration = Duration::from_secs(8 * 86_400);
/// A report that is older than this tells nothing of how the host is now.
const CURRENT: Duration = Duration::from_secs(120);
/// A clock that is off by less is not put right.
const TOLERATED_MS: i64 = 2_000;

/// What one link sent at once.
pub(crate) struct Parcel {
    pub(crate) agent: AgentId,
    pub(crate) received: Timestamp,
    /// How far the host's clock is ahead, milliseconds.
    pub(crate) clock_ms: i64,
    pub(crate) items: Vec<Numbered>,
    /// Given back when this is written.
    pub(crate) _room: OwnedSemaphorePermit,
}

/// Whose parcel it is.
struct About {
    name: String,
    device: Option<DeviceId>,
}

/// What was stored of one agent.
#[derive(Default)]
struct Stored {
    acked: u64,
    lost: u64,
    gaps: u64,
    repeated: u64,
    events: u64,
    reports: Vec<(Timestamp, Report)>,
    seen: Timestamp,
    clock_ms: i64,
}

/// Works until all links are gone, which is never, or the tables refuse.
pub(crate) async fn run(agents: &Agents) -> Result<(), AgentsError> {
    let inbox = &agents.0.inbox;
    let Some(mut parcels) = inbox.lock().unwrap_or_else(PoisonError::into_inner).take() else {
        return Ok(());
    };
    let outcome = commit_all(agents, &mut parcels).await;
    *inbox.lock().unwrap_or_else(PoisonError::into_inner) = Some(parcels);
    outcome
}

async fn commit_all(
    agents: &Agents,
    parcels: &mut tokio::sync::mpsc::Receiver<Parcel>,
) -> Result<(), AgentsError> {
    while let Some(first) = parcels.recv().await {
        let until = Instant::now() + GATHER;
        let mut count = weight(&first);
        let mut batch = vec![first];
        while count < ENOUGH {
            let Ok(Some(next)) = timeout_at(until, parcels.recv()).await else {
                break;
            };
            count += weight(&next);
            batch.push(next);
        }
        if let Err(error) = commit(agents, batch).await {
            // What was not committed is sent again on a new link.
            tracing::error!(%error, "what hosts reported could not be stored");
            let now = Timestamp::now();
            let all: Vec<AgentId> = agents.0.members.lock().keys().copied().collect();
            // Of events the file of a day may have been written and nothing else.
            doubtful(agents).extend(&all);
            for id in all {
                // RFC 6455's registry: 1013, try again later.
                agents.hang_up(id, 1013, "The appliance cannot store at this moment.", now);
            }
            return Err(error);
        }
    }
    Ok(())
}

fn weight(parcel: &Parcel) -> usize {
    let of_item = |item: &Numbered| match &item.what {
        What::Events(list) => list.len(),
        What::Report(_) | What::Lost { .. } => 1,
    };
    parcel.items.iter().map(of_item).sum()
}

async fn commit(agents: &Agents, batch: Vec<Parcel>) -> Result<(), AgentsError> {
    let about: HashMap<AgentId, About> = {
        let members = agents.0.members.lock();
        let about =
            |member: &Member| About { name: member.row.name.clone(), device: member.row.device };
        let of = |parcel: &Parcel| Some((parcel.agent, about(members.get(&parcel.agent)?)));
        batch.iter().filter_map(of).collect()
    };
    let room = agents.clone();
    let stored = agents
        .0
        .store
        .write("host reports", move |w| {
            let mut stored: HashMap<AgentId, Stored> = HashMap::new();
            for parcel in batch {
                let Some(about) = about.get(&parcel.agent) else {
                    continue;
                };
                store(&room, w, parcel, about, &mut stored)?;
            }
            for (id, done) in &stored {
                w.main()
                    .prepare_cached(
                        "UPDATE agents SET acked = ?2, seen_at = ?3, clock_ms = ?4,
                             lost = lost + ?5, gaps = gaps + ?6 WHERE id = ?1",
                    )?
                    .execute(params![
                        id,
                        done.acked.cast_signed(),
                        done.seen.0,
                        done.clock_ms,
                        done.lost.cast_signed(),
                        done.gaps.cast_signed(),
                    ])?;
            }
            Ok::<_, StoreError>(stored)
        })
        .await?;
    let now = Timestamp::now();
    for (id, done) in stored {
        let counts = &agents.0.counts;
        Counts::add(&counts.reports, done.reports.len() as u64);
        Counts::add(&counts.events, done.events);
        Counts::add(&counts.repeated, done.repeated);
        let changes = agents.0.members.with(id, |member| after(member, done, now));
        let changes = changes.unwrap_or_default();
        if !changes.is_empty() {
            tell(agents, id, changes, now).await?;
        }
    }
    Ok(())
}

fn store(
    agents: &Agents,
    w: &mut Writing<'_>,
    parcel: Parcel,
    about: &About,
    stored: &mut HashMap<AgentId, Stored>,
) -> Result<(), StoreError> {
    let id = parcel.agent;
    let done = match stored.entry(id) {
        Entry::Occupied(found) => found.into_mut(),
        Entry::Vacant(room) => {
            let mut find = w.main().prepare_cached("SELECT acked FROM agents WHERE id = ?1")?;
            let acked: Option<i64> = find.query_row([id], |row| row.get(0)).optional()?;
            // One that was deleted meanwhile.
            let Some(acked) = acked else { return Ok(()) };
            room.insert(Stored { acked: acked.cast_unsigned(), ..Stored::default() })
        }
    };
    done.seen = done.seen.max(parcel.received);
    done.clock_ms = parcel.clock_ms;
    let time = |at: i64| put_right(at, parcel.clock_ms, parcel.received);
    for item in parcel.items {
        if item.seq <= done.acked {
            done.repeated += 1;
            continue;
        }
        if let Some((first, last)) = item.gap {
            done.gaps += last - first + 1;
            let gap = LostRange { first, last, at: parcel.received, why: String::new() };
            tables::insert_lost(w.main(), id, &gap)?;
        }
        match item.what {
            What::Report(report) => {
                let at = time(report.at);
                tables::insert_report(w.main(), id, (at, parcel.received), &report)?;
                done.reports.push((at, *report));
            }
            What::Events(list) if is_there(agents, w, id, &list, item.seq, &time)? => {
                done.repeated += 1;
            }
            What::Events(list) => {
                for event in list {
                    let at = time(event.at);
                    let event = as_event(id, about, event, (at, parcel.received), item.seq);
                    agents.0.events.append(w, event)?;
                    done.events += 1;
                }
            }
            What::Lost { from, why } => {
                done.lost += item.seq - from + 1;
                let why = why.chars().take(200).collect();
                let lost = LostRange { first: from, last: item.seq, at: parcel.received, why };
                tables::insert_lost(w.main(), id, &lost)?;
            }
        }
        done.acked = item.seq;
    }
    Ok(())
}

/// The most events that one commit may have left.
const LEFT_BEHIND: u32 = 8_192;

/// Whether these events were stored by a commit that was cut off, after a start.
fn is_there(
    agents: &Agents,
    w: &mut Writing<'_>,
    id: AgentId,
    list: &[EventItem],
    seq: u64,
    time: &dyn Fn(i64) -> Timestamp,
) -> Result<bool, StoreError> {
    #[derive(serde::Deserialize)]
    struct Mark {
        agent: String,
        seq: u64,
    }
    let Some(first) = list.first().filter(|_| doubtful(agents).contains(&id)) else {
        return Ok(false);
    };
    let agent = id.to_string();
    let is_it = |data: &str| {
        data.contains(&agent)
            && serde_json::from_str(data).is_ok_and(|m: Mark| m.agent == agent && m.seq == seq)
    };
    let is_there = agents.0.events.is_among_last(w, time(first.at).day(), LEFT_BEHIND, &is_it)?;
    if !is_there {
        // Whatever comes after it was not there either.
        doubtful(agents).remove(&id);
    }
    Ok(is_there)
}

fn doubtful(agents: &Agents) -> MutexGuard<'_, HashSet<AgentId>> {
    agents.0.doubtful.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A time by this clock: the host's, put right where that is off, never after it came.
fn put_right(at: i64, clock_ms: i64, received: Timestamp) -> Timestamp {
    let ahead = if clock_ms.abs() > TOLERATED_MS { clock_ms } else { 0 };
    let at = Timestamp(at.saturating_sub(ahead));
    at.clamp(received.minus(OLDEST), received)
}

fn as_event(
    id: AgentId,
    about: &About,
    item: EventItem,
    (at, received): (Timestamp, Timestamp),
    seq: u64,
) -> NewEvent {
    let kind = match item.kind {
        EventKind::Auth => "host_auth",
        EventKind::File => "host_file",
        EventKind::Process => "host_process",
        EventKind::Unit => "host_unit_changed",
        EventKind::Log => "host_log",
    };
    let severity = item.severity.parse().unwrap_or(Severity::Info);
    let mut data = Map::new();
    data.insert("fields".to_owned(), Value::Object(item.fields));
    data.insert("host_at".to_owned(), json!(item.at));
    data.insert("received".to_owned(), json!(received));
    data.insert("seq".to_owned(), json!(seq));
    let summary: String = item.message.chars().filter(|c| !model::is_hidden(*c)).collect();
    let summary = format!("{}: {summary}", about.name);
    event_of(id, &about.name, about.device, (kind, severity, summary), Value::Object(data), at)
}

/// What was stored becomes what is known; what is worth telling.
fn after(member: &mut Member, done: Stored, now: Timestamp) -> Vec<Change> {
    let row = &mut member.row;
    (row.acked, row.seen_at, row.clock_ms) = (done.acked, Some(done.seen), done.clock_ms);
    row.lost += done.lost;
    row.gaps += done.gaps;
    if let Some(link) = &member.link {
        link.committed.send_replace(done.acked);
    }
    let mut changes = Vec::new();
    for (at, report) in done.reports {
        member.take(at, report);
        let row = &mut member.row;
        if now.since(at) < CURRENT && !row.settings.is_muted(now) {
            let limits = &row.settings.thresholds;
            changes.extend(row.watchman.look(&row.known, limits, row.clock_ms, now));
        }
    }
    changes
}

/// Tells what begins and ends at a host.
pub(crate) async fn tell(
    agents: &Agents,
    id: AgentId,
    changes: Vec<Change>,
    now: Timestamp,
) -> Result<(), AgentsError> {
    let Some((name, device, watchman)) = agents.0.members.with(id, |member| {
        let row = &member.row;
        (row.name.clone(), row.device, tables::to_json(&row.watchman))
    }) else {
        return Ok(());
    };
    let room = agents.clone();
    let write = move |w: &mut Writing<'_>| {
        w.main()
            .prepare_cached("UPDATE agents SET watchman = ?2 WHERE id = ?1")?
            .execute(params![id, watchman])?;
        for change in changes {
            room.0.events.append(w, warning(id, &name, device, change, now))?;
        }
        Ok::<_, StoreError>(())
    };
    Ok(agents.0.store.write("host warning", write).await?)
}

fn warning(
    id: AgentId,
    name: &str,
    device: Option<DeviceId>,
    change: Change,
    now: Timestamp,
) -> NewEvent {
    let (begins, over, what) = match &change.trouble {
        Trouble::Cpu => ("host_cpu", "host_cpu_over", String::new()),
        Trouble::Memory => ("host_memory", "host_memory_over", String::new()),
        Trouble::Disk(mount) => ("host_disk", "host_disk_over", mount.clone()),
        Trouble::Temperature(sensor) => {
            ("host_temperature", "host_temperature_over", sensor.clone())
        }
        Trouble::Unit(unit) => ("host_unit", "host_unit_over", unit.clone()),
        Trouble::Clock => ("host_clock", "host_clock_over", String::new()),
        Trouble::Lag => ("host_lag", "host_lag_over", String::new()),
    };
    let (kind, severity) =
        if change.begins { (begins, Severity::Medium) } else { (over, Severity::Info) };
    let summary = match (change.begins, change.seen.as_str()) {
        (_, "over") if change.trouble == Trouble::Lag => format!("{name}: it reports as it should"),
        (_, "over") => format!("{name}: {what} is as it should be again"),
        (true, seen) => format!("{name}: {seen}"),
        (false, seen) => format!("{name}: {seen}, which is fine again"),
    };
    event_of(id, name, device, (kind, severity, summary), json!({ "what": what }), now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_a_clock_that_is_off_by_a_day_is_put_right_and_never_lies_ahead() {
        let received = Timestamp::from_secs(1_800_000_000);
        let day = 86_400_000;
        let host = received.0 + day - 5_000;
        assert_eq!(put_right(host, day, received), Timestamp(received.0 - 5_000));
        assert_eq!(put_right(received.0 - 900, 1_500, received), Timestamp(received.0 - 900));
        assert_eq!(put_right(received.0 + 900, 0, received), received);
        assert_eq!(put_right(i64::MIN, 0, received), received.minus(OLDEST));
        assert_eq!(put_right(0, i64::MAX, received), received.minus(OLDEST));
    }
}
