//! What others know of the router: how it is reached, how it stands, what is the matter with it.

use std::path::PathBuf;

use serde::Serialize;

use crate::api::{Harm, Refusal};
use crate::client::{Abilities, Address, AskError, Fingerprint, KeySource, TransportError};
use crate::plan::{LONGEST_PLAN, MOST_COMMANDS};
use crate::snapshots::SnapshotError;
use crate::{ChangeError, Unsettled};

/// How to reach the router, and where its things lie.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Its API.
    pub address: Address,
    /// The certificate of its web server, where it is known.
    pub pinned: Option<Fingerprint>,
    /// Where its key is read.
    pub keys: KeySource,
    /// The folder for changes that are not settled.
    pub changes: PathBuf,
    /// The file the router starts with; none where it cannot be read from here.
    pub boot_file: Option<PathBuf>,
    /// The file that a commit on the router keeps locked; none where it cannot be seen from here.
    pub commit_lock: Option<PathBuf>,
}

/// Why the room cannot open.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct OpenError(#[from] ChangeError);

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// Nothing would change.
    #[error("nothing would change: the router is so already")]
    Nothing,
    /// Too long.
    #[error(
        "a change has at most {MOST_COMMANDS} commands and {} MiB of them; make several of it",
        LONGEST_PLAN >> 20
    )]
    TooLong,
    /// A command would arrive changed or harm the router.
    #[error("`{command}`: {harm}")]
    Harmful {
        /// The command, secrets struck out.
        command: String,
        /// What is wrong with it.
        harm: Harm,
    },
    /// The router cannot be asked what it runs.
    #[error(transparent)]
    Ask(#[from] AskError),
}

/// What keeps the router from answering, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Trouble {
    /// What is the matter.
    pub text: String,
    /// What to do.
    pub advice: String,
    /// Commands for the router's console that mend it, if any do.
    pub commands: Vec<String>,
}

/// Whether the router answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum Link {
    /// Not known yet.
    #[default]
    Asking,
    /// It does.
    Up,
    /// It does not.
    Down(Trouble),
}

/// How things stand with the router.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct Status {
    /// Whether it answers.
    pub link: Link,
    /// What its API can do; none before it answered.
    pub abilities: Option<Abilities>,
    /// Its name.
    pub host_name: Option<String>,
    /// Changes that wait to be kept or are being undone.
    pub unsettled: Vec<Unsettled>,
    /// Whether what it runs differs from what it would start with; none where that is not to be
    /// seen.
    pub unsaved: Option<bool>,
    /// Counts the configurations that were seen.
    pub revision: u64,
}

/// Why what runs could not be kept.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotTrouble {
    /// It could not be read.
    #[error(transparent)]
    Ask(#[from] AskError),
    /// It could not be kept.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
}

/// What an error means to the router's owner.
pub(super) fn trouble(error: &AskError, address: &Address) -> Trouble {
    let api = ["configure", "set service https api keys id panoptikon key YOUR-LONG-RANDOM-KEY"];
    let rest = ["set service https api rest", "commit", "save", "exit"];
    let lines = |parts: &[&[&str]]| parts.concat().iter().map(|line| (*line).to_owned()).collect();
    let (text, advice, commands) = match error {
        AskError::NoKey(why) => (
            format!("There is no key for the router's API: {why}."),
            "Switch the API on, on the router's console. In VyOS 1.4 leave out the line with rest.",
            lines(&[&api, &rest]),
        ),
        AskError::Refused(Refusal::WrongKey) => (
            "The router does not accept the API key.".to_owned(),
            "Look which keys it knows, and give Panoptikon one of them.",
            lines(&[&["show configuration commands | match 'https api keys'"]]),
        ),
        AskError::Refused(Refusal::NotOffered(_)) => (
            "The router's API runs, but does not answer over REST.".to_owned(),
            "Newer releases need it switched on by itself, on the router's console.",
            lines(&[&["configure"], &rest]),
        ),
        AskError::Refused(Refusal::NotAdmitted) => (
            "The router's web server does not let this address in.".to_owned(),
            "Take 127.0.0.1 into the addresses that may use the API.",
            lines(&[&[
                "configure",
                "set service https allow-client address 127.0.0.1",
                "commit",
                "save",
            ]]),
        ),
        AskError::Refused(Refusal::Down(_)) | AskError::Silent(TransportError::Connect { .. }) => (
            format!("The router's API does not run at {address}."),
            "If the router is starting, wait a minute. Else switch the API on, on its console; in \
             VyOS 1.4 leave out the line with rest.",
            lines(&[&api, &rest]),
        ),
        AskError::Silent(TransportError::Stranger { shown, trusted, .. }) => (
            format!(
                "The web server at {address} shows another certificate than the one that is \
                 trusted, so nothing was sent to it. Shown: {shown}. Trusted: {trusted}."
            ),
            "If the router has a new certificate, take its fingerprint into router_fingerprint, or \
             leave that empty and start Panoptikon anew. If it has not, somebody else answers there.",
            Vec::new(),
        ),
        AskError::Silent(_) => (
            format!("The router's API at {address} does not answer."),
            "It may be busy with a long commit. If it stays so, start it anew on the console.",
            lines(&[&["sudo systemctl restart vyos-http-api"]]),
        ),
        AskError::Refused(Refusal::Dirty) => (
            "The router's API holds changes that nobody has committed yet.".to_owned(),
            "Somebody may be loading a configuration right now: then wait. What a load that failed \
             has left is dropped by itself, after a quarter of an hour at the latest, or at once by \
             starting the API anew on the console.",
            lines(&[&["sudo systemctl restart vyos-http-api"]]),
        ),
        AskError::Refused(Refusal::Locked) => (
            "The router is busy with another commit.".to_owned(),
            "Wait until it is done.",
            Vec::new(),
        ),
        other => (other.to_string(), "Look into the router's own log for more.", Vec::new()),
    };
    Trouble { text, advice: advice.to_owned(), commands }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_certificate_is_told_with_both_fingerprints_and_what_to_do() {
        let shown = Fingerprint::of(b"new");
        let trusted = Fingerprint::of(b"old");
        let at = "https://127.0.0.1:443".to_owned();
        let error = AskError::Silent(TransportError::Stranger { at, shown, trusted });
        let address = Address::Https(([127, 0, 0, 1], 443).into());
        let trouble = trouble(&error, &address);
        assert!(trouble.text.contains("another certificate"), "{}", trouble.text);
        assert!(trouble.advice.contains("router_fingerprint"), "{}", trouble.advice);
        for fingerprint in [shown, trusted] {
            assert!(trouble.text.contains(&fingerprint.to_string()), "{}", trouble.text);
        }
    }

    #[test]
    fn what_others_left_uncommitted_is_not_told_as_a_commit() {
        let error = AskError::Refused(Refusal::Dirty);
        let trouble = trouble(&error, &Address::Socket("/run/api.sock".into()));
        assert!(trouble.text.contains("nobody has committed"), "{}", trouble.text);
        assert_eq!(trouble.commands, ["sudo systemctl restart vyos-http-api"]);
    }
}
