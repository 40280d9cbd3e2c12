//! How much passes between two ends, when somebody wants to know: throughput of one TCP connection,
//! or loss and jitter of datagrams. The end that receives is asked to listen, then the other sends.

use std::net::SocketAddr;
use std::time::Duration;

use access::audit::{Entry, Outcome, record};
use access::{Caller, Permission as P};
use model::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use wire::command;

use super::{End, Kind, Measured};
use crate::commands::{Answers, Piece};
use crate::edge::measure;
use crate::host::Invalid;
use crate::{AgentId, Agents, AgentsError};

/// The longest that a trial may take, seconds.
pub const LONGEST_TRIAL: u32 = 10;
/// Time beside that for asking, connecting and answering, seconds.
const MARGIN: u32 = 15;
const OCTETS: u64 = 8 << 10;

/// What somebody wants to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Trial {
    /// What is measured.
    pub kind: Kind,
    /// Who sends.
    pub from: End,
    /// Who receives.
    pub to: End,
    /// For how long, seconds: 1 to 10.
    pub seconds: u32,
}

/// What came of it: sent, received, and the value.
type Outcomes = (u64, u64, f64);

impl Trial {
    const fn word(self) -> &'static str {
        match self.kind {
            Kind::Jitter => command::JITTER,
            Kind::Throughput | Kind::Latency => command::THROUGHPUT,
        }
    }

    fn check(self) -> Result<(), Invalid> {
        if self.kind == Kind::Latency {
            return Err(Invalid::new("kind", "give throughput or jitter"));
        }
        if self.from == self.to {
            return Err(Invalid::new("to", "give two different ends"));
        }
        if self.kind == Kind::Jitter && self.to == End::Router {
            let problem = "datagrams are measured to hosts only: the router listens for none";
            return Err(Invalid::new("to", problem));
        }
        if !(1..=LONGEST_TRIAL).contains(&self.seconds) {
            return Err(Invalid::new("seconds", format!("give 1 to {LONGEST_TRIAL}")));
        }
        Ok(())
    }
}

impl Agents {
    /// Measures, and waits for what comes of it. That it failed on the way is kept and given back
    /// as well, with its reason. Who asked may go meanwhile: it is measured, kept and written down
    /// all the same.
    pub async fn measure(
        &self,
        by: &Caller,
        trial: Trial,
        now: Timestamp,
    ) -> Result<Measured, AgentsError> {
        let (own, by) = (self.clone(), by.clone());
        let work = tokio::spawn(async move { own.measure_to_the_end(&by, trial, now).await });
        work.await.map_err(|_| failed("the router", "measuring broke off"))?
    }

    async fn measure_to_the_end(
        &self,
        by: &Caller,
        trial: Trial,
        now: Timestamp,
    ) -> Result<Measured, AgentsError> {
        let tried = self.measure_now(by, trial).await;
        let outcome = match &tried {
            Ok(Ok(_)) => Outcome::Ok,
            Err(AgentsError::Access(_) | AgentsError::NotAllowed { .. }) => Outcome::Refused,
            _ => Outcome::Failed,
        };
        let detail = json!({ "trial": trial });
        let entry = Entry::new(by, "agent.measure", "agents", now).with(detail).ended(outcome);
        self.0.store.write_synced("audit", move |w| record(w, entry)).await?;
        let (outcomes, why) = match tried? {
            Ok(outcomes) => (Some(outcomes), String::new()),
            Err(error) => (None, error.to_string()),
        };
        let measured = Measured {
            at: Timestamp::now(),
            kind: trial.kind,
            from: trial.from,
            to: trial.to,
            by: by.actor.name().to_owned(),
            sent: outcomes.map_or(0, |(sent, ..)| sent),
            received: outcomes.map_or(0, |(_, received, _)| received),
            value: outcomes.map(|(.., value)| value),
            least: None,
            greatest: None,
            why,
        };
        self.keep_measured(vec![measured.clone()]).await?;
        Ok(measured)
    }

    /// Outside is what was not begun, inside what went wrong on the way.
    async fn measure_now(
        &self,
        by: &Caller,
        trial: Trial,
    ) -> Result<Result<Outcomes, AgentsError>, AgentsError> {
        by.require(P::AgentsThroughput)?;
        trial.check()?;
        for id in [trial.from, trial.to].into_iter().filter_map(End::host) {
            let host = self.may_be_asked(id, trial.word(), true)?;
            if !host.online {
                return Err(AgentsError::Offline(host.name));
            }
        }
        let _turn = self.take_turn()?;
        Ok(match (trial.kind, trial.from, trial.to) {
            (Kind::Throughput, End::Host(from), End::Router) => {
                self.pour_to_router(from, trial).await
            }
            (Kind::Throughput, from, End::Host(to)) => self.pour(from, to, trial).await,
            (_, from, End::Host(to)) => self.drip(from, to, trial).await,
            (_, from, End::Router) => Err(failed(&from.to_string(), "it cannot be measured")),
        })
    }

    /// A host sends to the router, at the port where its agent is linked.
    async fn pour_to_router(&self, from: AgentId, trial: Trial) -> Result<Outcomes, AgentsError> {
        let token = token()?;
        let place = self.0.members.with(from, |m| m.link.as_ref().map(|link| link.local.port()));
        let port = place.flatten().unwrap_or(wire::PORT);
        let poured = self.0.mesh.await_sink(&token);
        let args = json!({
            "to": "router", "port": port, "seconds": trial.seconds, "token": token,
        });
        let asked = async { self.put(from, trial, args).await?.all().await };
        let asked = asked.await;
        // Whether or not it came: nobody waits for it any more.
        let is_unused = self.0.mesh.take_sink(&token).is_some();
        asked?;
        if is_unused {
            return Err(failed("the router", "no connection of the host has come"));
        }
        let (octets, took) =
            poured.await.map_err(|_| failed("the router", "the connection broke off"))?;
        Ok((octets, octets, bits_per_second(octets, took)))
    }

