//! A configuration as a tree, in the three forms that `VyOS` knows: the file (`config.boot`), the
//! API's JSON, and `set` lines.
//!
//! All of it is pure and needs no definitions of commands: only the file says which names stand for
//! many things of a kind (`ethernet eth0 {`), and only for printing a file does that matter.

pub mod apply;
pub mod boot;
mod children;
pub mod commands;
pub mod diff;
pub(crate) mod grammar;
pub mod json;

pub use apply::ApplyError;
pub use boot::{Document, SyntaxError};
pub use children::Children;
pub use commands::Command;
pub use diff::diff;

/// Deeper than any configuration; bounds the stack.
pub const DEEPEST: usize = 64;

/// A node of a configuration, and all below it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Node {
    /// What somebody noted about it, on one line or several.
    pub comment: Option<String>,
    /// What it is.
    pub kind: Kind,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A setting with its values in order; without any it is switched on by being there.
    Leaf(Vec<String>),
    /// A group of nodes.
    Inner(Children),
    /// Many things of a kind by their names, such as the interfaces under `ethernet`.
    Tag(Children),
}

impl Default for Kind {
    fn default() -> Self {
        Self::Inner(Children::new())
    }
}

impl Node {
    /// A setting.
    pub fn leaf(values: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let values = values.into_iter().map(Into::into).collect();
        Self { comment: None, kind: Kind::Leaf(values) }
    }

    /// The nodes below it; none for a setting.
    pub fn children(&self) -> Option<&Children> {
        match &self.kind {
            Kind::Leaf(_) => None,
            Kind::Inner(children) | Kind::Tag(children) => Some(children),
        }
    }

    /// The values of a setting; none for other nodes.
    pub fn values(&self) -> &[String] {
        match &self.kind {
            Kind::Leaf(values) => values,
            Kind::Inner(_) | Kind::Tag(_) => &[],
        }
    }

    /// The node at a path below this one.
    pub fn at<'a>(&self, path: impl IntoIterator<Item = &'a str>) -> Option<&Self> {
        path.into_iter().try_fold(self, |node, name| node.children()?.get(name))
    }

    /// The one value of a setting at a path; none where it is absent or has none or many.
    pub fn value_at<'a>(&self, path: impl IntoIterator<Item = &'a str>) -> Option<&str> {
        match self.at(path)?.values() {
            [value] => Some(value),
            _ => None,
        }
    }

    /// Takes away all remarks, which the API's JSON does not have.
    pub fn forget_remarks(&mut self) {
        self.comment = None;
        match &mut self.kind {
            Kind::Leaf(_) => {}
            Kind::Inner(children) | Kind::Tag(children) => {
                children.values_mut().for_each(Self::forget_remarks);
            }
        }
    }

    /// How many nodes there are below it.
    pub fn count(&self) -> usize {
        self.children().map_or(0, |all| all.iter().map(|(_, child)| 1 + child.count()).sum())
    }

    /// Whether two configurations are the same to `VyOS`, whichever form they were read from: a
    /// node without anything in it is one, whether it was written as a group or as a setting.
    pub fn means_the_same(&self, other: &Self) -> bool {
        let comment = |node: &Self| node.comment.clone().unwrap_or_default();
        if comment(self) != comment(other) || self.values() != other.values() {
            return false;
        }
        let none = Children::new();
        let (mine, theirs) = (self.children().unwrap_or(&none), other.children().unwrap_or(&none));
        mine.len() == theirs.len()
            && mine.iter().zip(theirs.iter()).all(|((a, x), (b, y))| a == b && x.means_the_same(y))
    }
}
