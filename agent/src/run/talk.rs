//! The agent's side of the link: dialling, what passes in either direction, and the end of it.

use wire::{Hello, Welcome, close};

use super::{Agent, End, Link, hello, wall_ms};
use crate::collect;
use crate::commands::{Said, Surroundings};
use crate::link::backoff::Dial;
use crate::link::session::{Out, Session};
use crate::link::socket::{Came, DialError, Socket};
use crate::watch::Wish;
use crate::{der, log, tls};

impl Agent {
    pub(super) fn dial(&mut self, now: u64) {
        let mut random = [0; 8];
        // Without a random number it is merely not spread.
        let _ = getrandom::fill(&mut random);
        match self.backoff.next(u64::from_le_bytes(random)) {
            Dial::Rest(rest) => self.rest_until = now + rest,
            Dial::Now(at) => {
                let Some(server) = self.config.servers.get(at).cloned() else { return };
                if self.identity.validity().is_some_and(|(_, until)| until * 1000 < wall_ms()) {
                    self.complain("this host's certificate has run out: enrol it again".into());
                }
                match self.identity.credentials().and_then(tls::enrolled) {
                    Ok(tls) => {
                        self.dialling = Some(Box::pin(async move {
                            (server.clone(), Socket::dial(server, tls).await)
                        }));
                    }
                    Err(error) => {
                        self.complain(error.to_string());
                        self.backoff.unwanted();
                    }
                }
            }
        }
    }

    pub(super) fn dialled(&mut self, (server, outcome): (String, Result<Socket, DialError>)) {
        self.dialling = None;
        let socket = match outcome {
            Ok(socket) => socket,
            Err(error) => return self.complain(error.to_string()),
        };
        // Raised and on disk before the appliance hears it, so that a copy is noticed.
        self.outbox.book.counter += 1;
        if let Err(error) = self.outbox.book.save() {
            return self.complain(error.to_string());
        }
        let session = Session::new(self.hello(), self.now());
        self.link = Some(Link { socket, session, server });
    }

    fn hello(&mut self) -> Hello {
        let (first, next) = self.outbox.first_and_next();
        let boot = self.collector.boot();
        Hello {
            counter: self.outbox.book.counter,
            binary: self.binary.clone(),
            boot,
            first,
            next,
            interval_s: self.interval_s,
            ..hello(self.collector.tree(), &self.config)
        }
    }

    /// Sends what there is to send.
    pub(super) async fn flush(&mut self) {
        let now = self.now();
        let Some(link) = &mut self.link else { return };
        let outs = match link.session.poll(now, &mut self.outbox) {
            Ok(outs) => outs,
            Err(error) => return self.hang_up(close::GARBAGE, &error.to_string()).await,
        };
        for out in outs {
            match out {
                Out::Welcomed(welcome) => self.welcomed(&welcome),
                Out::Set(set) => {
                    let wish = set.watch.map(|watch| Wish::of(&watch));
                    self.set(set.interval_s, set.attend_s, set.passive, wish);
                }
                Out::Ask(ask) => self.ask(ask),
                Out::Cancel(id) => self.desk.cancel(id),
                Out::Certificate(chain) => {
                    if self.certified(chain) {
                        return self.hang_up(1000, "the key was rotated").await;
                    }
                }
                frame => {
                    let Some(link) = &mut self.link else { return };
                    if let Err(why) = link.socket.send(frame).await {
                        return self.hang_up(1000, &why).await;
                    }
                }
            }
        }
    }

    pub(super) async fn came(&mut self, came: Came) {
        let now = self.now();
        let Some(link) = &mut self.link else { return };
        match came {
            Came::Life => link.session.heard(now),
            Came::Text(text) => {
                let before = self.outbox.acked();
                if let Err(error) = link.session.text(&text, now, &mut self.outbox) {
                    return self.hang_up(close::GARBAGE, &error.to_string()).await;
                }
                if self.probation.is_some() && self.outbox.acked() > before && link.session.live() {
                    self.probation = None;
                    self.shelf.settle();
                }
            }
            Came::End(code, why) => {
                let link_told = link.session.told().map(str::to_owned);
                let mut unwanted =
                    [close::REVOKED, close::COPIED, close::NO_PROTOCOL].map(Some).contains(&code);
                if code == Some(close::REVOKED) && self.identity.fall_back() {
                    log::warn("the appliance does not know the new key: back to the one before");
                    if let Err(error) = self.identity.save(&self.places.identity()) {
                        log::warn(error);
                    }
                    unwanted = false;
                }
                let told = link_told.unwrap_or(why);
                let why = code.map_or(told.clone(), |code| format!("{told} ({code})"));
                self.hang_up(1000, &why).await;
                if unwanted {
                    self.backoff.unwanted();
                }
            }
        }
    }

