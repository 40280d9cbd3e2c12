//! The chain of hashes and its check.
//!
//! Pure: rows in, the first fault out. A row's hash is SHA-256 over, in this order: the ASCII text
//! `panoptikon audit 1` and a zero octet; the hash of the row before (32 octets, zero for the
//! first); `seq` and `at` as 64-bit big-endian numbers; `actor_id` as an octet 0 for none, or 1 and
//! a 64-bit big-endian number; then `actor_kind`, `actor`, `address`, `action`, `subject`,
//! `outcome`, `detail`, each as an octet 0 for none, or 1, a 32-bit big-endian length and UTF-8.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::entry::Row;
use crate::secret::{Hash, from_hex, to_hex};

/// The newest row's place and hash: enough to notice later that rows before it were touched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The newest row's place; 0 when the log is empty.
    pub seq: i64,
    /// Its hash; zero when the log is empty.
    pub hash: [u8; 32],
}

impl Head {
    /// Of an empty log.
    pub const EMPTY: Self = Self { seq: 0, hash: [0; 32] };
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.seq, to_hex(&self.hash))
    }
}

/// The text is no head of the audit log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a head of the audit log: give the row's number, a colon and 64 hex digits")]
pub struct ParseHeadError;

impl FromStr for Head {
    type Err = ParseHeadError;

    fn from_str(text: &str) -> Result<Self, ParseHeadError> {
        let (seq, hash) = text.trim().split_once(':').ok_or(ParseHeadError)?;
        let seq = seq.parse().map_err(|_| ParseHeadError)?;
        Ok(Self { seq, hash: from_hex(hash).ok_or(ParseHeadError)? })
    }
}

/// What a row's hash covers.
pub(crate) struct Link<'a> {
    pub(crate) seq: i64,
    pub(crate) at: i64,
    pub(crate) actor: &'a str,
    pub(crate) actor_kind: &'a str,
    pub(crate) actor_id: Option<i64>,
    pub(crate) address: Option<&'a str>,
    pub(crate) action: &'a str,
    pub(crate) subject: &'a str,
    pub(crate) outcome: &'a str,
    pub(crate) detail: &'a str,
    pub(crate) prev_hash: &'a Hash,
}

impl Link<'_> {
    pub(crate) fn hash(&self) -> Hash {
        let mut hasher = Sha256::new();
        hasher.update(b"panoptikon audit 1\0");
        hasher.update(self.prev_hash);
        hasher.update(self.seq.to_be_bytes());
        hasher.update(self.at.to_be_bytes());
        match self.actor_id {
            None => hasher.update([0]),
            Some(id) => {
                hasher.update([1]);
                hasher.update(id.to_be_bytes());
            }
        }
        let texts = [
            Some(self.actor_kind),
            Some(self.actor),
            self.address,
            Some(self.action),
            Some(self.subject),
            Some(self.outcome),
            Some(self.detail),
        ];
        for text in texts {
            match text {
                None => hasher.update([0]),
                Some(text) => {
                    hasher.update([1]);
                    hasher.update((text.len() as u32).to_be_bytes());
                    hasher.update(text.as_bytes());
                }
            }
        }
        hasher.finalize().into()
    }
}

/// What is wrong with the log, at its first wrong place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(tag = "fault", rename_all = "snake_case")]
pub enum Fault {
    /// The row's content is not what was written.
    #[error("row {seq} was edited")]
    Edited {
        /// The row.
        seq: i64,
    },
    /// The row does not continue the one before it: that one or this one was replaced.
    #[error("row {seq} does not continue the row before it")]
    Unlinked {
        /// The row.
        seq: i64,
    },
    /// Rows are gone from the middle or from the start.
    #[error("rows {first} to {last} are missing")]
    Missing {
        /// The first missing row.
        first: i64,
        /// The last missing row.
        last: i64,
    },
    /// Rows are gone from the end.
    #[error("rows {first} to {last} were cut off the end")]
    CutOff {
        /// The first missing row.
        first: i64,
        /// The last missing row.
        last: i64,
    },
    /// A row lies where the log has none.
    #[error("row {seq} was inserted")]
    Inserted {
        /// The row.
        seq: i64,
    },
    /// The last row is not the one that the head names.
    #[error("the head of the log does not name its last row, {seq}")]
    HeadDiffers {
        /// The last row.
        seq: i64,
    },
    /// The row that holds the head is gone.
    #[error("the head of the log is missing")]
    HeadMissing,
    /// The row is not the one that was noted elsewhere, in the system log for example.
    #[error("row {seq} is not the one that was noted outside the database")]
    NoteDiffers {
        /// The row.
        seq: i64,
    },
}

