//! How a host gets in: tokens are made for people, and a host with a good one gets a certificate.

use std::net::IpAddr;
use std::time::Duration;

use access::audit::{Entry, Outcome, record};
use access::{Caller, Permission as P, Verdict, address_group};
use model::{DeviceId, Mac, Timestamp};
use serde_json::json;
use store::StoreError;
use subtle::ConstantTimeEq as _;
use wire::enrol::{Enrolled, Request};
use wire::{Hello, Report, Token};

use crate::agents::{MOST_HOSTS, NewToken, TokenWish, subject};
use crate::alarm::Watchman;
use crate::counts::Counts;
use crate::host::Invalid;
use crate::members::Member;
use crate::tables::{self, AgentRow, State, TokenRow};
use crate::{AgentId, Agents, AgentsError, HostSettings, host};

/// How long a token is good where nobody says otherwise.
pub const USUAL_LIFE: Duration = Duration::from_secs(15 * 60);
const SHORTEST_LIFE: Duration = Duration::from_secs(60);
const LONGEST_LIFE: Duration = Duration::from_secs(7 * 86_400);
/// The longest text that an agent says of itself.
const LONGEST: usize = 200;
/// The most interfaces and abilities that are kept of what it says.
const MOST: usize = 64;

/// Why a host was not enrolled.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    /// The token is not good; which of the reasons is the administrator's to see.
    #[error(
        "This token is not good: it may be mistyped, used, taken back or too old. Make another one."
    )]
    Token,
    /// Too many attempts.
    #[error("Too many attempts from this address; try again in {0} s.")]
    TooMany(u64),
    /// The request is not sound.
    #[error("{0}")]
    Request(String),
    /// The fault is here.
    #[error("The appliance failed; its log says why.")]
    Internal(#[from] AgentsError),
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::Internal(error.into())
    }
}

fn random<const N: usize>() -> Result<[u8; N], AgentsError> {
    let mut octets = [0; N];
    getrandom::fill(&mut octets).map_err(|error| AgentsError::Random(error.to_string()))?;
    Ok(octets)
}

impl Agents {
    /// Makes a token, which is good once.
    pub async fn make_token(
        &self,
        by: &Caller,
        wish: TokenWish,
        now: Timestamp,
    ) -> Result<NewToken, AgentsError> {
        by.require(P::AgentsManage)?;
        if !(SHORTEST_LIFE..=LONGEST_LIFE).contains(&wish.lasts) {
            return Err(Invalid::new("lasts", "give one minute to seven days").into());
        }
        let mut name = wish.name.trim().to_owned();
        if !name.is_empty() {
            name = host::name(&name)?;
        }
        if let Some(id) = wish.agent {
            name = self.get(id).ok_or(AgentsError::NotFound(id))?.name;
        } else if self.0.members.lock().len() >= MOST_HOSTS {
            return Err(AgentsError::TooMany(MOST_HOSTS));
        }
        let token = Token { id: random()?, secret: random()?, ca: self.0.authority.fingerprint() };
        let row = TokenRow {
            id: token.id_text(),
            secret: token.secret_hash().to_vec(),
            name,
            note: host::note(&wish.note)?,
            made_at: now,
            made_by: by.actor.name().to_owned(),
            until: now.plus(wish.lasts),
            used_at: None,
            revoked_at: None,
            agent: wish.agent,
            replaces: wish.agent.is_some(),
        };
        let detail = json!({ "name": row.name, "until": row.until.rfc3339() });
        let entry = Entry::new(by, "agent.token", format!("agent-token:{}", row.id), now);
        let (kept, entry) = (row.clone(), entry.with(detail));
        self.0
            .store
            .write_synced("agent token", move |w| {
                tables::put_token(w.main(), &kept)?;
                record(w, entry)
            })
            .await?;
        Ok(NewToken { row, text: token.to_string() })
    }

    /// Enrols a host that asks from `address`.
    pub(crate) async fn enrol(
        &self,
        address: IpAddr,
        request: Request,
        now: Timestamp,
    ) -> Result<Enrolled, Refusal> {
        let verdict = {
            let tries = &self.0.tries;
            let mut tries = tries.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            tries.take(&address_group(address), now)
        };
        if let Verdict::Refused { retry_after, first } = verdict {
            Counts::add(&self.0.counts.enrolments_refused, 1);
            if first {
                self.note_refusal(address, "too many attempts", now).await;
            }
            return Err(Refusal::TooMany(retry_after.as_secs().max(1)));
        }
        let outcome = self.enrol_now(address, request, now).await;
        match &outcome {
            Ok(enrolled) => {
                Counts::add(&self.0.counts.enrolled, 1);
                tracing::info!(agent = enrolled.agent, %address, "enrolled a host");
                let mut tries =
                    self.0.tries.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                tries.give_back(&address_group(address));
            }
            Err(refusal) => {
                Counts::add(&self.0.counts.enrolments_refused, 1);
                tracing::warn!(%address, %refusal, "refused to enrol a host");
                self.note_refusal(address, "the token or the request is not good", now).await;
            }
        }
        outcome
    }

    async fn note_refusal(&self, address: IpAddr, why: &'static str, now: Timestamp) {
        let entry = Entry::new(&Caller::anonymous(address), "agent.enrol", "", now)
            .with(json!({ "why": why }))
            .ended(Outcome::Refused);
        if let Err(error) = self.0.store.write("audit", move |w| record(w, entry)).await {
            tracing::warn!(%error, %address, "a refused enrolment could not be noted");
        }
    }

