//! All traffic at a glance, from the sums.

use model::Timestamp;

use super::{AnswerError, Desk};
use crate::filter::Filter;
use crate::query::{Dimension, Measure, QueryError, Range, Top, TopQuery};
use crate::rollup::{Amounts, Kind, RollupRow, Scope, Whose};

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverviewQuestion {
    /// When.
    pub range: Range,
    /// The length of a step, in milliseconds.
    pub step: i64,
    /// Between whom.
    pub scopes: Vec<Scope>,
    /// How many devices have a line of their own.
    pub lines: usize,
    /// How many rows a list has.
    pub rows: usize,
    /// Whether to look for remotes, which are in no sums: all flows of the range are read.
    pub remotes: bool,
}

/// The answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overview {
    /// From when until when flows are kept; None where none are.
    pub kept: Option<(Timestamp, Timestamp)>,
    /// When the first step begins.
    pub from: Timestamp,
    /// How long a step is, in milliseconds.
    pub step: i64,
    /// All together by step.
    pub total: Vec<Amounts>,
    /// The devices with the most octets by step.
    pub devices: Vec<(Whose, Vec<Amounts>)>,
    /// All together.
    pub sum: Amounts,
    /// Who had the most; keys are those of [`Whose::key`].
    pub accounts: Vec<RollupRow>,
    /// By protocol and port; keys as [`Kind::Service`] says.
    pub services: Vec<RollupRow>,
    /// By country; keys as [`Kind::Country`] says.
    pub countries: Vec<RollupRow>,
    /// By autonomous system.
    pub systems: Vec<RollupRow>,
    /// By interface of ours.
    pub interfaces: Vec<RollupRow>,
    /// By remote address; None where it was not asked for or took too long.
    pub remotes: Option<Top>,
}

impl Desk {
    /// Answers what the overview shows.
    pub fn overview(&self, asked: &OverviewQuestion) -> Result<Overview, AnswerError> {
        let (range, scopes) = (asked.range, &asked.scopes[..]);
        if range.from > self.now {
            return Err(QueryError::Future { from: range.from, now: self.now }.into());
        }
        let mut answer = Overview { kept: self.kept()?, ..Overview::default() };
        let Some((rollups, live)) = self.rollups()? else { return Ok(answer) };
        let live = Some(&live);
        let top = |kind, limit| rollups.top(kind, scopes, range, limit, live);
        (answer.accounts, _) = top(Kind::Account, asked.rows.max(asked.lines))?;
        let steps = rollups.steps((Kind::Total, &[0]), scopes, range, asked.step, live)?;
        (answer.from, answer.step) = (steps.from, steps.length);
        answer.total = steps.of.into_iter().next().unwrap_or_default();
        let lines: Vec<i64> = answer.accounts.iter().take(asked.lines).map(|row| row.key).collect();
        let steps = rollups.steps((Kind::Account, &lines), scopes, range, asked.step, live)?;
        let whose = lines.iter().map(|key| Whose::from_key(*key));
        answer.devices = whose.zip(steps.of).collect();
        answer.accounts.truncate(asked.rows);
        (_, answer.sum) = top(Kind::Total, 1)?;
        (answer.services, _) = top(Kind::Service, asked.rows)?;
        (answer.countries, _) = top(Kind::Country, asked.rows)?;
        (answer.systems, _) = top(Kind::System, asked.rows)?;
        (answer.interfaces, _) = top(Kind::Interface, asked.rows)?;
        if asked.remotes {
            let (filter, by, measure) = (Filter::default(), Dimension::Remote, Measure::Bytes);
            let query = TopQuery { range, filter, by, measure, limit: asked.rows };
            answer.remotes = match self.top(&query) {
                Err(AnswerError::Query(QueryError::TooLong)) => None,
                other => Some(other?),
            };
        }
        Ok(answer)
    }

    /// The sums of a kind alone: who had the most of a range, and all of the kind together.
    pub fn sums(
        &self,
        kind: Kind,
        scopes: &[Scope],
        range: Range,
        limit: usize,
    ) -> Result<(Vec<RollupRow>, Amounts), AnswerError> {
        if range.from > self.now {
            return Err(QueryError::Future { from: range.from, now: self.now }.into());
        }
        let Some((rollups, live)) = self.rollups()? else {
            return Ok((Vec::new(), Amounts::default()));
        };
        Ok(rollups.top(kind, scopes, range, limit, Some(&live))?)
    }
}
