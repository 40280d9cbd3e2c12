//! Frames of the console's own socket (`/api/ws/system`). A frame in; the state that it has, or what
//! happened, out. They have neither id nor time: what changed is found by [`crate::derive`].

use model::Timestamp;
use serde_json::{Map, Value};

use crate::json;
use crate::network::frame::FrameError;
use crate::{Happening, Source};

/// A frame.
#[derive(Debug, Clone, PartialEq)]
pub enum Frame {
    /// How the console is, all of it or what changed.
    State(Map<String, Value>),
    /// Something that happened, among it all that this program does not know.
    Happened(Happening),
}

/// Decodes a text of the socket, which was heard at this time.
pub fn decode(text: &[u8], heard: Timestamp) -> Result<Frame, FrameError> {
    read(json::parse(text)?, heard)
}

/// Reads a frame that was parsed already.
pub fn read(frame: Value, heard: Timestamp) -> Result<Frame, FrameError> {
    let Value::Object(frame) = frame else { return Err(FrameError::Shape("type")) };
    let kind = json::text(&frame, "type").ok_or(FrameError::Shape("type"))?;
    if matches!(kind, "SYSTEM" | "DEVICE_STATE_CHANGED") {
        return Ok(Frame::State(frame));
    }
    let kind = kind.to_owned();
    Ok(Frame::Happened(Happening::of_row(Source::Console, &kind, frame, heard)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn states_are_told_from_what_happened_and_unknown_frames_are_kept_without_their_secrets() {
        let of = |frame| read(frame, Timestamp(7)).unwrap();
        for kind in ["SYSTEM", "DEVICE_STATE_CHANGED"] {
            assert!(matches!(of(json!({"type": kind, "system": {}})), Frame::State(_)));
        }
        let Frame::Happened(it) = of(json!({"type": "NEVER_SEEN", "ssoToken": "s3cret"})) else {
            panic!("it is no state")
        };
        assert_eq!((it.key.as_str(), it.at), ("NEVER_SEEN", Timestamp(7)));
        assert!(!format!("{it:?}").contains("s3cret"));
        assert!(decode(b"{\"a\":1}", Timestamp(7)).is_err());
    }
}
