//! Sequence numbers: in come those of messages and how much each held, out goes what never came.
//! Loss, reordering and a restart are told apart.

/// What the numbers count. Exporters disagree with the standard; which it is, is found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Messages, as v9 and sFlow have it.
    Messages,
    /// Records before the message, as v5 and IPFIX have it.
    Records,
    /// Records up to the end of the message, those of options left out, as softflowd has it in
    /// IPFIX.
    RecordsWithOwn,
}

const UNITS: [Unit; 3] = [Unit::Messages, Unit::Records, Unit::RecordsWithOwn];

/// The state of one sequence.
#[derive(Debug, Clone)]
pub(crate) struct Sequence {
    unit: Unit,
    /// The number of the last message and how many records it held, if that could be counted.
    last: Option<(u32, Option<u32>)>,
    /// For each unit, how many messages in a row it explains.
    explains: [u8; UNITS.len()],
    /// Loss that was believed while another unit explained the numbers.
    doubtful: i64,
    /// Where the last late message ended, and how many came so in a row.
    late_next: u32,
    late_run: u8,
}

/// What one message told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Told {
    /// Change of what is lost; negative when something late arrived.
    pub(crate) lost: i64,
    pub(crate) late: bool,
    pub(crate) restarted: bool,
}

/// A larger gap is a restart: nobody loses this much and goes on.
const LARGEST_GAP: i32 = 1 << 24;
/// A message further behind is a restart, not a late one.
const LATEST: i32 = 1 << 16;
/// So many messages in a row behind, each following the other, are a restart.
const LATE_RUN: u8 = 3;
/// So many messages in a row that another unit explains change the unit.
const OTHER_UNIT: u8 = 3;

impl Sequence {
    pub(crate) const fn new(unit: Unit) -> Self {
        Self {
            unit,
            last: None,
            explains: [0; UNITS.len()],
            doubtful: 0,
            late_next: 0,
            late_run: 0,
        }
    }

    /// Takes the number of a message that held this many records, if that is known.
    /// `options` of them were no traffic.
    pub(crate) fn take(
        &mut self,
        number: u32,
        records: Option<u32>,
        options: u32,
        restarted: bool,
    ) -> Told {
        let before = self.last;
        if restarted || before.is_none() {
            self.follow(number, records);
            return Told { restarted: before.is_some(), ..Told::default() };
        }
        let own = records.map(|records| records.saturating_sub(options));
        let gaps = UNITS.map(|unit| self.gap(unit, number, own));
        for (explains, gap) in self.explains.iter_mut().zip(gaps) {
            *explains = if gap == Some(0) { explains.saturating_add(1) } else { 0 };
        }
        let own = gaps.get(self.unit as usize).copied().flatten();
        let Some(gap) = own else {
            self.follow(number, records);
            return Told::default();
        };
        if gap == 0 {
            // Unless another unit goes on to explain as much.
            if gaps.iter().filter(|gap| **gap == Some(0)).count() == 1 {
                self.doubtful = 0;
            }
            self.follow(number, records);
            return Told::default();
        }
        if gaps.contains(&Some(0)) {
            return self.doubt(number, records, gap);
        }
        self.doubtful = 0;
        self.miss(number, records, gap)
    }

    /// How far a number is from what was expected; `None` if nothing could be expected.
    fn gap(&self, unit: Unit, number: u32, own: Option<u32>) -> Option<i32> {
        let (last, held) = self.last?;
        let gap = match unit {
            Unit::Messages => number.wrapping_sub(last).wrapping_sub(1),
            Unit::Records => number.wrapping_sub(last).wrapping_sub(held?),
            Unit::RecordsWithOwn => number.wrapping_sub(own?).wrapping_sub(last),
        };
        Some(gap.cast_signed())
    }

    /// A message that is not the next one by any count.
    fn miss(&mut self, number: u32, records: Option<u32>, gap: i32) -> Told {
        if gap < 0 && gap > -LATEST {
            let follows = self.late_run > 0 && self.late_next == number;
            self.late_run = if follows { self.late_run + 1 } else { 1 };
            let size = if self.unit == Unit::Messages { 1 } else { records.unwrap_or(0) };
            self.late_next = number.wrapping_add(size);
            if self.late_run < LATE_RUN {
                return Told { lost: -i64::from(size), late: true, restarted: false };
            }
        } else if gap > 0 && gap < LARGEST_GAP {
            self.follow(number, records);
            return Told { lost: i64::from(gap), ..Told::default() };
        }
        self.follow(number, records);
        Told { restarted: true, ..Told::default() }
    }