    /// One end sends to a host that listens.
    async fn pour(&self, from: End, to: AgentId, trial: Trial) -> Result<Outcomes, AgentsError> {
        let token = token()?;
        let (listener, address) = self.listen(to, trial, &token).await?;
        let (octets, took) = match from {
            End::Router => {
                let time = Duration::from_secs(trial.seconds.into());
                measure::pour(address, &token, time).await.map_err(|e| lost(address, &e))?
            }
            End::Host(id) => {
                let args = args(address, trial, &token);
                let (_, done) = self.put(id, trial, args).await?.all().await?;
                let ms = done.get("ms").and_then(Value::as_f64).filter(|ms| *ms >= 1.0);
                let took = Duration::from_secs_f64(ms.unwrap_or(1_000.0).min(1e6) / 1_000.0);
                (number(&done, "octets"), took)
            }
        };
        // What has come is what counts.
        let (_, heard) = listener.all().await?;
        let received = number(&heard, "octets").min(octets);
        Ok((octets, received, bits_per_second(received, took)))
    }

    /// One end sends datagrams to a host that listens.
    async fn drip(&self, from: End, to: AgentId, trial: Trial) -> Result<Outcomes, AgentsError> {
        let token = token()?;
        let (listener, address) = self.listen(to, trial, &token).await?;
        let sent = match from {
            End::Router => {
                let time = Duration::from_secs(trial.seconds.into());
                measure::drip(address, &token, time).await.map_err(|e| lost(address, &e))?
            }
            End::Host(id) => {
                let args = args(address, trial, &token);
                let (_, done) = self.put(id, trial, args).await?.all().await?;
                number(&done, "sent")
            }
        };
        let (_, heard) = listener.all().await.map_err(|error| match error {
            // It has waited for the first one until its time was over.
            AgentsError::Failed { host, code, .. } if code == "late" => {
                failed(&host, "no datagram has come; something on the way may drop them")
            }
            other => other,
        })?;
        let jitter = heard.get("jitter_ms").and_then(Value::as_f64).unwrap_or_default();
        Ok((sent, number(&heard, "received").min(sent), jitter.clamp(0.0, 1e6)))
    }

    /// Has a host listen; where it can be reached.
    async fn listen(
        &self,
        id: AgentId,
        trial: Trial,
        token: &str,
    ) -> Result<(Answers, SocketAddr), AgentsError> {
        let place = self.0.members.with(id, |m| m.link.as_ref().map(|link| link.address.ip()));
        let args = json!({ "token": token, "seconds": trial.seconds });
        let mut listener = self.put(id, trial, args).await?;
        let port = match listener.next().await.transpose()? {
            Some(Piece::Part(part)) => u16::try_from(number(&part, "port")).ok(),
            _ => None,
        };
        match (place.flatten(), port) {
            (Some(ip), Some(port)) if port > 0 => Ok((listener, SocketAddr::new(ip, port))),
            _ => Err(failed(&id.to_string(), "it does not say where it listens")),
        }
    }

    async fn put(&self, id: AgentId, trial: Trial, args: Value) -> Result<Answers, AgentsError> {
        let host = self.may_be_asked(id, trial.word(), true)?;
        self.send(&host, trial.word(), args, (trial.seconds + MARGIN, OCTETS)).await
    }
}

fn args(to: SocketAddr, trial: Trial, token: &str) -> Value {
    json!({ "to": to.to_string(), "seconds": trial.seconds, "token": token })
}

fn number(said: &Value, name: &str) -> u64 {
    said.get(name).and_then(Value::as_u64).unwrap_or_default().min(1 << 50)
}

fn bits_per_second(octets: u64, took: Duration) -> f64 {
    octets as f64 * 8.0 / took.as_secs_f64().max(0.001)
}

fn failed(host: &str, say: &str) -> AgentsError {
    let (host, say) = (host.to_owned(), say.to_owned());
    AgentsError::Failed { host, code: "failed".to_owned(), say }
}

fn lost(address: SocketAddr, error: &std::io::Error) -> AgentsError {
    failed(&address.to_string(), &format!("{error}; the host's firewall may be in the way"))
}

/// What both ends of one measurement know.
fn token() -> Result<String, AgentsError> {
    let mut octets = [0; 16];
    getrandom::fill(&mut octets).map_err(|e| AgentsError::Random(e.to_string()))?;
    Ok(wire::text::hex(&octets))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_measured_is_refused_with_the_field() {
        let (nas, web) = (End::Host(AgentId(1)), End::Host(AgentId(2)));
        let of = |kind, from, to, seconds| Trial { kind, from, to, seconds }.check();
        assert_eq!(of(Kind::Throughput, nas, End::Router, 5), Ok(()));
        assert_eq!(of(Kind::Jitter, End::Router, web, 10), Ok(()));
        let field = |trial: Result<(), Invalid>| trial.unwrap_err().field;
        assert_eq!(field(of(Kind::Latency, nas, web, 5)), "kind");
        assert_eq!(field(of(Kind::Throughput, nas, nas, 5)), "to");
        assert_eq!(field(of(Kind::Jitter, nas, End::Router, 5)), "to");
        assert_eq!(field(of(Kind::Jitter, nas, web, 0)), "seconds");
        assert_eq!(field(of(Kind::Jitter, nas, web, 11)), "seconds");
    }
}
