//! Who asks for which page, and what surrounds it.

use std::net::IpAddr;

use access::{Permission as P, csrf};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, Method, StatusCode};
use axum::response::Response;
use model::Timestamp;
use store::{ClockGuard, ClockVerdict, Health};

use super::answer::{FLASH_COOKIE, forget, put_cookie, read_flash, with_status};
use super::rows::alert_item;
use crate::http::{Client, FORM_COOKIE, Failure, Peer, Visitor, cookie, set_cookie};
use crate::site::Site;
use crate::view::{Bell, Build, Can, Flash, Html, Place, Query, Shell, Theme, Tone, Whom};

/// Remembers the colours on this browser.
pub(super) const THEME_COOKIE: &str = "__Host-panoptikon-theme";

/// Remembers the length of lists on this browser.
pub(super) const ROWS_COOKIE: &str = "__Host-panoptikon-rows";

/// Rows a page that can be chosen; the first is usual.
pub(super) const ROWS: [u32; 4] = [50, 25, 100, 200];

/// Somebody signed in who asks for a page or sends a form; an extractor.
#[derive(Clone)]
pub struct Ask {
    /// The rooms.
    pub site: Site,
    /// Who asks.
    pub visitor: Visitor,
    /// The path and its query.
    pub query: Query,
    /// When.
    pub now: Timestamp,
    /// The address of ours that the browser speaks to.
    pub local: Option<IpAddr>,
    headers: HeaderMap,
    sends_form: bool,
}

impl FromRequestParts<Site> for Ask {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, Failure> {
        let visitor = <Visitor as FromRequestParts<Site>>::from_request_parts(parts, site).await?;
        Ok(Self {
            site: site.clone(),
            visitor,
            query: Query::parse(parts.uri.path(), parts.uri.query().unwrap_or_default()),
            now: Timestamp::now(),
            local: parts.extensions.get::<Peer>().and_then(|peer| peer.local),
            headers: parts.headers.clone(),
            sends_form: parts.method == Method::POST,
        })
    }
}

impl Ask {
    /// Whether they may do this.
    pub fn may(&self, permission: P) -> bool {
        self.visitor.may(permission)
    }

    /// Rows a page, as chosen on this browser.
    pub fn rows(&self) -> u32 {
        let chosen = cookie(&self.headers, ROWS_COOKIE).and_then(|v| v.parse().ok());
        chosen.filter(|n| ROWS.contains(n)).unwrap_or(ROWS[0])
    }

    /// The colours, as chosen on this browser or else in the account.
    pub fn theme(&self) -> Theme {
        if let Some(word) = cookie(&self.headers, THEME_COOKIE) {
            return Theme::from_cookie(word);
        }
        let chosen = self.visitor.session.as_ref().map(|s| s.preferences.theme);
        match chosen.unwrap_or_default() {
            access::Theme::Dark => Theme::Dark,
            access::Theme::Light => Theme::Light,
            access::Theme::System => Theme::Auto,
        }
    }

    /// How often the page of a room is loaded anew where nothing comes live, as chosen in the
    /// account. Never the settings, nor most pages below a room's: they hold what people type.
    ///
    /// The script says with each request that nobody asked for it. A browser without script cannot:
    /// there a page that is left open counts as use of the session.
    fn refresh(&self, place: Place) -> Option<u16> {
        let seconds = self.visitor.session.as_ref()?.preferences.refresh_seconds;
        let here = self.query.bare();
        let lives = !matches!(place, Place::Settings) && here == place.href()
            || ["/router/services", "/router/logs"].contains(&here);
        (lives && seconds > 0 && !self.sends_form).then_some(seconds)
    }

    /// Whether the request comes from a script that reads JSON, and not from a form.
    pub fn wants_json(&self) -> bool {
        let accept = self.headers.get(axum::http::header::ACCEPT);
        accept.and_then(|v| v.to_str().ok()).is_some_and(|v| v.starts_with("application/json"))
    }

