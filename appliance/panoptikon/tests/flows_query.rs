//! `panoptikon flows query` answers from a folder alone, as a table or as JSON.

use std::path::Path;
use std::process::Command;

use flows::Flow;
use flows::days::Keeper;
use model::Timestamp;
use serde_json::Value;

const TEN: Timestamp = Timestamp(20_700 * 86_400_000 + 36_000_000);

/// A client that asks a name server every second, for a minute, and is answered.
fn keep(folder: &Path) {
    let mut keeper = Keeper::open(folder, TEN).expect("the folder opens");
    let flows = (0..60).flat_map(|second| {
        let at = Timestamp(TEN.0 + second * 1_000);
        let question = Flow {
            start: at,
            end: at,
            source: [10, 0, 0, 5].into(),
            destination: [9, 9, 9, 9].into(),
            source_port: 40_000 + second as u16,
            destination_port: 53,
            protocol: 17,
            bytes: 60,
            packets: 1,
            ..Flow::UNKNOWN
        };
        let answer = Flow {
            source: question.destination,
            destination: question.source,
            source_port: 53,
            destination_port: question.source_port,
            bytes: 200,
            ..question
        };
        [question, answer]
    });
    keeper.import(flows, TEN).expect("flows are kept");
}

fn ask(folder: &Path, words: &[&str]) -> (bool, String) {
    let answer = Command::new(env!("CARGO_BIN_EXE_panoptikon"))
        .args(["flows", "query"])
        .arg(folder)
        .args(words)
        .output()
        .expect("the program runs");
    let text = [answer.stdout, answer.stderr].concat();
    (answer.status.success(), String::from_utf8(text).expect("text"))
}

#[test]
fn a_ranking_is_a_table_or_json() {
    let folder = tempfile::tempdir().unwrap();
    keep(folder.path());
    let (done, text) = ask(folder.path(), &["--top", "source"]);
    assert!(done, "{text}");
    let lines: Vec<Vec<&str>> =
        text.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["SOURCE", "BYTES", "PACKETS", "FLOWS"]);
    assert_eq!(lines[1], ["9.9.9.9", "12000", "60", "60"]);
    assert_eq!(lines[2], ["10.0.0.5", "3600", "60", "60"]);
    assert_eq!(lines[3], ["total", "15600", "120", "120"]);
    let (done, text) = ask(folder.path(), &["--json", "--top", "service", "dst", "9.9.9.9"]);
    assert!(done, "{text}");
    let answer: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(answer["rows"][0]["service"], "17/53");
    assert_eq!(answer["rows"][0]["bytes"], 3_600);
    assert_eq!(answer["evidence"]["flows"], 120);
}

#[test]
fn flows_are_listed_and_summed_over_time() {
    let folder = tempfile::tempdir().unwrap();
    keep(folder.path());
    let words =
        ["--json", "--list", "--limit", "2", "--from", "2026-09-04T10:00:30Z", "bytes > 100"];
    let (done, text) = ask(folder.path(), &words);
    assert!(done, "{text}");
    let answer: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(answer["rows"].as_array().map(Vec::len), Some(2));
    assert_eq!(answer["rows"][0]["destination_port"], 40_059);
    let (done, text) = ask(folder.path(), &["--json", "--series", "30"]);
    assert!(done, "{text}");
    let answer: Value = serde_json::from_str(&text).unwrap();
    let bytes: Vec<_> =
        answer["rows"].as_array().unwrap().iter().map(|row| row["bytes"].as_u64()).collect();
    assert_eq!(bytes, [Some(7_800), Some(7_800)]);
}

#[test]
fn what_is_not_understood_or_not_there_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let (done, text) = ask(folder.path(), &["dprt 53"]);
    assert!(!done && text.contains("column 1: `dprt` is not understood"), "{text}");
    let (done, text) = ask(folder.path(), &["--from", "2200-01-01T00:00:00Z"]);
    assert!(!done && text.contains("has not come yet"), "{text}");
    let (done, text) = ask(folder.path(), &["--from", "yesterday"]);
    assert!(!done && text.contains("is not a time"), "{text}");
    let (done, text) = ask(folder.path(), &[]);
    assert!(done && text.contains("No flows are kept there."), "{text}");
    let (done, text) = ask(&folder.path().join("nowhere"), &[]);
    assert!(!done && text.contains("is no folder"), "{text}");
}