/// The outcome of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Every row is as it was written.
    Intact {
        /// How many rows were checked.
        rows: u64,
        /// The newest.
        head: Head,
    },
    /// Somebody touched the log.
    Broken(Fault),
}

/// Walks the rows in order.
pub(crate) struct Check {
    last: Head,
    head: Head,
    note: Option<Head>,
    rows: u64,
}

impl Check {
    /// Starts after `base`, the last row that retention took away, and expects to end at `head`.
    /// A `note` is a head kept outside the database.
    pub(crate) fn new(base: Head, head: Head, note: Option<Head>) -> Self {
        Self { last: base, head, note, rows: 0 }
    }

    /// Checks the next row.
    pub(crate) fn push(&mut self, row: &Row) -> Result<(), Fault> {
        let seq = row.seq;
        let expected = self.last.seq + 1;
        if seq < expected || seq > self.head.seq {
            // Beyond the head nothing was written; but a gap before it is the older fault.
            if expected <= self.head.seq && seq > self.head.seq {
                return Err(Fault::CutOff { first: expected, last: self.head.seq });
            }
            return Err(Fault::Inserted { seq });
        }
        if seq > expected {
            return Err(Fault::Missing { first: expected, last: seq - 1 });
        }
        if row.prev_hash != self.last.hash {
            return Err(Fault::Unlinked { seq });
        }
        if row.link().hash() != row.hash {
            return Err(Fault::Edited { seq });
        }
        if self.note.is_some_and(|note| note.seq == seq && note.hash != row.hash) {
            return Err(Fault::NoteDiffers { seq });
        }
        self.last = Head { seq, hash: row.hash };
        self.rows += 1;
        Ok(())
    }

    /// Checks the end.
    pub(crate) fn finish(self) -> Result<Verdict, Fault> {
        let (last, head) = (self.last, self.head);
        if last.seq < head.seq {
            return Err(Fault::CutOff { first: last.seq + 1, last: head.seq });
        }
        if last.hash != head.hash {
            return Err(Fault::HeadDiffers { seq: last.seq });
        }
        match self.note {
            Some(note) if note.seq > last.seq => {
                Err(Fault::CutOff { first: last.seq + 1, last: note.seq })
            }
            _ => Ok(Verdict::Intact { rows: self.rows, head: last }),
        }
    }
}

#[cfg(test)]
mod tests {
    use model::Timestamp;
    use proptest::prelude::*;

    use super::*;

    fn chain(n: i64) -> Vec<Row> {
        let mut prev_hash = [0; 32];
        (1..=n)
            .map(|seq| {
                let mut row = Row {
                    seq,
                    at: Timestamp(seq * 1000),
                    actor: "ada".to_owned(),
                    actor_kind: "person".to_owned(),
                    actor_id: Some(1),
                    address: None,
                    action: "device.edit".to_owned(),
                    subject: format!("device:{seq}"),
                    outcome: "ok".to_owned(),
                    detail: "{}".to_owned(),
                    prev_hash,
                    hash: [0; 32],
                };
                row.hash = row.link().hash();
                prev_hash = row.hash;
                row
            })
            .collect()
    }

    fn head_of(rows: &[Row]) -> Head {
        rows.last().map_or(Head::EMPTY, |r| Head { seq: r.seq, hash: r.hash })
    }

    fn check(rows: &[Row], head: Head, note: Option<Head>) -> Result<Verdict, Fault> {
        let mut check = Check::new(Head::EMPTY, head, note);
        rows.iter().try_for_each(|row| check.push(row))?;
        check.finish()
    }

