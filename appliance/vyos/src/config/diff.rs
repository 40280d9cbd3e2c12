//! What turns one configuration into another.

use super::{Children, Command, Kind, Node};

/// The commands that turn `from` into `to`: all deletes first, then what is set, each in the order
/// of the configuration. One transaction takes them in this order.
///
/// An old value is deleted even where setting the new one would replace it: which settings take
/// one value and which take many is not to be seen in a configuration.
pub fn diff(from: &Node, to: &Node) -> Vec<Command> {
    let mut changes = Changes::default();
    changes.compare(from, to, &mut Vec::new());
    changes.deletes.append(&mut changes.sets);
    changes.deletes
}

#[derive(Default)]
struct Changes {
    deletes: Vec<Command>,
    sets: Vec<Command>,
}

impl Changes {
    fn compare(&mut self, from: &Node, to: &Node, path: &mut Vec<String>) {
        match (&from.kind, &to.kind) {
            _ if is_bare(from) && is_bare(to) => {}
            _ if is_bare(from) => self.make(&Node { comment: None, kind: to.kind.clone() }, path),
            (Kind::Leaf(old), Kind::Leaf(new)) if !new.is_empty() => self.values(old, new, path),
            (Kind::Inner(old) | Kind::Tag(old), Kind::Inner(new) | Kind::Tag(new))
                if !new.is_empty() || path.is_empty() =>
            {
                self.children(old, new, path);
            }
            // Of another kind, or it loses all it has and must still be there.
            _ => {
                self.deletes.push(Command::Delete(path.clone()));
                return self.make(to, path);
            }
        }
        let old = from.comment.as_deref().unwrap_or_default();
        let new = to.comment.as_deref().unwrap_or_default();
        if old != new {
            self.sets.push(Command::Comment(path.clone(), new.to_owned()));
        }
    }

    fn children(&mut self, old: &Children, new: &Children, path: &mut Vec<String>) {
        for (name, before) in old.iter() {
            path.push(name.to_owned());
            match new.get(name) {
                Some(after) => self.compare(before, after, path),
                None => self.deletes.push(Command::Delete(path.clone())),
            }
            path.pop();
        }
        for (name, added) in new.iter().filter(|(name, _)| old.get(name).is_none()) {
            path.push(name.to_owned());
            self.make(added, path);
            path.pop();
        }
    }

    /// The values of a setting, whose order counts (servers are asked in it).
    fn values(&mut self, old: &[String], new: &[String], path: &[String]) {
        let with = |value: &String| path.iter().chain([value]).cloned().collect::<Vec<_>>();
        let stays: Vec<_> = old.iter().filter(|value| new.contains(value)).collect();
        if new.iter().take(stays.len()).eq(stays) {
            let gone = old.iter().filter(|value| !new.contains(value));
            self.deletes.extend(gone.map(|value| Command::Delete(with(value))));
            let added = new.iter().filter(|value| !old.contains(value));
            self.sets.extend(added.map(|value| Command::Set(with(value))));
        } else {
            self.deletes.push(Command::Delete(path.to_vec()));
            self.sets.extend(new.iter().map(|value| Command::Set(with(value))));
        }
    }

    fn make(&mut self, node: &Node, path: &[String]) {
        self.sets.extend(node.commands_at(path));
    }
}

/// It holds nothing: a group without nodes, or a setting that is switched on by being there.
fn is_bare(node: &Node) -> bool {
    match &node.kind {
        Kind::Leaf(values) => values.is_empty(),
        Kind::Inner(children) | Kind::Tag(children) => children.is_empty(),
    }
}
