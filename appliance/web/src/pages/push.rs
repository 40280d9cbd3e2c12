//! Turns what changes into patches for open pages: rows of the lists, counts, short messages.
//!
//! In come device and alert changes and events, each after its commit; out go at most eight messages
//! a second to a page: one for all pages, one for what that page shows, four times a second. While
//! no page is open nothing is rendered; what changed in the last seconds is remembered by number, so
//! that a page that was rendered a moment before it connected misses nothing.

mod pending;
mod tail;

use std::sync::Arc;
use std::time::Duration;

use access::Permission as P;
use askama::Template;
use detect::AlertChange;
use discovery::DeviceChange;
use model::{DeviceId, Event, Severity, Timestamp};
use system::Snapshot;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::sync::watch;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, sleep_until};

use super::rows;
use crate::live::{Audience, Patch};
use crate::site::Site;
use crate::view::live::{Patch as View, RowPatch, TextPatch, Toast};
use crate::view::{DeviceCardFragment, DeviceRow, DeviceRowFragment, EventRowFragment, Query};
use pending::Pending;

/// Counts and messages that every page shows.
pub(crate) const EVERYWHERE: &str = "everywhere";
const TABLE: &str = "devices";
/// A table of all devices, in which a new one appears on top.
const TABLE_OF_ALL: &str = "devices-all";
const CARDS: &str = "cards";
const CARDS_OF_ALL: &str = "cards-all";
const DEVICE: &str = "device";
const OVERVIEW: &str = "overview";
const ALERTS: &str = "alerts";
const EVENTS: &str = "events";
const ROUTER: &str = "router";
const SERVICES: &str = "services";
const FLOWS: &str = "flows";

/// From one flush to the next.
const PERIOD: Duration = Duration::from_millis(250);
/// What comes together goes together.
const GATHER: Duration = Duration::from_millis(30);
/// Devices rendered at a time; the others wait for the next flush.
const ROWS: usize = 60;
/// Beyond this many waiting devices pages load anew instead.
const TOO_MANY: usize = 400;
/// How often the router's figures are told, and after how many times its page is loaded anew for
/// its charts.
const FIGURES: Duration = Duration::from_secs(3);
const FIGURES_A_CHART: u32 = 20;
/// After how many times the page of services is loaded anew: every nine seconds.
const FIGURES_A_BOARD: u32 = 3;
/// From one loading anew of the same kind of page to the next.
const RELOAD: Duration = Duration::from_secs(3);

/// What a page wants to hear of, by its path and query.
pub(crate) fn topics(page: &str) -> Vec<String> {
    let (path, raw) = page.split_once('?').unwrap_or((page, ""));
    let query = Query::parse(path, raw);
    let whole = |free: &[&str]| query.pairs().iter().all(|(key, _)| free.contains(&key.as_str()));
    let mut topics = vec![EVERYWHERE];
    match path {
        "/" => topics.push(OVERVIEW),
        "/devices" => {
            let cards = query.get("view") == Some("cards");
            topics.push(if cards { CARDS } else { TABLE });
            if whole(&["view", "sort"])
                || query.get("status") == Some("new") && whole(&["view", "sort", "status"])
            {
                topics.push(if cards { CARDS_OF_ALL } else { TABLE_OF_ALL });
            }
        }
        "/alerts" => topics.push(ALERTS),
        "/router" => topics.push(ROUTER),
        "/router/services" => topics.push(SERVICES),
        "/flows" => topics.push(FLOWS),
        "/events" if whole(&[]) => topics.push(EVENTS),
        p if p.starts_with("/devices/") => topics.push(DEVICE),
        _ => {}
    }
    topics.into_iter().map(str::to_owned).collect()
}

/// Feeds open pages until `stop` is ready.
pub async fn push(site: Site, stop: impl Future<Output = ()>) {
    tokio::select! {
        () = stop => {}
        () = run(&site) => {}
        () = tail::run(&site) => {}
    }
}

