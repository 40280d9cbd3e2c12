//! The router's own archive of commits: a log of one line a commit, newest first, and beside it the
//! configuration after each, as `archive/commits` and `archive/config.boot.N.gz` in the folder of
//! the file that the router starts with (vyos-1x, `config_mgmt`).

use std::io::Read as _;
use std::path::Path;

use flate2::read::GzDecoder;
use model::Timestamp;
use serde::Serialize;

use crate::config::Document;

/// The most that is read of the log, in bytes.
const LONGEST_LOG: u64 = 1024 * 1024;
/// The longest configuration that is read, in bytes.
const LONGEST: u64 = 16 * 1024 * 1024;

/// One commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Archived {
    /// How many commits there were since; 0 is the newest.
    pub revision: usize,
    /// When.
    pub at: Timestamp,
    /// Who, as the router knows them.
    pub user: String,
    /// How, such as `cli` or `vyos-http-api`.
    pub via: String,
    /// What they noted.
    pub comment: String,
}

/// Why a commit of the archive cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The file is not there, or not to be read.
    #[error("commit {0} of the router's archive cannot be read: {1}")]
    Unreadable(usize, std::io::Error),
    /// It is no configuration.
    #[error("commit {0} of the router's archive is damaged")]
    Damaged(usize),
}

/// The log's lines: `|seconds since 1970|user|via|comment|`. Other lines are passed over, but count.
pub(crate) fn parse_log(text: &str) -> Vec<Archived> {
    let entry = |(revision, line): (usize, &str)| {
        let mut parts = line.trim().strip_prefix('|')?.splitn(4, '|');
        let at = Timestamp(parts.next()?.parse::<i64>().ok()?.checked_mul(1_000)?);
        let mut text = || {
            let part = parts.next()?.trim_end_matches('|').replace("%%", "|");
            Some(part.chars().filter(|c| !c.is_control()).take(200).collect::<String>())
        };
        Some(Archived { revision, at, user: text()?, via: text()?, comment: text()? })
    };
    text.lines().enumerate().filter_map(entry).collect()
}

/// The commits of an archive; none where there is no archive. Blocks.
pub(crate) fn list(folder: &Path) -> Vec<Archived> {
    let mut text = String::new();
    let read = std::fs::File::open(folder.join("commits"))
        .and_then(|file| file.take(LONGEST_LOG).read_to_string(&mut text));
    if read.is_err() { Vec::new() } else { parse_log(&text) }
}

/// The configuration after a commit. Blocks.
pub(crate) fn read(folder: &Path, revision: usize) -> Result<Document, ArchiveError> {
    let path = folder.join(format!("config.boot.{revision}.gz"));
    let file =
        std::fs::File::open(path).map_err(|error| ArchiveError::Unreadable(revision, error))?;
    let mut text = String::new();
    let read = GzDecoder::new(file).take(LONGEST).read_to_string(&mut text);
    read.map_err(|_| ArchiveError::Damaged(revision))?;
    Document::parse(&text).map_err(|_| ArchiveError::Damaged(revision))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    #[test]
    fn the_log_is_read_line_by_line() {
        let log = "|1763740000|vyos|cli|open %% the door|\n\
                   |1763730000|root|vyos-http-api|commit|\nnonsense\n|x|a|b|c|\n|1|init|other||\n";
        let found = parse_log(log);
        assert_eq!(found.len(), 3);
        assert_eq!(found[0].comment, "open | the door");
        assert_eq!((found[1].user.as_str(), found[1].via.as_str()), ("root", "vyos-http-api"));
        assert_eq!((found[2].revision, found[2].at), (4, Timestamp(1_000)));
    }

    #[test]
    fn a_commit_is_read_whole_or_said_to_be_damaged() {
        let dir = tempfile::tempdir().unwrap();
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(b"system {\n    host-name \"vyos\"\n}\n").unwrap();
        let packed = packed.finish().unwrap();
        std::fs::write(dir.path().join("config.boot.0.gz"), &packed).unwrap();
        std::fs::write(dir.path().join("config.boot.1.gz"), &packed[..packed.len() / 2]).unwrap();
        let document = read(dir.path(), 0).unwrap();
        assert_eq!(document.root.value_at(["system", "host-name"]), Some("vyos"));
        assert!(matches!(read(dir.path(), 1), Err(ArchiveError::Damaged(1))));
        assert!(matches!(read(dir.path(), 2), Err(ArchiveError::Unreadable(2, _))));
    }
}
