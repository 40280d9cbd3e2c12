//! The nodes as `VyOS`'s Python library knows them: which have several values, and their defaults.

use std::fmt::Write as _;

use crate::definition::{Definition, Kind};

/// A Python module with the dictionary `reference`, as packages beside vyos-1x hand it in.
pub fn python(definitions: &[Definition]) -> String {
    let mut text = String::from("reference = {");
    let root = "'node_type': 'other', 'multi': False, 'valueless': False, 'default_value': None, \
                'owner': None, 'priority': None";
    let _ = write!(text, "'node_data': {{{root}}}");
    for definition in definitions {
        text.push_str(", ");
        node(definition, &mut text);
    }
    text.push_str(", 'component_version': {}}");
    text
}

fn node(definition: &Definition, text: &mut String) {
    let kind = match definition.kind {
        Kind::Node => "other",
        Kind::Tag => "tag",
        Kind::Leaf => "leaf",
    };
    // Writing to a String cannot fail.
    let _ = write!(
        text,
        "{}: {{'node_data': {{'node_type': '{kind}', 'multi': {}, 'valueless': False, \
         'default_value': {}, 'owner': {}, 'priority': {}}}",
        quoted(&definition.name),
        if definition.multi { "True" } else { "False" },
        or_none(definition.default.as_deref()),
        or_none(definition.owner.as_deref()),
        or_none(definition.priority.as_deref()),
    );
    for child in &definition.children {
        text.push_str(", ");
        node(child, text);
    }
    text.push('}');
}

fn or_none(value: Option<&str>) -> String {
    value.map_or_else(|| "None".to_owned(), quoted)
}

/// A Python string.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("'");
    for c in text.chars() {
        if matches!(c, '\'' | '\\') {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted + "'"
}