/// What woke the task.
enum Word {
    Device(DeviceId),
    Alert(Arc<AlertChange>),
    Event(Arc<Event>),
    /// A page has connected.
    Arrived,
    /// It is time for the router's figures.
    Figures,
    /// More came than could be remembered.
    Lost,
}

struct Sources {
    devices: broadcast::Receiver<DeviceChange>,
    alerts: broadcast::Receiver<Arc<AlertChange>>,
    events: broadcast::Receiver<Arc<Event>>,
    arrivals: watch::Receiver<u64>,
    figures: Interval,
}

impl Sources {
    async fn next(&mut self) -> Word {
        let lost = |error| match error {
            RecvError::Lagged(_) => Some(Word::Lost),
            RecvError::Closed => None,
        };
        let word = tokio::select! {
            event = self.events.recv() => event.map_or_else(lost, |e| Some(Word::Event(e))),
            change = self.devices.recv() => match change {
                Ok(DeviceChange::Updated(id) | DeviceChange::Removed(id)) => Some(Word::Device(id)),
                Err(error) => lost(error),
            },
            change = self.alerts.recv() => change.map_or_else(lost, |c| Some(Word::Alert(c))),
            arrived = self.arrivals.changed() => arrived.ok().map(|()| Word::Arrived),
            _ = self.figures.tick() => Some(Word::Figures),
        };
        match word {
            Some(word) => word,
            // The rooms outlive this task: a closed channel means that all is over.
            None => std::future::pending().await,
        }
    }
}

async fn run(site: &Site) {
    let mut sources = Sources {
        devices: site.discovery.subscribe(),
        alerts: site.alerts.subscribe(),
        events: site.events.subscribe(),
        arrivals: site.live.arrivals(),
        figures: interval(FIGURES),
    };
    sources.figures.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut feed = Feed {
        site,
        pending: Pending::default(),
        counts: None,
        reloaded: [None; 6],
        looking: None,
    };
    let mut flushed = Instant::now();
    feed.know();
    loop {
        let waiting = feed.pending.later(flushed);
        tokio::select! {
            word = sources.next() => feed.pending.take(word, Instant::now()),
            () = sleep_until(waiting.unwrap_or_else(Instant::now)), if waiting.is_some() => {}
        }
        let due = (flushed + PERIOD).max(Instant::now() + GATHER);
        loop {
            tokio::select! {
                () = sleep_until(due) => break,
                word = sources.next() => feed.pending.take(word, Instant::now()),
            }
        }
        if feed.pending.unsure {
            feed.know();
        }
        if site.live.tabs() == 0 {
            feed.looking = None;
            feed.pending.forget();
        } else {
            feed.flush(Timestamp::now()).await;
        }
        flushed = Instant::now();
    }
}

struct Feed<'a> {
    site: &'a Site,
    pending: Pending,
    /// What pages were told last.
    counts: Option<Vec<(&'static str, u64)>>,
    /// When the kinds of pages that load anew did so last.
    reloaded: [Option<Instant>; 6],
    /// Held while a page shows the router's figures, so that they are read more often.
    looking: Option<watch::Receiver<Arc<Snapshot>>>,
}

