//! What happens when, in an update. Pure: steps in, actions out.
//!
//! The state is written down before each action, so that an update goes on, or back, after a power
//! cut at any moment. Until the package is installed nothing has changed and the way out is to
//! start the appliance again; from then on it is either healthy or undone.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The reason of going back that a person gives.
pub const ASKED_FOR: &str = "the previous release was asked for";

/// Where an update stands. Each but the first has an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Everything was checked and lies ready.
    Staged,
    /// The appliance is being stopped.
    Stopping,
    /// Its database is being copied.
    Copying,
    /// The new package is being installed.
    Installing,
    /// The new release has to show that it is well.
    Watching,
    /// It is; its package becomes the one that is kept.
    Keeping,
    /// Nothing was changed; the appliance is being started again.
    Leaving,
    /// It was not well, or somebody wants the previous release: the appliance is being stopped.
    UndoStopping,
    /// The copy of the database is being put back.
    UndoDatabase,
    /// The previous package is being installed.
    UndoInstalling,
    /// The previous release has to show that it is well.
    UndoWatching,
    /// It is; its package becomes the one that is kept.
    UndoKeeping,
    /// Going back failed, too: the appliance is started as it is.
    GivingUp,
}

/// Which of the two packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// The one to update to.
    New,
    /// The one that was installed before.
    Previous,
}

/// What the world does next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Stop the appliance; done when nobody answers any more.
    Stop,
    /// Copy the database of the stopped appliance.
    CopyDatabase,
    /// Install a package.
    Install(Which),
    /// Start the appliance and see whether it is well.
    Watch(Which),
    /// Make a package the one that is kept for the next image.
    Keep(Which),
    /// Put the copy of the database back.
    RestoreDatabase,
    /// Start the appliance, well or not.
    Start,
    /// Nothing; it is over.
    End(Outcome),
}

/// What came of the action before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// There was none: the update begins, or goes on after an interruption.
    Begin,
    /// It is done.
    Done,
    /// It failed, for this reason.
    Failed(String),
}

/// How an update ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The new release runs.
    Updated,
    /// Nothing was changed.
    Unchanged,
    /// The previous release runs again.
    RolledBack,
    /// Neither is well; a person is needed.
    Stuck,
}

/// An update under way, as it is written down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// The version that was installed before.
    pub from: String,
    /// The version to update to.
    pub to: String,
    /// Where it stands.
    pub phase: Phase,
    /// What went wrong so far.
    pub why: Option<String>,
    /// Parts of the appliance that failed already before.
    pub failing: Vec<String>,
    /// Where the appliance keeps its data.
    pub data: PathBuf,
}

impl State {
    /// An update that lies ready.
    pub fn staged(from: String, to: String, failing: Vec<String>, data: PathBuf) -> Self {
        Self { from, to, phase: Phase::Staged, why: None, failing, data }
    }

    /// The way back from an update that went well, because a person wants it.
    #[must_use]
    pub fn going_back(self) -> Self {
        Self { phase: Phase::UndoStopping, why: Some(ASKED_FOR.to_owned()), ..self }
    }

    /// Takes the outcome of the last action and says the next one. The state is to be written down
    /// before that is begun.
    pub fn next(&mut self, step: Step) -> Action {
        use Phase as P;
        match (self.phase, step) {
            (phase, Step::Begin) => self.begin(phase),
            (P::Staged, _) => self.enter(P::Stopping),
            (P::Stopping, Step::Done) => self.enter(P::Copying),
            (P::Copying, Step::Done) => self.enter(P::Installing),
            (P::Installing, Step::Done) => self.enter(P::Watching),
            (P::Watching, Step::Done) => self.enter(P::Keeping),
            (P::Stopping | P::Copying, Step::Failed(why)) => self.fail(why, P::Leaving),
            (P::Installing | P::Watching, Step::Failed(why)) => self.fail(why, P::UndoStopping),
            // The release runs; that its package is not kept is said, and no reason to go back.
            (P::Keeping, outcome) => self.end(outcome, Outcome::Updated),
            (P::Leaving, outcome) => self.end(outcome, Outcome::Unchanged),
            // Before the package, because installing one may start it.
            (P::UndoStopping, Step::Done) => self.enter(P::UndoDatabase),
            (P::UndoDatabase, Step::Done) => self.enter(P::UndoInstalling),
            (P::UndoInstalling, Step::Done) => self.enter(P::UndoWatching),
            (P::UndoWatching, Step::Done) => self.enter(P::UndoKeeping),
            (P::UndoKeeping, outcome) => self.end(outcome, Outcome::RolledBack),
            (P::UndoWatching, Step::Failed(why)) => self.end(Step::Failed(why), Outcome::Stuck),
            (P::UndoStopping | P::UndoInstalling | P::UndoDatabase, Step::Failed(why)) => {
                self.fail(why, P::GivingUp)
            }
            (P::GivingUp, outcome) => self.end(outcome, Outcome::Stuck),
        }
    }

