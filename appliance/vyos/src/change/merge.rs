//! The way back from a change that others have changed since: what was before, but what others made
//! of the very settings that the change touched stays as they want it.
//!
//! Pure: three configurations in (before the change, as it left them, now), one out.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::touch::{made, path, touched, undone, within};
use crate::api::check_command;
use crate::config::{Children, Command, Kind, Node};

/// Where a change leads back to.
#[derive(Debug, PartialEq)]
pub(super) struct WayBack {
    /// The whole configuration that is meant.
    pub(super) target: Node,
    /// The settings that others have changed since, which stay as they are.
    pub(super) theirs: Vec<String>,
}

/// Works it out. `left` is what the change touched as it left it; where that is not known, all that
/// it touched becomes as it was before.
pub(super) fn way_back(
    now: &Node,
    before: &Node,
    left: Option<&Node>,
    commands: &[Command],
) -> WayBack {
    let mut target = undone(now, before, commands);
    let mut theirs = Vec::new();
    let Some(left) = left else { return WayBack { target, theirs } };
    let is = touched(now, commands);
    let (was_ends, left_ends, is_ends) = (ends(before), ends(left), ends(&is));
    let new = made(before, commands);
    let paths: BTreeSet<&Vec<String>> = left_ends.keys().chain(is_ends.keys()).collect();
    for path in paths {
        let (was, left_end, is_end) = (was_ends.get(path), left_ends.get(path), is_ends.get(path));
        // What others have put something into is no end any more, or was none before they took all
        // out of it: that is told by what is below. A thing that the change made goes as a whole.
        let is_in = |tree: &Node| tree.at(path.iter().map(String::as_str)).is_some();
        let is_same = left_end == is_end
            || (is_end.is_none() && is_in(&is))
            || (left_end.is_none() && is_in(left));
        if is_same || within(path, &new) {
            continue;
        }
        let merged = merged(was, left_end, is_end);
        if merged == was.cloned() {
            continue;
        }
        if merged.as_ref() == is_end {
            theirs.push(path.join(" "));
        }
        put(&mut target, path, merged);
    }
    WayBack { target, theirs }
}

/// Where a configuration ends: settings with their values, and nodes with nothing in them.
type Ends = BTreeMap<Vec<String>, Vec<String>>;

fn ends(node: &Node) -> Ends {
    fn collect(node: &Node, path: &mut Vec<String>, into: &mut Ends) {
        match &node.kind {
            Kind::Inner(children) | Kind::Tag(children) if !children.is_empty() => {
                for (name, child) in children.iter() {
                    path.push(name.to_owned());
                    collect(child, path, into);
                    path.pop();
                }
            }
            _ => drop(into.insert(path.clone(), node.values().to_vec())),
        }
    }
    let mut into = Ends::new();
    collect(node, &mut Vec::new(), &mut into);
    into
}

/// One setting: of many values ours go and theirs stay, of one theirs stays.
fn merged(
    was: Option<&Vec<String>>,
    left: Option<&Vec<String>>,
    is: Option<&Vec<String>>,
) -> Option<Vec<String>> {
    let (Some(left), Some(is)) = (left, is) else { return is.cloned() };
    let none = Vec::new();
    let was = was.unwrap_or(&none);
    let ours = |value: &&String| !was.contains(value);
    if left.is_empty() || !left.iter().filter(ours).all(|value| is.contains(value)) {
        return Some(is.clone());
    }
    let mut values: Vec<String> =
        is.iter().filter(|value| was.contains(value) || !left.contains(value)).cloned().collect();
    let back = was.iter().filter(|value| !left.contains(value) && !is.contains(value));
    values.extend(back.cloned());
    (!values.is_empty()).then_some(values)
}

/// Makes a setting of a configuration hold these values, or takes it away.
fn put(tree: &mut Node, path: &[String], values: Option<Vec<String>>) {
    let Some((name, rest)) = path.split_first() else { return };
    let Some(children) = tree.children_mut() else { return };
    match (rest.is_empty(), values) {
        (true, None) => drop(children.remove(name)),
        (true, Some(values)) => {
            let (child, _) = children.entry(name, || Node::leaf(Vec::<String>::new()));
            // Without values it is there, and more is not to be said.
            if !values.is_empty() {
                child.kind = Kind::Leaf(values);
            }
        }
        (false, values) => {
            if values.is_none() && children.get(name).is_none() {
                return;
            }
            let (child, _) = children.entry(name, Node::default);
            put(child, rest, values);
        }
    }
}

/// A remark of before, on something that a change takes away or remarks on.
pub(super) type Remark = (Vec<String>, String);

/// The remarks of a configuration that undoing a change has to bring back. Those that could not be
/// sent are left out: they must not keep the rest from being undone.
pub(super) fn remarks(before: &Node, commands: &[Command]) -> Vec<Remark> {
    let mut found = BTreeMap::new();
    for command in commands {
        let at = path(command);
        let Some(node) = before.at(at.iter().map(String::as_str)) else { continue };
        match command {
            Command::Set(_) => {}
            Command::Delete(_) => below(node, &mut at.to_vec(), &mut found),
            Command::Comment(..) => {
                found.entry(at.to_vec()).or_insert(node.comment.clone().unwrap_or_default());
            }
        }
    }
    let fit = |(path, text): &Remark| {
        check_command(&Command::Comment(path.clone(), text.clone())).is_ok()
    };
    found.into_iter().filter(fit).collect()
}

fn below(node: &Node, path: &mut Vec<String>, found: &mut BTreeMap<Vec<String>, String>) {
    if let Some(text) = &node.comment {
        found.insert(path.clone(), text.clone());
    }
    for (name, child) in node.children().into_iter().flat_map(Children::iter) {
        path.push(name.to_owned());
        below(child, path, found);
        path.pop();
    }
}

