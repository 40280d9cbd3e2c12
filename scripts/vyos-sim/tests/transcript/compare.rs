//! Whether an answer means what the recorded one means.

use serde_json::{Value, json};

use crate::common::Answer;
use crate::{Verdict, cases};

/// What the recording shows of the certificate and its key, which is cut short.
pub(crate) fn recorded_pki(field: &str) -> String {
    let case = cases("g").into_iter().find(|case| case["case"] == "G32").unwrap();
    let body = case["answer"]["current"]["body"].as_str().unwrap().to_owned();
    let value = body.split(field).nth(1).unwrap();
    value.split(['"', '\n']).next().unwrap().to_owned()
}

pub(crate) fn compare(id: &str, expected: &Value, answer: &Answer) -> Verdict {
    let body = expected["body"].as_str().unwrap();
    let (status, kind) = (expected["status"].as_u64().unwrap(), expected["type"].as_str().unwrap());
    if id == "A30" {
        // Without TLS: tried on the other listener by a test of its own.
        return Ok(());
    }
    if u64::from(answer.status) != status || answer.header("content-type") != kind {
        return Err(format!(
            "{} {} {} instead of {status} {kind} {body}",
            answer.status,
            answer.header("content-type"),
            answer.body
        ));
    }
    let same = match id {
        "A29" => answer.header("location").ends_with("/retrieve"),
        "A32" => {
            let got: Value =
                serde_json::from_str(&answer.body).map_err(|error| error.to_string())?;
            let expected: Value = serde_json::from_str(body).unwrap();
            let paths: Vec<_> = got["paths"].as_object().unwrap().keys().cloned().collect();
            json!(paths) == expected["paths"] && got["info"] == expected["info"]
        }
        "A33" => answer.body.starts_with("<!DOCTYPE html>"),
        "B11" | "F4" | "F4b" => {
            // Cut short, with the length of the whole answer.
            let (begin, rest) = body.rsplit_once(" ... (").or(body.rsplit_once("... (")).unwrap();
            let length = answer.body.len();
            answer.body.starts_with(begin) && rest.starts_with(&format!("{length} bytes"))
        }
        "K1j" | "K16b" | "K16e" => {
            let json: Value = serde_json::from_str(answer.data().as_str().unwrap()).unwrap();
            let rules: Vec<_> = json["nat"]["source"]["rule"].as_object().unwrap().keys().collect();
            let rules = format!("{rules:?}").replace('"', "'");
            let name = json["system"]["host-name"].as_str().unwrap();
            body.ends_with(&format!("host-name = '{name}'; nat source rules = {rules}"))
        }
        "K1k" => {
            let data = answer.data();
            let lines = data.as_str().unwrap().lines();
            let shown: Vec<_> = lines
                .filter(|line| line.contains("nat source") || line.contains("host-name"))
                .collect();
            shown.join("\n") == body
        }
        "G32" if body.contains("bytes in all") => {
            let data = answer.data();
            let ca = &data["ca"]["TestCA"];
            ca["certificate"] == json!(recorded_pki("\"certificate\": \""))
                && ca["private"]["key"] == json!(recorded_pki("\"key\": \""))
        }
        _ if body.starts_with('{') => meaning(body) == meaning(&answer.body),
        _ => page(body) == page(&answer.body),
    };
    if same { Ok(()) } else { Err(format!("{} instead of {body}", answer.body)) }
}

fn page(text: &str) -> String {
    text.lines().collect()
}

/// An envelope without what differs each time.
fn meaning(text: &str) -> Value {
    let whole = serde_json::from_str::<Value>(text);
    let Ok(mut json) = whole else {
        // Cut short: what it begins with.
        let text = text.replace("\\n", "\n");
        return json!({"success": text.contains("true"), "error": essence(text.split("\"error\": \"").nth(1).unwrap_or_default()), "data": null});
    };
    for field in ["data", "error"] {
        if let Some(text) = json[field].as_str() {
            json[field] = json!(essence(text));
        }
    }
    json
}

/// A text without what differs each time: of a report of a program that fell over its first line
/// and its error, of leases all but the times, of keys their names.
fn essence(text: &str) -> String {
    if text.contains("Traceback (most recent call last)") || text.contains("Migration script error")
    {
        let first = text.lines().next().unwrap_or_default();
        let error = text.lines().rev().find(|line| {
            let name = line.split(':').next().unwrap_or_default();
            name.ends_with("Error") && !name.contains(' ')
        });
        let error = error
            .map(|line| line.split(['/', '<', '\'', '1', '2', '3']).next().unwrap_or_default());
        return format!("{first} ... {}", error.unwrap_or_default());
    }
    if text.contains("Lease start") {
        let columns = |line: &str| {
            let words = line.split_whitespace();
            let kept =
                words.filter(|word| !word.contains(['/', '-']) && word.matches(':').count() != 2);
            kept.filter(|word| !matches!(*word, "9" | "days,")).collect::<Vec<_>>().join(" ")
        };
        return text.lines().map(columns).collect::<Vec<_>>().join("\n");
    }
    if text.contains("rivate key: ") || text.contains("shared key: ") {
        let name = |line: &str| {
            line.split_once(": ")
                .map_or(String::new(), |(name, value)| format!("{name} {}", value.len()))
        };
        return text.lines().map(name).collect();
    }
    text.to_owned()
}