    #[test]
    fn an_untouched_log_is_intact_even_when_empty() {
        for n in [0, 1, 20] {
            let rows = chain(n);
            let head = head_of(&rows);
            let intact = Verdict::Intact { rows: n as u64, head };
            assert_eq!(check(&rows, head, None), Ok(intact));
            assert_eq!(check(&rows, head, Some(head)), Ok(intact));
        }
    }

    proptest! {
        #[test]
        fn any_edit_of_any_field_is_found(at in 0_usize..12, field in 0_usize..10) {
            let mut rows = chain(12);
            let head = head_of(&rows);
            let row = &mut rows[at];
            match field {
                0 => row.at.0 += 1,
                1 => row.actor.push('x'),
                2 => row.actor_kind = "system".to_owned(),
                3 => row.actor_id = None,
                4 => row.address = Some(String::new()),
                5 => row.action.push('x'),
                6 => row.subject.push('x'),
                7 => row.outcome = "failed".to_owned(),
                8 => row.detail = "{ }".to_owned(),
                _ => row.hash[31] ^= 1,
            }
            prop_assert_eq!(check(&rows, head, None), Err(Fault::Edited { seq: at as i64 + 1 }));
        }

        #[test]
        fn a_row_edited_and_hashed_anew_is_found(at in 0_usize..12) {
            let mut rows = chain(12);
            let head = head_of(&rows);
            rows[at].actor = "eve".to_owned();
            rows[at].hash = rows[at].link().hash();
            let expected = if at == 11 {
                Fault::HeadDiffers { seq: 12 }
            } else {
                Fault::Unlinked { seq: at as i64 + 2 }
            };
            prop_assert_eq!(check(&rows, head, None), Err(expected));
        }

        #[test]
        fn rows_taken_out_are_found(first in 0_usize..12, n in 1_usize..12) {
            let mut rows = chain(12);
            let head = head_of(&rows);
            let last = (first + n).min(12);
            rows.drain(first..last);
            let (first, last) = (first as i64 + 1, last as i64);
            let expected = if last == 12 {
                Fault::CutOff { first, last }
            } else {
                Fault::Missing { first, last }
            };
            prop_assert_eq!(check(&rows, head, None), Err(expected));
        }

        #[test]
        fn no_text_makes_the_head_parser_panic(text: String) {
            let _ = text.parse::<Head>();
        }
    }

    #[test]
    fn a_row_put_after_the_end_is_found() {
        let rows = chain(6);
        let head = head_of(&rows[..5]);
        assert_eq!(check(&rows, head, None), Err(Fault::Inserted { seq: 6 }));
    }

    #[test]
    fn a_log_rewritten_as_a_whole_differs_from_the_note() {
        let note = head_of(&chain(5));
        let mut rows = chain(8);
        let mut prev_hash = [0; 32];
        for row in &mut rows {
            row.actor = "eve".to_owned();
            row.prev_hash = prev_hash;
            row.hash = row.link().hash();
            prev_hash = row.hash;
        }
        let head = head_of(&rows);
        assert!(check(&rows, head, None).is_ok(), "the database alone cannot tell");
        assert_eq!(check(&rows, head, Some(note)), Err(Fault::NoteDiffers { seq: 5 }));
        let short = &rows[..3];
        let cut = Fault::CutOff { first: 4, last: 5 };
        assert_eq!(check(short, head_of(short), Some(note)), Err(cut));
    }

    #[test]
    fn neighbouring_fields_cannot_trade_characters() {
        let mut rows = chain(1);
        let before = rows[0].link().hash();
        rows[0].action = "device.editd".to_owned();
        rows[0].subject = "evice:1".to_owned();
        assert_ne!(rows[0].link().hash(), before);
    }

    #[test]
    fn the_hash_of_a_known_row_never_changes() {
        // Computed with another program from the layout in the module's documentation.
        assert_eq!(to_hex(&chain(1)[0].hash), KNOWN);
    }

    const KNOWN: &str = "2cfdd18327a03354426ce393ee99eb7f2c854aeccba464ca7f65952dc7da4210";

    #[test]
    fn a_head_returns_from_its_text() {
        let head = head_of(&chain(3));
        assert_eq!(head.to_string().parse(), Ok(head));
        assert_eq!("3:zz".parse::<Head>(), Err(ParseHeadError));
    }
}
