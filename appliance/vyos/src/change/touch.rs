//! What a list of changes touches in a configuration: whether it is done, how to undo it without
//! undoing what others did elsewhere, and whether two lists are in each other's way.
//!
//! Pure, and without definitions of commands: whether the last word of a path is a value or a node
//! is seen where the path ends in a tree.

use std::collections::{BTreeSet, HashSet};

use crate::config::{Children, Command, Kind, Node, grammar};

/// The path of a change: of a set, with the value as last word.
pub(super) fn path(command: &Command) -> &[String] {
    match command {
        Command::Set(path) | Command::Delete(path) | Command::Comment(path, _) => path,
    }
}

/// Whether a node or a value is there.
pub(super) fn has(tree: &Node, path: &[String]) -> bool {
    let Some((word, rest)) = path.split_first() else { return true };
    match &tree.kind {
        Kind::Leaf(values) => rest.is_empty() && values.contains(word),
        Kind::Inner(children) | Kind::Tag(children) => {
            children.get(word).is_some_and(|child| has(child, rest))
        }
    }
}

/// Whether a configuration is as the changes, one after the other, leave what was before. Remarks do
/// not count.
pub(super) fn is_done(tree: &Node, before: &Node, commands: &[Command]) -> bool {
    commands.iter().enumerate().all(|(at, command)| {
        let later = &commands[at + 1..];
        match command {
            Command::Set(path) => {
                has(tree, path)
                    || overtaken(tree, path, later)
                    || encrypted(path).is_some_and(|crypt| {
                        !has(tree, path) && node(tree, &crypt) != node(before, &crypt)
                    })
            }
            Command::Delete(path) => {
                !has(tree, path)
                    || later
                        .iter()
                        .any(|next| matches!(next, Command::Set(p) if p.starts_with(path)))
            }
            Command::Comment(..) => true,
        }
    })
}

/// Whether what was set is gone because of a later command: a delete, or another value for a setting
/// that holds one.
fn overtaken(tree: &Node, path: &[String], later: &[Command]) -> bool {
    let setting = path.split_last().map_or(path, |(_, setting)| setting);
    let only = match node(tree, setting).map(Node::values) {
        Some([value]) => Some(value),
        _ => None,
    };
    later.iter().any(|next| match next {
        Command::Delete(other) => path.starts_with(other),
        Command::Set(other) => other
            .split_last()
            .is_some_and(|(value, theirs)| theirs == setting && Some(value) == only),
        Command::Comment(..) => false,
    })
}

fn node<'a>(tree: &'a Node, path: &[String]) -> Option<&'a Node> {
    tree.at(path.iter().map(String::as_str))
}

/// Where the router puts a password that is set in the clear: in its commit it takes that away and
/// keeps the hash next to it.
fn encrypted(path: &[String]) -> Option<Vec<String>> {
    let setting = path.iter().position(|word| word == "plaintext-password")?;
    let parent = path.get(..setting)?.iter().cloned();
    (setting + 2 >= path.len()).then(|| parent.chain(["encrypted-password".to_owned()]).collect())
}

/// All paths that changes touch.
fn paths(commands: &[Command]) -> impl Iterator<Item = Vec<String>> {
    commands.iter().flat_map(|command| {
        let path = path(command);
        [Some(path.to_vec()), encrypted(path)].into_iter().flatten()
    })
}

/// Whether two lists of changes touch the same: undoing one would undo part of the other.
pub(super) fn overlap(some: &[Command], others: &[Command]) -> bool {
    let others: BTreeSet<Vec<String>> = paths(others).collect();
    let settings: HashSet<&[String]> = others.iter().filter_map(|path| setting(path)).collect();
    paths(some).any(|path| {
        // In order, those that begin with it come right after it.
        let below = others.range(path.clone()..).next();
        below.is_some_and(|below| below.starts_with(&path))
            || (0..=path.len()).any(|end| others.contains(&path[..end]))
            || setting(&path).is_some_and(|setting| settings.contains(setting))
    })
}

