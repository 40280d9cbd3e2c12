//! Whether a release that was just started is well for good. Pure: readings and times in, a
//! decision out.

use std::time::Duration;

use crate::checkup::Verdict;

/// The longest that a release may take to be well.
pub const LIMIT: Duration = Duration::from_secs(60);

/// How long it must then stay so, in one and the same process: a release that crashes after a
/// moment is not well.
pub const STEADY: Duration = Duration::from_secs(10);

/// One release under watch.
pub struct Watch {
    failed_before: Vec<String>,
    well_since: Option<(Duration, Option<String>)>,
    last: String,
}

impl Watch {
    /// Begins. What failed before the update is not held against it.
    pub fn new(failed_before: Vec<String>) -> Self {
        Self { failed_before, well_since: None, last: "it was not asked yet".to_owned() }
    }

    /// Takes a reading, `at` after the start. None while it is not decided.
    pub fn look(&mut self, at: Duration, seen: &Verdict) -> Option<Result<(), String>> {
        let new_failure = seen.failing.iter().find(|part| !self.failed_before.contains(part));
        if seen.healthy && new_failure.is_none() {
            match &self.well_since {
                Some((since, process)) if *process == seen.started => {
                    if at.saturating_sub(*since) >= STEADY {
                        return Some(Ok(()));
                    }
                }
                Some(_) => {
                    "it starts again and again".clone_into(&mut self.last);
                    self.well_since = Some((at, seen.started.clone()));
                }
                None => self.well_since = Some((at, seen.started.clone())),
            }
        } else {
            self.well_since = None;
            self.last = match new_failure {
                Some(part) if seen.healthy => format!("{part} fails: {}", seen.line),
                _ => seen.line.clone(),
            };
        }
        let limit = if self.well_since.is_some() { LIMIT + STEADY } else { LIMIT };
        (at >= limit)
            .then(|| Err(format!("it was not well within {} s: {}", LIMIT.as_secs(), self.last)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn well(process: &str) -> Verdict {
        let started = Some(process.to_owned());
        Verdict { healthy: true, started, ..Verdict::ill("well") }
    }

    /// Looks once a second; gives back when it was decided, and what.
    fn run(seen: impl Fn(u64) -> Verdict) -> (u64, Result<(), String>) {
        let mut watch = Watch::new(vec!["router".to_owned()]);
        for second in 0..200 {
            if let Some(decided) = watch.look(Duration::from_secs(second), &seen(second)) {
                return (second, decided);
            }
        }
        panic!("never decided");
    }

    #[test]
    fn a_release_that_stays_well_for_a_while_is_taken() {
        assert_eq!(run(|_| well("1")), (STEADY.as_secs(), Ok(())));
        assert_eq!(
            run(|s| if s < 59 { Verdict::ill("starting") } else { well("1") }),
            (69, Ok(()))
        );
    }

    #[test]
    fn one_that_never_is_well_is_refused_after_a_minute_with_its_last_words() {
        let (at, decided) = run(|_| Verdict::ill("store (no such table)"));
        assert_eq!(at, LIMIT.as_secs());
        assert!(decided.expect_err("refused").ends_with("store (no such table)"));
    }

    #[test]
    fn one_that_starts_again_and_again_is_refused() {
        let (_, decided) = run(|s| well(&(s / 5).to_string()));
        assert!(decided.expect_err("refused").contains("again and again"));
    }

    #[test]
    fn a_part_that_fails_only_since_then_counts_and_one_that_failed_before_does_not() {
        let failing = |part: &str| Verdict { failing: vec![part.to_owned()], ..well("1") };
        assert!(run(|_| failing("router")).1.is_ok());
        let (_, decided) = run(|_| failing("discovery"));
        assert!(decided.expect_err("refused").contains("discovery fails"));
    }
}
