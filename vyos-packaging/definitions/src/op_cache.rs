//! The commands as `VyOS`'s runner for operators knows them (rolling releases since 2025): subtrees
//! that are merged into `/usr/share/vyos/op_cache.json`.
//!
//! The runner is setuid root and finds a command only here. What is for administrators is left out,
//! so that no policy, however wide, hands it to an operator.

use serde_json::{Map, Value, json};

use crate::definition::{Completion, Definition, Kind};
use crate::op_mode::is_for_operators;

/// The file that its nodes name as their origin.
const FILE: &str = "panoptikon.xml";

/// What an argument may be: names, addresses and MAC addresses. Without this the runner refuses
/// colons; the program checks it again.
pub const ARGUMENT: &str = "[A-Za-z0-9][A-Za-z0-9:._-]{0,62}";

/// The verbs with what is ours below each. The data of a verb itself belongs to `VyOS`.
pub fn subtree(definitions: &[Definition]) -> Value {
    let mut verbs = Map::new();
    for verb in definitions {
        let path = [verb.name.clone()];
        let ours: Map<String, Value> = verb
            .children
            .iter()
            .filter(|child| reaches_operators(child))
            .map(|child| (child.name.clone(), node(child, &path)))
            .collect();
        if !ours.is_empty() {
            verbs.insert(verb.name.clone(), Value::Object(ours));
        }
    }
    Value::Object(verbs)
}

fn reaches_operators(definition: &Definition) -> bool {
    definition.command.as_deref().is_some_and(is_for_operators)
        || definition.children.iter().any(reaches_operators)
}

fn node(definition: &Definition, above: &[String]) -> Value {
    let mut path = above.to_vec();
    path.push(definition.name.clone());
    if definition.kind == Kind::Tag {
        path.push(format!("{}-tag_value", definition.name));
    }
    let below: Vec<&Definition> =
        definition.children.iter().filter(|child| reaches_operators(child)).collect();
    let command = definition.command.as_deref().filter(|run| is_for_operators(run));
    let mut data = json!({
        "name": definition.name,
        "node_type": kind(definition.kind),
        "help_text": definition.help,
        "comp_help": completion(&definition.completion),
        "command": command.map(|run| translated(run, &path)),
        "standalone_help_text": null,
        "standalone_command": null,
        "path": path,
        "files": [FILE],
        "children": below.iter().map(|child| json!([child.name, kind(child.kind)])).collect::<Vec<_>>(),
    });
    if definition.kind == Kind::Tag {
        data["constraints"] = json!({ "regexes": [ARGUMENT], "validators": [] });
        data["constraint_error_message"] = json!("this is no name and no address");
    }
    let mut object = Map::from_iter([("__node_data".to_owned(), data)]);
    object.extend(below.into_iter().map(|child| (child.name.clone(), node(child, &path))));
    Value::Object(object)
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Node => "node",
        Kind::Tag => "tagNode",
        Kind::Leaf => "leafNode",
    }
}

/// The runner is root already, knows no variables of the shell, and names values after their node.
fn translated(run: &str, path: &[String]) -> String {
    let mut run = run
        .trim_start_matches("sudo ")
        .replace("${vyos_op_scripts_dir}", "/usr/libexec/vyos/op_mode");
    for (n, word) in path.iter().enumerate() {
        run = run.replace(&format!("\"${}\"", n + 1), &format!("{{{{{word}}}}}"));
    }
    run
}

fn completion(sources: &[Completion]) -> Value {
    let mut object = Map::new();
    for source in sources {
        let (key, words) = match source {
            Completion::List(words) => ("list", words.clone()),
            Completion::Path(path) => ("path", path.clone()),
            Completion::Script(script) => {
                ("script", script.replace("${vyos_op_scripts_dir}", "/usr/libexec/vyos/op_mode"))
            }
        };
        if let Some(list) = object.entry(key).or_insert_with(|| json!([])).as_array_mut() {
            list.push(json!(words));
        }
    }
    Value::Object(object)
}
