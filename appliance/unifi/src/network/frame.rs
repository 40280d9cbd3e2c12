//! Frames of Network's socket (`/wss/s/{site}/events`). Text in; what happened, and states to compare
//! with those before, out.
//!
//! A frame is `{"meta":{"rc":"ok","message":M},"data":[row, …]}`. `events`, `alarm` and `alert` have a
//! thing that happened a row. States come every few seconds and are no events. All else happens once
//! a frame, also what is not known.

use model::Timestamp;
use serde_json::{Map, Value};

use crate::happening::name;
use crate::json::{self, JsonError};
use crate::{Happening, Source};

/// Why a text is no frame.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// It is no JSON, or too much of it.
    #[error("the frame is {0}")]
    Json(#[from] JsonError),
    /// It is JSON and not such a frame.
    #[error("the frame has no {0}")]
    Shape(&'static str),
    /// The console says that something went wrong.
    #[error("the console answers with the error {0}")]
    Refused(String),
}

/// What a state is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// Access points, switches, gateways and the like.
    Devices,
    /// Clients.
    Clients,
    /// Settings and the rest, with which nothing is compared.
    Other,
}

/// A frame.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Frame {
    /// What kind of message it is; empty in an answer to a ping.
    pub message: String,
    /// What happened.
    pub happenings: Vec<Happening>,
    /// States: of what, and those that the frame has.
    pub state: Option<(About, Vec<Map<String, Value>>)>,
    /// Rows that are no objects, which were passed over.
    pub odd: usize,
}

/// Messages that carry states and do not end in `:sync`.
const STATES: [&str; 5] =
    ["device:update", "unifi-device:update", "ping-test:update", "radio-ai:plan", "user:delete"];

/// Decodes a text of the socket, which was heard at this time.
pub fn decode(text: &[u8], heard: Timestamp) -> Result<Frame, FrameError> {
    if matches!(text.trim_ascii(), b"pong" | b"ping" | b"") {
        return Ok(Frame::default());
    }
    read(json::parse(text)?, heard)
}

/// Reads a frame that was parsed already.
pub fn read(frame: Value, heard: Timestamp) -> Result<Frame, FrameError> {
    let Value::Object(mut frame) = frame else { return Err(FrameError::Shape("meta")) };
    let Some(Value::Object(meta)) = frame.remove("meta") else {
        return Err(FrameError::Shape("meta"));
    };
    if json::text(&meta, "rc").is_some_and(|rc| rc != "ok") {
        let why = ["msg", "message", "rc"].into_iter().find_map(|path| json::text(&meta, path));
        return Err(FrameError::Refused(json::tidy(why.unwrap_or_default(), 120).into_owned()));
    }
    let message = json::text(&meta, "message").ok_or(FrameError::Shape("message"))?;
    let rows = match frame.remove("data") {
        Some(Value::Array(rows)) => rows,
        Some(Value::Null) | None => Vec::new(),
        Some(row) => vec![row],
    };
    let had = rows.len();
    let rows: Vec<Map<String, Value>> = rows
        .into_iter()
        .filter_map(|row| if let Value::Object(row) = row { Some(row) } else { None })
        .collect();
    let odd = had - rows.len();
    let mut frame = Frame { message: message.to_owned(), odd, ..Frame::default() };
    let happened = |key: &str, row| Happening::of_row(Source::Network, key, row, heard);
    if matches!(message, "events" | "event" | "alarm" | "alert") {
        frame.happenings = rows
            .into_iter()
            .map(|row| {
                let key = name(&row, "key").unwrap_or(message).to_owned();
                happened(&key, row)
            })
            .collect();
    } else if let Some(about) = state(message) {
        frame.state = Some((about, rows));
    } else {
        frame.happenings = rows.into_iter().map(|row| happened(message, row)).collect();
        if frame.happenings.is_empty() {
            frame.happenings.push(happened(message, meta.clone()));
        }
    }
    Ok(frame)
}

