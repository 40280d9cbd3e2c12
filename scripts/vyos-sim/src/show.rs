//! A configuration as `showConfig` prints it: raw with marks of what is not committed, as JSON, as
//! the tree of the router's own parser, and as `set` lines.
//!
//! In the raw form the first column of a line is blank, `+` (new), `-` (gone) or `>` (another
//! value). The router makes JSON by parsing that text, which is why JSON shows marks as a part of
//! names, loses values that look like remarks, and fails where a mark stands before an indent.

use std::fmt::Write as _;

use vyos::config::{Children, Kind, Node};

use crate::Release;
use crate::json::Json;
use crate::schema::{Def, Is};

/// Why there is nothing to show.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unshown {
    /// Nothing is below the path.
    Empty,
    /// The router's own parser fails on what it printed.
    Broken,
}

/// What stands at a path before and after uncommitted changes.
struct Pair<'a> {
    before: Option<&'a Node>,
    after: Option<&'a Node>,
}

/// The text of a path. `running` is what is committed, `working` what the session has.
pub(crate) fn raw(running: &Node, working: &Node, path: &[String]) -> Result<String, Unshown> {
    let mut out = String::new();
    let (parent, name) = path.split_last().map_or((path, None), |(name, up)| (up, Some(name)));
    let words = || path.iter().map(String::as_str);
    let here = Pair { before: running.at(words()), after: working.at(words()) };
    let kind = here.after.or(here.before).map(|node| &node.kind);
    match (kind, name) {
        (Some(Kind::Inner(_)), _) | (_, None) => children(&here, 0, &mut out),
        (Some(Kind::Leaf(_) | Kind::Tag(_)), Some(name)) => named(name, &here, 0, &mut out),
        (None, Some(name)) => {
            let above = working.at(parent.iter().map(String::as_str));
            let is_value = above.is_some_and(|node| node.values().contains(name));
            return if is_value { Ok(out) } else { Err(Unshown::Empty) };
        }
    }
    // A switch asked for by itself has nothing to show.
    let switch = matches!(kind, Some(Kind::Leaf(values)) if values.is_empty());
    if out.is_empty() || switch { Err(Unshown::Empty) } else { Ok(out) }
}

fn none() -> &'static Children {
    static NONE: Children = Children::new();
    &NONE
}

fn children(pair: &Pair<'_>, depth: usize, out: &mut String) {
    let before = pair.before.and_then(Node::children).unwrap_or(none());
    let after = pair.after.and_then(Node::children).unwrap_or(none());
    let mut all = before.clone();
    for (name, node) in after.iter() {
        all.insert(name, node.clone());
    }
    for (name, _) in all.iter() {
        named(name, &Pair { before: before.get(name), after: after.get(name) }, depth, out);
    }
}

fn named(name: &str, pair: &Pair<'_>, depth: usize, out: &mut String) {
    let Some(node) = pair.after.or(pair.before) else { return };
    let mark = match (pair.before, pair.after) {
        (None, Some(_)) => '+',
        (Some(_), None) => '-',
        _ => ' ',
    };
    match &node.kind {
        Kind::Leaf(_) => leaf(name, pair, depth, out),
        Kind::Inner(_) => {
            remark(node, depth, out);
            line(mark, depth, &format!("{name} {{"), out);
            children(pair, depth + 1, out);
            line(mark, depth, "}", out);
        }
        Kind::Tag(_) => {
            let before = pair.before.and_then(Node::children).unwrap_or(none());
            let after = pair.after.and_then(Node::children).unwrap_or(none());
            let mut all = before.clone();
            for (instance, node) in after.iter() {
                all.insert(instance, node.clone());
            }
            for (instance, _) in all.iter() {
                let pair = Pair { before: before.get(instance), after: after.get(instance) };
                named(&format!("{name} {instance}"), &pair, depth, out);
            }
        }
    }
}

fn leaf(name: &str, pair: &Pair<'_>, depth: usize, out: &mut String) {
    if let Some(node) = pair.after.or(pair.before) {
        remark(node, depth, out);
    }
    let old = pair.before.map(Node::values).unwrap_or_default();
    let new = pair.after.map(Node::values).unwrap_or_default();
    if old.is_empty() && new.is_empty() {
        let mark = match (pair.before, pair.after) {
            (None, _) => '+',
            (_, None) => '-',
            _ => ' ',
        };
        line(mark, depth, name, out);
        return;
    }
    let changed = old.len() == 1 && new.len() == 1 && old != new;
    for value in old.iter().filter(|value| !changed && !new.contains(value)) {
        line('-', depth, &format!("{name} {}", quoted(value)), out);
    }
    for value in new {
        let mark = if changed {
            '>'
        } else if old.contains(value) {
            ' '
        } else {
            '+'
        };
        line(mark, depth, &format!("{name} {}", quoted(value)), out);
    }
}

fn line(mark: char, depth: usize, text: &str, out: &mut String) {
    let _ = writeln!(out, "{mark}{}{text}", "    ".repeat(depth));
}

fn remark(node: &Node, depth: usize, out: &mut String) {
    if let Some(comment) = &node.comment {
        line(' ', depth, &format!("/* {comment} */"), out);
    }
}

fn needs_quotes(value: &str) -> bool {
    value.is_empty() || value.contains(|c: char| c.is_ascii_whitespace() || "*{};".contains(c))
}