impl Feed<'_> {
    fn know(&mut self) {
        self.site.discovery.with_all(|devices| self.pending.know(devices.map(|d| d.id)));
    }

    async fn flush(&mut self, now: Timestamp) {
        let mut everywhere = View::default();
        if std::mem::take(&mut self.pending.count_devices) {
            self.count_devices(&mut everywhere, now);
        }
        if std::mem::take(&mut self.pending.count_alerts)
            && let Ok(unread) = self.site.alerts.unread().await
        {
            everywhere.counts.insert("alerts-unread".to_owned(), unread);
        }
        everywhere.toasts = toasts(&std::mem::take(&mut self.pending.news));
        self.send(P::DevicesRead, EVERYWHERE, everywhere);
        self.send_devices(now).await;
        self.send_events(now);
        if std::mem::take(&mut self.pending.figures) {
            if self.site.live.hearers(ROUTER) == 0 {
                self.looking = None;
            } else if self.looking.is_none() {
                self.looking = Some(self.site.system.watch());
            }
            let patches =
                super::router::figures(self.site).into_iter().map(|(id, is)| text(&id, is));
            self.send(
                P::RouterRead,
                ROUTER,
                View { patches: patches.collect(), ..View::default() },
            );
            // Who talks just now is counted only while somebody asks.
            if self.site.live.hearers(FLOWS) > 0 {
                let patches =
                    super::flows::figures(self.site).into_iter().map(|(id, is)| text(&id, is));
                let patches = patches.collect();
                self.send(P::FlowsRead, FLOWS, View { patches, ..View::default() });
            }
        }
        for (at, topic) in
            [OVERVIEW, ALERTS, TABLE, CARDS, ROUTER, SERVICES].into_iter().enumerate()
        {
            let rested = self.reloaded[at].is_none_or(|last| last.elapsed() >= RELOAD);
            if rested && self.pending.reload.remove(topic) {
                self.reloaded[at] = Some(Instant::now());
                let is_router = [ROUTER, SERVICES].contains(&topic);
                let to = if is_router { P::RouterRead } else { P::DevicesRead };
                self.send(to, topic, View { resync: true, ..View::default() });
            }
        }
    }

    fn count_devices(&mut self, to: &mut View, now: Timestamp) {
        let counts = self.site.discovery.with_all(|devices| {
            let (mut all, mut online, mut unknown, mut new) = (0, 0, 0, 0);
            for device in devices {
                all += 1;
                online += u64::from(device.presence.online);
                unknown += u64::from(!device.person.known);
                new += u64::from(rows::is_new(device, now));
            }
            vec![
                ("devices-all", all),
                ("devices-online", online),
                ("devices-offline", all - online),
                ("devices-unknown", unknown),
                ("devices-new", new),
            ]
        });
        if self.counts.as_ref() == Some(&counts) && !self.pending.arrived {
            return;
        }
        self.pending.arrived = false;
        to.counts.extend(counts.iter().map(|(name, n)| ((*name).to_owned(), *n)));
        let value = counts[1].1.to_string();
        self.counts = Some(counts);
        let patches = vec![text("card-devices-value", value)];
        self.send(P::DevicesRead, OVERVIEW, View { patches, ..View::default() });
    }

    async fn send_devices(&mut self, now: Timestamp) {
        if self.pending.devices.len() > TOO_MANY {
            self.pending.devices.clear();
            self.pending.reload.extend([TABLE, CARDS]);
        }
        let batch = self.pending.next_devices(ROWS);
        if batch.is_empty() {
            return;
        }
        let ids: Vec<DeviceId> = batch.iter().map(|(id, _)| *id).collect();
        let rows = rows::devices(self.site, &ids, now).await;
        let (mut table, mut table_of_all) = (View::default(), View::default());
        let (mut cards, mut cards_of_all) = (View::default(), View::default());
        let mut page = View::default();
        for (id, new) in batch {
            let row = rows.iter().find(|r| r.id == id.0);
            let patch = |html| RowPatch { list: "devices", id: id.0, html, keep: !new };
            let Some(row) = row else {
                table.rows.push(patch(None));
                cards.rows.push(patch(None));
                continue;
            };
            let (in_table, in_cards) =
                if new { (&mut table_of_all, &mut cards_of_all) } else { (&mut table, &mut cards) };
            in_table
                .rows
                .extend(DeviceRowFragment { d: row }.render().ok().map(|h| patch(Some(h))));
            in_cards
                .rows
                .extend(DeviceCardFragment { d: row }.render().ok().map(|h| patch(Some(h))));
            page.patches.push(status(row));
        }
        let topics = [
            (TABLE, table),
            (TABLE_OF_ALL, table_of_all),
            (CARDS, cards),
            (CARDS_OF_ALL, cards_of_all),
            (DEVICE, page),
        ];
        for (topic, view) in topics {
            self.send(P::DevicesRead, topic, view);
        }
    }

    fn send_events(&mut self, now: Timestamp) {
        let events = std::mem::take(&mut self.pending.events);
        let rows = events.iter().filter_map(|event| {
            let row = rows::event(self.site, event, now);
            let html = EventRowFragment { e: &row }.render().ok()?;
            Some(RowPatch { list: "events", id: row.id, html: Some(html), keep: false })
        });
        let view = View { rows: rows.collect(), ..View::default() };
        self.send(P::EventsRead, EVENTS, view);
    }

    /// Sends what says something.
    fn send(&self, to: P, topic: &'static str, view: View) {
        if view == View::default() {
            return;
        }
        match serde_json::to_string(&view) {
            Ok(json) => {
                let audience = Audience::Permission(to);
                self.site.live.publish(Patch { audience, topic: topic.into(), json: json.into() });
            }
            Err(error) => tracing::error!(%error, topic, "a live patch could not be written"),
        }
    }
}

