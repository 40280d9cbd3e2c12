//! What is counted.

/// Octets, packets and flows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sums {
    /// Octets of layer 3.
    pub bytes: u64,
    /// Packets.
    pub packets: u64,
    /// Flows; one that crosses the border of a range counts on both sides.
    pub flows: u64,
}

/// By what is ranked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Measure {
    /// Octets.
    #[default]
    Bytes,
    /// Packets.
    Packets,
    /// Flows.
    Flows,
}

impl Sums {
    /// Adds a flow, or the part of it that counts.
    #[inline]
    pub(crate) fn flow(&mut self, bytes: u64, packets: u64) {
        self.bytes = self.bytes.saturating_add(bytes);
        self.packets = self.packets.saturating_add(packets);
        self.flows += 1;
    }

    /// Adds other sums. What no number holds stays at the highest.
    #[inline]
    pub fn add(&mut self, other: &Self) {
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.packets = self.packets.saturating_add(other.packets);
        self.flows = self.flows.saturating_add(other.flows);
    }

    /// The one that is ranked by.
    pub fn by(&self, measure: Measure) -> u64 {
        match measure {
            Measure::Bytes => self.bytes,
            Measure::Packets => self.packets,
            Measure::Flows => self.flows,
        }
    }
}
