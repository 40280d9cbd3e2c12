//! What the router answered, by content: its content type says `text/html` whatever it holds.

use serde_json::Value;

use super::ApiKey;

/// What came with a success.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// Done; what the router had to say beside that, such as warnings of a commit.
    Data(Value),
    /// Accepted, and committed by the router only after it has answered, because the change
    /// concerns the API itself. Whether that went well is to be read back.
    InBackground,
}

/// Why the router did not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Somebody else is committing; nothing was changed.
    #[error("another commit is in progress on the router")]
    Locked,
    /// The API's session was lost or not yet there; nothing was changed.
    #[error("the router's API lost its session")]
    NoSession,
    /// The session holds uncommitted changes right now: a commit is under way, or a load failed.
    #[error("the router's API session holds changes that are not committed")]
    Dirty,
    /// The key is not one of the router's.
    #[error("the router does not accept the API key")]
    WrongKey,
    /// The API answers, but not to this: REST is switched off, or the release is older.
    #[error("the router's API does not offer {0}")]
    NotOffered(String),
    /// The API is restarting or switched off.
    #[error("the router's API is not running (HTTP {0})")]
    Down(u16),
    /// The router's web server does not let this address in.
    #[error("the router's web server does not admit this address")]
    NotAdmitted,
    /// More than the router takes at once.
    #[error("the request is larger than the router takes")]
    TooLarge,
    /// The router read it and says no, in its own words.
    #[error("{0}")]
    Said(String),
    /// Nothing that this API says.
    #[error("the router answered with HTTP {status} and something that is not an answer: {start}")]
    NotAnAnswer {
        /// The HTTP status.
        status: u16,
        /// How it begins.
        start: String,
    },
}

/// The longest text of the router that is shown or kept, in characters.
const LONGEST_SAID: usize = 4000;

/// Reads an answer. `asked` is the endpoint, for the message; the key is struck out of everything.
pub fn read(asked: &str, status: u16, body: &[u8], key: &ApiKey) -> Result<Answer, Refusal> {
    let envelope = serde_json::from_slice::<Value>(body).ok();
    match (status, envelope) {
        (200, Some(Value::Object(all))) if all.contains_key("success") => {
            if all.get("success") == Some(&Value::Bool(true)) {
                let data = all.get("data").cloned().unwrap_or_default();
                let background = data
                    .as_str()
                    .is_some_and(|text| text.contains("commit will be called in the background"));
                return Ok(if background { Answer::InBackground } else { Answer::Data(data) });
            }
            Err(said(&all, key))
        }
        // The list of endpoints and the newer releases' information have no envelope.
        (200, Some(data)) => Ok(Answer::Data(data)),
        (401 | 403, Some(Value::Object(_))) => Err(Refusal::WrongKey),
        (403, _) => Err(Refusal::NotAdmitted),
        (404 | 405, _) => Err(Refusal::NotOffered(asked.to_owned())),
        (413, _) => Err(Refusal::TooLarge),
        (502..=504, _) => Err(Refusal::Down(status)),
        (500, Some(Value::Object(_))) if asked == "/retrieve" => Err(Refusal::Dirty),
        (_, Some(Value::Object(all))) if all.contains_key("error") => Err(said(&all, key)),
        (status, _) => {
            let start: String = String::from_utf8_lossy(body).chars().take(120).collect();
            Err(Refusal::NotAnAnswer { status, start: clean(&start, key) })
        }
    }
}

fn said(all: &serde_json::Map<String, Value>, key: &ApiKey) -> Refusal {
    let text = all.get("error").and_then(Value::as_str).unwrap_or("no reason given");
    let text = clean(text, key);
    if text.contains("temporarily locked") {
        Refusal::Locked
    } else if text.contains("without config session") || text.contains("session unavailable") {
        Refusal::NoSession
    } else if text.contains("Valid API key is required") {
        Refusal::WrongKey
    } else {
        Refusal::Said(text)
    }
}

