//! How fast the line is: several HTTP streams from and to a server that people can choose, from the
//! router itself.
//!
//! The time until an answer begins is the latency; the bytes of all streams together, without the
//! first quarter in which they gather speed, are the rate.

mod http;
mod line;
mod run;
mod tables;

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use model::Timestamp;
use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use store::{StoreError, read_setting};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

use super::target::check_range;
use super::{DnsQuestion, RecordKind, Target, Tools, Updates};
use crate::{System, SystemError};
use http::Place;
pub use line::provider_in;

/// The key under which the settings of speed tests are kept.
pub const SPEED_KEY: &str = "system.speed";
/// A test costs traffic: there is one a minute.
const PAUSE: Duration = Duration::from_secs(60);
/// The longest that a test may take.
const LIMIT: Duration = Duration::from_secs(120);
/// The longest that the name of the line is waited for.
const NAMING: Duration = Duration::from_secs(5);
/// The longest that a device waits for its turn.
const TURN_WAIT: Duration = Duration::from_secs(3);
/// Bits a second that no line has yet.
const FASTEST: f64 = 1e12;
/// Outcomes that are shown.
const MOST_OUTCOMES: u32 = 1_000;

/// What is tested against, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SpeedSettings {
    /// Where much can be got.
    pub download_url: String,
    /// Where much can be sent to (POST).
    pub upload_url: String,
    /// Where little can be got, for the latency.
    pub latency_url: String,
    /// Streams at the same time, 1 to 8.
    pub streams: u32,
    /// Seconds of each direction, 2 to 20.
    pub seconds: u32,
}

impl Default for SpeedSettings {
    fn default() -> Self {
        Self {
            download_url: "https://speed.cloudflare.com/__down?bytes=100000000".to_owned(),
            upload_url: "https://speed.cloudflare.com/__up".to_owned(),
            latency_url: "https://speed.cloudflare.com/__down?bytes=0".to_owned(),
            streams: 4,
            seconds: 8,
        }
    }
}

impl SpeedSettings {
    /// The settings as stored, or the defaults; what is stored but cannot be, is as by default.
    pub fn load(conn: &Connection) -> Result<Self, StoreError> {
        let stored: Option<Self> = read_setting(conn, SPEED_KEY)?;
        Ok(stored.filter(|settings| settings.check().is_ok()).unwrap_or_default())
    }

    /// The first value that cannot be, with what it may be.
    ///
    /// # Errors
    /// [`SystemError::Invalid`].
    pub fn check(&self) -> Result<(), SystemError> {
        Place::parse("download_url", &self.download_url)?;
        Place::parse("upload_url", &self.upload_url)?;
        Place::parse("latency_url", &self.latency_url)?;
        check_range("streams", self.streams, 1, 8)?;
        check_range("seconds", self.seconds, 2, 20)
    }
}

/// What is being measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SpeedPhase {
    /// The time until an answer begins.
    Latency,
    /// From the server.
    Download,
    /// To the server.
    Upload,
}

/// What a test has measured. What could not be measured is None.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SpeedOutcome {
    /// The server that was downloaded from.
    pub server: String,
    /// Bits a second from it.
    pub download_bps: Option<f64>,
    /// Bits a second to the server of uploads.
    pub upload_bps: Option<f64>,
    /// Shortest time until an answer began, in ms.
    pub latency_ms: Option<f64>,
    /// Mean absolute difference of consecutive such times, in ms.
    pub jitter_ms: Option<f64>,
    /// Share of echo requests without a reply; None where the server answers none.
    pub loss_percent: Option<f64>,
    /// Why the test broke off, if so.
    pub failure: Option<String>,
    /// The address that the router has for others: as the server told it, or as its line has it.
    pub seen_as: Option<IpAddr>,
    /// That address's name, which mostly tells the provider.
    pub line_name: Option<String>,
    /// The number of the provider's network, where the server told it.
    pub network: Option<u32>,
    /// The device whose way to the router was tested, not the line.
    pub device: Option<IpAddr>,
}

/// A test that was made.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SpeedTest {
    /// Its number.
    pub id: i64,
    /// When it ended.
    pub at: Timestamp,
    /// Who started it.
    pub by: String,
    /// What it measured.
    #[serde(flatten)]
    pub outcome: SpeedOutcome,
}

/// What happens during a test.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "what", rename_all = "lowercase")]
pub enum SpeedUpdate {
    /// A quarter of a second of a direction is over.
    Progress {
        /// What is measured.
        phase: SpeedPhase,
        /// Bits a second in it.
        bps: f64,
    },
    /// The latency is known.
    Latency {
        /// In ms.
        ms: f64,
        /// Its jitter in ms.
        jitter_ms: Option<f64>,
    },
    /// It is over and stored.
    Ended(Box<SpeedTest>),
}

/// Lets one test run at a time, and one a minute.
#[derive(Debug, Default)]
pub(crate) struct Gate(Mutex<Option<Instant>>);

impl Gate {
    fn enter(&self, now: Instant) -> Result<(), SystemError> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = last.map_or(Duration::ZERO, |at| (at + PAUSE).saturating_duration_since(now));
        if wait.is_zero() {
            *last = Some(now);
            return Ok(());
        }
        let seconds = wait.as_secs() + 1;
        Err(SystemError::TooSoon { what: "the speed was tested a moment ago", seconds })
    }
}

