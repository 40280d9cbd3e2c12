//! Walks an update to its end: asks the machine, writes down, does.

use super::machine::{Action, Outcome, Phase, State, Step};

/// What an update acts on.
pub trait World {
    /// Writes the state down, durably.
    fn save(&mut self, state: &State) -> Result<(), String>;

    /// Does one action.
    fn act(&mut self, action: &Action, state: &State) -> Result<(), String>;
}

/// Goes on from where the state stands.
pub fn drive(state: &mut State, world: &mut impl World) -> Outcome {
    let mut step = Step::Begin;
    loop {
        let action = state.next(step);
        if let Action::End(outcome) = action {
            return outcome;
        }
        // The way back goes on unwritten, too: it is better than no way back.
        let unwritten = world.save(state).err().filter(|_| leads_on(state.phase));
        step = match unwritten.map_or_else(|| world.act(&action, state), Err) {
            Ok(()) => Step::Done,
            Err(why) => Step::Failed(why),
        };
    }
}

/// Whether a phase leads towards the new release: then it must be written down first.
fn leads_on(phase: Phase) -> bool {
    matches!(phase, Phase::Stopping | Phase::Copying | Phase::Installing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::update::machine::Which;

    /// A router on which one action fails, and on which the power may fail before another.
    #[derive(Default)]
    struct Fake {
        fails: Option<Action>,
        power_cut: Option<Action>,
        disk_full: bool,
        saved: Option<State>,
        installed: Option<Which>,
        database_is_old: bool,
        running: bool,
        kept: Option<Which>,
    }

    impl Fake {
        fn new() -> Self {
            Self { running: true, installed: Some(Which::Previous), ..Self::default() }
        }
    }

    struct PowerCut;

    impl World for Fake {
        fn save(&mut self, state: &State) -> Result<(), String> {
            if self.disk_full {
                return Err("no space".to_owned());
            }
            self.saved = Some(state.clone());
            Ok(())
        }

        fn act(&mut self, action: &Action, _state: &State) -> Result<(), String> {
            if self.power_cut.as_ref() == Some(action) {
                std::panic::panic_any(PowerCut);
            }
            let fails = self.fails.as_ref() == Some(action);
            match action {
                Action::Stop => self.running = fails,
                // A package that fails to install may be half there.
                Action::Install(which) => self.installed = (!fails).then_some(*which),
                Action::CopyDatabase | Action::RestoreDatabase if !fails => {
                    self.database_is_old = true;
                }
                Action::Watch(which) => {
                    self.running = true;
                    self.database_is_old = *which == Which::Previous;
                }
                Action::Start => self.running = true,
                Action::Keep(which) if !fails => self.kept = Some(*which),
                _ => {}
            }
            if fails { Err("it fails".to_owned()) } else { Ok(()) }
        }
    }

    fn staged() -> State {
        State::staged("1.0.0".to_owned(), "1.1.0".to_owned(), Vec::new(), "/data".into())
    }

    const ACTIONS: [Action; 5] = [
        Action::Stop,
        Action::CopyDatabase,
        Action::Install(Which::New),
        Action::Watch(Which::New),
        Action::Keep(Which::New),
    ];

    #[test]
    fn whatever_fails_a_whole_release_runs_in_the_end_with_a_database_it_knows() {
        for failing in ACTIONS {
            let mut world = Fake { fails: Some(failing.clone()), ..Fake::new() };
            let outcome = drive(&mut staged(), &mut world);
            assert!(world.running, "{failing:?}");
            let (installed, outcome_expected) = match failing {
                Action::Stop | Action::CopyDatabase => (Which::Previous, Outcome::Unchanged),
                Action::Keep(_) => (Which::New, Outcome::Updated),
                _ => (Which::Previous, Outcome::RolledBack),
            };
            assert_eq!((world.installed, outcome), (Some(installed), outcome_expected));
            if outcome == Outcome::RolledBack {
                assert!(world.database_is_old, "{failing:?}");
                assert_eq!(world.kept, Some(Which::Previous), "{failing:?}");
            }
        }
    }

    #[test]
    fn a_power_cut_before_any_action_is_gone_on_from() {
        for cut in ACTIONS {
            let mut world = Fake { power_cut: Some(cut.clone()), ..Fake::new() };
            let died = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                drive(&mut staged(), &mut world)
            }));
            assert!(died.is_err(), "{cut:?}");
            // The router starts again, and with it whatever is installed.
            world.power_cut = None;
            world.running = true;
            let mut state = world.saved.clone().expect("written down before anything is done");
            let outcome = drive(&mut state, &mut world);
            assert!(world.running, "{cut:?}");
            let expected = match cut {
                Action::Stop | Action::CopyDatabase => Outcome::Unchanged,
                Action::Install(_) => Outcome::RolledBack,
                _ => Outcome::Updated,
            };
            assert_eq!(outcome, expected, "{cut:?}");
        }
    }

    #[test]
    fn nothing_is_installed_that_could_not_be_written_down() {
        let mut world = Fake { disk_full: true, ..Fake::new() };
        let mut state = staged();
        let outcome = drive(&mut state, &mut world);
        assert_eq!(world.installed, Some(Which::Previous));
        assert!(world.running);
        assert_eq!(outcome, Outcome::Unchanged);
        assert!(state.why.is_some_and(|why| why.contains("no space")));
    }

    #[test]
    fn going_back_goes_on_although_the_disk_is_full() {
        let mut world = Fake { disk_full: true, installed: Some(Which::New), ..Fake::new() };
        let mut state = State { phase: Phase::UndoStopping, ..staged() };
        assert_eq!(drive(&mut state, &mut world), Outcome::RolledBack);
        assert_eq!(world.installed, Some(Which::Previous));
    }
}