/// Whether remarks may be lost by commands, so that it is worth to read them.
pub(super) fn may_lose_remarks(commands: &[Command]) -> bool {
    commands.iter().any(|command| !matches!(command, Command::Set(_)))
}

/// The commands that bring remarks back to what is there again; those that others made stay.
pub(super) fn remarks_back(
    now: &Node,
    target: &Node,
    remarks: &[Remark],
    commands: &[Command],
) -> Vec<Command> {
    let ours: HashSet<(&[String], &str)> = commands
        .iter()
        .filter_map(|command| match command {
            Command::Comment(path, text) => Some((path.as_slice(), text.as_str())),
            _ => None,
        })
        .collect();
    let wanted = remarks.iter().filter(|(path, text)| {
        let at = |tree: &Node| tree.at(path.iter().map(String::as_str)).cloned();
        let is = at(now).and_then(|node| node.comment).unwrap_or_default();
        let free = is.is_empty() || ours.contains(&(path.as_slice(), is.as_str()));
        at(target).is_some() && is != *text && free
    });
    wanted.map(|(path, text)| Command::Comment(path.clone(), text.clone())).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::commands::parse;
    use crate::config::diff;

    fn tree(json: serde_json::Value) -> Node {
        Node::from_json(&json).unwrap()
    }

    /// What is sent to undo `commands` where others have changed `outside` since, and what stays.
    fn undo(before: &Node, commands: &str, outside: &str) -> (Vec<String>, Vec<String>) {
        let commands = parse(commands).unwrap();
        let mut left = before.clone();
        left.apply(&commands).unwrap();
        let mut now = left.clone();
        now.apply(&parse(outside).unwrap()).unwrap();
        let way = way_back(&now, before, Some(&touched(&left, &commands)), &commands);
        let sent = diff(&now, &way.target).iter().map(ToString::to_string).collect();
        (sent, way.theirs)
    }

    fn router() -> Node {
        tree(json!({
            "system": { "host-name": "vyos", "name-server": ["9.9.9.9", "1.1.1.1"] },
            "service": { "ssh": { "port": "22" } },
        }))
    }

    #[test]
    fn a_setting_that_others_changed_stays_theirs_and_the_rest_is_undone() {
        let (sent, theirs) = undo(
            &router(),
            "set system host-name edge\nset service ssh port 2222",
            "set system host-name theirs",
        );
        assert_eq!(sent, ["delete service ssh port 2222"]);
        assert_eq!(theirs, ["system host-name"]);
    }

    #[test]
    fn of_a_setting_of_many_values_ours_go_and_theirs_stay() {
        let ours = "set system name-server 8.8.8.8\ndelete system name-server 9.9.9.9";
        let (sent, theirs) = undo(&router(), ours, "set system name-server 4.4.4.4");
        assert_eq!(sent, ["delete system name-server 8.8.8.8", "set system name-server 9.9.9.9"]);
        assert_eq!(theirs, Vec::<String>::new());
    }

    #[test]
    fn what_others_made_anew_after_we_deleted_it_stays() {
        let (sent, theirs) = undo(&router(), "delete service ssh", "set service ssh port 2200");
        assert_eq!((sent, theirs), (vec![], vec!["service ssh port".to_owned()]));
    }

    #[test]
    fn what_others_took_away_does_not_come_back() {
        let (sent, theirs) =
            undo(&router(), "set service ssh port 2222", "delete service ssh port");
        assert_eq!((sent, theirs), (vec![], vec!["service ssh port".to_owned()]));
    }

    #[test]
    fn a_thing_that_the_change_made_goes_whatever_others_put_into_it() {
        let (sent, theirs) = undo(
            &router(),
            "set nat source rule 100 translation address masquerade",
            "set nat source rule 100 translation address 192.0.2.1",
        );
        assert_eq!((sent, theirs), (vec!["delete nat".to_owned()], vec![]));
    }

    #[test]
    fn without_changes_by_others_it_leads_to_exactly_what_was() {
        let ours = "delete service ssh\nset system host-name edge\ndelete system name-server";
        let commands = parse(ours).unwrap();
        let mut left = router();
        left.apply(&commands).unwrap();
        let way = way_back(&left, &router(), Some(&touched(&left, &commands)), &commands);
        assert!(way.target.means_the_same(&router()) && way.theirs.is_empty());
        // A router that has restarted runs it already.
        let way = way_back(&router(), &router(), Some(&touched(&left, &commands)), &commands);
        assert!(way.target.means_the_same(&router()) && way.theirs.is_empty());
    }

    #[test]
    fn the_remarks_of_what_is_deleted_are_known_and_brought_back() {
        let mut before = router();
        before
            .apply(&parse("comment service ssh port 'as ever'\ncomment system here").unwrap())
            .unwrap();
        let commands = parse("delete service ssh\ncomment system there").unwrap();
        let known = remarks(&before, &commands);
        assert_eq!(known.len(), 2);
        let mut now = before.clone();
        now.apply(&commands).unwrap();
        let back = remarks_back(&now, &before, &known, &commands);
        let lines: Vec<_> = back.iter().map(ToString::to_string).collect();
        assert_eq!(lines, ["comment service ssh port 'as ever'", "comment system 'here'"]);
        // Others have remarked on it since.
        now.apply(&parse("comment system elsewhere").unwrap()).unwrap();
        assert_eq!(remarks_back(&now, &before, &known, &commands).len(), 1);
    }

    #[test]
    fn a_remark_that_could_not_be_sent_is_let_go() {
        let mut before = router();
        before.at_mut(&["service", "ssh"]).unwrap().comment = Some("two\nlines".to_owned());
        assert_eq!(remarks(&before, &parse("delete service ssh").unwrap()), []);
    }
}
