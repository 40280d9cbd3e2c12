//! The live channel: one WebSocket a tab, over which the server pushes small JSON patches.
//!
//! The hub does not know what is in a patch. Whoever publishes writes the JSON once for each
//! audience; every open tab shares that text. The queue is one ring for all: a tab that falls
//! behind by more than its length misses patches, is told `{"resync":true}` and loads what it shows
//! anew. It is not dropped for that. A tab says which page it shows, and gets what concerns that.

use std::borrow::Cow;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use access::Permission;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade, close_code};
use axum::http::HeaderMap;
use axum::response::Response;
use model::{PersonId, Timestamp};
use serde::Deserialize;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::sync::watch;
use tokio::time::{Instant, interval_at, timeout};
use tracing::debug;

use crate::http::{Client, Failure, SESSION_COOKIE, Visitor, cookie};
use crate::metrics::{Families, Family, Kind, Metrics};

/// Patches that a tab may lag behind; about a minute of a busy network.
const QUEUE: usize = 512;

/// Open tabs altogether; each costs about 20 kB.
const MOST_TABS: usize = 256;

/// Of one session, and of one address: half of the connections that an address may hold, so that
/// its other requests are answered however many tabs are open.
const MOST_OF_SESSION: usize = 12;
const MOST_OF_ADDRESS: usize = 16;

/// How often a tab is pinged and its session checked.
const PING: Duration = Duration::from_secs(20);

/// How long a tab may stay silent, or take to accept a message.
const SILENCE: Duration = Duration::from_secs(50);

/// Longest message from a tab.
const MAX_MESSAGE: usize = 64 * 1024;

/// The default of 128 KiB is held by every open tab.
const READ_BUFFER: usize = 8 * 1024;

/// What tells a tab to load anew what it shows.
const RESYNC: &str = "{\"resync\":true}";

/// Who gets a patch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Whoever may do this, most often read something.
    Permission(Permission),
    /// One person's tabs.
    Person(PersonId),
}

/// One message for the tabs.
#[derive(Debug, Clone)]
pub struct Patch {
    /// Who gets it.
    pub audience: Audience,
    /// What it is about, such as `devices`. A tab that names topics when it connects
    /// (`/live?topics=devices,alerts`) gets only those.
    pub topic: Cow<'static, str>,
    /// The JSON text.
    pub json: Arc<str>,
}

/// The hub. Clones are the same hub.
#[derive(Debug, Clone)]
pub struct Live(Arc<Hub>);

#[derive(Debug)]
struct Hub {
    push: broadcast::Sender<(Patch, Utf8Bytes)>,
    tabs: Mutex<Tabs>,
    published: AtomicU64,
    resyncs: AtomicU64,
    arrivals: watch::Sender<u64>,
    stop: watch::Sender<bool>,
}

impl Default for Live {
    fn default() -> Self {
        Self::new()
    }
}

impl Live {
    /// A hub without tabs.
    pub fn new() -> Self {
        let push = broadcast::Sender::new(QUEUE);
        let stop = watch::Sender::new(false);
        Self(Arc::new(Hub {
            push,
            tabs: Mutex::default(),
            published: AtomicU64::default(),
            resyncs: AtomicU64::default(),
            arrivals: watch::Sender::new(0),
            stop,
        }))
    }

    /// Sends a patch to all tabs of its audience. Never waits.
    pub fn publish(&self, patch: Patch) {
        self.0.published.fetch_add(1, Ordering::Relaxed);
        let text = Utf8Bytes::from(patch.json.as_ref());
        // An error only says that no tab is open.
        let _ = self.0.push.send((patch, text));
    }

    /// Open tabs; nobody needs to prepare patches while it is zero.
    pub fn tabs(&self) -> usize {
        self.0.tabs().all
    }

    /// Open tabs whose page is about a topic.
    pub fn hearers(&self, topic: &str) -> usize {
        self.0.tabs().of_topic.get(topic).copied().unwrap_or_default()
    }

    /// The topics with this beginning that open tabs are about.
    pub fn heard(&self, beginning: &str) -> Vec<String> {
        let tabs = self.0.tabs();
        tabs.of_topic.keys().filter(|topic| topic.starts_with(beginning)).cloned().collect()
    }

    /// A number that changes whenever a tab has said which page it shows. What happened while that
    /// page was on its way to the browser may have to be told again.
    pub fn arrivals(&self) -> watch::Receiver<u64> {
        self.0.arrivals.subscribe()
    }