    /// A header of the request, where it is text.
    pub fn header(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// What surrounds the page of this title, with the message that came along. The answer must
    /// forget that message, as [`Ask::answer`] does.
    pub async fn shell(&self, title: &str, here: Option<Place>) -> Shell {
        let mut shell = self.silent_shell(title, here).await;
        shell.flash.extend(read_flash(&self.headers));
        shell
    }

    /// The same without that message, which waits for the next page.
    pub async fn silent_shell(&self, title: &str, here: Option<Place>) -> Shell {
        let session = self.visitor.session.as_deref();
        let actor = &self.visitor.caller.actor;
        let role = session.map_or_else(|| actor.kind(), |s| s.role.as_str());
        let searching = self.query.bare() == "/search";
        let search = self.query.get("q").filter(|_| searching);
        Shell {
            title: title.to_owned(),
            areas: Vec::new(),
            here,
            theme: self.theme(),
            csrf: session.map(|s| s.form_token.clone()).unwrap_or_default(),
            person: Some(Whom { name: actor.name().to_owned(), role: role.to_owned() }),
            can: can(&self.visitor),
            bell: self.bell().await,
            flash: standing(&self.site, self.now),
            waiting: super::router::waiting(&self.site),
            search: search.unwrap_or_default().to_owned(),
            path: self.query.href(),
            now: self.now.0,
            expires: session.map(|s| s.ends_at.0),
            live: session.is_some(),
            answers_form: self.sends_form,
            refresh: here.and_then(|place| self.refresh(place)),
            site: self.site.facts.host.get(),
            build: build(&self.site),
        }
    }

    /// The page, after which its message is forgotten.
    pub fn page(&self, template: &dyn Html) -> Result<Response, Failure> {
        self.answer(StatusCode::OK, template)
    }

    /// The page with a form that was refused: 422.
    pub fn refused(&self, template: &dyn Html) -> Result<Response, Failure> {
        self.answer(StatusCode::UNPROCESSABLE_ENTITY, template)
    }

    /// The page with another status.
    pub fn answer(&self, status: StatusCode, template: &dyn Html) -> Result<Response, Failure> {
        let mut response = with_status(status, template)?;
        if cookie(&self.headers, FLASH_COOKIE).is_some() {
            put_cookie(&mut response, &forget(FLASH_COOKIE));
        }
        Ok(response)
    }

    /// The page as an error, for what cannot go on: it is answered with this status.
    pub fn failing(&self, status: StatusCode, template: &dyn Html) -> Failure {
        match template.html() {
            Ok(html) => {
                let read = cookie(&self.headers, FLASH_COOKIE);
                Failure::ready(status, html, read.map(|_| forget(FLASH_COOKIE)))
            }
            Err(error) => Failure::internal("Rendering the page", error),
        }
    }

    /// Without alerts the page is still worth showing.
    async fn bell(&self) -> Bell {
        if !self.may(P::AlertsRead) {
            return Bell::default();
        }
        let alerts = &self.site.alerts;
        let (unread, last) = tokio::join!(alerts.unread(), alerts.last());
        let (Ok(unread), Ok(last)) = (unread, last) else {
            return Bell::default();
        };
        let items = last.into_iter().map(|alert| alert_item(alert, self.now));
        Bell { unread, items: items.collect() }
    }
}

/// Somebody who need not be signed in; an extractor for the pages before that.
pub struct Guest {
    /// The rooms.
    pub site: Site,
    /// Where from.
    pub client: Client,
    /// Who, if anybody is signed in.
    pub visitor: Option<Visitor>,
    /// The path and its query.
    pub query: Query,
    /// When.
    pub now: Timestamp,
    /// What the browser calls itself.
    pub user_agent: String,
    form_cookie: String,
    fresh: bool,
    headers: HeaderMap,
}

impl FromRequestParts<Site> for Guest {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, Failure> {
        let Ok(client) = Client::from_request_parts(parts, site).await;
        let known = cookie(&parts.headers, FORM_COOKIE).filter(|c| csrf::token(c).is_some());
        let (form_cookie, fresh) = match known {
            Some(known) => (known.to_owned(), false),
            None => (csrf::fresh_cookie()?.expose().to_owned(), true),
        };
        let user_agent = parts.headers.get(axum::http::header::USER_AGENT);
        Ok(Self {
            site: site.clone(),
            client,
            visitor: parts.extensions.get().cloned(),
            query: Query::parse(parts.uri.path(), parts.uri.query().unwrap_or_default()),
            now: Timestamp::now(),
            user_agent: user_agent.and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned(),
            form_cookie,
            fresh,
            headers: parts.headers.clone(),
        })
    }
}

impl Guest {
    /// Whether another site's page led here, as the browser says.
    pub fn comes_from_elsewhere(&self) -> bool {
        let site = self.headers.get("sec-fetch-site");
        site.is_some_and(|v| v == "cross-site" || v == "same-site")
    }

