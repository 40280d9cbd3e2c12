//! Every request that was recorded from the real servers, in order, against the stand-in: status,
//! type and meaning of the answer must be those recorded.
//!
//! Compared is what a client can rely on. Tracebacks count by their first and last line, keys and
//! versions as such, and texts that the recording cut short as far as it has them.

#![allow(clippy::unwrap_used)] // helpers of tests, outside of #[test]

#[path = "../common/mod.rs"]
mod common;
mod compare;
mod special;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use vyos_sim::{Release, Timing};

use common::{Answer, Bed, KEY, config};
use compare::{compare, recorded_pki};
use special::special;

/// Cases that the stand-in does not reproduce, and why.
const NOT_REPRODUCED: &[(&str, &str)] = &[
    ("F17b", "no shell stands behind op mode, so that nothing can be injected into one"),
    ("I1", "times are set by the test, and do not grow with the number of commands"),
    ("J3c", "there is no log of the router"),
];

/// Sections that began on a router with the starting configuration.
const FRESH: &[&str] = &["a", "f", "g", "h", "i", "j", "k", "l"];
const SECTIONS: &[&str] = &["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];

pub(crate) type Verdict = Result<(), String>;

pub(crate) fn cases(section: &str) -> Vec<Value> {
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcript");
    let text = std::fs::read_to_string(place.join(format!("{section}.jsonl"))).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn every_recorded_request_of_1_4_is_answered_as_recorded() {
    replay(Release::Sagitta, "sagitta").await;
}

#[tokio::test]
async fn every_recorded_request_of_1_5_is_answered_as_recorded() {
    replay(Release::Current, "current").await;
}

async fn replay(release: Release, name: &str) {
    let mut failed = BTreeMap::new();
    let mut count = 0;
    let mut bed = Bed::new(release).await;
    for section in SECTIONS {
        if FRESH.contains(section) {
            bed = Bed::new(release).await;
        }
        for case in cases(section) {
            let id = case["case"].as_str().unwrap().to_owned();
            count += 1;
            prepare(&bed, &id, release);
            let verdict = if case.get("seen").is_some() {
                special(&bed, &id, release).await
            } else {
                recorded(&bed, &case, name).await
            };
            if let Err(why) = verdict {
                failed.insert(id, format!("{}: {why}", case["title"]));
            }
            // What goes on behind an answer must end before the next request, as it had in the
            // recording, but where a case is about just that.
            if !matches!(case["case"].as_str(), Some("J1" | "J2")) {
                bed.settled().await;
            }
        }
    }
    assert_eq!(count, 408);
    let listed: Vec<_> = NOT_REPRODUCED.iter().map(|(id, _)| (*id).to_owned()).collect();
    let unlisted: Vec<_> = failed.iter().filter(|(id, _)| !listed.contains(id)).collect();
    assert!(unlisted.is_empty(), "{name}: {} differ: {unlisted:#?}", unlisted.len());
    let passed: Vec<_> = listed.iter().filter(|id| !failed.contains_key(*id)).collect();
    assert!(passed.is_empty(), "{name}: reproduced and listed as not: {passed:?}");
}

/// Files that lay on the recorded routers, and knobs.
fn prepare(bed: &Bed, id: &str, release: Release) {
    let put = |path: &str, text: &str| {
        std::fs::write(bed.sim.file(path).unwrap(), text).unwrap();
    };
    let good = config(release);
    match id {
        "E10" => {
            put("/config/garbage.boot", "{ garbage\n{\n");
            put("/config/badnode.boot", &good.replacen("service {", "service {\n nosuch {\n }", 1));
            let body = good.split("// Warning").next().unwrap();
            put("/config/nofooter.boot", body);
        }
        "G28" => {
            for (file, kind, field) in [
                ("ca.pem", "CERTIFICATE", "\"certificate\": \""),
                ("ca.key", "PRIVATE KEY", "\"key\": \""),
            ] {
                let value = recorded_pki(field);
                put(
                    &format!("/config/auth/{file}"),
                    &format!("-----BEGIN {kind}-----\n{value}\n-----END {kind}-----\n"),
                );
            }
        }
        "K1" => {
            let bad = good
                .replacen("host-name \"vyos\"", "host-name \"fromfile\"", 1)
                .replacen("    source {\n        rule 100", "    source {\n        rule 500 {\n outbound-interface {\n name \"eth0\"\n }\n }\n rule 100", 1);
            put("/config/badcommit.boot", &bad);
        }
        "H3" => bed.sim.lock_for(Duration::from_secs(60)),
        "J1" | "J2" => {
            let restart = Duration::from_secs(600);
            bed.sim.timing(Timing { restart, ..Timing::default() });
            bed.sim.hold_commits(true);
        }
        "J1c" | "J3" => bed.sim.timing(Timing::default()),
        "K16" => bed.sim.load_during_commit_overwrites(false),
        _ => {}
    }
}

async fn recorded(bed: &Bed, case: &Value, name: &str) -> Verdict {
    let pick = |value: &Value| {
        value.get("both").or_else(|| value.get(name)).cloned().unwrap_or(Value::Null)
    };
    let (asked, expected) = (pick(&case["request"]), pick(&case["answer"]));
    if expected.is_null() {
        // Recorded of the other release only.
        return Ok(());
    }
    let answer = ask(bed, &asked).await.ok_or("no answer")?;
    compare(case["case"].as_str().unwrap(), &expected, &answer)
}

async fn ask(bed: &Bed, asked: &Value) -> Option<Answer> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let pairs = |field: &str| -> Vec<(String, String)> {
        let list = asked[field].as_array().cloned().unwrap_or_default();
        list.iter().map(|pair| (text(&pair[0]), text(&pair[1]))).collect()
    };
    let mut headers = pairs("headers");
    let mut body = text(&asked["body"]);
    let kind = if asked.get("form").is_some() {
        for (name, value) in pairs("form") {
            let head = format!("Content-Disposition: form-data; name=\"{name}\"");
            let _ = write!(body, "--X-X\r\n{head}\r\n\r\n{value}\r\n");
        }
        body.push_str("--X-X--\r\n");
        "multipart/form-data; boundary=X-X"
    } else {
        if asked.get("urlencoded").is_some() {
            for (name, value) in pairs("urlencoded") {
                let _ = write!(body, "&{name}=");
                value.bytes().for_each(|byte| {
                    let _ = write!(body, "%{byte:02X}");
                });
            }
            body.remove(0);
        }
        "application/x-www-form-urlencoded"
    };
    if body == "@big.json" {
        let command = json!({"op": "showConfig", "path": ["x".repeat(1_200_000)], "key": KEY});
        body = command.to_string();
    }
    let path = text(&asked["path"]);
    if asked["method"] == "GET" && path == "/retrieve" && case_is_plain(asked) {
        return bed.send("GET", &path, &[], b"").await;
    }
    if !headers.iter().any(|(name, _)| name == "Content-Type") {
        headers.push(("Content-Type".to_owned(), kind.to_owned()));
    }
    bed.send(&text(&asked["method"]), &path, &headers, body.as_bytes()).await
}

fn case_is_plain(asked: &Value) -> bool {
    asked.get("body").is_none() && asked.get("form").is_none()
}
