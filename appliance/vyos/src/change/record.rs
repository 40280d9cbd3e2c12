//! The table of what was changed on the router, by us and by others.

use model::Timestamp;
use rusqlite::{Row, params};
use serde::Serialize;
use store::{Reading, Store, StoreError, Writing};

/// How a change stands or ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It is being sent.
    Applying,
    /// It is done and will be undone unless somebody keeps it.
    Waiting,
    /// Kept, and saved.
    Kept,
    /// It is being undone.
    Undoing,
    /// Undone: all that it touched is as it was.
    Undone,
    /// The router did not take it; nothing changed.
    Refused,
    /// It could not be brought to an end as it should; the text says how things stand.
    Failed,
    /// Somebody else changed it; it was seen, not made.
    Outside,
}

impl State {
    const ALL: [Self; 8] = [
        Self::Applying,
        Self::Waiting,
        Self::Kept,
        Self::Undoing,
        Self::Undone,
        Self::Refused,
        Self::Failed,
        Self::Outside,
    ];

    /// The word in the table.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Applying => "applying",
            Self::Waiting => "waiting",
            Self::Kept => "kept",
            Self::Undoing => "undoing",
            Self::Undone => "undone",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Outside => "outside",
        }
    }

    /// Whether nothing will happen to it any more.
    pub const fn is_settled(self) -> bool {
        !matches!(self, Self::Applying | Self::Waiting | Self::Undoing)
    }
}

/// One change, as the table has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Its number.
    pub number: i64,
    /// When it began, or was seen.
    pub at: Timestamp,
    /// Who.
    pub actor: String,
    /// From where.
    pub address: Option<String>,
    /// What for.
    pub why: String,
    /// The commands, a line each, secrets struck out.
    pub commands: String,
    /// How it stands.
    pub state: State,
    /// What the router or we have to say about it.
    pub said: String,
    /// When it was settled.
    pub ended: Option<Timestamp>,
}

/// Changes that the table keeps at most.
const KEPT: i64 = 5_000;
const COLUMNS: &str = "id, at, actor, address, why, commands, state, said, ended";

impl Change {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let state: String = row.get(6)?;
        let state = State::ALL.into_iter().find(|known| known.as_str() == state);
        Ok(Self {
            number: row.get(0)?,
            at: Timestamp(row.get(1)?),
            actor: row.get(2)?,
            address: row.get(3)?,
            why: row.get(4)?,
            commands: row.get(5)?,
            state: state.unwrap_or(State::Failed),
            said: row.get(7)?,
            ended: row.get::<_, Option<i64>>(8)?.map(Timestamp),
        })
    }
}

/// Puts a change in; the number in it does not count. Gives its number.
pub(crate) fn insert(w: &Writing<'_>, change: &Change) -> Result<i64, StoreError> {
    w.main().execute(
        "INSERT INTO router_changes (at, actor, address, why, commands, state, said, ended)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        params![
            change.at.0,
            change.actor,
            change.address,
            change.why,
            change.commands,
            change.state.as_str(),
            change.said,
            change.ended.map(|at| at.0)
        ],
    )?;
    let number = w.main().last_insert_rowid();
    w.main().execute("DELETE FROM router_changes WHERE id <= ?1", params![number - KEPT])?;
    Ok(number)
}

/// Writes down how a change stands.
pub(super) fn update(
    w: &Writing<'_>,
    number: i64,
    state: State,
    said: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    w.main().execute(
        "UPDATE router_changes SET state = ?2, said = ?3, ended = ?4 WHERE id = ?1",
        params![number, state.as_str(), said, state.is_settled().then_some(now.0)],
    )?;
    Ok(())
}

/// Ends all changes that look unsettled and are not among those given: the appliance died before
/// they were sent, or what it wrote down of them cannot be read any more.
pub(super) fn end_forgotten(
    w: &Writing<'_>,
    unsettled: &[i64],
    unreadable: &[i64],
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut open = w.main().prepare(
        "SELECT id FROM router_changes WHERE state IN ('applying', 'waiting', 'undoing')",
    )?;
    let open: Vec<i64> = open.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    for number in open.into_iter().filter(|number| !unsettled.contains(number)) {
        let said = if unreadable.contains(&number) {
            "What was written down to undo it cannot be read: it may run, and nobody undoes it."
        } else {
            "Panoptikon was stopped before it was sent to the router."
        };
        update(w, number, State::Failed, said, now)?;
    }
    Ok(())
}

/// A page of changes, newest first.
pub(crate) async fn page(
    store: &Store,
    before: Option<i64>,
    limit: u32,
) -> Result<Vec<Change>, StoreError> {
    store
        .read(move |r: &mut Reading| {
            let sql = format!(
                "SELECT {COLUMNS} FROM router_changes WHERE id < ?1 ORDER BY id DESC LIMIT ?2"
            );
            let mut statement = r.main().prepare_cached(&sql)?;
            let rows =
                statement.query_map(params![before.unwrap_or(i64::MAX), limit], Change::read)?;
            Ok::<_, StoreError>(rows.collect::<Result<_, _>>()?)
        })
        .await
}

/// One change.
pub(crate) async fn find(store: &Store, number: i64) -> Result<Option<Change>, StoreError> {
    store
        .read(move |r: &mut Reading| {
            let sql = format!("SELECT {COLUMNS} FROM router_changes WHERE id = ?1");
            let mut statement = r.main().prepare_cached(&sql)?;
            let mut rows = statement.query_map([number], Change::read)?;
            Ok::<_, StoreError>(rows.next().transpose()?)
        })
        .await
}
