//! Asking a host: lines as they come for the script, or a page when all have come.

use agents::{AgentsError, Answers, Command, Piece};
use axum::body::Body;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use serde_json::Value;

use super::show::{self, Said};
use super::{find, form};
use crate::http::Failure;
use crate::pages::errors::sentence;
use crate::pages::router::plain;
use crate::pages::{Ask, Form};

/// The most lines that a page shows.
const MOST_LINES: usize = 1_000;
/// How long a page waits for a log that is followed.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(20);

pub(super) async fn ask(ask: Ask, Path(id): Path<String>, sent: Form) -> Result<Response, Failure> {
    let host = find(&ask, &id)?;
    let (word, target) = (sent.get("command"), sent.get("target"));
    let command = Command::of_words(word, target);
    let command = command.ok_or_else(|| Failure::invalid("There is no such command."))?;
    let flow = ask.wants_text();
    let asked = ask.site.agents.ask(&ask.visitor.caller, host.id, command, ask.now).await;
    let mut said = Said { target: target.chars().take(300).collect(), ..Said::default() };
    match asked {
        Ok(answers) if flow => return Ok(flowing(answers)),
        Ok(answers) => said.lines = gathered(answers).await,
        Err(error) if flow => {
            let status = Failure::from(error);
            let text = plain(format!("{}\n", status.explained.message));
            return Ok((StatusCode::UNPROCESSABLE_ENTITY, text).into_response());
        }
        Err(AgentsError::Invalid(invalid)) => said.error = sentence(&invalid.problem),
        Err(error) => said.error = sentence(&error.to_string()),
    }
    let is_refused = !said.error.is_empty();
    let page = show::page(&ask, &host, form::of(&host), said).await?;
    if is_refused { ask.refused(&page) } else { ask.page(&page) }
}

/// Answers with each piece as it comes. The command ends when nobody reads any more.
fn flowing(answers: Answers) -> Response {
    let lines = stream::unfold(answers, |mut answers| async move {
        let text = piece(answers.next().await?);
        Some((Ok::<_, std::convert::Infallible>(Bytes::from(text)), answers))
    });
    plain(Body::from_stream(lines))
}

async fn gathered(mut answers: Answers) -> Vec<String> {
    let mut lines = Vec::new();
    let until = tokio::time::Instant::now() + PATIENCE;
    while let Ok(Some(next)) = tokio::time::timeout_at(until, answers.next()).await {
        lines.extend(piece(next).lines().map(str::to_owned));
        if lines.len() >= MOST_LINES {
            break;
        }
    }
    lines
}

fn piece(piece: Result<Piece, AgentsError>) -> String {
    match piece {
        Ok(Piece::Part(value)) => words(&value),
        Ok(Piece::Done(value)) => match words(&value) {
            empty if empty.trim().is_empty() => "Done.\n".to_owned(),
            text => text,
        },
        Err(error) => format!("{}\n", sentence(&error.to_string())),
    }
}

/// A value as lines for people.
fn words(value: &Value) -> String {
    let mut text = match value {
        Value::Array(all) => return all.iter().map(words).collect(),
        Value::Object(fields) => {
            // Lists in it stand below the rest.
            let is_list = |v: &&Value| v.as_array().is_some_and(|all| !all.is_empty());
            let own = fields.iter().filter(|(_, v)| !is_list(v) && !v.is_null());
            let own: Vec<String> = own.map(|(name, v)| pair(name, v)).collect();
            let lists: String = fields.values().filter(is_list).map(words).collect();
            if own.is_empty() {
                return lists;
            }
            format!("{}\n{lists}", own.join("  "))
        }
        other => one(other),
    };
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

fn pair(name: &str, value: &Value) -> String {
    if matches!(name, "line" | "text") { one(value) } else { format!("{name} {}", one(value)) }
}

/// What came over the wire may hold anything; nothing of it moves the cursor.
fn one(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    };
    text.chars().filter(|c| *c == '\t' || !model::is_hidden(*c)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn answers_become_lines() {
        assert_eq!(words(&json!("a line")), "a line\n");
        assert_eq!(words(&json!(["a", {"line": "b"}])), "a\nb\n");
        assert_eq!(words(&json!({"sent": 4, "lost": 0})), "lost 0  sent 4\n");
        let listed = words(&json!({"n": 2, "top": [{"name": "x", "pid": 1}]}));
        assert_eq!(listed, "n 2\nname x  pid 1\n");
        assert_eq!(words(&json!("\u{1b}[2Jx")), "[2Jx\n");
    }
}
