//! Reads a node's settings one by one and keeps account: what no view has taken is left over in
//! plain words, so that nothing of a configuration is hidden. Secrets never leave it.

use std::str::FromStr;

use crate::config::{Children, Command, Kind, Node};
use crate::secrets::{name_is_secret, without_login_as};

/// What stands in place of a secret.
pub const HIDDEN: &str = "(hidden)";

/// A name whose value nobody is shown. Without the path, which a part of a configuration does not
/// tell, rather one too many than one too few.
pub fn is_secret(name: &str) -> bool {
    name_is_secret(name) || matches!(name, "key" | "community")
}

/// A node that is being read.
pub(crate) struct Reader<'a> {
    children: Option<&'a Children>,
    comment: Option<&'a str>,
    values: &'a [String],
    taken: Vec<&'a str>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(node: &'a Node) -> Self {
        Self {
            children: node.children(),
            comment: node.comment.as_deref(),
            values: node.values(),
            taken: Vec::new(),
        }
    }

    /// A node that may not be there, which then has nothing.
    pub(crate) fn of(node: Option<&'a Node>) -> Self {
        const NOTHING: &Node = &Node { comment: None, kind: Kind::Leaf(Vec::new()) };
        Self::new(node.unwrap_or(NOTHING))
    }

    fn get(&self, name: &str) -> Option<(&'a str, &'a Node)> {
        self.children?.entry_of(name)
    }

    /// It is there, whoever reads it.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// A setting of one value.
    pub(crate) fn text(&mut self, name: &str) -> Option<String> {
        let (name, node) = self.get(name)?;
        let [value] = node.values() else { return None };
        self.taken.push(name);
        Some(value.clone())
    }

    /// A setting of one value that is a number; what is none is left over.
    pub(crate) fn number<T: FromStr>(&mut self, name: &str) -> Option<T> {
        let (name, node) = self.get(name)?;
        let [value] = node.values() else { return None };
        let number = value.parse().ok()?;
        self.taken.push(name);
        Some(number)
    }

    /// A setting of many values.
    pub(crate) fn texts(&mut self, name: &str) -> Vec<String> {
        let Some((name, node)) = self.get(name) else { return Vec::new() };
        if matches!(&node.kind, Kind::Leaf(values) if !values.is_empty()) {
            self.taken.push(name);
        }
        node.values().to_vec()
    }

    /// A setting that is switched on by being there, or by `enable` in older releases.
    pub(crate) fn flag(&mut self, name: &str) -> bool {
        let Some((name, node)) = self.get(name) else { return false };
        match node.values() {
            [] if node.is_bare() => {}
            [value] if value == "enable" => {}
            // Older releases wrote it out.
            [value] if value == "disable" => {
                self.taken.push(name);
                return false;
            }
            _ => return true,
        }
        self.taken.push(name);
        true
    }

    /// Whether a secret is set, which is all that is told of it.
    pub(crate) fn secret(&mut self, name: &str) -> bool {
        let Some((name, _)) = self.get(name) else { return false };
        self.taken.push(name);
        true
    }

    /// A group, which the caller reads.
    pub(crate) fn group(&mut self, name: &str) -> Option<Reader<'a>> {
        self.node(name).map(Reader::new)
    }

    /// A node, which the caller reads.
    pub(crate) fn node(&mut self, name: &str) -> Option<&'a Node> {
        let (name, node) = self.get(name)?;
        self.taken.push(name);
        Some(node)
    }

    /// Many things of a kind by their names, which the caller reads. Releases that made a group of
    /// names out of a setting, and those that did not, read the same.
    pub(crate) fn each(&mut self, name: &str) -> Vec<(String, Reader<'a>)> {
        let Some((name, node)) = self.get(name) else { return Vec::new() };
        self.taken.push(name);
        match &node.kind {
            Kind::Leaf(values) => {
                values.iter().map(|value| (value.clone(), Self::of(None))).collect()
            }
            Kind::Inner(all) | Kind::Tag(all) => {
                all.iter().map(|(name, node)| (name.to_owned(), Self::new(node))).collect()
            }
        }
    }

    /// It is told by another view.
    pub(crate) fn elsewhere(&mut self, names: &[&str]) {
        for name in names {
            if let Some((name, _)) = self.get(name) {
                self.taken.push(name);
            }
        }
    }

    /// What nobody took, in the words of the configuration, without secrets.
    pub(crate) fn rest(self) -> Vec<String> {
        let mut rest = Vec::new();
        for (name, node) in self.children.into_iter().flat_map(Children::iter) {
            if !self.taken.contains(&name) {
                words(&[name.to_owned()], node, &mut rest);
            }
        }
        rest.extend(self.values.iter().cloned());
        rest.extend(self.comment.map(|comment| format!("/* {comment} */")));
        rest
    }

    /// What nobody took, behind the words of the group that it is in.
    pub(crate) fn rest_in(self, group: &str, into: &mut Vec<String>) {
        into.extend(self.rest().into_iter().map(|words| format!("{group} {words}")));
    }
}

/// A node in the words of a configuration, one line a setting, without secrets.
pub(crate) fn words(path: &[String], node: &Node, into: &mut Vec<String>) {
    for command in node.commands_at(path) {
        into.push(match command {
            Command::Set(words) | Command::Delete(words) => conceal(&words),
            Command::Comment(path, text) => format!("{} /* {text} */", path.join(" ")),
        });
    }
}

/// The words of a line; what follows the name of a secret is hidden.
fn conceal(words: &[String]) -> String {
    let mut shown: Vec<&str> = Vec::with_capacity(words.len());
    let (mut before, mut group) = ("", "");
    let last = words.len().saturating_sub(1);
    for (at, word) in words.iter().enumerate() {
        // The key of a GRE tunnel is a number that packets carry in clear.
        let is_open = before == "key" && ["gre", "flags", "ip"].contains(&group);
        let hide = is_secret(before) && !is_open && (at == last || before == "community");
        shown.push(if hide { HIDDEN } else { word });
        (group, before) = (before, word);
    }
    shown.iter().map(|word| without_password(word)).collect::<Vec<_>>().join(" ")
}

/// An address such as `scp://user:password@host/` without its password.
pub(crate) fn without_password(text: &str) -> String {
    without_login_as(text, HIDDEN).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Document;

    fn node(text: &str) -> Node {
        Document::parse(text).unwrap().root
    }

    #[test]
    fn what_no_view_takes_is_left_over_without_its_secrets() {
        let node = node(
            "mtu many\nname a\nadmin {\n    password s3cret\n}\nport 1\nport 2\nnew-thing {\n    \
             with value\n}\nurl \"scp://me:pw@host/x\"\ncommunity topsecret {\n    mode ro\n}\n",
        );
        let mut reader = Reader::new(&node);
        assert_eq!(reader.number::<u32>("mtu"), None);
        assert_eq!(reader.text("name").as_deref(), Some("a"));
        assert_eq!(reader.text("port"), None, "two values are not one");
        let rest = reader.rest();
        assert_eq!(
            rest,
            [
                "admin password (hidden)",
                "community (hidden) mode ro",
                "mtu many",
                "new-thing with value",
                "port 1",
                "port 2",
                "url scp://me:(hidden)@host/x",
            ]
        );
    }
}
