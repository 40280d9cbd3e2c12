//! The nodes below a node, in the order in which `VyOS` writes them.

use std::cmp::Ordering;

use super::Node;

/// Nodes by name: as text, but numbers in names by their value, so that rule 2 stands before rule
/// 10 and `eth9` before `eth10`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Children(Vec<(String, Node)>);

impl Children {
    /// No nodes.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// None at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The node of this name.
    pub fn get(&self, name: &str) -> Option<&Node> {
        self.place(name).ok().map(|at| &self.0[at].1)
    }

    /// The node of this name, with the name as it is kept here.
    pub(crate) fn entry_of(&self, name: &str) -> Option<(&str, &Node)> {
        self.place(name)
            .ok()
            .and_then(|at| self.0.get(at))
            .map(|(name, node)| (name.as_str(), node))
    }

    /// The node of this name, to be changed.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Node> {
        self.place(name).ok().map(|at| &mut self.0[at].1)
    }

    /// The node of this name, made by `fresh` where there is none, and whether it was.
    pub fn entry(&mut self, name: &str, fresh: impl FnOnce() -> Node) -> (&mut Node, bool) {
        let (at, is_new) = match self.place(name) {
            Ok(at) => (at, false),
            Err(at) => {
                self.0.insert(at, (name.to_owned(), fresh()));
                (at, true)
            }
        };
        (&mut self.0[at].1, is_new)
    }

    /// Puts a node in, in place of the one of its name.
    pub fn insert(&mut self, name: &str, node: Node) {
        *self.entry(name, Node::default).0 = node;
    }

    /// Takes a node out.
    pub fn remove(&mut self, name: &str) -> Option<Node> {
        self.place(name).ok().map(|at| self.0.remove(at).1)
    }

    /// All of them in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Node)> {
        self.0.iter().map(|(name, node)| (name.as_str(), node))
    }

    /// All of them in order, to be changed in place.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut Node> {
        self.0.iter_mut().map(|(_, node)| node)
    }

    fn place(&self, name: &str) -> Result<usize, usize> {
        // Files are written in order: most names come last.
        match self.0.last().map(|(last, _)| natural(last, name)) {
            None => Err(0),
            Some(Ordering::Less) => Err(self.0.len()),
            Some(Ordering::Equal) => Ok(self.0.len() - 1),
            Some(Ordering::Greater) => self.0.binary_search_by(|(known, _)| natural(known, name)),
        }
    }
}

/// Compares texts piece by piece, digits by their value.
fn natural(a: &str, b: &str) -> Ordering {
    let (mut x, mut y) = (a, b);
    while !x.is_empty() && !y.is_empty() {
        let (digits_x, digits_y) = (digits(x), digits(y));
        let order = if digits_x > 0 && digits_y > 0 {
            let order = by_value(&x[..digits_x], &y[..digits_y]);
            (x, y) = (&x[digits_x..], &y[digits_y..]);
            order
        } else {
            let (mut left, mut right) = (x.chars(), y.chars());
            let order = left.next().cmp(&right.next());
            (x, y) = (left.as_str(), right.as_str());
            order
        };
        if order != Ordering::Equal {
            return order;
        }
    }
    // `007` and `7` are of one value and two names.
    x.len().cmp(&y.len()).then_with(|| a.cmp(b))
}

fn digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

/// Two numbers of any length.
fn by_value(a: &str, b: &str) -> Ordering {
    let (a, b) = (a.trim_start_matches('0'), b.trim_start_matches('0'));
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_in_names_are_in_the_order_of_numbers() {
        let mut names = ["rule100", "10", "eth10", "9", "eth9", "lo", "eth9.2", "eth9.10", "09"];
        names.sort_by(|a, b| natural(a, b));
        assert_eq!(names, ["09", "9", "10", "eth9", "eth9.2", "eth9.10", "eth10", "lo", "rule100"]);
    }

    proptest! {
        #[test]
        fn the_order_is_one(mut names in prop::collection::vec("[0-9ab]{0,4}", 3)) {
            prop_assert_eq!(natural(&names[0], &names[1]), natural(&names[1], &names[0]).reverse());
            prop_assert_eq!(natural(&names[0], &names[1]) == Ordering::Equal, names[0] == names[1]);
            names.sort_by(|a, b| natural(a, b));
            prop_assert!(natural(&names[0], &names[2]) != Ordering::Greater);
        }

        #[test]
        fn what_was_put_in_is_found(names in prop::collection::vec("[0-9a-c]{1,3}", 0..30)) {
            let mut children = Children::new();
            for name in &names {
                children.insert(name, Node::leaf([name.clone()]));
            }
            for name in &names {
                prop_assert_eq!(children.get(name), Some(&Node::leaf([name.clone()])));
            }
            let order: Vec<_> = children.iter().map(|(name, _)| name).collect();
            prop_assert!(order.windows(2).all(|two| natural(two[0], two[1]) == Ordering::Less));
        }
    }
}