fn text(id: &str, text: String) -> TextPatch {
    TextPatch { id: id.to_owned(), text: Some(text), class: None }
}

/// The state in the head of a device's own page.
fn status(row: &DeviceRow) -> TextPatch {
    TextPatch {
        id: format!("device-{}-status", row.id),
        text: Some(row.presence.to_string()),
        class: Some(format!("st {}", row.presence.tone())),
    }
}

/// New devices, one by one where they are few, and alerts that cannot wait.
fn toasts(news: &[pending::News]) -> Vec<Toast> {
    let new: Vec<&Event> = news.iter().filter_map(pending::News::device).collect();
    let mut toasts: Vec<Toast> = match new.as_slice() {
        few @ ([] | [_] | [_, _] | [_, _, _]) => few.iter().map(|e| new_device(e)).collect(),
        many => vec![Toast {
            tone: "new",
            text: format!("{} new devices", many.len()),
            href: "/devices?status=new".to_owned(),
        }],
    };
    let alerts = news.iter().filter_map(pending::News::alert);
    let urgent = alerts.filter(|a| a.severity >= Severity::High && a.kind != "new_device");
    toasts.extend(urgent.take(3).map(|alert| Toast {
        tone: alert.severity.tone(),
        text: alert.title.clone(),
        href: format!("/alerts/{}", alert.id),
    }));
    toasts
}

fn new_device(event: &Event) -> Toast {
    let href = event.device.map(|id| format!("/devices/{id}")).unwrap_or_default();
    Toast { tone: "new", text: event.summary.clone(), href }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_hears_of_what_it_shows() {
        let of = |page| topics(page).split_off(1);
        assert_eq!(of("/"), [OVERVIEW]);
        assert_eq!(of("/devices"), [TABLE, TABLE_OF_ALL]);
        assert_eq!(of("/devices?sort=-ip"), [TABLE, TABLE_OF_ALL]);
        assert_eq!(of("/devices?status=new"), [TABLE, TABLE_OF_ALL]);
        assert_eq!(of("/devices?status=online"), [TABLE]);
        assert_eq!(of("/devices?view=cards&q=tv"), [CARDS]);
        assert_eq!(of("/devices?view=cards"), [CARDS, CARDS_OF_ALL]);
        assert_eq!(of("/devices/12?range=7d"), [DEVICE]);
        assert_eq!(of("/events"), [EVENTS]);
        assert!(of("/events?kind=ip_conflict").is_empty());
        assert_eq!(of("/router?range=day"), [ROUTER]);
        assert_eq!(of("/flows?range=7d"), [FLOWS]);
        assert_eq!(of("/router/services"), [SERVICES]);
        assert!(of("/router/logs?service=ssh").is_empty());
        assert!(of("/router/vpn").is_empty());
        assert!(of("/audit").is_empty());
    }
}
