//! `docs/features.md` has every feature of the plan, and tells the truth about its proofs: each test
//! that it names exists.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The areas of the plan, each with its last number; they count from 1 without gaps.
const PLAN: [(&str, u32); 18] = [
    ("AGT", 30),
    ("CAP", 31),
    ("CMD", 50),
    ("DET", 30),
    ("DISC", 30),
    ("FLOW", 23),
    ("FLT", 18),
    ("LOG", 30),
    ("NOT", 25),
    ("PKG", 28),
    ("PROM", 15),
    ("QA", 17),
    ("RSP", 24),
    ("RTR", 36),
    ("STO", 28),
    ("SYS", 26),
    ("UI", 38),
    ("UNI", 30),
];

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

/// The parts of a proof in back-quotes that name a test: `file: name` or a file of tests; of
/// `scripts/test` a stage.
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
}

#[test]
fn every_feature_of_the_plan_stands_there_once() {
    let numbers = |(area, last): (&str, u32)| {
        (1..=last).map(|n| format!("{area}-{n:02}")).collect::<Vec<_>>()
    };
    let planned: BTreeSet<String> = PLAN.into_iter().flat_map(numbers).collect();
    let rows = rows();
    let listed: BTreeSet<String> = rows.iter().map(|row| row.id.clone()).collect();
    assert_eq!(listed.len(), rows.len(), "an ID stands twice");
    let differ: Vec<_> = planned.symmetric_difference(&listed).collect();
    assert!(differ.is_empty(), "missing, or not of the plan: {differ:?}");
}

#[test]
fn the_counts_at_the_top_are_those_of_the_rows() {
    let count = |state: &str| rows().iter().filter(|row| row.state == state).count();
    let line = format!(
        "{} work, {} are partial, {} are not yet there.",
        count("works"),
        count("partial"),
        count("not yet")
    );
    let text = std::fs::read_to_string(root().join("docs/features.md")).expect("the ledger");
    assert!(text.lines().any(|l| l == line), "{line}");
}

#[test]
fn every_test_named_as_a_proof_exists() {
    for row in rows() {
        for (file, name) in named(&row.proof) {
            let path = root().join(&file);
            let text = std::fs::read_to_string(&path)
                .unwrap_or_else(|e| panic!("{}: {file}: {e}", row.id));
            match name {
                Some(name) => assert!(has(&text, &name), "{}: no test {name} in {file}", row.id),
                None => assert!(has_tests(&text), "{}: {file} has no test", row.id),
            }
        }
    }
}

/// Whether a file has a test of that name; in shell, a stage, a case or a check.
fn has(text: &str, name: &str) -> bool {
    let quoted = [format!("test(\"{name}\""), format!("test('{name}'")];
    let in_shell = ["stage", "case"].iter().any(|k| text.contains(&format!("\n{k}_{name}() {{")))
        || text.contains(&format!("\ncheck '{name}' "))
        || text.contains(&format!("\n    check '{name}' "));
    let function = format!("fn {name}(");
    // The attribute stands at most a few lines above, behind a comment or another attribute.
    let is_test = |(before, _): (&str, &str)| before.lines().rev().take(6).any(is_mark);
    let in_proptest = text.contains("proptest! {") && text.contains(&function);
    in_shell
        || in_proptest
        || quoted.iter().any(|q| text.contains(q))
        || text.split_once(&function).is_some_and(is_test)
}

fn has_tests(text: &str) -> bool {
    let is_test = |line: &str| ["test(", "check '"].iter().any(|word| line.starts_with(word));
    text.lines().any(|line| is_mark(line) || is_test(line.trim_start()))
}

fn is_mark(line: &str) -> bool {
    let line = line.trim();
    line == "#[test]" || line.starts_with("#[tokio::test")
}

#[test]
fn a_file_without_a_test_and_a_function_that_is_none_are_no_proofs() {
    assert!(!has_tests("[workspace]\n") && !has_tests("pub mod topology;\nfn test() {}\n"));
    assert!(has_tests("#[test]\nfn one() {}\n") && has_tests("test('one', () => {});\n"));
    assert!(has("#[tokio::test]\nasync fn one() {}\n", "one"));
    assert!(!has("fn helper() {}\n\n\n\n\n\n\n\nfn one() {}\n", "one"));
    assert!(has("\nstage_lint() {\n}\n", "lint") && !has("\nstage_lint() {\n}\n", "deny"));
    assert!(has("\ncase_it_boots() {\n}\n", "it_boots") && !has("case of it_boots", "it_boots"));
    assert!(has("\n    check 'it boots' boots\n", "it boots") && !has("'it boots'", "it boots"));
}
