//! Changes of a configuration: what the router's `set`, `delete` and `comment` do to a tree, by the
//! rules of the table of words.

use vyos::config::{Children, Kind, Node};

use crate::schema::{Def, Is, Step, Wrong};

/// Brings a tree into the shape that the table gives it; what the table does not know, or what has
/// a value that is refused, is left out, as a router does with a file it loads.
pub(crate) fn shaped(node: &Node, def: &Def) -> Node {
    if def.is == Is::Anything {
        return node.clone();
    }
    let mut out = Children::new();
    for (name, child) in node.children().into_iter().flat_map(Children::iter) {
        let Some(below) = def.below(name) else { continue };
        let kind = match below.is {
            Is::Group | Is::Anything => {
                let inner = shaped(child, below);
                out.insert(name, Node { comment: child.comment.clone(), ..inner });
                continue;
            }
            Is::Switch => Kind::Leaf(Vec::new()),
            Is::One | Is::Many => {
                let values = child.values().iter().filter(|value| below.check(value).is_ok());
                let values: Vec<String> = values.cloned().collect();
                if values.is_empty() && !child.values().is_empty() {
                    continue;
                }
                Kind::Leaf(values)
            }
            Is::Tag => {
                let mut instances = Children::new();
                for (instance, inner) in child.children().into_iter().flat_map(Children::iter) {
                    if below.check(instance).is_ok() {
                        let shape = shaped(inner, below);
                        let comment = inner.comment.clone();
                        instances.insert(instance, Node { comment, ..shape });
                    }
                }
                // Without a brace behind it, a file's `name x` reads like a value.
                for instance in child.values().iter().filter(|name| below.check(name).is_ok()) {
                    instances.insert(instance, Node::default());
                }
                Kind::Tag(instances)
            }
        };
        out.insert(name, Node { comment: child.comment.clone(), kind });
    }
    Node { comment: None, kind: Kind::Inner(out) }
}

/// Sets a path.
pub(crate) fn set(root: &mut Node, def: &Def, path: &[String]) -> Result<(), Wrong> {
    let steps = def.steps(path, true)?;
    if matches!(steps.last(), Some(Step::One | Step::Many | Step::Tag)) {
        return Err(Wrong::NoValue);
    }
    let (mut node, mut before) = (root, Step::Group);
    for (place, (word, step)) in path.iter().zip(&steps).enumerate() {
        let last = place + 1 == path.len();
        match step {
            Step::Value => {
                let Kind::Leaf(values) = &mut node.kind else { return Err(Wrong::Path) };
                if before == Step::One {
                    values.clear();
                }
                push(values, word);
            }
            // The last word of an unknown path is taken for a value, until more follows.
            Step::Anything if last && before == Step::Anything && is_bare(node) => {
                let mut values = node.values().to_vec();
                push(&mut values, word);
                node.kind = Kind::Leaf(values);
            }
            Step::One | Step::Many | Step::Switch => {
                node = enter(node, word, Kind::Leaf(Vec::new()))?;
            }
            Step::Tag => node = enter(node, word, Kind::Tag(Children::new()))?,
            Step::Group | Step::Instance | Step::Anything => {
                node = enter(node, word, Kind::default())?;
            }
        }
        before = *step;
    }
    Ok(())
}

fn push(values: &mut Vec<String>, value: &str) {
    if !values.iter().any(|known| known == value) {
        values.push(value.to_owned());
    }
}

fn is_bare(node: &Node) -> bool {
    node.children().is_none_or(Children::is_empty)
}

fn below(node: &mut Node) -> Option<&mut Children> {
    match &mut node.kind {
        Kind::Inner(children) | Kind::Tag(children) => Some(children),
        Kind::Leaf(_) => None,
    }
}

/// The node of a name below another, made if there is none. What was taken for values becomes
/// names.
fn enter<'a>(node: &'a mut Node, word: &str, kind: Kind) -> Result<&'a mut Node, Wrong> {
    if let Kind::Leaf(values) = &node.kind {
        let mut children = Children::new();
        for value in values {
            children.insert(value, Node::default());
        }
        node.kind = Kind::Inner(children);
    }
    let children = below(node).ok_or(Wrong::Path)?;
    Ok(children.entry(word, || Node { comment: None, kind }).0)
}

/// Takes a path away, or one value; nothing where it is absent.
pub(crate) fn delete(root: &mut Node, def: &Def, path: &[String]) -> Result<(), Wrong> {
    def.steps(path, false)?;
    take(root, path);
    Ok(())
}