    async fn enrol_now(
        &self,
        address: IpAddr,
        request: Request,
        now: Timestamp,
    ) -> Result<Enrolled, Refusal> {
        let token: Token = request.token.parse().map_err(|_| Refusal::Token)?;
        let (word, hash) = (token.id_text(), token.secret_hash());
        let known = self.0.store.read(move |r| tables::token(r.main(), &word)).await?;
        let good = move |row: &TokenRow| {
            let is_it = hash.as_slice().ct_eq(&row.secret);
            bool::from(is_it)
                && row.used_at.is_none()
                && row.revoked_at.is_none()
                && now < row.until
        };
        let row = known.filter(good).ok_or(Refusal::Token)?;
        let anew = row.agent.filter(|_| row.replaces);
        if anew.is_none() && self.0.members.lock().len() >= MOST_HOSTS {
            return Err(AgentsError::TooMany(MOST_HOSTS).into());
        }
        let id = match anew {
            Some(id) => id,
            None => AgentId(u64::from_be_bytes(random()?)),
        };
        let issued = self
            .0
            .authority
            .certify(id, &request.csr, now)
            .map_err(|error| Refusal::Request(format!("{error}.")))?;
        let hello = tidy(request.hello);
        let said = host::name(&hello.host).unwrap_or_else(|_| format!("host {id}"));
        let fresh = AgentRow {
            id,
            name: if row.name.is_empty() { said } else { row.name.clone() },
            note: row.note.clone(),
            enrolled_at: now,
            enrolled_by: row.made_by.clone(),
            state: State::Active,
            key: issued.key,
            next_key: None,
            expires_at: issued.not_after,
            machine: hello.machine.clone(),
            counter: 0,
            acked: 0,
            rolled: 0,
            seen_at: None,
            online: false,
            clock_ms: 0,
            lost: 0,
            gaps: 0,
            device: self.find_device(&hello, Some(address)),
            hello,
            known: Report::default(),
            settings: HostSettings::default(),
            watchman: Watchman::default(),
        };
        let entry = Entry::new(&Caller::anonymous(address), "agent.enrol", subject(id), now)
            .with(json!({ "name": fresh.name, "token": row.id, "made_by": row.made_by }));
        let written = self
            .0
            .store
            .write_synced("enrolment", move |w| {
                // Somebody else may have used it since it was looked at.
                let again = tables::token(w.main(), &row.id)?;
                let mut row = again.filter(good).ok_or(Refusal::Token)?;
                row.used_at = Some(now);
                row.agent = Some(id);
                tables::put_token(w.main(), &row)?;
                let before = tables::find(w.main(), id)?;
                let agent = match before {
                    Some(before) => anew_of(before, fresh),
                    None if row.replaces => return Err(Refusal::Token),
                    None => fresh,
                };
                // Its numbers begin with 1 again.
                for table in ["agent_reports", "agent_lost"] {
                    w.main()
                        .execute(&format!("DELETE FROM {table} WHERE agent = ?1"), [id])
                        .map_err(StoreError::from)?;
                }
                tables::put(w.main(), &agent)?;
                record(w, entry)?;
                Ok(agent)
            })
            .await?;
        self.hang_up(id, wire::close::SUPERSEDED, "This host was enrolled anew.", now);
        self.0.members.lock().insert(id, Member::new(written, now));
        Ok(Enrolled {
            agent: id.to_string(),
            certificate: issued.chain,
            ca: self.0.authority.ca_pem().to_owned(),
        })
    }

    /// The device that has one of the addresses of a host.
    pub(crate) fn find_device(&self, hello: &Hello, from: Option<IpAddr>) -> Option<DeviceId> {
        let macs: Vec<Mac> = hello.addresses.iter().filter_map(|a| a.mac.parse().ok()).collect();
        let ips = hello.addresses.iter().flat_map(|a| &a.ips);
        let ips = ips.filter_map(|ip| ip.split('/').next()?.parse::<IpAddr>().ok());
        let ips: Vec<IpAddr> =
            ips.chain(from).filter(|ip| !ip.is_loopback() && !ip.is_unspecified()).collect();
        (self.0.finder)(&macs, &ips)
    }
}

/// A host that was enrolled anew: what people said about it stays.
fn anew_of(before: AgentRow, fresh: AgentRow) -> AgentRow {
    AgentRow {
        name: before.name,
        note: before.note,
        settings: before.settings,
        online: before.online,
        watchman: before.watchman,
        lost: before.lost,
        gaps: before.gaps,
        ..fresh
    }
}

/// What an agent says of itself, cut to what is kept: it may say anything.
pub(crate) fn tidy(mut hello: Hello) -> Hello {
    let cut = |text: &mut String| {
        let kept = text.chars().filter(|c| !model::is_hidden(*c)).take(LONGEST);
        *text = kept.collect();
    };
    for text in [
        &mut hello.version,
        &mut hello.build,
        &mut hello.arch,
        &mut hello.binary,
        &mut hello.machine,
        &mut hello.host,
        &mut hello.os,
        &mut hello.kernel,
    ] {
        cut(text);
    }
    if let Some(virt) = &mut hello.virt {
        cut(virt);
    }
    hello.abilities.truncate(MOST);
    hello.abilities.iter_mut().for_each(cut);
    hello.addresses.truncate(MOST);
    for address in &mut hello.addresses {
        cut(&mut address.interface);
        cut(&mut address.mac);
        address.ips.truncate(MOST);
        address.ips.iter_mut().for_each(cut);
    }
    hello
}
