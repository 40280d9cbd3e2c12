//! Configurations as they were: before every change, after every change by others, and whenever
//! somebody wants one kept under a name.
//!
//! The text of a `config.boot`, deflated and sealed, for it holds passwords and keys.

use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use model::Timestamp;
use rusqlite::{OptionalExtension as _, Row, params};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use store::{Reading, Store, StoreError, Vault};

use crate::config::{Document, Node};

/// Unnamed snapshots that are kept; the oldest go first.
const UNNAMED: i64 = 200;
/// Named ones that are kept.
const NAMED: i64 = 500;
/// The longest configuration that is kept or read back, in bytes.
const LONGEST: u64 = 16 * 1024 * 1024;
/// What the vault is told these are for.
const USE: &str = "router snapshot";

/// One snapshot without its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Snapshot {
    /// Its number.
    pub number: i64,
    /// When the configuration was read.
    pub at: Timestamp,
    /// Who wanted it, or before whose change it was taken.
    pub author: String,
    /// The name somebody gave it; empty for automatic ones.
    pub label: String,
    /// Why it was taken.
    pub reason: String,
    /// The length of the text, in bytes.
    pub bytes: i64,
    /// How many nodes it has.
    pub nodes: i64,
}

/// What became of the wish to keep a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// It was kept under a new number.
    New(i64),
    /// The newest snapshot is the same and has no other name.
    Same(i64),
}

/// Why a snapshot could not be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// There is none of that number.
    #[error("there is no snapshot {0}")]
    None(i64),
    /// Its content does not open: the vault's key is another than when it was kept.
    #[error("snapshot {0} cannot be opened: it was sealed with another key, or is damaged")]
    Sealed(i64),
    /// The configuration is too long.
    #[error("the configuration is longer than {LONGEST} bytes")]
    TooLong,
    /// Named ones are as many as are kept.
    #[error("{NAMED} named snapshots are kept already; delete some first")]
    TooMany,
    /// The table failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<rusqlite::Error> for SnapshotError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}

#[derive(Clone)]
pub(crate) struct Snapshots {
    store: Store,
    vault: Vault,
}

/// What is to be kept.
pub(crate) struct Taken {
    pub(crate) at: Timestamp,
    pub(crate) author: String,
    pub(crate) label: String,
    pub(crate) reason: String,
    pub(crate) document: Document,
}

const COLUMNS: &str = "id, at, author, label, reason, bytes, nodes";

impl Snapshot {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            number: row.get(0)?,
            at: Timestamp(row.get(1)?),
            author: row.get(2)?,
            label: row.get(3)?,
            reason: row.get(4)?,
            bytes: row.get(5)?,
            nodes: row.get(6)?,
        })
    }
}

impl Snapshots {
    pub(crate) fn new(store: Store, vault: Vault) -> Self {
        Self { store, vault }
    }

    /// Keeps a configuration, unless the newest is the same and this one has no name.
    pub(crate) async fn keep(&self, taken: Taken) -> Result<Kept, SnapshotError> {
        let text = taken.document.print();
        if text.len() as u64 > LONGEST {
            return Err(SnapshotError::TooLong);
        }
        let nodes = taken.document.root.count() as i64;
        let hash = hash_of(&taken.document.root);
        let mut deflated = DeflateEncoder::new(Vec::new(), Compression::default());
        let packed = deflated.write_all(text.as_bytes()).and_then(|()| deflated.finish());
        let packed = packed.map_err(|_| SnapshotError::TooLong)?;
        let content = self.vault.seal(USE, &packed).map_err(|_| SnapshotError::Sealed(0))?;
        let bytes = text.len() as i64;
        self.store
            .write("router snapshot", move |w| {
                let newest: Option<(i64, Vec<u8>)> = w
                    .main()
                    .query_row(
                        "SELECT id, hash FROM router_snapshots ORDER BY id DESC LIMIT 1",
                        [],
                        |row| Ok((row.get(0)?, row.get(1)?)),
                    )
                    .optional()?;
                if let Some((number, newest)) = newest
                    && newest == hash
                    && taken.label.is_empty()
                {
                    return Ok(Kept::Same(number));
                }
                let named: i64 = w.main().query_row(
                    "SELECT count(*) FROM router_snapshots WHERE label <> ''",
                    [],
                    |row| row.get(0),
                )?;
                if !taken.label.is_empty() && named >= NAMED {
                    return Err(SnapshotError::TooMany);
                }
                w.main().execute(
                    "INSERT INTO router_snapshots
                     (at, author, label, reason, bytes, nodes, hash, content)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                    params![
                        taken.at.0,
                        taken.author,
                        taken.label,
                        taken.reason,
                        bytes,
                        nodes,
                        hash,
                        content
                    ],
                )?;
                let number = w.main().last_insert_rowid();
                w.main().execute(
                    "DELETE FROM router_snapshots WHERE label = '' AND id NOT IN
                     (SELECT id FROM router_snapshots WHERE label = '' ORDER BY id DESC LIMIT ?1)",
                    [UNNAMED],
                )?;
                Ok(Kept::New(number))
            })
            .await
    }

