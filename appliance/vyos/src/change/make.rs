//! Makes a change: written down, sent, read back; from then on it waits to be kept.

use access::Caller;
use access::audit::Outcome;
use model::Timestamp;
use tokio::time::Instant;

use super::book::{Pending, Stage};
use super::commit::{Committed, Said, commit};
use super::merge::{Remark, may_lose_remarks, remarks};
use super::record;
use super::touch::{self, builds_on, overlap, touched, undone, untouched};
use super::{Change, ChangeError, Changes, Live, MOST_WAITING, ROUTER_LATER, State, Wanted};
use crate::api::check_command;
use crate::config::{Command, Node};
use crate::secrets::shown;

impl Changes {
    /// Makes a change. It goes on if its caller goes away.
    pub(crate) async fn apply(&self, wanted: Wanted, by: Caller) -> Result<i64, ChangeError> {
        let own = self.clone();
        let work = tokio::spawn(async move { own.apply_to_the_end(wanted, by).await });
        work.await.unwrap_or_else(|e| Err(ChangeError::NotDone(e.to_string())))
    }

    async fn apply_to_the_end(&self, wanted: Wanted, by: Caller) -> Result<i64, ChangeError> {
        if wanted.commands.is_empty() {
            return Err(ChangeError::Empty);
        }
        wanted.commands.iter().try_for_each(check_command)?;
        let session = self.inner.client.session().await?;
        let before = session.config().await?;
        for back in undone(&Node::default(), &before, &wanted.commands).commands() {
            if check_command(&back).is_err() {
                let words = touch::path(&back);
                let setting = words.split_last().map_or(words, |(_, setting)| setting);
                return Err(ChangeError::NoWayBack(setting.join(" ")));
            }
        }
        if !untouched(&before, &wanted.seen, &wanted.commands) {
            return Err(ChangeError::Stale);
        }
        self.nothing_in_the_way(&wanted.commands)?;
        let confirm = wanted.confirm && self.live().is_empty();
        let remarks = if may_lose_remarks(&wanted.commands) {
            remarks(&session.remarked(before.clone()).await, &wanted.commands)
        } else {
            Vec::new()
        };
        let mut pending = self.write_down(&wanted, &by, (before, remarks), confirm).await?;
        let number = pending.number;
        let applies = Live {
            pending: pending.clone(),
            until: Instant::now(),
            busy: true,
            unsure: true,
            problem: None,
        };
        self.live().insert(number, applies);
        let _hold = self.held(number);

        let minutes = pending.seconds.div_ceil(60) as u32;
        let confirm_minutes = confirm.then_some(minutes + ROUTER_LATER);
        let sent = commit(&session, &pending.before, &pending.commands, confirm_minutes).await;
        self.sent(&pending.commands);
        let (outcome, result) = match sent {
            Committed::Whole(warnings, now) => {
                pending.stage = Stage::Waiting;
                pending.left = Some(touched(&now, &pending.commands));
                pending.deadline = Timestamp::now().plus(wanted.countdown);
                let until = Instant::now() + wanted.countdown;
                // Unwritten it is undone after a crash, which is safe.
                if let Err(error) = self.write(&pending).await {
                    tracing::error!(%error, change = number, "the countdown is not on disk");
                }
                self.mark(number, State::Waiting, &warnings).await;
                let waits = Live {
                    pending: pending.clone(),
                    until,
                    busy: false,
                    unsure: false,
                    problem: None,
                };
                // Before the next one's turn, which must see it.
                self.live().insert(number, waits);
                drop(session);
                (Outcome::Ok, Ok(number))
            }
            Committed::Nothing(said) => {
                let (Said::Router(text) | Said::Us(text)) = &said;
                self.settle(number, State::Refused, text).await;
                let error = match said {
                    Said::Router(text) => ChangeError::Refused(text),
                    Said::Us(text) => ChangeError::NotDone(text),
                };
                (Outcome::Refused, Err(error))
            }
            Committed::Part(Said::Router(why) | Said::Us(why)) | Committed::Unknown(why) => {
                pending.stage = Stage::Undoing;
                if let Err(error) = self.write(&pending).await {
                    tracing::error!(%error, change = number, "what to undo is not on disk");
                }
                let undoes = Live {
                    pending: pending.clone(),
                    until: Instant::now(),
                    busy: true,
                    unsure: true,
                    problem: None,
                };
                self.live().insert(number, undoes);
                drop(session);
                let undone = self.undo_now(number, &why).await;
                let error =
                    if undone { ChangeError::Refused(why) } else { ChangeError::Partly(why) };
                (Outcome::Failed, Err(error))
            }
        };
        let said = result.as_ref().err().map(ToString::to_string);
        self.note(&by, "router.apply", &pending, outcome, said.as_deref()).await;
        self.tell();
        result
    }

    fn nothing_in_the_way(&self, commands: &[Command]) -> Result<(), ChangeError> {
        let live = self.live();
        if live.len() >= MOST_WAITING {
            return Err(ChangeError::TooMany);
        }
        match live.values().find(|Live { pending, .. }| {
            overlap(&pending.commands, commands)
                || builds_on(&pending.before, &pending.commands, commands)
        }) {
            Some(other) => Err(ChangeError::InTheWay {
                number: other.pending.number,
                actor: other.pending.actor.clone(),
            }),
            None => Ok(()),
        }
    }

    /// Into the table and into the book, before anything is sent.
    async fn write_down(
        &self,
        wanted: &Wanted,
        by: &Caller,
        (before, remarks): (Node, Vec<Remark>),
        confirm: bool,
    ) -> Result<Pending, ChangeError> {
        let now = Timestamp::now();
        let lines: Vec<String> = wanted.commands.iter().map(shown).collect();
        let row = Change {
            number: 0,
            at: now,
            actor: by.actor.name().to_owned(),
            address: by.address.map(|address| address.to_string()),
            why: wanted.why.clone(),
            commands: lines.join("\n"),
            state: State::Applying,
            said: String::new(),
            ended: None,
        };
        let stored = row.clone();
        let store = &self.inner.store;
        let number = store.write("router change", move |w| record::insert(w, &stored)).await?;
        let pending = Pending {
            number,
            stage: Stage::Applying,
            actor: row.actor,
            address: row.address,
            why: row.why,
            made: now,
            deadline: now,
            seconds: wanted.countdown.as_secs(),
            confirm,
            commands: wanted.commands.clone(),
            before,
            left: None,
            remarks,
            saved: false,
        };
        if let Err(error) = self.write(&pending).await {
            self.mark(number, State::Failed, &error.to_string()).await;
            return Err(error.into());
        }
        Ok(pending)
    }
}
