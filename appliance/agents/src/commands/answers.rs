//! Passing a question on to the task of a link, and the parts of the answer as they come back.

use std::time::Duration;

use serde_json::Value;
use tokio::sync::{mpsc, oneshot};
use wire::{Answer, Ask};

use crate::members::Order;
use crate::tables::State;
use crate::{AgentId, Agents, AgentsError, Host};

/// Answers that may wait for a reader that is behind.
const WAITING: usize = 64;
/// How long the task of a link may take to pass a question on.
const PASS_ON: Duration = Duration::from_secs(5);

/// What comes back, part by part. Dropping it ends the command on the host.
pub struct Answers {
    agents: Agents,
    id: AgentId,
    host: String,
    number: u64,
    parts: mpsc::Receiver<Answer>,
    is_over: bool,
}

/// A piece of an answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Piece {
    /// More follows.
    Part(Value),
    /// The end.
    Done(Value),
}

impl Answers {
    /// The next piece; None after the end.
    pub async fn next(&mut self) -> Option<Result<Piece, AgentsError>> {
        if self.is_over {
            return None;
        }
        let failed = |code: &str, say: &str| AgentsError::Failed {
            host: self.host.clone(),
            code: code.to_owned(),
            say: say.chars().filter(|c| !model::is_hidden(*c)).take(300).collect(),
        };
        let Some(answer) = self.parts.recv().await else {
            let error = failed("failed", "the link ended before the answer");
            self.is_over = true;
            return Some(Err(error));
        };
        if let Some(error) = answer.error {
            let error = failed(&error.code, &error.say);
            self.is_over = true;
            return Some(Err(error));
        }
        if let Some(done) = answer.done {
            self.is_over = true;
            return Some(Ok(Piece::Done(done)));
        }
        Some(Ok(Piece::Part(answer.part.unwrap_or_default())))
    }

    /// All pieces together: the parts, and what the end said.
    pub async fn all(mut self) -> Result<(Vec<Value>, Value), AgentsError> {
        let mut parts = Vec::new();
        while let Some(piece) = self.next().await {
            match piece? {
                Piece::Part(part) => parts.push(part),
                Piece::Done(done) => return Ok((parts, done)),
            }
        }
        Ok((parts, Value::Null))
    }
}

impl Drop for Answers {
    fn drop(&mut self) {
        if !self.is_over {
            let number = self.number;
            let _ = self.agents.0.members.with(self.id, |member| {
                crate::agents::tell(member, Order::Cancel(number));
            });
        }
    }
}

impl Agents {
    /// The host, if it lets itself be asked for this. A passive one sends no probes.
    pub(crate) fn may_be_asked(
        &self,
        id: AgentId,
        command: &'static str,
        is_probe: bool,
    ) -> Result<Host, AgentsError> {
        let host = self.get(id).ok_or(AgentsError::NotFound(id))?;
        if host.state == State::Revoked {
            return Err(AgentsError::Revoked(host.name));
        }
        let is_allowed = host.hello.abilities.iter().any(|word| word == command);
        let is_passive = host.settings.passive || host.hello.passive;
        if !is_allowed || (is_passive && is_probe) {
            return Err(AgentsError::NotAllowed { host: host.name, command });
        }
        Ok(host)
    }

    /// Asks a host without looking who asks: for those who have looked. The answer may
    /// take so many seconds and octets.
    pub(crate) async fn send(
        &self,
        host: &Host,
        command: &str,
        args: Value,
        (limit_s, limit_bytes): (u32, u64),
    ) -> Result<Answers, AgentsError> {
        let ask = Ask { id: 0, cmd: command.to_owned(), args, limit_s, limit_bytes };
        let (answers, parts) = mpsc::channel(WAITING);
        let (number, numbered) = oneshot::channel();
        let order = Order::Ask { ask, answers, number };
        let sent = self.0.members.with(host.id, |member| {
            member.link.as_ref().map(|link| link.orders.try_send(order).is_ok())
        });
        match sent.flatten() {
            None => return Err(AgentsError::Offline(host.name.clone())),
            Some(false) => return Err(AgentsError::Busy(host.name.clone())),
            Some(true) => {}
        }
        let number = match tokio::time::timeout(PASS_ON, numbered).await {
            Ok(Ok(Some(number))) => number,
            Ok(Err(_)) => return Err(AgentsError::Offline(host.name.clone())),
            Ok(Ok(None)) | Err(_) => return Err(AgentsError::Busy(host.name.clone())),
        };
        let (agents, name) = (self.clone(), host.name.clone());
        Ok(Answers { agents, id: host.id, host: name, number, parts, is_over: false })
    }
}