fn state(message: &str) -> Option<About> {
    if !message.ends_with(":sync") && !STATES.contains(&message) {
        return None;
    }
    Some(match message.split(':').next() {
        Some("device" | "unifi-device") => About::Devices,
        Some("sta") => About::Clients,
        _ => About::Other,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const HEARD: Timestamp = Timestamp(1_700_000_000_000);

    fn frame(message: &str, data: &Value) -> Frame {
        let frame = json!({"meta": {"rc": "ok", "message": message}, "data": data});
        decode(frame.to_string().as_bytes(), HEARD).unwrap()
    }

    #[test]
    fn each_row_of_a_frame_is_an_event_with_its_own_id_key_and_time() {
        let rows = json!([
            {"_id": "a1", "key": "EVT_WU_Disconnected", "time": 1_588_042_724_000_i64},
            {"_id": "a2", "key": "EVT_WU_RoamRadio", "time": 1_588_042_728_065_i64},
        ]);
        for message in ["events", "alarm", "alert"] {
            let frame = frame(message, &rows);
            let told: Vec<_> =
                frame.happenings.iter().map(|h| (h.id.as_str(), h.key.as_str(), h.at.0)).collect();
            assert_eq!(
                told,
                [
                    ("a1", "EVT_WU_Disconnected", 1_588_042_724_000),
                    ("a2", "EVT_WU_RoamRadio", 1_588_042_728_065)
                ]
            );
            assert_eq!(frame.state, None);
        }
    }

    #[test]
    fn states_are_no_events() {
        let rows = json!([{"mac": "aa:bb:cc:00:00:01", "state": 1}]);
        for (message, about) in [
            ("device:sync", About::Devices),
            ("device:update", About::Devices),
            ("unifi-device:sync", About::Devices),
            ("sta:sync", About::Clients),
            ("setting:sync", About::Other),
            ("something-new:sync", About::Other),
            ("radio-ai:plan", About::Other),
        ] {
            let frame = frame(message, &rows);
            assert!(frame.happenings.is_empty(), "{message}");
            assert_eq!(frame.state.map(|(about, rows)| (about, rows.len())), Some((about, 1)));
        }
    }

    #[test]
    fn messages_that_nobody_knows_are_events_of_that_kind_with_what_they_say() {
        let frame = frame("toaster:burnt", &json!([{"slices": 2}]));
        let [burnt] = frame.happenings.as_slice() else { panic!("{frame:?}") };
        assert_eq!((burnt.key.as_str(), burnt.at), ("toaster:burnt", HEARD));
        assert_eq!(burnt.facts["slices"], 2);
        let empty = decode(br#"{"meta":{"rc":"ok","message":"backup:done"}}"#, HEARD).unwrap();
        assert_eq!(empty.happenings.len(), 1);
    }

    #[test]
    fn rows_that_are_no_objects_are_counted_and_the_others_are_told() {
        let frame = frame("events", &json!([1, {"_id": "a", "key": "EVT_A"}, null, "x", []]));
        assert_eq!((frame.happenings.len(), frame.odd), (1, 4));
        assert_eq!(self::frame("events", &json!({"_id": "a"})).happenings[0].key, "events");
    }

    #[test]
    fn what_is_no_frame_says_why() {
        let error = |text: &str| decode(text.as_bytes(), HEARD).unwrap_err().to_string();
        assert_eq!(error("[]"), "the frame has no meta");
        assert_eq!(error(r#"{"meta":{"rc":"ok"},"data":[]}"#), "the frame has no message");
        let refused = r#"{"meta":{"rc":"error","msg":"api.err.LoginRequired"},"data":[]}"#;
        assert!(error(refused).ends_with("api.err.LoginRequired"));
        assert!(error("<html>").starts_with("the frame is no JSON"));
    }

    #[test]
    fn answers_to_a_ping_are_no_frame_and_no_error() {
        assert_eq!(decode(b"pong", HEARD), Ok(Frame::default()));
    }

    proptest! {
        #[test]
        fn no_text_panics(text: String, message: String) {
            let _ = decode(text.as_bytes(), HEARD);
            let frame = json!({"meta": {"rc": "ok", "message": message}, "data": [text]});
            let _ = decode(frame.to_string().as_bytes(), HEARD);
        }
    }
}