    pub(super) async fn hang_up(&mut self, code: u16, why: &str) {
        let Some(link) = self.link.take() else { return };
        let unknown = link.session.ignored();
        self.complain(format!("the link to {} ended: {why}", link.server));
        if unknown > 0 {
            log::info(format!("{unknown} messages were of no kind that this agent knows"));
        }
        link.socket.close(code, why).await;
        let now = self.now();
        self.backoff.closed(now);
        self.desk.cancel_all();
        self.outbox.settle(now, false);
        self.renewal = None;
        self.pulse();
    }

    /// Says something once, not at every attempt.
    pub(super) fn complain(&mut self, why: String) {
        if why != self.why {
            log::warn(&why);
            self.why = why;
            self.pulse();
        }
    }

    fn welcomed(&mut self, welcome: &Welcome) {
        self.backoff.welcomed(self.now());
        let server = self.link.as_ref().map_or("", |link| link.server.as_str());
        log::info(format!("linked to {server} as {:?}", collect::short(&welcome.name)));
        self.why = String::new();
        if self.identity.settle()
            && let Err(error) = self.identity.save(&self.places.identity())
        {
            log::warn(error);
        }
        let wish = Some(Wish::of(&welcome.watch));
        self.set(Some(welcome.interval_s), welcome.attend_s, Some(welcome.passive), wish);
        let asked_here = self.places.state.join("rotate");
        if asked_here.exists() || welcome.rotate {
            let _ = std::fs::remove_file(asked_here);
            self.renew();
        }
        self.pulse_as(&welcome.name);
    }

    fn set(
        &mut self,
        interval_s: Option<u32>,
        attend_s: Option<u32>,
        passive: Option<bool>,
        wish: Option<Wish>,
    ) {
        let now = self.now();
        if let Some(seconds) = interval_s.filter(|s| wire::limits::INTERVAL_S.contains(s)) {
            let seconds = seconds.max(self.config.fastest_s);
            if seconds != self.interval_s {
                self.interval_s = seconds;
                self.next_report = self.next_report.min(now + u64::from(seconds) * 1000);
            }
            if self.outbox.book.interval_s != Some(seconds) {
                self.outbox.book.interval_s = Some(seconds);
                if let Err(error) = self.outbox.book.save() {
                    log::warn(error);
                }
            }
        }
        if let Some(seconds) = attend_s {
            self.attend_until = now + u64::from(seconds.min(3600)) * 1000;
            if seconds > 0 {
                self.next_report = self.next_report.min(now + 200);
            }
        }
        if let Some(passive) = passive {
            self.passive = passive;
        }
        if let Some(wish) = wish {
            self.watcher.wish(wish);
        }
    }

    fn ask(&mut self, ask: wire::Ask) {
        let Some(link) = &mut self.link else { return };
        let around = Surroundings {
            config: self.config.clone(),
            programs: self.places.programs(),
            tls: self.identity.credentials().and_then(tls::enrolled).ok(),
            server: link.server.clone(),
            passive: self.passive,
        };
        if let Some(refusal) = self.desk.begin(ask, around) {
            link.session.answer(refusal);
        }
    }

    pub(super) async fn said(&mut self, said: Said) {
        match said {
            Said::Answer(link, answer) => {
                if self.desk.answered(link, &answer)
                    && let Some(link) = &mut self.link
                {
                    link.session.answer(answer);
                }
            }
            Said::Restart => {
                self.flush().await;
                self.end = Some(End::Restart);
            }
        }
    }

    pub(super) fn renew(&mut self) {
        match der::fresh_key(&self.identity.agent) {
            Ok(fresh) => {
                if let Some(link) = &mut self.link {
                    link.session.renew(fresh.request);
                    self.renewal = Some(fresh.key);
                }
            }
            Err(error) => log::warn(error),
        }
    }

    /// Whether the new key is in place.
    fn certified(&mut self, chain: String) -> bool {
        let Some(key) = self.renewal.take() else { return false };
        let rotated = self.identity.rotated(key, chain).and_then(|identity| {
            // A certificate for another key would lock this host out.
            tls::enrolled(identity.credentials()?)?;
            identity.save(&self.places.identity()).map(|()| identity)
        });
        match rotated {
            Ok(identity) => {
                self.identity = identity;
                log::info("the key was rotated");
                true
            }
            Err(error) => {
                log::warn(error);
                false
            }
        }
    }
}
