//! What is counted since the start, for metrics and pages.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// The most codes that are counted one by one.
const MOST_CODES: usize = 32;

/// What is counted since the start.
#[derive(Debug, Default)]
pub struct Counts {
    pub(crate) reports: AtomicU64,
    pub(crate) events: AtomicU64,
    pub(crate) repeated: AtomicU64,
    pub(crate) octets: AtomicU64,
    pub(crate) unknown: AtomicU64,
    pub(crate) handshakes_failed: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) enrolled: AtomicU64,
    pub(crate) enrolments_refused: AtomicU64,
    closed: Mutex<BTreeMap<u16, u64>>,
}

impl Counts {
    pub(crate) fn add(counter: &AtomicU64, n: u64) {
        counter.fetch_add(n, Ordering::Relaxed);
    }

    /// A link was closed with this code.
    pub(crate) fn closed(&self, code: u16) {
        let mut closed = self.closed.lock().unwrap_or_else(PoisonError::into_inner);
        if closed.len() < MOST_CODES || closed.contains_key(&code) {
            *closed.entry(code).or_default() += 1;
        }
    }

    /// How often links were closed by this side, by code.
    pub fn closures(&self) -> BTreeMap<u16, u64> {
        self.closed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Numbers with the names of their metrics and what they count.
    pub fn numbers(&self) -> [(&'static str, &'static str, u64); 9] {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        [
            ("panoptikon_agents_reports_total", "Reports of hosts taken in", of(&self.reports)),
            ("panoptikon_agents_events_total", "Events of hosts taken in", of(&self.events)),
            (
                "panoptikon_agents_repeated_total",
                "Messages that were in the tables already",
                of(&self.repeated),
            ),
            ("panoptikon_agents_bytes_total", "Octets of messages from agents", of(&self.octets)),
            (
                "panoptikon_agents_unknown_total",
                "Messages of kinds that are not known here",
                of(&self.unknown),
            ),
            (
                "panoptikon_agents_handshakes_failed_total",
                "Connections that did not become TLS",
                of(&self.handshakes_failed),
            ),
            (
                "panoptikon_agents_refused_total",
                "Connections too many, or from outside",
                of(&self.refused),
            ),
            ("panoptikon_agents_enrolled_total", "Hosts enrolled", of(&self.enrolled)),
            (
                "panoptikon_agents_enrolments_refused_total",
                "Enrolments refused",
                of(&self.enrolments_refused),
            ),
        ]
    }
}