impl System {
    /// Tests the speed of the line. It ends within 120 s, or when the updates are dropped, and then
    /// leaves nothing behind. `by` is who asked for it.
    ///
    /// # Errors
    /// [`SystemError::TooSoon`] within a minute of the test before; where the settings cannot be
    /// read, or too many tools run.
    pub async fn test_speed(&self, by: &str) -> Result<Updates<SpeedUpdate>, SystemError> {
        let settings = self.inner.store.read(|r| SpeedSettings::load(r.main())).await?;
        let slot = self.tools().slot()?;
        self.inner.gate.enter(Instant::now())?;
        let (store, by) = (self.inner.store.clone(), by.to_owned());
        let (roots, system) = (self.inner.options.roots.clone(), self.clone());
        // Time to store the outcome of a test that takes all of its own.
        let limit = LIMIT + Duration::from_secs(10);
        Ok(Tools::start(slot, limit, move |updates| async move {
            let outcome = Arc::new(Mutex::new(SpeedOutcome::default()));
            let test = run::run(&settings, roots, &updates, &outcome);
            let ended = tokio::time::timeout(LIMIT, test).await;
            let mut outcome = outcome.lock().unwrap_or_else(PoisonError::into_inner).clone();
            outcome.failure = match ended {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(error.to_string()),
                Err(_) => Some(format!("it took longer than {} s", LIMIT.as_secs())),
            };
            system.name_line(&mut outcome).await;
            let mut test = SpeedTest { id: 0, at: Timestamp::now(), by, outcome };
            let kept = test.clone();
            let stored = store.write("speed test", move |w| tables::insert(w.main(), &kept)).await;
            match stored {
                Ok(id) => test.id = id,
                Err(error) => tracing::error!(%error, "the outcome of a speed test is not stored"),
            }
            let _ = updates.send(SpeedUpdate::Ended(Box::new(test))).await;
        }))
    }

    /// Finds out what the line is called: by the address that the server saw, or that it has itself.
    async fn name_line(&self, outcome: &mut SpeedOutcome) {
        if outcome.seen_as.is_none() {
            let wans = self.overview().wans;
            let own = wans.iter().flat_map(|wan| &wan.interface.link.addresses);
            outcome.seen_as = own.map(|address| address.ip).find(line::is_public);
        }
        let Some(ip) = outcome.seen_as.filter(line::is_public) else { return };
        let (target, kind) = (Target::Ip(ip), RecordKind::Ptr);
        let asked = self.tools().look_up(DnsQuestion { target, kind, server: None });
        // A name is not worth waiting for as long as a resolver may take.
        if let Ok(Ok(answer)) = tokio::time::timeout(NAMING, asked).await {
            outcome.line_name = line::name_in(&answer.records);
        }
    }

    /// Stores how fast the way from a device to the router is: bits a second that it received and
    /// sent, by its own count.
    ///
    /// # Errors
    /// Where a figure is none, or the outcome cannot be stored.
    pub async fn keep_device_test(
        &self,
        by: &str,
        device: IpAddr,
        down: f64,
        up: f64,
    ) -> Result<i64, SystemError> {
        for (field, bps) in [("down", down), ("up", up)] {
            if !(bps.is_finite() && (1.0..=FASTEST).contains(&bps)) {
                return Err(SystemError::invalid(field, "it is no rate in bits a second"));
            }
        }
        let outcome = SpeedOutcome {
            server: "this router".to_owned(),
            download_bps: Some(down.round()),
            upload_bps: Some(up.round()),
            device: Some(device),
            ..SpeedOutcome::default()
        };
        let test = SpeedTest { id: 0, at: Timestamp::now(), by: by.to_owned(), outcome };
        let store = &self.inner.store;
        Ok(store.write("speed test", move |w| tables::insert(w.main(), &test)).await?)
    }

    /// The turn of a device to send to the router or receive from it as fast as both can; it ends
    /// when this is dropped. It waits a moment: a device that turns from receiving to sending has
    /// let go of its last turn before the router has heard of it.
    ///
    /// # Errors
    /// While another has it.
    pub async fn device_turn(&self) -> Result<OwnedSemaphorePermit, SystemError> {
        match timeout(TURN_WAIT, Arc::clone(&self.inner.device).acquire_owned()).await {
            Ok(Ok(turn)) => Ok(turn),
            _ => Err(SystemError::Busy { what: "another device is being tested" }),
        }
    }

    /// A test that was made, by its number.
    ///
    /// # Errors
    /// Where the table cannot be read.
    pub async fn speed_test(&self, id: i64) -> Result<Option<SpeedTest>, StoreError> {
        self.inner.store.read(move |r| tables::one(r.main(), id)).await
    }

    /// The tests that were made, newest first.
    ///
    /// # Errors
    /// Where the table cannot be read.
    pub async fn speed_tests(&self, limit: u32) -> Result<Vec<SpeedTest>, StoreError> {
        let limit = limit.min(MOST_OUTCOMES);
        self.inner.store.read(move |r| tables::list(r.main(), limit)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_test_has_to_wait_a_minute() {
        let (gate, now) = (Gate::default(), Instant::now());
        gate.enter(now).expect("the first");
        let error = gate.enter(now + Duration::from_secs(20)).expect_err("too soon");
        assert!(matches!(error, SystemError::TooSoon { seconds: 41, .. }), "{error}");
        gate.enter(now + PAUSE).expect("a minute later");
    }

    #[test]
    fn the_defaults_are_acceptable_and_other_schemes_are_not() {
        SpeedSettings::default().check().expect("fine");
        for url in ["ftp://a.org/", "a.org", "https://", "http://u:p@a.org/", "file:///etc/passwd"]
        {
            let settings = SpeedSettings { upload_url: url.to_owned(), ..SpeedSettings::default() };
            let error = settings.check().expect_err(url);
            assert!(error.to_string().starts_with("upload_url"), "{error}");
        }
    }
}
