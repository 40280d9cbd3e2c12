//! The configuration mode: one `node.def` a node, read by `VyOS`'s configuration backend.

use std::fmt::Write as _;

use crate::definition::{Completion, Constraint, Definition, Kind};
use crate::tree::File;

/// Below this the backend looks for nodes.
const TEMPLATES: &str = "opt/vyatta/share/vyatta-cfg/templates";

/// The templates. That of `service` itself belongs to `VyOS` and is left out.
pub(crate) fn templates(definitions: &[Definition]) -> Vec<File> {
    let mut files = Vec::new();
    for top in definitions {
        for child in &top.children {
            template(child, &format!("{TEMPLATES}/{}", top.name), &mut files);
        }
    }
    files
}

fn template(definition: &Definition, folder: &str, files: &mut Vec<File>) {
    let mut folder = format!("{folder}/{}", definition.name);
    files.push(File::text(format!("{folder}/node.def"), node_def(definition)));
    if definition.kind == Kind::Tag {
        folder.push_str("/node.tag");
    }
    for child in &definition.children {
        template(child, &folder, files);
    }
}

fn node_def(definition: &Definition) -> String {
    let mut text = String::new();
    if definition.kind == Kind::Tag {
        text.push_str("tag:\n");
    }
    if definition.multi {
        text.push_str("multi:\n");
    }
    // Writing to a String cannot fail.
    let mut line = |field: &str, value: &str| {
        let _ = writeln!(text, "{field}: {value}");
    };
    if definition.kind != Kind::Node {
        line("type", "txt");
    }
    if let Some(priority) = &definition.priority {
        line("priority", priority);
    }
    if let Some(help) = definition.help_with_default() {
        line("help", &help);
    }
    for (format, meaning) in &definition.value_help {
        let is_default = definition.default.as_ref() == Some(format);
        line(
            "val_help",
            &format!("{format}; {meaning}{}", if is_default { " (default)" } else { "" }),
        );
    }
    let sources: Vec<String> = definition
        .completion
        .iter()
        .map(|source| match source {
            Completion::List(words) => format!("echo \"{words}\""),
            Completion::Path(path) => format!("/bin/cli-shell-api listNodes {path}"),
            Completion::Script(script) => format!("sh -c \"{script}\""),
        })
        .collect();
    if !sources.is_empty() {
        line("allowed", &sources.join(" && echo \" \" && "));
    }
    if !definition.constraint.is_empty() {
        line("syntax:expression", &syntax(definition));
    }
    if let Some(owner) = &definition.owner {
        let value = if definition.kind == Kind::Tag { "VYOS_TAGNODE_VALUE='$VAR(@)' " } else { "" };
        line("end", &format!("sudo sh -c \"${{vyshim}} {value}{owner}\""));
    }
    text
}

/// The backend knows no alternatives; a program of `VyOS` tries one after the other.
fn syntax(definition: &Definition) -> String {
    let mut regexes = Vec::new();
    let mut validators = Vec::new();
    for constraint in &definition.constraint {
        match constraint {
            Constraint::Regex(regex) => regexes.push(format!("--regex \\'{regex}\\'")),
            Constraint::Validator(name, argument) => {
                validators
                    .push(format!("--exec \\\"${{vyos_validators_dir}}/{name} {argument}\\\""));
            }
        }
    }
    format!(
        "exec \"${{vyos_libexec_dir}}/validate-value {} {}  --value \\'$VAR(@)\\'\"; \"{}\"",
        regexes.join(" "),
        validators.join(" "),
        definition.constraint_error.as_deref().unwrap_or("Invalid value"),
    )
}
