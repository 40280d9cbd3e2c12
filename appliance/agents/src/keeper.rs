//! What is done as time passes: hosts that stay away or lag are told once, reports are taken into
//! minutes and hours, round trips are measured, the door's certificate is made anew.

use std::time::Duration;

use model::{NewEvent, Severity, Timestamp, human_age};
use serde_json::json;
use tokio::time::{MissedTickBehavior, interval};

use crate::agents::event_of;
use crate::tables::State;
use crate::{AgentId, Agents, AgentsError, history, intake};

const EVERY: Duration = Duration::from_secs(1);
/// Reports are taken in when there are so many, or after so long.
const ROLL_REPORTS: u64 = 100;
const ROLL_AFTER: Duration = Duration::from_secs(300);
/// The most hosts whose reports are taken in at one go.
const ROLL_AT_ONCE: usize = 20;

impl Agents {
    /// Works until the future is dropped, or the tables refuse.
    pub(crate) async fn keep(&self) -> Result<(), AgentsError> {
        let mut second = interval(EVERY);
        second.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            second.tick().await;
            self.look_round(Timestamp::now()).await?;
        }
    }

    /// Does what is due now.
    pub async fn look_round(&self, now: Timestamp) -> Result<(), AgentsError> {
        self.tell_presence(now).await?;
        self.tell_lag(now).await?;
        self.round_if_due(now);
        self.roll_some(now).await?;
        self.0.tls.renew(&self.0.authority, now)
    }

    async fn tell_presence(&self, now: Timestamp) -> Result<(), AgentsError> {
        let mut due: Vec<(AgentId, bool, NewEvent)> = Vec::new();
        for member in self.0.members.lock().values_mut() {
            let row = &mut member.row;
            let online = member.link.is_some();
            if online == row.online {
                continue;
            }
            let gone = now.since(member.gone_since);
            let what = if online {
                ("host_online", Severity::Info, format!("{} is online", row.name))
            } else {
                let is_due = row.settings.grace().is_some_and(|grace| gone >= grace);
                if !is_due || row.settings.is_muted(now) || row.state == State::Revoked {
                    continue;
                }
                let what = format!("{} has been offline for {}", row.name, human_age(gone));
                ("host_offline", Severity::High, what)
            };
            row.online = online;
            let event = event_of(row.id, &row.name, row.device, what, json!({}), now);
            due.push((row.id, online, event));
        }
        for (id, online, event) in due {
            let room = self.clone();
            self.0
                .store
                .write("host presence", move |w| room.set_told(w, id, online, event))
                .await?;
        }
        Ok(())
    }

    /// Tells of hosts that are connected and whose reports do not keep up.
    async fn tell_lag(&self, now: Timestamp) -> Result<(), AgentsError> {
        let mut due = Vec::new();
        for member in self.0.members.lock().values_mut() {
            let Some(age) = member.lag(now).filter(|_| !member.row.settings.is_muted(now)) else {
                continue;
            };
            let interval = Duration::from_secs(member.row.settings.interval_s.into());
            let row = &mut member.row;
            due.extend(row.watchman.behind(age, interval).map(|change| (row.id, change)));
        }
        for (id, change) in due {
            intake::tell(self, id, vec![change], now).await?;
        }
        Ok(())
    }

    async fn roll_some(&self, now: Timestamp) -> Result<(), AgentsError> {
        let due: Vec<AgentId> = {
            let members = self.0.members.lock();
            let is_due = |rolled: (u64, Timestamp), acked: u64| {
                let (number, at) = rolled;
                let new = acked.saturating_sub(number);
                new >= ROLL_REPORTS || (new > 0 && now.since(at) >= ROLL_AFTER)
            };
            let due = members.values().filter(|m| is_due(m.rolled, m.row.acked));
            due.map(|m| m.row.id).take(ROLL_AT_ONCE).collect()
        };
        for id in due {
            let acked = self.0.members.with(id, |member| member.row.acked).unwrap_or_default();
            while self.0.store.write("host history", move |w| history::roll(w.main(), id)).await? {}
            let _ = self.0.members.with(id, |member| member.rolled = (acked, now));
        }
        Ok(())
    }
}
