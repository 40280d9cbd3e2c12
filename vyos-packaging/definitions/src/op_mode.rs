//! The operational mode: one `node.def` a word, read by `VyOS`'s shell when a command is typed.

use std::fmt::Write as _;

use crate::definition::{Completion, Definition, Kind};
use crate::tree::File;

/// Below this the shell looks for words.
const TEMPLATES: &str = "opt/vyatta/share/vyatta-op/templates";

/// One command as it is typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// Its words; a value is written `<name>`.
    pub words: Vec<String>,
    /// One line for people.
    pub help: String,
    /// What is run.
    pub run: String,
    /// Whether operators may run it, too.
    pub operators: bool,
}

/// Whether a command is for operators: those have only the programs of one folder as root.
pub(crate) fn is_for_operators(run: &str) -> bool {
    run.starts_with("sudo ${vyos_op_scripts_dir}/")
}

/// All commands, in the order of the definitions.
pub fn commands(definitions: &[Definition]) -> Vec<Command> {
    let mut found = Vec::new();
    for definition in definitions {
        collect(definition, &[], &mut found);
    }
    found
}

fn collect(definition: &Definition, above: &[String], found: &mut Vec<Command>) {
    let mut words = above.to_vec();
    words.push(definition.name.clone());
    if definition.kind == Kind::Tag {
        words.push(format!("<{}>", definition.name));
    }
    if let Some(run) = &definition.command {
        found.push(Command {
            words: words.clone(),
            help: definition.help.clone().unwrap_or_default(),
            run: run.clone(),
            operators: is_for_operators(run),
        });
    }
    for child in &definition.children {
        collect(child, &words, found);
    }
}

/// The templates. Those of the verbs themselves belong to `VyOS` and are left out.
pub(crate) fn templates(definitions: &[Definition]) -> Vec<File> {
    let mut files = Vec::new();
    for verb in definitions {
        for child in &verb.children {
            template(child, &format!("{TEMPLATES}/{}", verb.name), &mut files);
        }
    }
    files
}

fn template(definition: &Definition, folder: &str, files: &mut Vec<File>) {
    let mut folder = format!("{folder}/{}", definition.name);
    if definition.kind == Kind::Tag {
        let help = definition.help.as_deref().unwrap_or_default();
        files.push(File::text(format!("{folder}/node.def"), format!("help: {help}\n")));
        folder.push_str("/node.tag");
    }
    files.push(File::text(format!("{folder}/node.def"), node_def(definition)));
    for child in &definition.children {
        template(child, &folder, files);
    }
}

fn node_def(definition: &Definition) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    if let Some(help) = &definition.help {
        let _ = writeln!(text, "help: {help}");
    }
    let sources: Vec<String> = definition
        .completion
        .iter()
        .map(|source| match source {
            Completion::List(words) => format!("echo \"{words}\""),
            Completion::Path(path) => {
                let path = path.split_whitespace().collect::<Vec<_>>().join("/");
                format!("ls /opt/vyatta/config/active/{path} 2>/dev/null")
            }
            Completion::Script(script) => script.clone(),
        })
        .collect();
    if !sources.is_empty() {
        let _ = writeln!(text, "allowed: {}", sources.join(" && "));
    }
    if let Some(run) = &definition.command {
        let _ = writeln!(text, "run: {run}");
    }
    text
}