/// What two values of one setting have in common.
fn setting(path: &[String]) -> Option<&[String]> {
    path.split_last().map(|(_, setting)| setting).filter(|setting| !setting.is_empty())
}

/// Whether the second list touches a thing that the first made: undoing the first takes the thing
/// away as a whole.
pub(super) fn builds_on(before: &Node, first: &[Command], second: &[Command]) -> bool {
    let things = made(before, first);
    !things.is_empty() && paths(second).any(|path| within(&path, &things))
}

/// The things with names of their own that changes make, the outermost of each.
pub(super) fn made(before: &Node, commands: &[Command]) -> HashSet<Vec<String>> {
    let mut things = HashSet::new();
    for path in paths(commands) {
        if !within(&path, &things) {
            things.extend(thing(before, &path).map(<[String]>::to_vec));
        }
    }
    things
}

/// Whether a path is one of these, or below one.
pub(super) fn within(path: &[String], things: &HashSet<Vec<String>>) -> bool {
    (1..=path.len()).any(|end| things.contains(&path[..end]))
}

/// The thing with a name of its own, such as a rule or an interface, that a path is in and that is
/// not there yet; the outermost.
fn thing<'a>(tree: &Node, path: &'a [String]) -> Option<&'a [String]> {
    let words: Vec<&str> = path.iter().map(String::as_str).collect();
    (2..=path.len()).find_map(|end| {
        let start = path.get(..end).filter(|start| node(tree, start).is_none())?;
        grammar::is_tag(words.get(..end - 1)?).then_some(start)
    })
}

/// A configuration in which everything that the changes touch is as it was before them, and all
/// else as it is now.
///
/// A thing with a name of its own that the changes made goes as a whole. A mere group that they were
/// the first in stays if others have put something into it, and one that others took away comes
/// back only as far as it leads to what the changes touched.
pub(super) fn undone(now: &Node, before: &Node, commands: &[Command]) -> Node {
    let mut target = now.clone();
    for path in paths(commands) {
        restore(&mut target, before, &path, 0);
    }
    target
}

/// Of a configuration, only what the changes touch.
pub(super) fn touched(tree: &Node, commands: &[Command]) -> Node {
    undone(&Node::default(), tree, commands)
}

/// Whether everything that the changes touch is the same in both.
pub(super) fn untouched(now: &Node, before: &Node, commands: &[Command]) -> bool {
    undone(now, before, commands).means_the_same(now)
}

fn restore(now: &mut Node, before: &Node, path: &[String], at: usize) {
    let Some(word) = path.get(at) else { return now.clone_from(before) };
    let (Kind::Inner(mine) | Kind::Tag(mine), Some(theirs)) = (&mut now.kind, before.children())
    else {
        // A setting on one side: its values are what the path goes on with.
        return now.kind.clone_from(&before.kind);
    };
    match (mine.get(word).is_some(), theirs.get(word)) {
        (true, Some(old)) => {
            let (child, _) = mine.entry(word, Node::default);
            restore(child, old, path, at + 1);
        }
        (true, None) => take_away(mine, path, at),
        (false, Some(old)) => {
            if let Some(back) = only(old, path.get(at + 1..).unwrap_or_default()) {
                mine.insert(word, back);
            }
        }
        (false, None) => {}
    }
}

/// Takes away what was not there before.
fn take_away(mine: &mut Children, path: &[String], at: usize) {
    let Some(word) = path.get(at) else { return };
    let words: Vec<&str> = path.iter().take(at).map(String::as_str).collect();
    let whole = at + 1 == path.len() || grammar::is_tag(&words);
    if let (false, Some(children)) = (whole, mine.get_mut(word).and_then(Node::children_mut)) {
        take_away(children, path, at + 1);
        if !children.is_empty() {
            return;
        }
    }
    mine.remove(word);
}