fn quoted(value: &str) -> String {
    if needs_quotes(value) { format!("\"{value}\"") } else { value.to_owned() }
}

/// A value that the router's parser takes for a remark when it reads its own text.
pub(crate) fn is_lost(value: &str) -> bool {
    value.starts_with("//") && !needs_quotes(value)
}

/// The JSON of a path.
pub(crate) fn json(running: &Node, working: &Node, path: &[String]) -> Result<Json, Unshown> {
    Ok(tree_json(&parsed(running, working, path)?))
}

/// The tree of the router's own parser.
pub(crate) fn ast(
    running: &Node,
    working: &Node,
    path: &[String],
    release: Release,
) -> Result<Json, Unshown> {
    let top = parsed(running, working, path)?;
    Ok(ast_node("", &top, false, release))
}

/// What the router's own parser reads from the text of a path.
fn parsed(running: &Node, working: &Node, path: &[String]) -> Result<Node, Unshown> {
    let text = raw(running, working, path)?;
    let mut marked = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with(' ')) {
        let rest = &line[1..];
        // Only a setting at the very top survives its mark, as a part of its name.
        if rest.starts_with(' ') || rest.ends_with(['{', '}']) {
            return Err(Unshown::Broken);
        }
        marked.push((line.chars().next().unwrap_or(' '), rest.split(' ').next().unwrap_or("")));
    }
    let words = path.iter().map(String::as_str);
    let node = working.at(words.clone()).or_else(|| running.at(words));
    let mut top = Children::new();
    match (node.map(|node| &node.kind), path.last()) {
        (Some(Kind::Inner(children)), _) => top = children.clone(),
        (Some(_), Some(name)) => top.insert(name, node.cloned().unwrap_or_default()),
        _ => {}
    }
    for (mark, name) in marked {
        let node = top.remove(name).or_else(|| {
            let gone = path.iter().map(String::as_str).chain([name]);
            running.at(gone).cloned()
        });
        top.insert(&format!("{mark}{name}"), node.unwrap_or_default());
    }
    Ok(Node { comment: None, kind: Kind::Inner(top) })
}

/// The JSON of a tree as the router's parser makes it.
fn tree_json(node: &Node) -> Json {
    match &node.kind {
        Kind::Leaf(values) => {
            let kept: Vec<_> = values.iter().filter(|value| !is_lost(value)).collect();
            match kept.as_slice() {
                [] => Json::Object(Vec::new()),
                [value] => Json::text(value.as_str()),
                many => Json::texts(many.iter().copied()),
            }
        }
        Kind::Inner(children) | Kind::Tag(children) => {
            let field = |(name, node): (&str, &Node)| (name.to_owned(), tree_json(node));
            Json::Object(children.iter().map(field).collect())
        }
    }
}

/// The JSON of a tree with a list for every setting that can have many values.
pub(crate) fn typed_json(node: &Node, def: &Def) -> Json {
    let (Kind::Inner(children) | Kind::Tag(children)) = &node.kind else {
        return if def.is == Is::Many { Json::texts(node.values()) } else { tree_json(node) };
    };
    let field = |(name, child): (&str, &Node)| {
        let below = if matches!(node.kind, Kind::Tag(_)) { Some(def) } else { def.below(name) };
        let json = below.map_or_else(|| tree_json(child), |def| typed_json(child, def));
        (name.to_owned(), json)
    };
    Json::Object(children.iter().map(field).collect())
}

fn ast_node(name: &str, node: &Node, under_tag: bool, release: Release) -> Json {
    let (tag, leaf) = (matches!(node.kind, Kind::Tag(_)), matches!(node.kind, Kind::Leaf(_)));
    let comment = node.comment.clone().map_or(Json::Null, Json::Text);
    let mut data = vec![
        ("values".to_owned(), Json::texts(node.values())),
        ("comment".to_owned(), comment),
        ("tag".to_owned(), Json::Bool(tag)),
    ];
    if release != Release::Sagitta {
        data.push(("leaf".to_owned(), Json::Bool(leaf && !under_tag)));
    }
    let below = node.children().unwrap_or(none());
    let below = below.iter().map(|(name, child)| ast_node(name, child, tag, release)).collect();
    Json::Object(vec![
        ("name".to_owned(), Json::text(name)),
        ("data".to_owned(), Json::Object(data)),
        ("children".to_owned(), Json::List(below)),
    ])
}

/// The `set` lines of a configuration, every value in quotes.
pub(crate) fn commands(root: &Node) -> String {
    let mut out = String::new();
    let mut path = Vec::new();
    lines(root, &mut path, &mut out);
    out
}

fn lines<'a>(node: &'a Node, path: &mut Vec<&'a str>, out: &mut String) {
    match &node.kind {
        Kind::Leaf(values) if !values.is_empty() => {
            for value in values {
                let _ = writeln!(out, "set {} '{value}'", path.join(" "));
            }
        }
        Kind::Inner(children) | Kind::Tag(children) if !children.is_empty() => {
            for (name, child) in children.iter() {
                path.push(name);
                lines(child, path, out);
                path.pop();
            }
        }
        _ if path.is_empty() => {}
        _ => {
            let _ = writeln!(out, "set {}", path.join(" "));
        }
    }
}
