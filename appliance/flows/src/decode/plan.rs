//! A template compiled for speed: which octets of a record go where. The plan is made once a
//! template; reading a record is a walk over it without allocation.

use model::Timestamp;

use super::Version;
use super::layout::{Field, VARIABLE, least, walk};
use super::slot::{self, NONE, NUMBERS, WIDE, WIDES};
use super::wire::{Reader, number};

/// How a time is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TimeKind {
    None,
    Seconds,
    Milliseconds,
    /// NTP's 64 bits (RFC 7011, 6.1.9 and 6.1.10).
    Ntp,
    /// Milliseconds since the exporter started, 32 bits that wrap.
    Uptime,
    /// Microseconds before the message.
    DeltaMicroseconds,
}

/// Which counters a direction's traffic is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counters {
    None,
    /// Since the last record of the flow: the places of octets and packets.
    Delta(u8, u8),
    /// Since the flow began.
    Total(u8, u8),
}

#[derive(Debug, Clone, Copy)]
struct Step {
    offset: u16,
    length: u8,
    slot: u8,
}

impl Step {
    #[inline]
    fn start(self) -> usize {
        usize::from(self.offset)
    }

    #[inline]
    fn place(self) -> usize {
        usize::from(self.slot) % NUMBERS
    }

    #[inline]
    fn octets<const N: usize>(self, record: &[u8]) -> Option<[u8; N]> {
        record.get(self.start()..self.start() + N)?.try_into().ok()
    }

    /// Which loop reads it.
    fn group(self) -> usize {
        match (self.slot < WIDE, self.length) {
            (false, _) => 5,
            (_, 1) => 0,
            (_, 2) => 1,
            (_, 4) => 2,
            (_, 8) => 3,
            _ => 4,
        }
    }
}

/// How many loops read steps.
const GROUPS: usize = 6;

/// A compiled template.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// By group; where each ends is in `ends`.
    steps: Box<[Step]>,
    ends: [u16; GROUPS],
    /// Only for records of variable length: the place of each field.
    slots: Box<[u8]>,
    /// The least octets of a record; of those of fixed length, the octets.
    pub(crate) least: usize,
    /// Whether records differ in length.
    pub(crate) variable: bool,
    has: u64,
    wide: u8,
    pub(crate) start: TimeKind,
    pub(crate) end: TimeKind,
    /// Whether it tells of translated addresses or ports.
    pub(crate) nat: bool,
    pub(crate) forward: Counters,
    pub(crate) backward: Counters,
}

/// The values of one record, by place.
#[derive(Debug, Clone)]
pub(crate) struct Values {
    numbers: [u64; NUMBERS],
    wides: [[u8; 16]; WIDES],
}

impl Values {
    pub(crate) const EMPTY: Self = Self { numbers: [0; NUMBERS], wides: [[0; 16]; WIDES] };

    #[inline]
    pub(crate) fn number(&self, slot: u8) -> u64 {
        self.numbers[usize::from(slot) % NUMBERS]
    }

    #[inline]
    pub(crate) fn wide(&self, slot: u8) -> [u8; 16] {
        self.wides[usize::from(slot) % WIDES]
    }
}

impl Plan {
    pub(crate) fn compile(fields: &[Field], version: Version) -> Self {
        let variable = fields.iter().any(|field| field.length == VARIABLE);
        // The best field for each place.
        let mut best = [None::<(usize, u8, TimeKind)>; WIDE as usize + WIDES];
        for (index, field) in fields.iter().enumerate() {
            if let Some((slot, rank, kind)) = slot::slot(*field, version)
                && let Some(place) = best.get_mut(usize::from(slot))
                && place.is_none_or(|(_, other, _)| rank < other)
            {
                *place = Some((index, rank, kind));
            }
        }
        let mut slots = vec![NONE; fields.len()];
        let (mut has, mut wide, mut times) = (0, 0, [TimeKind::None; 2]);
        for (slot, place) in best.iter().enumerate() {
            let Some((index, _, kind)) = place else { continue };
            if let Some(entry) = slots.get_mut(*index) {
                *entry = slot as u8;
            }
            match u8::try_from(slot) {
                Ok(slot) if slot < WIDE => has |= 1 << slot,
                _ => wide |= 1 << (slot % WIDES),
            }
            match slot as u8 {
                slot::START => times[0] = *kind,
                slot::END => times[1] = *kind,
                _ => {}
            }
        }
        let mut steps = Vec::new();
        let mut offset = 0;
        for (field, slot) in fields.iter().zip(&slots) {
            if *slot != NONE && !variable {
                steps.push(Step { offset, length: field.length as u8, slot: *slot });
            }
            offset = offset.saturating_add(field.length);
        }
        model::sort_by_key(&mut steps, |step| step.group());
        let ends: [u16; GROUPS] = std::array::from_fn(|group| {
            steps.partition_point(|step: &Step| step.group() <= group) as u16
        });
        let mut plan = Self {
            steps: steps.into(),
            ends,
            slots: if variable { slots.into() } else { Box::default() },
            least: least(fields),
            variable,
            has,
            wide,
            start: times[0],
            end: times[1],
            nat: false,
            forward: Counters::None,
            backward: Counters::None,
        };
        (plan.forward, plan.backward) = plan.counters();
        plan.nat = plan.has(slot::NAT_SOURCE4)
            || plan.has(slot::NAT_DESTINATION4)
            || plan.has_wide(slot::NAT_SOURCE6)
            || plan.has_wide(slot::NAT_DESTINATION6)
            || plan.has(slot::NAT_SOURCE_PORT)
            || plan.has(slot::NAT_DESTINATION_PORT);
        plan
    }

