//! What one device, or another owner of addresses, had over time and with whom.

use std::net::IpAddr;

use model::Timestamp;

use super::desk::of_any_host;
use super::{AnswerError, Desk};
use crate::query::{Dimension, Measure, QueryError, Range, Sums, TopQuery, TopRow};
use crate::rollup::{Amounts, Kind, Scope, Steps, Whose};

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceQuestion {
    /// About whom.
    pub whose: Whose,
    /// The addresses that they have or had; without any, only sums are answered.
    pub addresses: Vec<IpAddr>,
    /// When.
    pub range: Range,
    /// The length of a step, in milliseconds.
    pub step: i64,
    /// How many rows a list has.
    pub rows: usize,
}

/// The answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeviceAnswer {
    /// From when until when flows are kept; None where none are.
    pub kept: Option<(Timestamp, Timestamp)>,
    /// With the Internet, by step.
    pub internet: Steps,
    /// All of the range with the Internet.
    pub sum: Amounts,
    /// All of the range with others of ours and with the router.
    pub local: Amounts,
    /// The remotes with the most octets, from the flows; None where that took too long.
    pub remotes: Option<Vec<TopRow>>,
    /// The services with the most octets.
    pub services: Option<Vec<TopRow>>,
    /// What the flows of the addresses add up to.
    pub flows: Sums,
}

impl Desk {
    /// Answers what a device's page shows.
    pub fn device(&self, asked: &DeviceQuestion) -> Result<DeviceAnswer, AnswerError> {
        let range = asked.range;
        if range.from > self.now {
            return Err(QueryError::Future { from: range.from, now: self.now }.into());
        }
        let mut answer = DeviceAnswer { kept: self.kept()?, ..DeviceAnswer::default() };
        if let (Some((rollups, live)), Some(key)) = (self.rollups()?, asked.whose.key()) {
            let steps = |scopes: &[Scope], step| {
                rollups.steps((Kind::Account, &[key]), scopes, range, step, Some(&live))
            };
            let sum = |steps: &Steps| {
                let mut sum = Amounts::default();
                steps.of.iter().flatten().for_each(|amounts| sum.add(amounts));
                sum
            };
            answer.internet = steps(&[Scope::Internet], asked.step)?;
            answer.sum = sum(&answer.internet);
            answer.local = sum(&steps(&[Scope::Local, Scope::Router], asked.step)?);
        }
        if asked.addresses.is_empty() {
            return Ok(answer);
        }
        let filter = of_any_host(asked.addresses.iter().copied());
        let top = |by| {
            let (filter, measure, limit) = (filter.clone(), Measure::Bytes, asked.rows);
            match self.top(&TopQuery { range, filter, by, measure, limit }) {
                Err(AnswerError::Query(QueryError::TooLong)) => Ok(None),
                other => other.map(Some),
            }
        };
        if let Some(remotes) = top(Dimension::Remote)? {
            answer.flows = remotes.total;
            answer.remotes = Some(remotes.rows);
            answer.services = top(Dimension::Service)?.map(|top| top.rows);
        }
        Ok(answer)
    }

    /// What an owner of addresses, or all together where there is none, had by step.
    pub fn history(
        &self,
        whose: Option<Whose>,
        scopes: &[Scope],
        range: Range,
        step: i64,
    ) -> Result<Steps, AnswerError> {
        if range.from > self.now {
            return Err(QueryError::Future { from: range.from, now: self.now }.into());
        }
        let (kind, key) = match whose {
            Some(whose) => (Kind::Account, whose.key().unwrap_or(0)),
            None => (Kind::Total, 0),
        };
        match self.rollups()? {
            Some((rollups, live)) => {
                Ok(rollups.steps((kind, &[key]), scopes, range, step, Some(&live))?)
            }
            None => Ok(Steps { from: range.from, length: step, of: vec![Vec::new()] }),
        }
    }
}