    /// A message that another unit would explain.
    fn doubt(&mut self, number: u32, records: Option<u32>, gap: i32) -> Told {
        let lost = if gap > 0 && gap < LARGEST_GAP { i64::from(gap) } else { 0 };
        self.follow(number, records);
        let found = UNITS.iter().zip(self.explains).find(|(_, run)| *run >= OTHER_UNIT);
        if let Some((unit, _)) = found {
            self.unit = *unit;
            return Told { lost: -std::mem::take(&mut self.doubtful), ..Told::default() };
        }
        self.doubtful += lost;
        Told { lost, ..Told::default() }
    }

    fn follow(&mut self, number: u32, records: Option<u32>) {
        self.late_run = 0;
        self.last = Some((number, records));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lost(unit: Unit, messages: &[(u32, u32)]) -> i64 {
        let mut sequence = Sequence::new(unit);
        messages
            .iter()
            .map(|(number, held)| sequence.take(*number, Some(*held), 0, false).lost)
            .sum()
    }

    #[test]
    fn what_follows_is_not_lost_also_across_the_end_of_the_numbers() {
        assert_eq!(lost(Unit::Records, &[(u32::MAX - 9, 30), (20, 30), (50, 1), (51, 1)]), 0);
        assert_eq!(lost(Unit::Messages, &[(u32::MAX, 7), (0, 9), (1, 3)]), 0);
    }

    #[test]
    fn a_gap_is_lost_and_comes_back_when_it_was_only_late() {
        assert_eq!(lost(Unit::Records, &[(0, 30), (90, 30)]), 60);
        assert_eq!(lost(Unit::Records, &[(0, 30), (60, 30), (30, 30), (90, 30)]), 0);
        assert_eq!(lost(Unit::Messages, &[(1, 30), (4, 30), (2, 30), (3, 30), (5, 4)]), 0);
    }

    #[test]
    fn a_restart_loses_nothing() {
        assert_eq!(lost(Unit::Records, &[(4_000_000, 30), (0, 30), (30, 30)]), 0);
        assert_eq!(lost(Unit::Records, &[(5, 30), (3_000_000_000, 30), (3_000_000_030, 1)]), 0);
        let mut sequence = Sequence::new(Unit::Messages);
        sequence.take(100, Some(1), 0, false);
        let told = sequence.take(7, Some(1), 0, true);
        assert_eq!(told, Told { lost: 0, late: false, restarted: true });
    }

    #[test]
    fn a_restart_a_little_behind_is_noticed_after_three_messages() {
        let mut sequence = Sequence::new(Unit::Records);
        sequence.take(300, Some(10), 0, false);
        let told: Vec<bool> = [(0, 10), (10, 10), (20, 10), (30, 10), (50, 1)]
            .map(|(number, held)| sequence.take(number, Some(held), 0, false).restarted)
            .to_vec();
        assert_eq!(told, [false, false, true, false, false]);
    }

    #[test]
    fn an_exporter_that_counts_records_in_v9_loses_nothing() {
        let messages: Vec<(u32, u32)> = (0..20).map(|n| (n * 25, 25)).collect();
        assert_eq!(lost(Unit::Messages, &messages), 0);
        // And then something truly lost.
        let mut gap = messages.clone();
        gap.push((600, 25));
        assert_eq!(lost(Unit::Messages, &gap), 100);
    }

    #[test]
    fn an_exporter_whose_number_includes_its_own_records_loses_nothing() {
        // As softflowd 1.1.0 sent them.
        let messages =
            [(19, 19), (46, 27), (73, 27), (100, 27), (131, 31), (159, 28), (187, 28), (215, 28)];
        assert_eq!(lost(Unit::Records, &messages), 0);
        let sizes = [12, 3, 9, 30, 1, 7, 7, 20, 4];
        let mut sum = 0;
        let uneven = sizes.map(|size| {
            sum += size;
            (sum, size)
        });
        assert_eq!(lost(Unit::Records, &uneven), 0);
        let mut sequence = Sequence::new(Unit::Records);
        for (number, held) in uneven {
            sequence.take(number, Some(held), 0, false);
        }
        // An option that it does not count.
        assert_eq!(sequence.take(sum + 5, Some(6), 1, false), Told::default());
        sum += 5;
        assert_eq!(sequence.take(sum + 50 + 10, Some(10), 0, false).lost, 50);
    }

    #[test]
    fn after_a_message_of_unknown_size_nothing_is_guessed() {
        let mut sequence = Sequence::new(Unit::Records);
        sequence.take(0, None, 0, false);
        assert_eq!(sequence.take(70, Some(10), 0, false), Told::default());
        assert_eq!(sequence.take(81, Some(10), 0, false).lost, 1);
    }
}