    /// Whether the template tells this number.
    pub(crate) const fn has(&self, slot: u8) -> bool {
        self.has & 1 << slot != 0
    }

    /// Whether the template tells this wide address.
    pub(crate) const fn has_wide(&self, slot: u8) -> bool {
        self.wide & 1 << (slot as usize % WIDES) != 0
    }

    fn counters(&self) -> (Counters, Counters) {
        use slot::{
            BYTES, INITIATOR_BYTES, INITIATOR_PACKETS, PACKETS, POST_BYTES, POST_PACKETS,
            RESPONDER_BYTES, RESPONDER_PACKETS, REVERSE_BYTES, REVERSE_PACKETS,
            REVERSE_TOTAL_BYTES, REVERSE_TOTAL_PACKETS, TOTAL_BYTES, TOTAL_PACKETS,
        };
        let any = |bytes, packets| self.has(bytes) || self.has(packets);
        let both =
            any(INITIATOR_BYTES, INITIATOR_PACKETS) && any(RESPONDER_BYTES, RESPONDER_PACKETS);
        let initiator = Counters::Delta(INITIATOR_BYTES, INITIATOR_PACKETS);
        let forward = if both {
            initiator
        } else if any(BYTES, PACKETS) {
            Counters::Delta(BYTES, PACKETS)
        } else if any(TOTAL_BYTES, TOTAL_PACKETS) {
            Counters::Total(TOTAL_BYTES, TOTAL_PACKETS)
        } else if any(INITIATOR_BYTES, INITIATOR_PACKETS) {
            initiator
        } else if any(POST_BYTES, POST_PACKETS) {
            Counters::Delta(POST_BYTES, POST_PACKETS)
        } else {
            Counters::None
        };
        let backward = if any(REVERSE_BYTES, REVERSE_PACKETS) {
            Counters::Delta(REVERSE_BYTES, REVERSE_PACKETS)
        } else if any(REVERSE_TOTAL_BYTES, REVERSE_TOTAL_PACKETS) {
            Counters::Total(REVERSE_TOTAL_BYTES, REVERSE_TOTAL_PACKETS)
        } else if any(RESPONDER_BYTES, RESPONDER_PACKETS) {
            Counters::Delta(RESPONDER_BYTES, RESPONDER_PACKETS)
        } else {
            Counters::None
        };
        (forward, backward)
    }

    #[inline]
    fn group(&self, group: usize) -> &[Step] {
        let start = if group == 0 { 0 } else { self.ends[group - 1] };
        self.steps.get(usize::from(start)..usize::from(self.ends[group])).unwrap_or_default()
    }

    /// Reads the next record of a set into `values` and gives its octets; `None` if it is cut off.
    #[inline]
    pub(crate) fn read<'a>(
        &self,
        fields: &[Field],
        reader: &mut Reader<'a>,
        values: &mut Values,
    ) -> Option<&'a [u8]> {
        if self.variable {
            let before = reader.rest();
            walk(fields, reader, |index, bytes| {
                put(values, self.slots.get(index).copied().unwrap_or(NONE), bytes);
            })?;
            return before.get(..before.len() - reader.len());
        }
        let record = reader.take(self.least)?;
        // By length, so that each loop does one thing.
        let numbers = &mut values.numbers;
        for step in self.group(0) {
            numbers[step.place()] = u64::from(*record.get(step.start())?);
        }
        for step in self.group(1) {
            numbers[step.place()] = u16::from_be_bytes(step.octets(record)?).into();
        }
        for step in self.group(2) {
            numbers[step.place()] = u32::from_be_bytes(step.octets(record)?).into();
        }
        for step in self.group(3) {
            numbers[step.place()] = u64::from_be_bytes(step.octets(record)?);
        }
        for step in self.group(4) {
            let end = step.start() + usize::from(step.length);
            numbers[step.place()] = number(record.get(step.start()..end)?);
        }
        for step in self.group(5) {
            values.wides[usize::from(step.slot) % WIDES] = step.octets(record)?;
        }
        Some(record)
    }
}