    /// Closes all tabs, as the server stops.
    pub fn stop(&self) {
        self.0.stop.send_replace(true);
    }

    /// Answers `GET /live`: from here on the connection belongs to the tab.
    pub fn open(
        &self,
        upgrade: WebSocketUpgrade,
        visitor: Visitor,
        client: Client,
        headers: &HeaderMap,
        topics: Option<&str>,
        access: access::Access,
    ) -> Result<Response, Failure> {
        let session = visitor.browser()?.session;
        let seat = Seat::take(&self.0, session, access::address_group(client.address));
        let cookie = cookie(headers, SESSION_COOKIE).map(str::to_owned);
        let topics: Option<Vec<String>> =
            topics.map(|t| t.split(',').map(str::to_owned).take(32).collect());
        let named = topics.is_some();
        let push = self.0.push.subscribe();
        let changes = access.changes();
        let tab = Tab { push, changes, visitor, client, cookie, topics, named, access };
        Ok(upgrade
            .max_message_size(MAX_MESSAGE)
            .max_frame_size(MAX_MESSAGE)
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(0)
            .max_write_buffer_size(4 * MAX_MESSAGE)
            .on_upgrade(move |mut socket| async move {
                match seat {
                    Some(mut seat) => {
                        seat.hears(tab.topics.as_deref().unwrap_or_default());
                        tab.run(socket, &mut seat).await;
                    }
                    // Told over the channel, since scripts do not learn why an upgrade was refused.
                    None => close(&mut socket, close_code::AGAIN, "too many live pages").await,
                }
            }))
    }
}

/// How many tabs are open, and whose.
#[derive(Debug, Default)]
struct Tabs {
    all: usize,
    of_session: HashMap<i64, usize>,
    of_address: HashMap<IpAddr, usize>,
    of_topic: HashMap<String, usize>,
}

impl Hub {
    fn tabs(&self) -> std::sync::MutexGuard<'_, Tabs> {
        self.tabs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place among the open tabs, given back on drop.
struct Seat {
    hub: Arc<Hub>,
    session: i64,
    address: IpAddr,
    topics: Vec<String>,
}

impl Seat {
    fn take(hub: &Arc<Hub>, session: i64, address: IpAddr) -> Option<Self> {
        let mut tabs = hub.tabs();
        let of_session = tabs.of_session.get(&session).copied().unwrap_or_default();
        let of_address = tabs.of_address.get(&address).copied().unwrap_or_default();
        if tabs.all >= MOST_TABS || of_session >= MOST_OF_SESSION || of_address >= MOST_OF_ADDRESS {
            return None;
        }
        tabs.all += 1;
        tabs.of_session.insert(session, of_session + 1);
        tabs.of_address.insert(address, of_address + 1);
        drop(tabs);
        Some(Self { hub: Arc::clone(hub), session, address, topics: Vec::new() })
    }

    /// The tab hears of these topics from now on, and of no others.
    fn hears(&mut self, topics: &[String]) {
        let mut tabs = self.hub.tabs();
        for topic in std::mem::replace(&mut self.topics, topics.to_vec()) {
            give_back(&mut tabs.of_topic, topic);
        }
        for topic in topics {
            *tabs.of_topic.entry(topic.clone()).or_default() += 1;
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.hears(&[]);
        let mut tabs = self.hub.tabs();
        tabs.all -= 1;
        give_back(&mut tabs.of_session, self.session);
        give_back(&mut tabs.of_address, self.address);
    }
}

fn give_back<K: std::hash::Hash + Eq>(held: &mut HashMap<K, usize>, key: K) {
    if let Some(count) = held.get_mut(&key) {
        *count -= 1;
        if *count == 0 {
            held.remove(&key);
        }
    }
}

async fn close(socket: &mut WebSocket, code: u16, reason: &'static str) {
    let frame = CloseFrame { code, reason: Utf8Bytes::from_static(reason) };
    let _ = timeout(Duration::from_secs(1), socket.send(Message::Close(Some(frame)))).await;
}

/// What a tab says once it is connected: `{"v":1,"page":"/devices?status=online"}`.
#[derive(Deserialize)]
struct Shown {
    page: String,
}

struct Tab {
    push: broadcast::Receiver<(Patch, Utf8Bytes)>,
    changes: watch::Receiver<u64>,
    visitor: Visitor,
    client: Client,
    cookie: Option<String>,
    topics: Option<Vec<String>>,
    /// The topics were named when the tab connected.
    named: bool,
    access: access::Access,
}

impl Tab {
    async fn run(mut self, mut socket: WebSocket, seat: &mut Seat) {
        let end = self.talk(&mut socket, seat).await;
        let (code, reason) = match end {
            End::Gone => return,
            End::SignedOut => (close_code::POLICY, "signed out"),
            End::Stopping => (close_code::RESTART, "the appliance stops"),
        };
        close(&mut socket, code, reason).await;
    }

