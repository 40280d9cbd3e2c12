//! Changes that are not settled yet, one file each, so that they are undone even if the appliance or
//! the router dies in between.
//!
//! A file is written whole under another name, made durable and renamed: what a start finds is one
//! of the states that were meant.

use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use model::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::merge::Remark;
use crate::config::{Command, Node};

/// How far a change has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Stage {
    /// It is being sent; whether it is done is not known.
    Applying,
    /// It is done and waits for its person to keep it.
    Waiting,
    /// It is kept and has yet to be saved.
    Keeping,
    /// It is being undone.
    Undoing,
}

/// A change that is not settled.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Pending {
    pub(super) number: i64,
    pub(super) stage: Stage,
    pub(super) actor: String,
    pub(super) address: Option<String>,
    pub(super) why: String,
    pub(super) made: Timestamp,
    /// When it is undone unless kept.
    pub(super) deadline: Timestamp,
    /// How long it was to wait.
    pub(super) seconds: u64,
    /// Whether the router itself waits for a confirmation.
    pub(super) confirm: bool,
    pub(super) commands: Vec<Command>,
    /// The whole configuration before it.
    pub(super) before: Node,
    /// What it touched, as it left that; none where that was not to be seen.
    pub(super) left: Option<Node>,
    /// The remarks that undoing brings back.
    pub(super) remarks: Vec<Remark>,
    /// Whether the file that the router starts with may hold it, because another was saved.
    pub(super) saved: bool,
}

#[derive(Serialize, Deserialize)]
struct Written {
    number: i64,
    stage: Stage,
    actor: String,
    address: Option<String>,
    why: String,
    made: i64,
    deadline: i64,
    seconds: u64,
    confirm: bool,
    /// Each as its verb and its words: a line would not do for a word with a line end in it.
    commands: Vec<Vec<String>>,
    before: Value,
    #[serde(default)]
    left: Option<Value>,
    #[serde(default)]
    remarks: Vec<(Vec<String>, String)>,
    #[serde(default)]
    saved: bool,
}

/// Why the book could not be kept.
#[derive(Debug, thiserror::Error)]
#[error("{doing} {path}: {source}", path = path.display())]
pub struct BookError {
    doing: &'static str,
    path: PathBuf,
    source: std::io::Error,
}

impl BookError {
    pub(super) fn ended(why: tokio::task::JoinError) -> Self {
        Self { doing: "write", path: PathBuf::from("the book"), source: why.into() }
    }
}

/// How the files of changes that are not settled end, and of those that are.
const UNSETTLED: &str = "json";
const SETTLED: &str = "settled";

/// What the book holds.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Found {
    /// Everything that is not settled.
    pub(super) pending: Vec<Pending>,
    /// What was settled and not struck out yet.
    pub(super) settled: Vec<Pending>,
    /// The numbers of those that are not settled and cannot be read: nothing can be done with
    /// these, and the others must not suffer.
    pub(super) unreadable: Vec<i64>,
}

/// The folder of the files.
#[derive(Debug, Clone)]
pub(super) struct Book(PathBuf);

impl Book {
    pub(super) fn open(dir: PathBuf) -> Result<Self, BookError> {
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&dir);
        made.map_err(failed("make", &dir))?;
        Ok(Self(dir))
    }

    /// Writes a change down, durably.
    pub(super) fn write(&self, change: &Pending) -> Result<(), BookError> {
        let written = Written {
            number: change.number,
            stage: change.stage,
            actor: change.actor.clone(),
            address: change.address.clone(),
            why: change.why.clone(),
            made: change.made.0,
            deadline: change.deadline.0,
            seconds: change.seconds,
            confirm: change.confirm,
            commands: change.commands.iter().map(as_words).collect(),
            before: change.before.to_json(),
            left: change.left.as_ref().map(Node::to_json),
            remarks: change.remarks.clone(),
            saved: change.saved,
        };
        let text = serde_json::to_vec(&written).map_err(std::io::Error::from);
        let path = self.path(change.number);
        text.and_then(|text| store::write_private(&path, &text)).map_err(failed("write", &path))
    }

    /// Notes that a change is settled. It stays readable until [`Book::forget`], so that what it
    /// did is not taken for the work of others.
    pub(super) fn settle(&self, number: i64) -> Result<(), BookError> {
        let path = self.path(number);
        match std::fs::rename(&path, path.with_extension(SETTLED)) {
            Err(e) if e.kind() != ErrorKind::NotFound => Err(failed("rename", &path)(e)),
            _ => self.make_durable(),
        }
    }

    /// Strikes a settled change out.
    pub(super) fn forget(&self, number: i64) -> Result<(), BookError> {
        let path = self.path(number).with_extension(SETTLED);
        match std::fs::remove_file(&path) {
            Err(e) if e.kind() != ErrorKind::NotFound => Err(failed("delete", &path)(e)),
            // Found again it does no harm.
            _ => Ok(()),
        }
    }

    fn make_durable(&self) -> Result<(), BookError> {
        File::open(&self.0).and_then(|dir| dir.sync_all()).map_err(failed("write", &self.0))
    }

    /// Everything in it, oldest first.
    pub(super) fn read(&self) -> Result<Found, BookError> {
        let mut found = Found::default();
        for entry in std::fs::read_dir(&self.0).map_err(failed("list", &self.0))? {
            let path = entry.map_err(failed("list", &self.0))?.path();
            let end = path.extension().and_then(|end| end.to_str());
            let Some(end @ (UNSETTLED | SETTLED)) = end else { continue };
            match (std::fs::read(&path).ok().and_then(|text| read(&text)), end) {
                (Some(change), SETTLED) => found.settled.push(change),
                (Some(change), _) => found.pending.push(change),
                (None, SETTLED) => tracing::warn!(path = %path.display(), "unreadable"),
                (None, _) => {
                    tracing::error!(path = %path.display(), "this unsettled change is unreadable");
                    let name = path.file_stem().and_then(|name| name.to_str());
                    found.unreadable.extend(name.and_then(|name| name.parse::<i64>().ok()));
                }
            }
        }
        model::sort_by_key(&mut found.pending, |change| change.number);
        model::sort_by_key(&mut found.settled, |change| change.number);
        Ok(found)
    }

    fn path(&self, number: i64) -> PathBuf {
        self.0.join(number.to_string()).with_extension(UNSETTLED)
    }
}