fn put(values: &mut Values, slot: u8, bytes: &[u8]) {
    match slot {
        NONE => {}
        slot if slot < WIDE => values.numbers[usize::from(slot) % NUMBERS] = number(bytes),
        slot => {
            if let Ok(address) = bytes.try_into() {
                values.wides[usize::from(slot) % WIDES] = address;
            }
        }
    }
}

/// Seconds from NTP's epoch to Unix's.
const NTP_TO_UNIX: i64 = 2_208_988_800;

/// What a time is relative to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    /// When the message was sent, by the exporter's clock.
    pub(crate) sent: Timestamp,
    /// How long the exporter had been up, in ms; `None` if its messages do not tell.
    pub(crate) uptime: Option<u32>,
    /// When the exporter started, where its records or options tell.
    pub(crate) started: Option<i64>,
}

impl Moment {
    /// A time of a record in ms since the Unix epoch; `None` where it cannot be known.
    #[inline]
    pub(crate) fn time(&self, kind: TimeKind, value: u64) -> Option<i64> {
        let sent = self.sent.0;
        let signed = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        Some(match kind {
            TimeKind::None => return None,
            TimeKind::Seconds => signed(value).saturating_mul(1000),
            TimeKind::Milliseconds => signed(value),
            TimeKind::Ntp => {
                let seconds = (value >> 32) as i64 - NTP_TO_UNIX;
                let fraction = ((value & 0xffff_ffff) * 1000) >> 32;
                seconds * 1000 + fraction as i64
            }
            TimeKind::DeltaMicroseconds => sent.saturating_sub(signed(value / 1000)),
            TimeKind::Uptime => match (self.uptime, self.started) {
                (Some(now), _) => sent - i64::from(now.wrapping_sub(value as u32).cast_signed()),
                // The turn of the 32 bits that is nearest to the message.
                (None, Some(started)) => {
                    let age = sent.wrapping_sub(started) as u32;
                    sent - i64::from(age.wrapping_sub(value as u32).cast_signed())
                }
                (None, None) => return None,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENT: i64 = 1_700_000_000_000;

    fn moment(uptime: Option<u32>, started: Option<i64>) -> Moment {
        Moment { sent: Timestamp(SENT), uptime, started }
    }

    #[test]
    fn uptime_wraps_and_may_lie_ahead_a_little() {
        let time = |uptime, value| moment(Some(uptime), None).time(TimeKind::Uptime, value);
        assert_eq!(time(100_000, 90_000), Some(SENT - 10_000));
        // Five minutes after boot on Linux: the flow began before the wrap.
        assert_eq!(time(5_000, u64::from(u32::MAX) - 4_999), Some(SENT - 10_000));
        assert_eq!(time(100_000, 100_050), Some(SENT + 50));
    }

    #[test]
    fn without_uptime_in_the_header_the_start_of_the_system_is_needed() {
        assert_eq!(moment(None, None).time(TimeKind::Uptime, 5), None);
        let long_ago = SENT - 5 * (1 << 32) - 20_000;
        assert_eq!(moment(None, Some(long_ago)).time(TimeKind::Uptime, 15_000), Some(SENT - 5_000));
    }

    #[test]
    fn every_encoding_of_a_time_is_understood() {
        let time = |kind, value| moment(None, None).time(kind, value);
        assert_eq!(time(TimeKind::Seconds, 1_700_000_000), Some(SENT));
        assert_eq!(time(TimeKind::Milliseconds, 1_700_000_000_123), Some(SENT + 123));
        let ntp = (1_700_000_000 + NTP_TO_UNIX as u64) << 32 | 1 << 31;
        assert_eq!(time(TimeKind::Ntp, ntp), Some(SENT + 500));
        assert_eq!(time(TimeKind::DeltaMicroseconds, 2_500_000), Some(SENT - 2_500));
        assert_eq!(time(TimeKind::Milliseconds, u64::MAX), Some(i64::MAX));
        assert_eq!(time(TimeKind::None, 1), None);
    }
}
