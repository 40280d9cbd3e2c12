//! Sends changes and learns what became of them: the answer alone does not say.
//!
//! A refused commit may be done in part, a commit without an answer may be done wholly, and one that
//! concerns the API itself is done after the answer. So the configuration is read back each time.

use std::fmt::Write as _;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::merge::{Remark, remarks_back, way_back};
use super::touch::{is_done, untouched};
use crate::api::{Answer, Batches, MOST_BYTES, Refusal, Request};
use crate::client::{AskError, Session};
use crate::config::{Command, Node, diff};
use crate::secrets::without_secrets_of;

/// How long a commit that the router makes after its answer is waited for: its API is gone for some
/// seconds meanwhile.
const BACKGROUND: Duration = Duration::from_secs(45);
/// Sooner after such an answer nothing may be asked: two changes within a second are both lost.
const BACKGROUND_REST: Duration = Duration::from_millis(1_500);
const BACKGROUND_STEP: Duration = Duration::from_millis(500);

/// What became of a list of changes.
#[derive(Debug)]
pub(super) enum Committed {
    /// All of it runs. What the router had to say, such as warnings, and what it runs now.
    Whole(String, Node),
    /// Nothing of it runs.
    Nothing(Said),
    /// Some of it runs.
    Part(Said),
    /// Not to be found out: the router does not answer.
    Unknown(String),
}

/// Why it was not done, and whose words these are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Said {
    /// The router's own.
    Router(String),
    /// Ours: it could not be reached, another commit never ended.
    Us(String),
}

/// Sends changes as one commit, or as several where they are too long for one.
pub(super) async fn commit(
    session: &Session<'_>,
    before: &Node,
    commands: &[Command],
    confirm_minutes: Option<u32>,
) -> Committed {
    let mut warnings = String::new();
    for (number, part) in Batches::new(commands, MOST_BYTES).enumerate() {
        let request = Request::Configure {
            commands: part.to_vec(),
            confirm_minutes: confirm_minutes.filter(|_| number == 0),
        };
        match session.ask(&request).await {
            Ok(Answer::Data(data)) => {
                if let Some(text) = data.as_str() {
                    warnings.push_str(text);
                }
            }
            Ok(Answer::InBackground) => {
                if let Err(error) = settle(session, before, part).await {
                    return Committed::Unknown(error.to_string());
                }
            }
            Err(error) => return look(session, before, commands, error).await,
        }
    }
    match session.config().await {
        Ok(now) if is_done(&now, before, commands) => {
            Committed::Whole(without_secrets_of(commands, warnings.trim()), now)
        }
        Ok(now) => {
            let said = "the router accepted it, but does not run it; its own log may say why";
            part_or_nothing(&now, before, commands, Said::Us(said.to_owned()))
        }
        Err(error) => Committed::Unknown(error.to_string()),
    }
}

/// What runs after an error.
async fn look(
    session: &Session<'_>,
    before: &Node,
    commands: &[Command],
    error: AskError,
) -> Committed {
    let said = match &error {
        AskError::Refused(Refusal::Said(text)) => Said::Router(without_secrets_of(commands, text)),
        other => Said::Us(other.to_string()),
    };
    if error.may_be_done() {
        // It may be under way yet.
        return match session.config_after_commits().await {
            Ok(now) if is_done(&now, before, commands) => Committed::Whole(String::new(), now),
            Ok(now) => part_or_nothing(&now, before, commands, said),
            Err(error) => Committed::Unknown(error.to_string()),
        };
    }
    match session.config().await {
        Ok(now) => part_or_nothing(&now, before, commands, said),
        Err(error) => Committed::Unknown(error.to_string()),
    }
}

fn part_or_nothing(now: &Node, before: &Node, commands: &[Command], said: Said) -> Committed {
    if untouched(now, before, commands) { Committed::Nothing(said) } else { Committed::Part(said) }
}

/// Waits for a commit that the router makes after its answer.
async fn settle(
    session: &Session<'_>,
    before: &Node,
    commands: &[Command],
) -> Result<(), AskError> {
    let began = Instant::now();
    sleep(BACKGROUND_REST).await;
    loop {
        let now = session.config().await;
        match now {
            Ok(now) if is_done(&now, before, commands) => return Ok(()),
            // Not done, or failed without a word: only time tells.
            Ok(_) if began.elapsed() > BACKGROUND => return Ok(()),
            Err(error) if began.elapsed() > BACKGROUND => return Err(error),
            _ => sleep(BACKGROUND_STEP).await,
        }
    }
}

/// How undoing ended.
#[derive(Debug)]
pub(super) enum Undone {
    /// All that the changes touch is as before them, but for what others made of it since. What
    /// there is to say about that.
    Whole(String),
    /// It is not, and why.
    Not(Said),
}