    /// Begins, or goes on after an interruption.
    fn begin(&mut self, phase: Phase) -> Action {
        use Phase as P;
        match phase {
            P::Staged => self.enter(P::Stopping),
            P::Stopping | P::Copying => {
                self.fail("it was interrupted before anything was changed".to_owned(), P::Leaving)
            }
            P::Installing => {
                let why = "it was interrupted while the package was being installed".to_owned();
                self.fail(why, P::UndoStopping)
            }
            P::UndoInstalling | P::UndoDatabase => self.enter(P::UndoStopping),
            other => self.enter(other),
        }
    }

    fn enter(&mut self, phase: Phase) -> Action {
        use Phase as P;
        self.phase = phase;
        match phase {
            P::Staged | P::Stopping | P::UndoStopping => Action::Stop,
            P::Copying => Action::CopyDatabase,
            P::Installing => Action::Install(Which::New),
            P::Watching => Action::Watch(Which::New),
            P::Keeping => Action::Keep(Which::New),
            P::UndoInstalling => Action::Install(Which::Previous),
            P::UndoDatabase => Action::RestoreDatabase,
            P::UndoWatching => Action::Watch(Which::Previous),
            P::UndoKeeping => Action::Keep(Which::Previous),
            P::Leaving | P::GivingUp => Action::Start,
        }
    }

    fn fail(&mut self, why: String, phase: Phase) -> Action {
        self.add(why);
        self.enter(phase)
    }

    fn end(&mut self, last: Step, outcome: Outcome) -> Action {
        if let Step::Failed(why) = last {
            self.add(why);
        }
        Action::End(outcome)
    }

