//! `docs/features.md` tells the truth about its proofs: each test that it names exists.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the workspace").to_owned()
}

struct Row {
    id: String,
    state: String,
    proof: String,
}

fn rows() -> Vec<Row> {
    let text = std::fs::read_to_string(root().join("docs/features.md")).expect("the ledger");
    let cells =
        |line: &str| line.split(" | ").map(|c| c.trim_matches(['|', ' ']).to_owned()).collect();
    text.lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| ID"))
        .map(|line| {
            let cells: Vec<String> = cells(line);
            assert_eq!(cells.len(), 4, "{line}");
            Row { id: cells[0].clone(), state: cells[2].clone(), proof: cells[3].clone() }
        })
        .collect()
}

/// The parts of a proof in back-quotes that name a test: `file: name` or `file`.
fn named(proof: &str) -> Vec<(String, Option<String>)> {
    proof
        .split('`')
        .skip(1)
        .step_by(2)
        .map(|quoted| match quoted.split_once(": ") {
            Some((file, name)) => (file.to_owned(), Some(name.to_owned())),
            None => (quoted.to_owned(), None),
        })
        .collect()
}

#[test]
fn every_feature_has_one_of_three_states_and_a_proof_if_it_works() {
    let rows = rows();
    assert!(rows.len() > 400, "{} rows", rows.len());
    for row in &rows {
        let known = ["works", "partial", "not yet"].contains(&row.state.as_str());
        assert!(known, "{}: {:?} is no state", row.id, row.state);
        if row.state == "works" {
            assert!(!named(&row.proof).is_empty(), "{} works without a named proof", row.id);
        }
        if row.state == "partial" {
            assert!(!row.proof.is_empty(), "{} is partial, and it is not said why", row.id);
        }
    }
    let ids: BTreeSet<_> = rows.iter().map(|r| r.id.as_str()).collect();
    assert_eq!(ids.len(), rows.len(), "an ID stands twice");
}

#[test]
fn every_test_named_as_a_proof_exists() {
    for row in rows() {
        for (file, name) in named(&row.proof) {
            let path = root().join(&file);
            let text = std::fs::read_to_string(&path)
                .unwrap_or_else(|e| panic!("{}: {file}: {e}", row.id));
            if let Some(name) = name {
                let function = format!("fn {name}(");
                let quoted = [format!("test(\"{name}\""), format!("test('{name}'")];
                let exists = text.contains(&function) || quoted.iter().any(|q| text.contains(q));
                assert!(exists, "{}: no test {name} in {file}", row.id);
            }
        }
    }
}