    async fn talk(&mut self, socket: &mut WebSocket, seat: &mut Seat) -> End {
        let hub = Arc::clone(&seat.hub);
        let mut ping = interval_at(Instant::now() + PING, PING);
        let mut stop = hub.stop.subscribe();
        let mut heard = Instant::now();
        loop {
            let message = tokio::select! {
                () = stopped(&mut stop) => return End::Stopping,
                came = socket.recv() => match came {
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return End::Gone,
                    Some(Ok(message)) => {
                        if let Message::Text(text) = message
                            && self.shows(&text)
                        {
                            seat.hears(self.topics.as_deref().unwrap_or_default());
                            hub.arrivals.send_modify(|n| *n += 1);
                        }
                        heard = Instant::now();
                        continue;
                    }
                },
                _ = ping.tick() => {
                    if heard.elapsed() > SILENCE {
                        debug!("a live page went silent");
                        return End::Gone;
                    }
                    if !self.still_signed_in() {
                        return End::SignedOut;
                    }
                    Message::Ping(bytes::Bytes::new())
                }
                Ok(()) = self.changes.changed() => {
                    if !self.still_signed_in() {
                        return End::SignedOut;
                    }
                    continue;
                }
                pushed = self.push.recv() => match pushed {
                    Ok((patch, text)) => {
                        if !self.wants(&patch) {
                            continue;
                        }
                        Message::Text(text)
                    }
                    Err(RecvError::Lagged(_)) => {
                        hub.resyncs.fetch_add(1, Ordering::Relaxed);
                        self.push = self.push.resubscribe();
                        Message::Text(Utf8Bytes::from_static(RESYNC))
                    }
                    Err(RecvError::Closed) => return End::Stopping,
                },
            };
            if !matches!(timeout(SILENCE, socket.send(message)).await, Ok(Ok(()))) {
                return End::Gone;
            }
        }
    }

    /// Takes the tab's word for which page it shows, unless it named topics itself.
    fn shows(&mut self, text: &str) -> bool {
        if self.named {
            return false;
        }
        match serde_json::from_str::<Shown>(text) {
            Ok(shown) => {
                self.topics = Some(crate::pages::topics(&shown.page));
                true
            }
            Err(_) => false,
        }
    }

    fn wants(&self, patch: &Patch) -> bool {
        let meant = match patch.audience {
            Audience::Permission(permission) => self.visitor.may(permission),
            Audience::Person(person) => self.visitor.caller.actor.person() == Some(person),
        };
        meant && self.topics.as_ref().is_none_or(|t| t.iter().any(|t| *t == patch.topic))
    }

    /// Asks again who holds the cookie, so that a changed role counts too. An open page is no
    /// use of a session: it may not keep one from ending.
    fn still_signed_in(&mut self) -> bool {
        let now = Timestamp::now();
        let session = self.cookie.as_deref().and_then(|c| self.access.peek_session(c, now));
        let Some(session) = session else { return false };
        self.visitor = Visitor::by_session(session, self.client.address);
        true
    }
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that the hub is gone, which is the same.
    let _ = stop.wait_for(|s| *s).await;
}

enum End {
    Gone,
    SignedOut,
    Stopping,
}

impl Metrics for Live {
    fn collect(&self) -> Families<'_> {
        let families = vec![
            Family::new("panoptikon_live_tabs_open", Kind::Gauge, "Pages open with live updates.")
                .sample(&[], self.tabs() as f64),
            Family::new(
                "panoptikon_live_patches_total",
                Kind::Counter,
                "Patches published to live pages.",
            )
            .sample(&[], self.0.published.load(Ordering::Relaxed) as f64),
            Family::new(
                "panoptikon_live_resyncs_total",
                Kind::Counter,
                "Times that a live page fell behind and was told to load anew.",
            )
            .sample(&[], self.0.resyncs.load(Ordering::Relaxed) as f64),
        ];
        Box::pin(async move { families })
    }
}