/// What is known of a change that is to be undone.
#[derive(Clone, Copy)]
pub(super) struct Undoing<'a> {
    pub(super) before: &'a Node,
    pub(super) left: Option<&'a Node>,
    pub(super) remarks: &'a [Remark],
    pub(super) commands: &'a [Command],
    /// It is not sure that the router has ended what it was asked for: that is waited for.
    pub(super) unsure: bool,
}

/// Brings back what was before, of all that the changes touch.
pub(super) async fn undo(session: &Session<'_>, what: Undoing<'_>) -> Undone {
    let Undoing { before, left, remarks, commands, unsure } = what;
    let not = |error: AskError| Undone::Not(Said::Us(error.to_string()));
    let now = if unsure { session.config_after_commits().await } else { session.config().await };
    let now = match now {
        Ok(now) => now,
        Err(error) => return not(error),
    };
    let way = way_back(&now, before, left, commands);
    let back = diff(&now, &way.target);
    let remarks = match remarks {
        [] => Vec::new(),
        // Unread they are only set where nothing is: of what is gone.
        some => {
            let remarked = session.remarked(now.clone()).await;
            remarks_back(&remarked, &way.target, some, commands)
        }
    };
    let mut said = if way.theirs.is_empty() {
        String::new()
    } else {
        format!(
            "Others have changed this since, and it stays as they want it: {}.",
            list(&way.theirs)
        )
    };
    if back.is_empty() && remarks.is_empty() {
        return Undone::Whole(said);
    }
    let all = [back.as_slice(), remarks.as_slice()].concat();
    let mut committed = commit(session, &now, &all, None).await;
    let refused = matches!(committed, Committed::Nothing(Said::Router(_)));
    if refused && !remarks.is_empty() {
        // A remark must not keep the rest from being undone.
        " The router does not take back its remarks.".clone_into(&mut said);
        committed = if back.is_empty() {
            return Undone::Whole(said);
        } else {
            commit(session, &now, &back, None).await
        };
    }
    match committed {
        Committed::Whole(..) => Undone::Whole(said),
        Committed::Unknown(why) => Undone::Not(Said::Us(why)),
        Committed::Nothing(why) | Committed::Part(why) => match session.config().await {
            // What cannot be seen as done may be as meant all the same.
            Ok(now) if diff(&now, &way_back(&now, before, left, commands).target).is_empty() => {
                Undone::Whole(said)
            }
            _ => Undone::Not(why),
        },
    }
}

/// Some of many settings.
fn list(settings: &[String]) -> String {
    const SHOWN: usize = 5;
    let shown = settings.iter().take(SHOWN).map(|path| format!("`{path}`"));
    let mut text = shown.collect::<Vec<_>>().join(", ");
    if let more @ 1.. = settings.len().saturating_sub(SHOWN) {
        let _ = write!(text, " and {more} more");
    }
    text
}

/// How it ended that what is kept be saved.
#[derive(Debug)]
pub(super) enum Saved {
    /// The router starts with it. What there is to say about it.
    Whole(&'static str),
    /// Not yet, and why.
    Not(String),
    /// The router had lost it and does not take it again, and why.
    Lost(String),
}

/// Saves what is kept. A router that has restarted meanwhile runs what it was before: then it is made
/// anew, for saving that would lose it.
pub(super) async fn save(
    session: &Session<'_>,
    before: &Node,
    commands: &[Command],
    confirm: bool,
) -> Saved {
    let now = match session.config().await {
        Ok(now) => now,
        Err(error) => return Saved::Not(error.to_string()),
    };
    let mut said = "";
    let mut confirm = confirm;
    if !is_done(&now, before, commands) {
        if untouched(&now, before, commands) {
            match commit(session, &now, commands, None).await {
                Committed::Whole(..) => {
                    said = "The router had restarted without it; it was made once more.";
                    confirm = false;
                }
                Committed::Nothing(Said::Us(why)) | Committed::Unknown(why) => {
                    return Saved::Not(why);
                }
                Committed::Nothing(Said::Router(why))
                | Committed::Part(Said::Router(why) | Said::Us(why)) => return Saved::Lost(why),
            }
        } else {
            said = "Others had changed a part of it meanwhile; what ran was saved.";
        }
    }
    if confirm && let Err(error) = confirmed(session).await {
        return Saved::Not(error.to_string());
    }
    match session.ask(&Request::Save).await {
        Ok(_) => Saved::Whole(said),
        Err(error) => Saved::Not(error.to_string()),
    }
}

/// Ends the router's own waiting; it is no error if there is none any more.
pub(super) async fn confirmed(session: &Session<'_>) -> Result<(), AskError> {
    match session.ask(&Request::Confirm).await {
        Ok(_) | Err(AskError::Refused(Refusal::Said(_) | Refusal::NotOffered(_))) => Ok(()),
        Err(error) => Err(error),
    }
}
