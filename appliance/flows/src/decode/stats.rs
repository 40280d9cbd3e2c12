//! What is counted for each exporter, for people to see how well it is heard.

use model::Timestamp;

use super::Version;

/// How export traffic breaks the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Malformed {
    /// The header ends too early, or its count cannot be.
    Header,
    /// The message is longer than the datagram.
    Length,
    /// A set or sample whose length lies.
    Set,
    /// A template that cannot be: reserved number, no length, cut off.
    Template,
    /// More templates, fields, domains or interfaces than are kept.
    TooMany,
    /// A record of variable length that goes beyond its set.
    Record,
    /// An sFlow record that ends too early.
    Sample,
}

impl Malformed {
    /// All of them; `ALL[m as usize] == m`.
    pub const ALL: [Self; 7] = [
        Self::Header,
        Self::Length,
        Self::Set,
        Self::Template,
        Self::TooMany,
        Self::Record,
        Self::Sample,
    ];

    /// Its name in metrics and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Header => "header",
            Self::Length => "length",
            Self::Set => "set",
            Self::Template => "template",
            Self::TooMany => "too_many",
            Self::Record => "record",
            Self::Sample => "sample",
        }
    }
}

/// Counters of one exporter since it was first heard.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExporterStats {
    /// When it was first heard.
    pub first_seen: Timestamp,
    /// When it was last heard.
    pub last_seen: Timestamp,
    /// What it spoke last.
    pub version: Option<Version>,
    /// Datagrams received.
    pub datagrams: u64,
    /// Data records decoded, those of options not among them.
    pub records: u64,
    /// Records of options decoded.
    pub options: u64,
    /// Flows handed on; a record of both directions gives two.
    pub flows: u64,
    /// Records that tell of no traffic, such as a firewall's events.
    pub without_traffic: u64,
    /// Datagrams (v9, sFlow) or records (v5, IPFIX) that never came, by sequence numbers.
    pub lost: u64,
    /// Datagrams that came after later ones.
    pub late: u64,
    /// Times the sequence began anew.
    pub restarts: u64,
    /// What was malformed, by [`Malformed::ALL`].
    pub malformed: [u64; Malformed::ALL.len()],
    /// Templates received, repetitions among them.
    pub templates: u64,
    /// Templates that changed their layout.
    pub redefined: u64,
    /// Templates that were withdrawn.
    pub withdrawn: u64,
    /// Templates forgotten because too many came.
    pub evicted: u64,
    /// Sets kept until their template comes.
    pub held: u64,
    /// Sets that were kept and decoded when their template came.
    pub replayed: u64,
    /// Sets dropped because their template never came.
    pub undecoded: u64,
    /// Samples that an sFlow agent could not send.
    pub samples_dropped: u64,
    /// Sampled packets that were neither IPv4 nor IPv6.
    pub not_ip: u64,
    /// One packet in this many, as last applied; 0 before the first flow.
    pub sampling: u32,
    /// Times in records more than a day ahead of the message or before the year 2000, replaced by
    /// the message's.
    pub odd_times: u64,
    /// How far the exporter's clock is ahead of ours, in ms, by its last message.
    pub clock_ahead: i64,
}

impl ExporterStats {
    pub(crate) fn count(&mut self, what: Malformed) {
        if let Some(counter) = self.malformed.get_mut(what as usize) {
            *counter += 1;
        }
    }

    /// All that was malformed.
    pub fn malformed_total(&self) -> u64 {
        self.malformed.iter().sum()
    }
}