/// Of a node, what a path leads to; none where it leads to nothing.
fn only(node: &Node, path: &[String]) -> Option<Node> {
    let Some((word, rest)) = path.split_first() else { return Some(node.clone()) };
    let mut back = Node { comment: node.comment.clone(), kind: node.kind.clone() };
    match &mut back.kind {
        Kind::Leaf(_) => {}
        Kind::Inner(_) | Kind::Tag(_) if node.is_bare() => {}
        Kind::Inner(children) | Kind::Tag(children) => {
            let below = only(children.get(word)?, rest)?;
            *children = Children::new();
            children.insert(word, below);
        }
    }
    Some(back)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::{commands, diff};

    fn tree(json: serde_json::Value) -> Node {
        Node::from_json(&json).unwrap()
    }

    fn list(text: &str) -> Vec<Command> {
        commands::parse(text).unwrap()
    }

    fn router() -> Node {
        tree(serde_json::json!({
            "system": { "host-name": "vyos", "name-server": ["9.9.9.9", "1.1.1.1"] },
            "interfaces": { "ethernet": { "eth0": { "address": "dhcp", "disable": {} } } },
        }))
    }

    #[test]
    fn a_change_is_done_when_all_of_it_can_be_seen() {
        let commands = list("set system host-name edge\ndelete system name-server 9.9.9.9");
        assert!(!is_done(&router(), &router(), &commands));
        let after = tree(serde_json::json!({
            "system": { "host-name": "edge", "name-server": "1.1.1.1" },
        }));
        assert!(is_done(&after, &router(), &commands));
        assert!(!is_done(&after, &router(), &list("set system name-server 9.9.9.9")));
    }

    #[test]
    fn what_a_later_command_overtakes_need_not_be_there() {
        let commands = list(
            "delete system name-server\nset system name-server 8.8.8.8\n\
             set system host-name a\nset system host-name b",
        );
        let after =
            tree(serde_json::json!({ "system": { "host-name": "b", "name-server": "8.8.8.8" } }));
        assert!(is_done(&after, &router(), &commands));
    }

    #[test]
    fn undoing_leaves_alone_what_others_changed_elsewhere() {
        let before = router();
        let commands = list("set system host-name edge\ndelete interfaces ethernet eth0 disable");
        let now = tree(serde_json::json!({
            "system": { "host-name": "edge", "name-server": "9.9.9.9", "time-zone": "UTC" },
            "interfaces": { "ethernet": { "eth0": { "address": "dhcp" } } },
        }));
        let target = undone(&now, &before, &commands);
        let shown: Vec<_> = diff(&now, &target).iter().map(ToString::to_string).collect();
        assert_eq!(
            shown,
            [
                "delete system host-name edge",
                "set interfaces ethernet eth0 disable",
                "set system host-name vyos"
            ]
        );
    }

    #[test]
    fn undoing_takes_away_the_whole_of_what_was_new() {
        let before = router();
        let commands = list("set nat source rule 100 translation address masquerade");
        let now = tree(serde_json::json!({
            "system": { "host-name": "vyos", "name-server": ["9.9.9.9", "1.1.1.1"] },
            "interfaces": { "ethernet": { "eth0": { "address": "dhcp", "disable": {} } } },
            "nat": { "source": { "rule": { "100": { "translation": { "address": "masquerade" } } } } },
        }));
        assert!(undone(&now, &before, &commands).means_the_same(&before));
    }

    #[test]
    fn undoing_the_first_in_a_group_leaves_what_others_put_into_it() {
        let mine = list("set nat source rule 100 translation address masquerade");
        let now = tree(serde_json::json!({
            "nat": {
                "source": { "rule": { "100": { "translation": { "address": "masquerade" } } } },
                "destination": { "rule": { "10": { "description": "theirs" } } },
            },
        }));
        let after = tree(serde_json::json!({
            "nat": { "destination": { "rule": { "10": { "description": "theirs" } } } },
        }));
        assert_eq!(undone(&now, &Node::default(), &mine), after);
        assert!(undone(&now, &after, &mine).means_the_same(&after));
    }

    #[test]
    fn undoing_does_not_bring_back_what_others_took_away_around_it() {
        let before = tree(serde_json::json!({
            "service": { "ssh": { "port": "22" }, "ntp": { "server": { "a": {}, "b": {} } } },
        }));
        let now = tree(serde_json::json!({ "system": {} }));
        let bring = |text: &str| undone(&now, &before, &list(text)).commands();
        assert_eq!(
            bring("delete service ntp server a"),
            list("set service ntp server a\nset system")
        );
        assert_eq!(bring("set service ssh port 2222"), list("set service ssh port 22\nset system"));
        assert_eq!(bring("set service lldp interface eth1"), list("set system"));
    }

    #[test]
    fn a_thing_that_one_change_makes_is_not_built_on_by_another() {
        let mine = list("set interfaces bridge br7 member interface eth1");
        let theirs = list("set interfaces bridge br7 description Guests");
        assert!(builds_on(&router(), &mine, &theirs));
        assert!(!builds_on(&router(), &mine, &list("set interfaces bridge br8 mtu 1400")));
        let mtu = list("set interfaces ethernet eth0 mtu 1400");
        assert!(!builds_on(&router(), &mtu, &list("set interfaces ethernet eth0 description x")));
    }

    #[test]
    fn a_password_is_set_once_the_router_has_its_hash_and_undone_with_it() {
        let commands = list("set system login user ana authentication plaintext-password x");
        let user = |kept: &str| {
            let kept = serde_json::json!({ "encrypted-password": kept });
            tree(serde_json::json!({
                "system": { "login": { "user": { "ana": { "authentication": kept } } } },
            }))
        };
        let (before, after) = (user("$6$old"), user("$6$new"));
        assert!(is_done(&after, &before, &commands));
        assert!(!is_done(&before, &before, &commands));
        assert_eq!(undone(&after, &before, &commands), before);
        assert!(overlap(
            &commands,
            &list("set system login user ana authentication encrypted-password y")
        ));
    }

    #[test]
    fn of_two_nodes_without_a_value_neither_stands_for_the_other() {
        let commands = list("set service ssh\nset service lldp");
        let after = tree(serde_json::json!({ "service": { "lldp": {} } }));
        assert!(!is_done(&after, &Node::default(), &commands));
    }

    #[test]
    fn long_lists_are_compared_at_once() {
        let all = |at: u8| {
            let lines = (0..20_000)
                .map(|n| format!("set firewall group address-group A{at} address 10.{at}.{n}"));
            list(&lines.collect::<Vec<_>>().join("\n"))
        };
        let (mine, theirs) = (all(1), all(2));
        let began = std::time::Instant::now();
        assert!(!overlap(&mine, &theirs));
        assert!(!builds_on(&router(), &mine, &theirs));
        assert!(began.elapsed() < std::time::Duration::from_secs(10));
    }

    #[test]
    fn changes_of_one_setting_or_of_a_node_around_it_are_in_each_others_way() {
        let mine = list("set system host-name a");
        assert!(overlap(&mine, &list("set system host-name b")));
        assert!(overlap(&mine, &list("delete system")));
        assert!(!overlap(&mine, &list("set system time-zone UTC")));
        assert!(!overlap(&mine, &list("set interfaces ethernet eth0 mtu 1400")));
    }

    fn any_tree() -> impl Strategy<Value = Node> {
        let leaf = prop::collection::vec("[a-c]{1,2}", 0..3).prop_map(|mut values| {
            values.dedup();
            Node::leaf(values)
        });
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop::collection::btree_map("[a-e]", inner, 0..4).prop_map(|all| {
                let mut node = Node::default();
                if let Kind::Inner(children) = &mut node.kind {
                    for (name, child) in all {
                        children.insert(&name, child);
                    }
                }
                node
            })
        })
    }

    proptest! {
        #[test]
        fn whatever_was_changed_undoing_gives_what_was_before(before in any_tree(), after in any_tree()) {
            prop_assume!(before.children().is_some() && after.children().is_some());
            let commands = diff(&before, &after);
            prop_assert!(undone(&after, &before, &commands).means_the_same(&before));
            prop_assert!(untouched(&before, &before, &commands));
        }
    }
}