/// Whether the node lost all that made it be there.
fn take(node: &mut Node, path: &[String]) -> bool {
    let Some((word, rest)) = path.split_first() else { return true };
    match &mut node.kind {
        Kind::Leaf(values) => {
            let there = values.len();
            values.retain(|value| value != word || !rest.is_empty());
            values.is_empty() && there > 0
        }
        Kind::Inner(children) | Kind::Tag(children) => {
            if children.get(word).is_none() {
                return false;
            }
            if take(children.entry(word, Node::default).0, rest) {
                children.remove(word);
            }
            matches!(&node.kind, Kind::Tag(children) if children.is_empty())
        }
    }
}

/// Notes something about a node that is there, or takes the note away.
pub(crate) fn comment(root: &mut Node, path: &[String], text: Option<&str>) -> bool {
    let mut node = root;
    for word in path {
        if node.at([word.as_str()]).is_none() {
            return false;
        }
        let Some(children) = below(node) else { return false };
        node = children.entry(word, Node::default).0;
    }
    node.comment = text.map(str::to_owned);
    true
}

/// Puts a subtree in at a path, or takes it away where there is none.
pub(crate) fn graft(root: &mut Node, from: &Node, path: &[&str]) {
    let Some((word, rest)) = path.split_first() else {
        root.clone_from(from);
        return;
    };
    match (from.at([*word]), below(root)) {
        (Some(source), Some(children)) => {
            let kind = match source.kind {
                Kind::Tag(_) => Kind::Tag(Children::new()),
                _ => Kind::default(),
            };
            let (node, is_new) = children.entry(word, || Node { comment: None, kind });
            if is_new {
                node.comment.clone_from(&source.comment);
            }
            graft(node, source, rest);
        }
        (None, Some(_)) => {
            let all: Vec<String> = path.iter().map(|word| (*word).to_owned()).collect();
            // Only the owner's own part may go; what stands above it is shared.
            take(root, &all);
        }
        (_, None) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Release, schema};

    fn words(line: &str) -> Vec<String> {
        line.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn one_value_replaces_and_many_add_up() {
        let (def, mut root) = (schema::of(Release::Current), Node::default());
        for line in ["system host-name a", "system host-name b", "service ssh port 22"] {
            set(&mut root, def, &words(line)).unwrap();
        }
        set(&mut root, def, &words("service ssh port 2222")).unwrap();
        assert_eq!(root.value_at(["system", "host-name"]), Some("b"));
        let port = root.at(["service", "ssh", "port"]).unwrap();
        assert_eq!(port.values(), ["22", "2222"]);
        delete(&mut root, def, &words("service ssh port 22")).unwrap();
        delete(&mut root, def, &words("service ssh port 2222")).unwrap();
        assert!(root.at(["service", "ssh", "port"]).is_none());
        assert!(root.at(["service", "ssh"]).is_some());
    }

    #[test]
    fn the_last_of_many_things_takes_their_name_along() {
        let (def, mut root) = (schema::of(Release::Current), Node::default());
        set(&mut root, def, &words("vrf name red table 100")).unwrap();
        delete(&mut root, def, &words("vrf name red")).unwrap();
        assert!(root.at(["vrf", "name"]).is_none());
        assert!(root.at(["vrf"]).is_some());
    }

    #[test]
    fn an_area_known_by_name_takes_any_words() {
        let (def, mut root) = (schema::of(Release::Current), Node::default());
        for line in ["protocols bgp system-as 65001", "protocols bgp neighbor 10.0.0.1 remote-as 1"]
        {
            set(&mut root, def, &words(line)).unwrap();
        }
        set(&mut root, def, &words("protocols bgp neighbor 10.0.0.2 shutdown")).unwrap();
        let at = |path: &str| root.value_at(path.split(' ')).map(str::to_owned);
        assert_eq!(at("protocols bgp system-as").as_deref(), Some("65001"));
        assert_eq!(at("protocols bgp neighbor 10.0.0.1 remote-as").as_deref(), Some("1"));
    }

    #[test]
    fn a_file_keeps_what_the_table_knows() {
        let text = "service {\n nosuch {\n x y\n }\n ssh {\n port \"70000\"\n }\n}\ninterfaces {\n \
                    loopback lo {\n }\n}\n";
        let root = vyos::config::Document::parse(text).unwrap().root;
        let root = shaped(&root, schema::of(Release::Current));
        assert!(root.at(["service", "nosuch"]).is_none());
        assert!(root.at(["service", "ssh"]).is_some_and(is_bare));
        assert!(root.at(["interfaces", "loopback", "lo"]).is_some());
    }
}
