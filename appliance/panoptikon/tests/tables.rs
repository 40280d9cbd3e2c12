//! No table exists that nothing writes or nothing reads.

use std::path::{Path, PathBuf};

/// The SQL of all rooms, tests of their own included only where they stand beside the code.
fn sources() -> Vec<String> {
    let rooms = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the rooms' folder");
    let mut folders: Vec<PathBuf> = std::fs::read_dir(rooms)
        .expect("the rooms")
        .map(|room| room.expect("a room").path().join("src"))
        .filter(|src| src.is_dir())
        .collect();
    let mut texts = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let is_test = path.file_stem().is_some_and(|stem| stem == "tests");
            let is_source = path.extension().is_some_and(|kind| kind == "rs" || kind == "sql");
            if path.is_dir() && !is_test {
                folders.push(path);
            } else if is_source && !is_test {
                texts.push(std::fs::read_to_string(&path).expect("a source"));
            }
        }
    }
    texts
}

/// The names after a phrase.
fn names_after<'a>(text: &'a str, phrase: &'a str) -> impl Iterator<Item = (usize, &'a str)> {
    text.match_indices(phrase).map(move |(at, _)| {
        let rest = &text[at + phrase.len()..];
        let end = rest.find(|c: char| !c.is_ascii_lowercase() && c != '_').unwrap_or(rest.len());
        (at, &rest[..end])
    })
}

#[test]
fn every_table_is_written_and_read() {
    let texts = sources();
    let tables: Vec<&str> =
        ["CREATE TABLE ", "CREATE TABLE IF NOT EXISTS ", "CREATE VIRTUAL TABLE "]
            .iter()
            .flat_map(|phrase| texts.iter().flat_map(|text| names_after(text, phrase)))
            .map(|(_, name)| name)
            .filter(|name| !name.is_empty())
            .collect();
    assert!(tables.len() > 20, "{tables:?}");
    let written = |table: &str| {
        ["INSERT INTO ", "INSERT OR IGNORE INTO ", "INSERT OR REPLACE INTO ", "UPDATE "]
            .iter()
            .any(|verb| texts.iter().any(|t| names_after(t, verb).any(|(_, n)| n == table)))
    };
    let read = |table: &str| {
        texts.iter().any(|text| {
            let from = names_after(text, "FROM ")
                .filter(|(at, _)| !text[..*at].ends_with("DELETE "))
                .any(|(_, name)| name == table);
            from || names_after(text, "JOIN ").any(|(_, name)| name == table)
        })
    };
    for table in tables {
        assert!(written(table), "nothing writes {table}");
        assert!(read(table), "nothing reads {table}");
    }
}