    /// What surrounds the page of this title: nobody's.
    pub fn shell(&self, title: &str) -> Shell {
        let mut flash: Vec<Flash> =
            standing(&self.site, self.now).into_iter().filter(|f| f.tone == Tone::Bad).collect();
        flash.extend(read_flash(&self.headers));
        Shell {
            title: title.to_owned(),
            areas: Vec::new(),
            here: None,
            theme: cookie(&self.headers, THEME_COOKIE).map_or(Theme::Dark, Theme::from_cookie),
            csrf: match self.visitor.as_ref().and_then(|v| v.session.as_ref()) {
                Some(session) => session.form_token.clone(),
                None => csrf::token(&self.form_cookie).unwrap_or_default(),
            },
            person: None,
            can: Can::default(),
            bell: Bell::default(),
            flash,
            waiting: crate::view::Waiting::default(),
            search: String::new(),
            path: self.query.href(),
            now: self.now.0,
            expires: None,
            live: false,
            answers_form: false,
            refresh: None,
            site: self.site.facts.host.get(),
            build: build(&self.site),
        }
    }

    /// The page, with the cookie that its form needs.
    pub fn answer(&self, status: StatusCode, template: &dyn Html) -> Result<Response, Failure> {
        let mut response = with_status(status, template)?;
        if self.fresh {
            put_cookie(&mut response, &set_cookie(FORM_COOKIE, &self.form_cookie, None));
        }
        if cookie(&self.headers, FLASH_COOKIE).is_some() {
            put_cookie(&mut response, &forget(FLASH_COOKIE));
        }
        Ok(response)
    }
}

fn build(site: &Site) -> Build {
    Build {
        version: site.facts.version.to_owned(),
        git: site.facts.git.chars().take(10).collect(),
        date: site.facts.built.to_owned(),
    }
}

fn can(visitor: &Visitor) -> Can {
    Can {
        change_devices: visitor.may(P::DevicesEdit),
        forget_devices: visitor.may(P::DevicesForget),
        wake_devices: visitor.may(P::DevicesWake),
        scan: visitor.may(P::DevicesScan),
        handle_alerts: visitor.may(P::AlertsManage),
        see_settings: visitor.may(P::SettingsRead),
        change_settings: visitor.may(P::SettingsEdit),
        manage_people: visitor.may(P::PeopleManage),
        read_audit: visitor.may(P::AuditRead),
        change_router: visitor.may(P::RouterChange),
        use_tools: visitor.may(P::RouterTools),
        read_logs: visitor.may(P::LogsRead),
    }
}

/// What is wrong for as long as it is, worst first; on every page.
fn standing(site: &Site, now: Timestamp) -> Vec<Flash> {
    let mut all: Vec<Flash> = storage(&site.store.health().borrow()).into_iter().collect();
    let mut say = |tone, text: String| all.push(Flash { tone, text });
    let guard = ClockGuard {
        built: site.store.options().built,
        last_run: None,
        steady_for: now.since(site.facts.started),
    };
    if guard.judge(now) == ClockVerdict::Behind {
        say(
            Tone::Warn,
            "The router's clock is wrong: times shown here are too, and nothing is deleted by age \
             until it is set. Check `show ntp` on the router."
                .to_owned(),
        );
    }
    let parts = (site.components)();
    let deaf = site.discovery.status().borrow().failures.clone();
    let told = parts.iter().any(|p| p.name == "discovery" && p.status == "degraded");
    if let Some((interface, why)) = deaf.first_key_value().filter(|_| !told) {
        let more = match deaf.len() - 1 {
            0 => String::new(),
            n => format!(" The same holds for {n} more."),
        };
        let why = super::errors::sentence(why);
        say(Tone::Warn, format!("Discovery does not hear {interface}. {why}{more}"));
    }
    for part in parts {
        if matches!(part.status, "ok" | "starting") {
            continue;
        }
        let why = part.message.unwrap_or_default();
        let colon = if why.is_empty() { "" } else { ": " };
        say(
            Tone::Warn,
            format!(
                "{} is {}{colon}{why}",
                super::errors::sentence(&part.name).trim_end_matches('.'),
                part.status
            ),
        );
    }
    all
}

fn storage(health: &Health) -> Option<Flash> {
    let text = if health.full {
        "The disk is full: what happens now is not kept. Make room under Settings, Storage, or on \
         the router; the appliance goes on by itself then."
            .to_owned()
    } else {
        let why = health.failing.as_ref()?;
        format!("The database cannot be written ({why}): what happens now is not kept.")
    };
    Some(Flash { tone: Tone::Bad, text })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_in_red_until_it_is_over() {
        let mut health = Health { failing: Some("disk full".to_owned()), full: true };
        let told = storage(&health).expect("a message");
        assert_eq!(told.tone, Tone::Bad);
        assert!(told.text.contains("Make room"));
        health.full = false;
        assert!(storage(&health).expect("a message").text.contains("(disk full)"));
        assert_eq!(storage(&Health::default()), None);
    }
}
