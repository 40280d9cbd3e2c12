//! A configuration as the API's JSON (`showConfig`): a setting with one value is a text, with
//! several a list; what holds nothing is an empty object, be it a setting or a group.

use serde_json::{Map, Value};

use super::{Children, DEEPEST, Kind, Node};

/// Why JSON is no configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("at `{path}`: {problem}")]
pub struct ShapeError {
    /// Where.
    pub path: String,
    /// What is wrong.
    pub problem: &'static str,
}

impl Node {
    /// The API's JSON of this node. Comments have no place in it.
    pub fn to_json(&self) -> Value {
        match &self.kind {
            Kind::Leaf(values) => match values.as_slice() {
                [] => Value::Object(Map::new()),
                [value] => Value::String(value.clone()),
                many => Value::Array(many.iter().cloned().map(Value::String).collect()),
            },
            Kind::Inner(children) | Kind::Tag(children) => {
                let json = |(name, node): (&str, &Self)| (name.to_owned(), node.to_json());
                Value::Object(children.iter().map(json).collect())
            }
        }
    }

    /// Reads the API's JSON. Numbers and truth values are taken as texts, which is what they were.
    pub fn from_json(json: &Value) -> Result<Self, ShapeError> {
        read(json, &mut Vec::new())
    }
}

fn read(json: &Value, path: &mut Vec<String>) -> Result<Node, ShapeError> {
    let failed = |path: &[String], problem| ShapeError { path: path.join(" "), problem };
    if path.len() >= DEEPEST {
        return Err(failed(path, "groups within groups without end"));
    }
    let text = |json: &Value| match json {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    };
    match json {
        Value::Object(fields) => {
            let mut children = Children::new();
            for (name, value) in fields {
                path.push(name.clone());
                children.insert(name, read(value, path)?);
                path.pop();
            }
            Ok(Node { comment: None, kind: Kind::Inner(children) })
        }
        Value::Array(items) => {
            let values: Option<Vec<String>> = items.iter().map(text).collect();
            values
                .map(Node::leaf)
                .ok_or_else(|| failed(path, "a list of something else than texts"))
        }
        single => text(single).map(|value| Node::leaf([value])).ok_or_else(|| failed(path, "null")),
    }
}
