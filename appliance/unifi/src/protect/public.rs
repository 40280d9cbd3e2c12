//! Frames of Protect's public sockets (`subscribe/events`, `subscribe/devices`), which an API key
//! opens. Text in; the objects that are new, changed or gone out.
//!
//! A frame is `{"type":"add|update|remove","item":{…}}`, where several objects may come as a list.

use serde_json::{Map, Value};

use super::packet::Verb;
use crate::json;
use crate::network::frame::FrameError;

/// An object of a frame.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// What is done.
    pub verb: Verb,
    /// Its kind, such as `event` or `camera`.
    pub model: String,
    /// Its id.
    pub id: String,
    /// All of it, or what changed.
    pub object: Map<String, Value>,
}

/// Decodes a text of either socket.
pub fn decode(text: &[u8]) -> Result<Vec<Item>, FrameError> {
    read(json::parse(text)?)
}

/// Reads a frame that was parsed already.
pub fn read(frame: Value) -> Result<Vec<Item>, FrameError> {
    let Value::Object(mut frame) = frame else { return Err(FrameError::Shape("type")) };
    let verb = match json::text(&frame, "type").ok_or(FrameError::Shape("type"))? {
        "add" => Verb::Add,
        "update" => Verb::Update,
        "remove" => Verb::Remove,
        _ => Verb::Other,
    };
    let objects = match frame.remove("item").or_else(|| frame.remove("items")) {
        Some(Value::Array(objects)) => objects,
        Some(object @ Value::Object(_)) => vec![object],
        _ => return Err(FrameError::Shape("item")),
    };
    objects.into_iter().map(|object| item(verb, object)).collect()
}

fn item(verb: Verb, object: Value) -> Result<Item, FrameError> {
    let Value::Object(object) = object else { return Err(FrameError::Shape("item")) };
    let text = |name| json::text(&object, name).map(str::to_owned);
    let id = text("id").ok_or(FrameError::Shape("id"))?;
    let model = text("modelKey").ok_or(FrameError::Shape("modelKey"))?;
    Ok(Item { verb, model, id, object })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_object_and_several_are_told() {
        let one = r#"{"type":"add","item":{"id":"e1","modelKey":"event","type":"ring"}}"#;
        let [item] = decode(one.as_bytes()).unwrap().try_into().unwrap();
        assert_eq!((item.verb, item.id.as_str(), item.model.as_str()), (Verb::Add, "e1", "event"));
        assert_eq!(item.object["type"], "ring");
        let two = r#"{"type":"update","item":[{"id":"a","modelKey":"camera","state":"CONNECTED"},
            {"id":"b","modelKey":"camera"}]}"#;
        assert_eq!(decode(two.as_bytes()).unwrap().len(), 2);
    }

    #[test]
    fn what_is_no_frame_says_what_it_lacks() {
        for (text, lacks) in [
            ("{}", "type"),
            (r#"{"type":"add"}"#, "item"),
            (r#"{"type":"add","item":{"id":"a"}}"#, "modelKey"),
            (r#"{"type":"add","item":{"modelKey":"event"}}"#, "id"),
        ] {
            assert_eq!(decode(text.as_bytes()), Err(FrameError::Shape(lacks)), "{text}");
        }
    }
}
