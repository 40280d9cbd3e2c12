//! What an exporter told of its sampling, and which of it holds for a record.

/// What a rate holds for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Records with this sampler (element 48).
    Sampler(u64),
    /// Records with this selector (element 302).
    Selector(u64),
    /// Records of this interface.
    Interface(u64),
    /// Records of this template.
    Template(u64),
    /// All records.
    All,
}

/// More samplers than any exporter has.
const MOST: usize = 256;

/// A larger rate is a mistake.
const HIGHEST: u64 = 1 << 24;

/// The samplers of one observation domain.
#[derive(Debug, Clone, Default)]
pub(crate) struct Samplers {
    known: Vec<(Scope, u32)>,
}

/// What a record tells that its rate depends on.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Asked {
    pub(crate) sampler: Option<u64>,
    pub(crate) selector: Option<u64>,
    pub(crate) input: u64,
    pub(crate) output: u64,
    pub(crate) template: u16,
}

/// A rate that makes sense; one packet in `rate` is looked at.
pub(crate) fn sound(rate: u64) -> Option<u32> {
    (1..=HIGHEST).contains(&rate).then_some(rate as u32)
}

/// From `interval` packets looked at and `space` skipped after them.
pub(crate) fn spaced(interval: u64, space: u64) -> Option<u32> {
    sound(interval.checked_add(space)?.checked_div(interval)?)
}

/// From `size` packets looked at of each `population`.
pub(crate) fn drawn(size: u64, population: u64) -> Option<u32> {
    sound(population.checked_div(size)?)
}

impl Samplers {
    pub(crate) const fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Learns a rate; false if there are too many.
    pub(crate) fn learn(&mut self, scope: Scope, rate: u32) -> bool {
        if let Some(known) = self.known.iter_mut().find(|(known, _)| *known == scope) {
            known.1 = rate;
            return true;
        }
        let room = self.known.len() < MOST;
        if room {
            self.known.push((scope, rate));
        }
        room
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = (Scope, u32)> {
        self.known.iter().copied()
    }

    /// The rate of a record; 1 if nothing is told that fits.
    pub(crate) fn rate(&self, asked: Asked) -> u32 {
        let find =
            |scope| self.known.iter().find(|(known, _)| *known == scope).map(|(_, rate)| *rate);
        let named = asked.sampler.and_then(|id| find(Scope::Sampler(id)));
        named
            .or_else(|| asked.selector.and_then(|id| find(Scope::Selector(id))))
            .or_else(|| find(Scope::Interface(asked.input)).filter(|_| asked.input != 0))
            .or_else(|| find(Scope::Interface(asked.output)).filter(|_| asked.output != 0))
            .or_else(|| find(Scope::Template(u64::from(asked.template))))
            .or_else(|| find(Scope::All))
            .unwrap_or(match (self.known.as_slice(), asked.sampler, asked.selector) {
                // The only sampler there is samples also what does not name it.
                ([(Scope::Sampler(_) | Scope::Selector(_), rate)], None, None) => *rate,
                _ => 1,
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_samplers_are_told_apart() {
        let mut samplers = Samplers::default();
        assert_eq!(samplers.rate(Asked::default()), 1);
        samplers.learn(Scope::Sampler(1), 100);
        assert_eq!(samplers.rate(Asked::default()), 100, "the only one");
        samplers.learn(Scope::Sampler(2), 1000);
        let of = |id| samplers.rate(Asked { sampler: Some(id), ..Asked::default() });
        assert_eq!([of(1), of(2), of(3)], [100, 1000, 1]);
        assert_eq!(samplers.rate(Asked::default()), 1, "no telling which");
    }

    #[test]
    fn an_interface_goes_before_the_rest() {
        let mut samplers = Samplers::default();
        samplers.learn(Scope::All, 10);
        samplers.learn(Scope::Interface(7), 50);
        let of = |input, output| samplers.rate(Asked { input, output, ..Asked::default() });
        assert_eq!([of(7, 1), of(1, 7), of(1, 2)], [50, 50, 10]);
    }

    #[test]
    fn rates_that_make_no_sense_are_none() {
        assert_eq!((sound(0), sound(1), sound(u64::MAX)), (None, Some(1), None));
        assert_eq!((spaced(1, 99), spaced(0, 5), spaced(10, 90)), (Some(100), None, Some(10)));
        assert_eq!((drawn(1, 512), drawn(0, 512), drawn(2, 1)), (Some(512), None, None));
    }
}
