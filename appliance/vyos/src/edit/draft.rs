//! A configuration as it shall be.

use super::EditError;
use crate::config::apply::fresh;
use crate::config::{Command, Kind, Node, diff, grammar};
use crate::dialect::Dialect;

/// A configuration that changes are made on, beside the one it started from.
#[derive(Debug, Clone)]
pub struct Draft<'a> {
    before: &'a Node,
    after: Node,
    pub(super) dialect: &'a Dialect,
}

impl<'a> Draft<'a> {
    /// Starts from a router's configuration.
    pub fn new(root: &'a Node, dialect: &'a Dialect) -> Self {
        Self { before: root, after: root.clone(), dialect }
    }

    /// The configuration as it shall be, so far.
    pub fn tree(&self) -> &Node {
        &self.after
    }

    /// The commands that make it so, as one transaction: what is taken away first, then what is
    /// set. None if nothing has changed.
    pub fn commands(self) -> Vec<Command> {
        let mut commands = Vec::new();
        for command in diff(self.before, &self.after) {
            match &command {
                // What loses all that it had, but stays, is emptied and not made anew.
                Command::Delete(path) if self.stays(path) => {
                    let path: Vec<&str> = path.iter().map(String::as_str).collect();
                    let had = self.before.at(path.iter().copied()).and_then(Node::children);
                    for (name, _) in had.into_iter().flat_map(crate::config::Children::iter) {
                        let words = path.iter().copied().chain([name]).map(str::to_owned);
                        commands.push(Command::Delete(words.collect()));
                    }
                }
                Command::Set(path) if self.stays(path) => {}
                _ => commands.push(command),
            }
        }
        commands
    }

    /// A group that is there before and after, and has something before only.
    fn stays(&self, path: &[String]) -> bool {
        let words = || path.iter().map(String::as_str);
        let had = self.before.at(words()).and_then(Node::children);
        had.is_some_and(|had| !had.is_empty()) && self.after.at(words()).is_some_and(Node::is_bare)
    }

    /// Makes a change, or leaves the draft as it was.
    pub(super) fn attempt<T>(
        &mut self,
        change: impl FnOnce(&mut Self) -> Result<T, EditError>,
    ) -> Result<T, EditError> {
        let before = self.after.clone();
        let made = change(self);
        if made.is_err() {
            self.after = before;
        }
        made
    }

    pub(super) fn exists(&self, path: &[&str]) -> bool {
        self.after.at(path.iter().copied()).is_some()
    }

    /// Names of what is at a path.
    pub(super) fn names(&self, path: &[&str]) -> Vec<String> {
        let all = self.after.at(path.iter().copied()).and_then(Node::children);
        all.map(|all| all.iter().map(|(name, _)| name.to_owned()).collect()).unwrap_or_default()
    }

    /// The node at a path, made where there is none.
    pub(super) fn node(&mut self, path: &[&str]) -> Option<&mut Node> {
        let mut node = &mut self.after;
        for at in 0..path.len() {
            let (name, upto) = (path.get(at)?, path.get(..=at)?);
            let make = || match fresh(upto) {
                Node { kind: Kind::Leaf(_), .. } => Node::default(),
                node => node,
            };
            node = node.children_mut()?.entry(name, make).0;
        }
        Some(node)
    }

    /// Gives a setting these values and no others; without any it goes.
    pub(super) fn fill<T: AsRef<str>>(&mut self, path: &[&str], values: &[T]) {
        if values.is_empty() {
            return self.remove(path);
        }
        if let Some(node) = self.node(path) {
            node.kind = Kind::Leaf(values.iter().map(|value| value.as_ref().to_owned()).collect());
        }
    }

    /// Gives a setting this value, or takes it away.
    pub(super) fn put<T: ToString>(&mut self, path: &[&str], value: Option<T>) {
        let value = value.map(|value| value.to_string()).filter(|value| !value.is_empty());
        self.fill(path, value.as_slice());
    }

    /// Switches a setting on by being there, or off.
    pub(super) fn flag(&mut self, path: &[&str], on: bool) {
        match (on, self.exists(path)) {
            (true, false) => {
                if let Some(node) = self.node(path) {
                    node.kind = Kind::Leaf(Vec::new());
                }
            }
            (false, true) => self.remove(path),
            _ => {}
        }
    }

    /// Takes a node away, and the word for its kind with the last of its kind.
    pub(super) fn remove(&mut self, path: &[&str]) {
        let Some((name, parents)) = path.split_last() else { return };
        let Some(parent) = self.after.at_mut(parents) else { return };
        let (Kind::Inner(children) | Kind::Tag(children)) = &mut parent.kind else { return };
        let stood_for_many = children.remove(name).is_some() && children.is_empty();
        if stood_for_many && grammar::is_tag(parents) {
            self.remove(parents);
        }
    }

    /// Takes a node away that has nothing in it, and all above it that then have nothing, down to
    /// `keep` words.
    pub(super) fn prune(&mut self, path: &[&str], keep: usize) {
        let mut end = path.len();
        while end > keep {
            let Some(path) = path.get(..end) else { return };
            let node = self.after.at(path.iter().copied());
            if node.is_some_and(|node| node.is_bare() && node.comment.is_none()) {
                self.remove(path);
            } else if node.is_some() {
                return;
            }
            end -= 1;
        }
    }

    /// Takes a node out of its place.
    pub(super) fn take(&mut self, path: &[&str]) -> Option<Node> {
        let (name, parents) = path.split_last()?;
        self.after.at_mut(parents)?.children_mut()?.remove(name)
    }

    /// Puts a node in a place.
    pub(super) fn place(&mut self, path: &[&str], node: Node) {
        if let Some(at) = self.node(path) {
            *at = node;
        }
    }
}

/// A path of words that are kept elsewhere.
pub(super) fn words(path: &[String]) -> Vec<&str> {
    path.iter().map(String::as_str).collect()
}

/// A path one or more words longer.
pub(super) fn below<'a>(path: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    path.iter().chain(more).copied().collect()
}
