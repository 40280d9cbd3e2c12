//! What commands make of a configuration, as a commit of the router would.

use super::grammar::{self, Role};
use super::{Children, Command, DEEPEST, Kind, Node};

/// Why a command cannot be carried out on a configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    /// Neither the configuration nor what is known of its definitions tells.
    #[error("set {path}: whether the last word is a value or a name is not known here")]
    Unknown {
        /// The words of the command.
        path: String,
    },
    /// A setting stands where the path goes on.
    #[error("set {path}: a setting stands in the way")]
    InTheWay {
        /// The words of the command.
        path: String,
    },
    /// There is nothing to comment on.
    #[error("comment {path}: there is no such node")]
    Absent {
        /// The words of the command.
        path: String,
    },
    /// No words at all, or more than any configuration has levels.
    #[error("a command of {words} words")]
    Length {
        /// How many there were.
        words: usize,
    },
}

impl Node {
    /// Carries out commands in their order, as one transaction: at an error nothing is changed.
    ///
    /// A value is added to a setting of many values and replaces that of a setting of one; where
    /// the definitions of a setting are not known here it is added. To delete what is not there is
    /// no error, as on the router.
    pub fn apply(&mut self, commands: &[Command]) -> Result<(), ApplyError> {
        let mut node = self.clone();
        for command in commands {
            let (Command::Set(path) | Command::Delete(path) | Command::Comment(path, _)) = command;
            let path: Vec<&str> = path.iter().map(String::as_str).collect();
            if path.is_empty() || path.len() > DEEPEST {
                return Err(ApplyError::Length { words: path.len() });
            }
            match command {
                Command::Set(_) => set(&mut node, &path, 0)?,
                Command::Delete(_) => {
                    delete(&mut node, &path, 0);
                }
                Command::Comment(_, text) => {
                    let absent = || ApplyError::Absent { path: path.join(" ") };
                    let node = node.at_mut(&path).ok_or_else(absent)?;
                    node.comment = (!text.is_empty()).then(|| text.clone());
                }
            }
        }
        *self = node;
        Ok(())
    }

    /// The node at a path below this one.
    pub fn at_mut(&mut self, path: &[&str]) -> Option<&mut Self> {
        path.iter().try_fold(self, |node, name| match &mut node.kind {
            Kind::Leaf(_) => None,
            Kind::Inner(children) | Kind::Tag(children) => children.get_mut(name),
        })
    }

    /// The nodes below it. A setting without a value becomes a group; with one it has none.
    pub(crate) fn children_mut(&mut self) -> Option<&mut Children> {
        if matches!(&self.kind, Kind::Leaf(values) if values.is_empty()) {
            self.kind = Kind::default();
        }
        match &mut self.kind {
            Kind::Leaf(_) => None,
            Kind::Inner(children) | Kind::Tag(children) => Some(children),
        }
    }

    /// It holds nothing: a group without nodes, or a setting that is switched on by being there.
    pub fn is_bare(&self) -> bool {
        match &self.kind {
            Kind::Leaf(values) => values.is_empty(),
            Kind::Inner(children) | Kind::Tag(children) => children.is_empty(),
        }
    }
}

/// A new node of the kind that one at this path is of.
pub(crate) fn fresh(path: &[&str]) -> Node {
    let kind = match grammar::role(path) {
        Some(Role::Tag) => Kind::Tag(Children::new()),
        Some(Role::Group) => Kind::default(),
        Some(Role::Single | Role::Many) | None => Kind::Leaf(Vec::new()),
    };
    Node { comment: None, kind }
}

fn set(node: &mut Node, path: &[&str], at: usize) -> Result<(), ApplyError> {
    let failed = || ApplyError::InTheWay { path: path.join(" ") };
    let children = node.children_mut().ok_or_else(failed)?;
    let (Some(name), upto) = (path.get(at), path.get(..=at).unwrap_or(path)) else {
        return Ok(());
    };
    if let [value] = path.get(at + 1..).unwrap_or_default() {
        let role = grammar::role(upto);
        let holds_values = match children.get(name) {
            Some(known) if !known.is_bare() => matches!(known.kind, Kind::Leaf(_)),
            _ => match role {
                Some(role) => matches!(role, Role::Single | Role::Many),
                None => return Err(ApplyError::Unknown { path: path.join(" ") }),
            },
        };
        if holds_values {
            let (setting, _) = children.entry(name, || Node::leaf(Vec::<String>::new()));
            let mut values = match role {
                Some(Role::Single) => Vec::new(),
                _ => setting.values().to_vec(),
            };
            if !values.iter().any(|known| known == value) {
                values.push((*value).to_owned());
            }
            setting.kind = Kind::Leaf(values);
            return Ok(());
        }
    }
    let is_last = at + 1 == path.len();
    let make = || match fresh(upto) {
        Node { kind: Kind::Leaf(_), .. } if !is_last => Node::default(),
        node => node,
    };
    let (child, _) = children.entry(name, make);
    if is_last { Ok(()) } else { set(child, path, at + 1) }
}

/// Takes the node or value away; whether anything was there.
fn delete(node: &mut Node, path: &[&str], at: usize) -> bool {
    let (Kind::Inner(children) | Kind::Tag(children)) = &mut node.kind else { return false };
    let (Some(name), upto) = (path.get(at), path.get(..=at).unwrap_or(path)) else { return false };
    let rest = path.get(at + 1..).unwrap_or_default();
    if rest.is_empty() {
        return children.remove(name).is_some();
    }
    let Some(child) = children.get_mut(name) else { return false };
    match (&mut child.kind, rest) {
        (Kind::Leaf(values), [value]) => {
            let before = values.len();
            values.retain(|known| known != value);
            let gone = values.len() < before;
            if gone && values.is_empty() {
                children.remove(name);
            }
            gone
        }
        (Kind::Leaf(_), _) => false,
        (Kind::Inner(_) | Kind::Tag(_), _) => {
            let gone = delete(child, path, at + 1);
            let stood_for_many = matches!(child.kind, Kind::Tag(_)) || grammar::is_tag(upto);
            if gone && child.is_bare() && stood_for_many {
                children.remove(name);
            }
            gone
        }
    }
}
