//! The words of the command line.
#![allow(clippy::unwrap_used)] // these are tests

use std::process::{Command, Output, Stdio};

/// Runs the agent with these words in an empty folder.
fn agent(folder: &std::path::Path, words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_panoptikon-agent"))
        .args(words)
        .env("PANOPTIKON_AGENT_CONFIG", folder.join("config"))
        .env("PANOPTIKON_AGENT_STATE", folder.join("state"))
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

#[test]
fn every_command_that_is_asked_for_help_answers_with_usage_and_does_nothing() {
    let folder = tempfile::tempdir().unwrap();
    for words in [
        &["enrol", "--help"][..],
        &["enrol", "-h"],
        &["enrol", "--server", "192.0.2.1", "--help"],
        &["uninstall", "--help"],
        &["install", "-h"],
        &["run", "--help"],
        &["--help"],
        &["help"],
        &[],
    ] {
        let said = agent(folder.path(), words);
        let text = String::from_utf8(said.stdout).unwrap();
        assert!(said.status.success() && said.stderr.is_empty(), "{words:?}");
        assert!(text.starts_with("usage: panoptikon-agent COMMAND"), "{words:?}: {text}");
        assert!(text.contains("enrol --server ADDRESS"), "{words:?}: {text}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn words_that_are_not_known_are_refused_with_usage_and_a_token_is_never_taken_as_one() {
    let folder = tempfile::tempdir().unwrap();
    let said = agent(folder.path(), &["dance"]);
    assert_eq!(said.status.code(), Some(2));
    assert!(String::from_utf8(said.stderr).unwrap().contains("usage: panoptikon-agent"));
    let words = ["enrol", "--server", "192.0.2.1", "--token", "pa1.secret"];
    let said = agent(folder.path(), &words);
    let text = String::from_utf8(said.stderr).unwrap();
    assert!(!said.status.success() && text.contains("--token: not understood"), "{text}");
    assert!(!text.contains("secret"), "{text}");
}
