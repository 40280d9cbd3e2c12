//! What a list of changes touches in a configuration: whether it is done, how to undo it without
//! undoing what others did elsewhere, and whether two lists are in each other's way.
//!
//! Pure, and without definitions of commands: whether the last word of a path is a value or a node
//! is seen where the path ends in a tree.

use crate::config::{Command, Kind, Node};

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

/// Whether a configuration is as the changes, one after the other, leave it. Remarks do not count.
pub(super) fn is_done(tree: &Node, commands: &[Command]) -> bool {
    commands.iter().enumerate().all(|(at, command)| {
        let later = &commands[at + 1..];
        match command {
            Command::Set(path) => {
                let overtaken = later.iter().any(|next| match next {
                    Command::Delete(other) => path.starts_with(other),
                    // Another value for the same setting.
                    Command::Set(other) => {
                        let (own, theirs) = (path.split_last(), other.split_last());
                        own.zip(theirs).is_some_and(|((_, a), (_, b))| a == b)
                    }
                    Command::Comment(..) => false,
                });
                overtaken || has(tree, path)
            }
            Command::Delete(path) => {
                let set_again =
                    later.iter().any(|next| matches!(next, Command::Set(p) if p.starts_with(path)));
                set_again || !has(tree, path)
            }
            Command::Comment(..) => true,
        }
    })
}

/// Whether two lists of changes touch the same: undoing one would undo part of the other.
pub(super) fn overlap(some: &[Command], others: &[Command]) -> bool {
    some.iter().any(|a| {
        others.iter().any(|b| {
            let (a, b) = (path(a), path(b));
            a.starts_with(b) || b.starts_with(a) || same_setting(a, b)
        })
    })
}

/// Two values of what may be one setting.
fn same_setting(a: &[String], b: &[String]) -> bool {
    a.len() == b.len() && a.len() > 1 && a[..a.len() - 1] == b[..b.len() - 1]
}

/// A configuration in which everything that the changes touch is as it was before them, and all
/// else as it is now.
pub(super) fn undone(now: &Node, before: &Node, commands: &[Command]) -> Node {
    let mut target = now.clone();
    for command in commands {
        restore(&mut target, before, path(command));
    }
    target
}

/// Whether everything that the changes touch is the same in both.
pub(super) fn untouched(now: &Node, before: &Node, commands: &[Command]) -> bool {
    undone(now, before, commands).means_the_same(now)
}

fn restore(now: &mut Node, before: &Node, path: &[String]) {
    let Some((word, rest)) = path.split_first() else {
        return now.clone_from(before);
    };
    let (Kind::Inner(mine) | Kind::Tag(mine), Some(theirs)) = (&mut now.kind, before.children())
    else {
        // A setting on one side: its values are what the path goes on with.
        return now.kind.clone_from(&before.kind);
    };
    match (mine.get(word).is_some(), theirs.get(word)) {
        (true, Some(old)) => {
            let (child, _) = mine.entry(word, Node::default);
            restore(child, old, rest);
        }
        (true, None) => {
            mine.remove(word);
        }
        (false, Some(old)) => mine.insert(word, old.clone()),
        (false, None) => {}
    }
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
        assert!(!is_done(&router(), &commands));
        let after = tree(serde_json::json!({
            "system": { "host-name": "edge", "name-server": "1.1.1.1" },
        }));
        assert!(is_done(&after, &commands));
        assert!(!is_done(&after, &list("set system name-server 9.9.9.9")));
    }

    #[test]
    fn what_a_later_command_overtakes_need_not_be_there() {
        let commands = list(
            "delete system name-server\nset system name-server 8.8.8.8\n\
             set system host-name a\nset system host-name b",
        );
        let after =
            tree(serde_json::json!({ "system": { "host-name": "b", "name-server": "8.8.8.8" } }));
        assert!(is_done(&after, &commands));
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