    fn add(&mut self, why: String) {
        self.why = Some(match self.why.take() {
            Some(before) => format!("{before}; {why}"),
            None => why,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::Action::{CopyDatabase, Install, Keep, RestoreDatabase, Stop, Watch};
    use super::*;

    const PHASES: [Phase; 13] = [
        Phase::Staged,
        Phase::Stopping,
        Phase::Copying,
        Phase::Installing,
        Phase::Watching,
        Phase::Keeping,
        Phase::Leaving,
        Phase::UndoStopping,
        Phase::UndoInstalling,
        Phase::UndoDatabase,
        Phase::UndoWatching,
        Phase::UndoKeeping,
        Phase::GivingUp,
    ];

    fn state(phase: Phase) -> State {
        let (from, to) = ("1.0.0".to_owned(), "1.1.0".to_owned());
        State { phase, ..State::staged(from, to, Vec::new(), PathBuf::from("/data")) }
    }

    /// Walks to the end. The actions of which `fails` is true fail.
    fn walk(mut state: State, fails: impl Fn(&Action) -> bool) -> (Vec<Action>, Outcome, State) {
        let (mut actions, mut step) = (Vec::new(), Step::Begin);
        loop {
            let action = state.next(step);
            if let Action::End(outcome) = action {
                return (actions, outcome, state);
            }
            step = if fails(&action) { Step::Failed(format!("{action:?}")) } else { Step::Done };
            actions.push(action);
            assert!(actions.len() < 20, "it never ends: {actions:?}");
        }
    }

    #[test]
    fn one_that_goes_well_copies_the_database_before_it_installs() {
        let (actions, outcome, state) = walk(state(Phase::Staged), |_| false);
        let new = Which::New;
        assert_eq!(actions, [Stop, CopyDatabase, Install(new), Watch(new), Keep(new)]);
        assert_eq!((outcome, state.why), (Outcome::Updated, None));
    }

    #[test]
    fn what_fails_before_the_package_is_installed_leaves_everything_as_it_was() {
        for failing in [Action::Stop, Action::CopyDatabase] {
            let (actions, outcome, state) = walk(state(Phase::Staged), |action| *action == failing);
            assert_eq!(actions.last(), Some(&Action::Start));
            assert!(!actions.iter().any(|action| matches!(action, Action::Install(_))));
            assert_eq!(outcome, Outcome::Unchanged);
            assert_eq!(state.why, Some(format!("{failing:?}")));
        }
    }

    #[test]
    fn a_release_that_is_not_well_is_undone_with_its_database() {
        for failing in [Action::Install(Which::New), Action::Watch(Which::New)] {
            let (actions, outcome, state) = walk(state(Phase::Staged), |action| *action == failing);
            let at = actions.iter().position(|action| *action == failing).expect("tried");
            let previous = Which::Previous;
            let back = [Stop, RestoreDatabase, Install(previous), Watch(previous), Keep(previous)];
            assert_eq!(actions[at + 1..], back);
            assert_eq!(outcome, Outcome::RolledBack);
            assert_eq!(state.why, Some(format!("{failing:?}")));
        }
    }

    #[test]
    fn when_going_back_fails_as_well_the_appliance_is_started_and_a_person_is_told_both_reasons() {
        for failing in [Action::Install(Which::Previous), Action::RestoreDatabase] {
            let fails =
                |action: &Action| *action == failing || *action == Action::Watch(Which::New);
            let (actions, outcome, state) = walk(state(Phase::Staged), fails);
            assert_eq!(actions.last(), Some(&Action::Start));
            assert_eq!(outcome, Outcome::Stuck);
            assert_eq!(state.why, Some(format!("Watch(New); {failing:?}")));
        }
        let (_, outcome, _) =
            walk(state(Phase::Staged), |action| matches!(action, Action::Watch(_)));
        assert_eq!(outcome, Outcome::Stuck);
    }

    #[test]
    fn a_package_that_cannot_be_kept_does_not_undo_a_release_that_runs() {
        let (_, outcome, state) =
            walk(state(Phase::Staged), |action| matches!(action, Action::Keep(_)));
        assert_eq!((outcome, state.why.is_some()), (Outcome::Updated, true));
    }

    #[test]
    fn after_a_power_cut_in_any_phase_it_ends_and_never_with_half_a_package() {
        for phase in PHASES {
            let (actions, outcome, _) = walk(state(phase), |_| false);
            let expected = match phase {
                Phase::Staged | Phase::Watching | Phase::Keeping => Outcome::Updated,
                Phase::Stopping | Phase::Copying | Phase::Leaving => Outcome::Unchanged,
                Phase::GivingUp => Outcome::Stuck,
                _ => Outcome::RolledBack,
            };
            assert_eq!(outcome, expected, "{phase:?}: {actions:?}");
            if phase == Phase::Installing {
                assert!(actions.contains(&Action::Install(Which::Previous)));
            }
        }
    }

    #[test]
    fn whatever_fails_from_wherever_it_ends() {
        for phase in PHASES {
            let (actions, _, _) = walk(state(phase), |_| true);
            assert!(actions.len() < 5, "{phase:?}: {actions:?}");
        }
    }

    #[test]
    fn the_database_is_put_back_while_nothing_runs_and_the_previous_release_follows() {
        for phase in PHASES {
            let (actions, _, _) = walk(state(phase), |_| false);
            if let Some(at) = actions.iter().position(|action| *action == Action::RestoreDatabase) {
                assert_eq!(actions[at - 1], Action::Stop);
                assert_eq!(actions[at + 1], Action::Install(Which::Previous));
            }
        }
    }

    #[test]
    fn going_back_by_wish_is_an_update_undone() {
        let (actions, outcome, _) = walk(state(Phase::Staged).going_back(), |_| false);
        assert_eq!(actions.first(), Some(&Action::Stop));
        assert_eq!(outcome, Outcome::RolledBack);
    }

    #[test]
    fn what_is_written_down_reads_back() {
        for phase in PHASES {
            let text = serde_json::to_string(&state(phase)).expect("written");
            assert_eq!(serde_json::from_str::<State>(&text).expect("read"), state(phase));
        }
    }
}