fn read(text: &[u8]) -> Option<Pending> {
    let written: Written = serde_json::from_slice(text).ok()?;
    Some(Pending {
        number: written.number,
        stage: written.stage,
        actor: written.actor,
        address: written.address,
        why: written.why,
        made: Timestamp(written.made),
        deadline: Timestamp(written.deadline),
        seconds: written.seconds,
        confirm: written.confirm,
        commands: written.commands.into_iter().map(from_words).collect::<Option<_>>()?,
        before: Node::from_json(&written.before).ok()?,
        left: written.left.and_then(|left| Node::from_json(&left).ok()),
        remarks: written.remarks,
        saved: written.saved,
    })
}

fn as_words(command: &Command) -> Vec<String> {
    let (verb, path, text) = match command {
        Command::Set(path) => ("set", path, None),
        Command::Delete(path) => ("delete", path, None),
        Command::Comment(path, text) => ("comment", path, Some(text)),
    };
    [verb.to_owned()].into_iter().chain(path.iter().cloned()).chain(text.cloned()).collect()
}

fn from_words(words: Vec<String>) -> Option<Command> {
    let mut path = words.into_iter();
    let verb = path.next()?;
    let mut path: Vec<String> = path.collect();
    match verb.as_str() {
        "set" => Some(Command::Set(path)),
        "delete" => Some(Command::Delete(path)),
        "comment" => path.pop().map(|text| Command::Comment(path, text)),
        _ => None,
    }
}

fn failed<'a>(doing: &'static str, path: &'a Path) -> impl Fn(std::io::Error) -> BookError + 'a {
    move |source| BookError { doing, path: path.to_owned(), source }
}

#[cfg(test)]
pub(super) fn example(number: i64) -> Pending {
    let json = serde_json::json!({ "system": { "host-name": "it <is> & was" } });
    Pending {
        number,
        stage: Stage::Waiting,
        actor: "ana".to_owned(),
        address: Some("192.0.2.7".to_owned()),
        why: "Rename the router".to_owned(),
        made: Timestamp(1_000),
        deadline: Timestamp(121_000),
        seconds: 120,
        confirm: false,
        commands: vec![
            Command::Set(["system", "host-name", "a 'b \\ ü"].map(str::to_owned).to_vec()),
            Command::Delete(["system", "banner", "two\nlines"].map(str::to_owned).to_vec()),
            Command::Comment(vec!["system".to_owned()], String::new()),
        ],
        before: Node::from_json(&json).unwrap(),
        left: Node::from_json(&json).ok(),
        remarks: vec![(vec!["system".to_owned()], "old 'one'".to_owned())],
        saved: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_found_again_until_it_is_settled() {
        let dir = tempfile::tempdir().unwrap();
        let book = Book::open(dir.path().join("changes")).unwrap();
        let (first, second) = (example(9), example(10));
        book.write(&second).unwrap();
        book.write(&first).unwrap();
        let pending = vec![first.clone(), second.clone()];
        assert_eq!(book.read().unwrap(), Found { pending, ..Found::default() });
        book.settle(first.number).unwrap();
        book.settle(first.number).unwrap();
        let (pending, settled) = (vec![second], vec![first.clone()]);
        assert_eq!(
            book.read().unwrap(),
            Found { pending: pending.clone(), settled, ..Found::default() }
        );
        book.forget(first.number).unwrap();
        book.forget(first.number).unwrap();
        assert_eq!(book.read().unwrap(), Found { pending, ..Found::default() });
    }

    #[test]
    fn half_a_file_hides_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let book = Book::open(dir.path().to_owned()).unwrap();
        book.write(&example(2)).unwrap();
        std::fs::write(dir.path().join("1.json"), "{\"number\":1,").unwrap();
        std::fs::write(dir.path().join("3.new"), "{}").unwrap();
        let found = book.read().unwrap();
        assert_eq!((found.pending, found.unreadable), (vec![example(2)], vec![1]));
    }
}