    /// All of them, newest first.
    pub(crate) async fn list(&self) -> Result<Vec<Snapshot>, StoreError> {
        self.store
            .read(|r: &mut Reading| {
                let sql = format!("SELECT {COLUMNS} FROM router_snapshots ORDER BY id DESC");
                let mut statement = r.main().prepare_cached(&sql)?;
                let rows = statement.query_map([], Snapshot::read)?;
                Ok::<_, StoreError>(rows.collect::<Result<_, _>>()?)
            })
            .await
    }

    /// One of them with its configuration.
    pub(crate) async fn open(&self, number: i64) -> Result<(Snapshot, Document), SnapshotError> {
        let found = self
            .store
            .read(move |r: &mut Reading| {
                let sql = format!("SELECT {COLUMNS}, content FROM router_snapshots WHERE id = ?1");
                let mut statement = r.main().prepare_cached(&sql)?;
                let mut rows = statement.query_map([number], |row| {
                    Ok((Snapshot::read(row)?, row.get::<_, Vec<u8>>(7)?))
                })?;
                Ok::<_, StoreError>(rows.next().transpose()?)
            })
            .await?;
        let (snapshot, content) = found.ok_or(SnapshotError::None(number))?;
        let damaged = || SnapshotError::Sealed(number);
        let packed = self.vault.unseal(USE, &content).map_err(|_| damaged())?;
        let mut text = String::new();
        let mut inflated = DeflateDecoder::new(&*packed).take(LONGEST);
        inflated.read_to_string(&mut text).map_err(|_| damaged())?;
        let document = Document::parse(&text).map_err(|_| damaged())?;
        Ok((snapshot, document))
    }

    /// Gives a snapshot another name; an empty one lets it go with the other unnamed ones.
    pub(crate) async fn name(&self, number: i64, label: String) -> Result<(), SnapshotError> {
        let changed = self
            .store
            .write("router snapshot", move |w| {
                let named: i64 = w.main().query_row(
                    "SELECT count(*) FROM router_snapshots WHERE label <> '' AND id <> ?1",
                    [number],
                    |row| row.get(0),
                )?;
                if !label.is_empty() && named >= NAMED {
                    return Err(SnapshotError::TooMany);
                }
                let sql = "UPDATE router_snapshots SET label = ?2 WHERE id = ?1";
                Ok(w.main().execute(sql, params![number, label])?)
            })
            .await?;
        if changed == 0 { Err(SnapshotError::None(number)) } else { Ok(()) }
    }

    /// Deletes a snapshot.
    pub(crate) async fn delete(&self, number: i64) -> Result<(), SnapshotError> {
        let gone = self
            .store
            .write("router snapshot", move |w| {
                let sql = "DELETE FROM router_snapshots WHERE id = ?1";
                Ok::<_, StoreError>(w.main().execute(sql, [number])?)
            })
            .await?;
        if gone == 0 { Err(SnapshotError::None(number)) } else { Ok(()) }
    }
}

/// The same for configurations that mean the same.
fn hash_of(root: &Node) -> Vec<u8> {
    let mut plain = root.clone();
    plain.forget_remarks();
    Sha256::digest(plain.to_json().to_string()).to_vec()
}
