//! Numbers of rules: free ones, and places between rules. Neighbours are renumbered only where no
//! number is free between them.

use serde::{Deserialize, Serialize};

use super::draft::below;
use super::{Draft, EditError};

/// The highest number of a rule.
pub(super) const HIGHEST: u32 = 999_999;
/// Room that is left between new rules and their neighbours.
const STEP: u32 = 10;

/// Where a rule shall stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// Before all others.
    First,
    /// Behind all others.
    #[default]
    Last,
    /// Right before the rule of this number.
    Before(u32),
    /// Right behind the rule of this number.
    After(u32),
    /// With this number, which must be free.
    Number(u32),
}

impl Draft<'_> {
    /// Numbers of the rules of a list, in order.
    pub(super) fn numbers(&self, list: &[&str]) -> Vec<u32> {
        let names = self.names(&below(list, &["rule"]));
        let mut numbers: Vec<u32> = names.iter().filter_map(|name| name.parse().ok()).collect();
        numbers.sort_unstable();
        numbers
    }

    /// A number for a new rule at a place, with neighbours moved if need be.
    pub(super) fn make_room(&mut self, list: &[&str], place: Place) -> Result<u32, EditError> {
        let numbers = self.numbers(list);
        let absent = |number: u32| EditError::of("place", format!("there is no rule {number}"));
        let at = match place {
            Place::First => 0,
            Place::Last => numbers.len(),
            Place::Before(number) => {
                numbers.iter().position(|n| *n == number).ok_or_else(|| absent(number))?
            }
            Place::After(number) => {
                numbers.iter().position(|n| *n == number).ok_or_else(|| absent(number))? + 1
            }
            Place::Number(number) => {
                let is_free = (1..=HIGHEST).contains(&number) && !numbers.contains(&number);
                let message = format!("a number from 1 to {HIGHEST} that no rule has");
                return if is_free { Ok(number) } else { Err(EditError::of("place", message)) };
            }
        };
        let low = at.checked_sub(1).and_then(|at| numbers.get(at)).copied().unwrap_or(0);
        let Some(high) = numbers.get(at).copied() else {
            // Behind the last: the next full step, or whatever is left.
            let step = (low / STEP + 1) * STEP;
            if step <= HIGHEST {
                return Ok(step);
            }
            return if low < HIGHEST { Ok(low + 1) } else { self.make_room_below(list, &numbers) };
        };
        if high - low > 1 {
            return Ok(if low + STEP < high { low + STEP } else { low + (high - low) / 2 });
        }
        // No number is free: those behind move up one each, as far as they touch.
        let touching = numbers.iter().skip(at).zip(high..).take_while(|(n, want)| **n == *want);
        let moved: Vec<u32> = touching.map(|(number, _)| *number).collect();
        if moved.last().is_some_and(|last| *last < HIGHEST) {
            for number in moved.iter().rev() {
                self.renumber(list, *number, number + 1);
            }
            return Ok(high);
        }
        let before: Vec<u32> = numbers.iter().take(at).copied().collect();
        self.make_room_below(list, &before)
    }

    /// Moves the last of these rules and those that touch it down one each, and tells its number.
    fn make_room_below(&mut self, list: &[&str], before: &[u32]) -> Result<u32, EditError> {
        let top = before.last().copied().unwrap_or(0);
        let touching =
            before.iter().rev().zip((0..=top).rev()).take_while(|(n, want)| **n == *want);
        let moved: Vec<u32> = touching.map(|(number, _)| *number).collect();
        match moved.last() {
            Some(first) if *first > 1 => {
                for number in moved.iter().rev() {
                    self.renumber(list, *number, number - 1);
                }
                Ok(top)
            }
            _ => Err(EditError::of("place", "no number is free there")),
        }
    }

    fn renumber(&mut self, list: &[&str], from: u32, to: u32) {
        let (from, to) = (from.to_string(), to.to_string());
        if let Some(node) = self.take(&below(list, &["rule", &from])) {
            self.place(&below(list, &["rule", &to]), node);
        }
    }

    /// Puts a rule at another place of its list, and tells its number there.
    pub(super) fn move_in(
        &mut self,
        list: &[&str],
        number: u32,
        place: Place,
    ) -> Result<u32, EditError> {
        let name = number.to_string();
        let path = below(list, &["rule", &name]);
        if !self.exists(&path) {
            return Err(EditError::of("number", format!("there is no rule {number}")));
        }
        if matches!(place, Place::Before(at) | Place::After(at) | Place::Number(at) if at == number)
        {
            return Ok(number);
        }
        let node = self.take(&path).unwrap_or_default();
        let number = self.make_room(list, place)?;
        let name = number.to_string();
        self.place(&below(list, &["rule", &name]), node);
        Ok(number)
    }
}