/// Text of the router without its escapes for markup, the key, and what a page need not show.
fn clean(text: &str, key: &ApiKey) -> String {
    let plain = text
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&#x27;", "'")
        .replace("&#39;", "'")
        .replace("&amp;", "&");
    let plain = key.strike_out(plain.trim());
    // These repeat the whole request, with every secret that was in it.
    if plain.contains("errors.pydantic.dev") || plain.starts_with("{'type':") {
        return "the router's API could not read the request".to_owned();
    }
    plain.chars().filter(|c| !c.is_control() || *c == '\n').take(LONGEST_SAID).collect()
}

impl Refusal {
    /// Whether asking again a little later is right: nothing was done, and it may pass.
    pub fn passes(&self) -> bool {
        matches!(self, Self::Locked | Self::NoSession | Self::Dirty | Self::Down(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Result<Answer, Refusal> {
        read("/retrieve", status, body.as_bytes(), &ApiKey::new("TESTKEY").unwrap())
    }

    #[test]
    fn a_success_is_its_data() {
        let body = r#"{"success": true, "data": {"host-name": "vyos"}, "error": null}"#;
        let Ok(Answer::Data(data)) = answer(200, body) else { panic!() };
        assert_eq!(data["host-name"], "vyos");
    }

    #[test]
    fn a_commit_in_the_background_is_no_success_yet() {
        let body = r#"{"success": true, "data": "Requested HTTP API server configuration change; commit will be called in the background", "error": null}"#;
        assert_eq!(answer(200, body), Ok(Answer::InBackground));
    }

    #[test]
    fn an_error_that_repeats_the_request_never_shows_it() {
        let body = r#"{"success": false, "error": "{'type': 'missing', 'input': {'path': [], 'key': 'TESTKEY'}, 'url': 'https://errors.pydantic.dev/2.7/v/missing'}", "data": null}"#;
        let text = answer(400, body).unwrap_err().to_string();
        assert!(!text.contains("TESTKEY") && !text.contains("path"), "{text}");
    }

    #[test]
    fn markup_that_one_release_escapes_reads_the_same_as_in_the_other() {
        let escaped = r#"{"success": false, "error": "bad &lt;op&gt; &amp; more\n", "data": null}"#;
        let plain = r#"{"success": false, "error": "bad <op> & more\n", "data": null}"#;
        assert_eq!(answer(400, escaped), answer(400, plain));
    }

    #[test]
    fn each_way_to_fail_is_told_apart() {
        let error =
            |text: &str| format!(r#"{{"success": false, "error": "{text}", "data": null}}"#);
        let locked =
            error("Configuration system temporarily locked due to another commit in progress");
        assert_eq!(answer(400, &locked), Err(Refusal::Locked));
        assert_eq!(answer(401, &error("Valid API key is required")), Err(Refusal::WrongKey));
        assert_eq!(answer(500, &error("An internal error occured.")), Err(Refusal::Dirty));
        assert_eq!(
            answer(404, r#"{"detail":"Not Found"}"#),
            Err(Refusal::NotOffered("/retrieve".to_owned()))
        );
        assert_eq!(answer(502, "<html>Bad Gateway</html>"), Err(Refusal::Down(502)));
        assert_eq!(answer(403, "<html>Forbidden</html>"), Err(Refusal::NotAdmitted));
        assert_eq!(answer(413, "<html>"), Err(Refusal::TooLarge));
        assert_eq!(
            answer(400, &error("bad host name")),
            Err(Refusal::Said("bad host name".to_owned()))
        );
        assert!(matches!(answer(200, "hello"), Err(Refusal::NotAnAnswer { status: 200, .. })));
    }

    #[test]
    fn only_what_did_nothing_and_may_pass_is_worth_another_try() {
        assert!(Refusal::Locked.passes() && Refusal::Down(502).passes());
        assert!(!Refusal::WrongKey.passes() && !Refusal::Said(String::new()).passes());
    }
}
