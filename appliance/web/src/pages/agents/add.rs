//! Adding a host: a token, and the ways to use it.

use std::net::IpAddr;
use std::time::Duration;

use agents::{AgentsError, NewToken, TokenWish};
use axum::extract::Path;
use axum::response::Response;

use super::{find, list};
use crate::http::Failure;
use crate::pages::errors::sentence;
use crate::pages::{Ask, Form};
use crate::site::Site;
use crate::view::{Choice, Field, Moment, NewHostPage, Place, TokenPage};

/// The port where nobody says otherwise.
const PORT: u16 = 8444;
/// How long tokens may be good, minutes.
const LIVES: [(&str, &str); 4] =
    [("15", "15 minutes"), ("60", "1 hour"), ("1440", "1 day"), ("10080", "7 days")];

pub(super) async fn form(ask: Ask) -> Result<Response, Failure> {
    let page = page(&ask, &Form::default()).await;
    ask.page(&page)
}

async fn page(ask: &Ask, form: &Form) -> NewHostPage {
    NewHostPage {
        shell: ask.shell("Add a host", Some(Place::Hosts)).await,
        name: Field::new(form.get("name")),
        note: Field::new(form.get("note")),
        lasts: Choice::list(LIVES, form.get("lasts")),
    }
}

pub(super) async fn make(ask: Ask, form: Form) -> Result<Response, Failure> {
    let minutes = form.get("lasts").parse().unwrap_or(15_u64).min(10_080);
    let wish = TokenWish {
        name: form.get("name").to_owned(),
        note: form.get("note").to_owned(),
        lasts: Duration::from_secs(minutes * 60),
        agent: None,
    };
    match ask.site.agents.make_token(&ask.visitor.caller, wish, ask.now).await {
        Ok(made) => token(&ask, made).await,
        Err(AgentsError::Invalid(invalid)) => {
            let mut refused = page(&ask, &form).await;
            let problem = sentence(&invalid.problem);
            match invalid.field {
                "note" => refused.note.error = problem,
                _ => refused.name.error = problem,
            }
            ask.refused(&refused)
        }
        Err(error) => Err(error.into()),
    }
}

pub(super) async fn anew(ask: Ask, Path(id): Path<String>) -> Result<Response, Failure> {
    let host = find(&ask, &id)?;
    let lasts = agents::USUAL_LIFE;
    let wish = TokenWish { lasts, agent: Some(host.id), ..TokenWish::default() };
    let made = ask.site.agents.make_token(&ask.visitor.caller, wish, ask.now).await?;
    token(&ask, made).await
}

async fn token(ask: &Ask, made: NewToken) -> Result<Response, Failure> {
    let authority = ask.site.agents.authority();
    let server = server(&ask.site, ask.local);
    let pin = format!("sha256//{}", authority.pin());
    let (line, sudo_line) = (asking(&server, &pin, ""), asking(&server, &pin, "sudo "));
    let files = list::files(ask).await;
    ask.page(&TokenPage {
        shell: ask.shell("Install the agent", Some(Place::Hosts)).await,
        name: made.row.name,
        until: Moment::ago(made.row.until, ask.now),
        line,
        sudo_line,
        token: made.text,
        server,
        fingerprint: colons(&authority.fingerprint()),
        pin,
        files: files.iter().map(|file| file.arch.to_owned()).collect(),
        files_dir: ask.site.agents.files_dir().display().to_string(),
    })
}

/// The line for people, at which the token is asked for: what stands in a line is kept in histories,
/// and what stands behind sudo in lists of processes and logs.
fn asking(server: &str, pin: &str, sudo: &str) -> String {
    format!(
        "curl -fsSk --pinnedpubkey '{pin}' https://{server}/install.sh | \
         {sudo}PANOPTIKON_SERVER='{server}' PANOPTIKON_PIN='{pin}' sh"
    )
}

/// The line for programs, which answer no question. What it holds has no quotes in it.
pub(crate) fn line(server: &str, pin: &str, token: &str) -> String {
    format!(
        "curl -fsSk --pinnedpubkey '{pin}' https://{server}/install.sh | \
         PANOPTIKON_SERVER='{server}' PANOPTIKON_PIN='{pin}' PANOPTIKON_TOKEN='{token}' sh"
    )
}

/// The line for root's shell on a host that reaches this appliance at `address`, a name or an IPv4
/// address; it asks for the token.
pub fn agent_line(agents: &agents::Agents, address: &str) -> String {
    let port = agents.listening().first().map_or(PORT, std::net::SocketAddr::port);
    let pin = format!("sha256//{}", agents.authority().pin());
    asking(&format!("{address}:{port}"), &pin, "")
}

/// Where agents come in, as the person who asks reaches this appliance.
pub(crate) fn server(site: &Site, local: Option<IpAddr>) -> String {
    let listening = site.agents.listening();
    let port = listening.first().map_or(PORT, std::net::SocketAddr::port);
    match local.filter(|ip| !ip.is_loopback() && !ip.is_unspecified()) {
        Some(IpAddr::V6(ip)) => format!("[{ip}]:{port}"),
        Some(ip) => format!("{ip}:{port}"),
        None => format!("{}:{port}", site.facts.host.get()),
    }
}

fn colons(octets: &[u8]) -> String {
    let pairs: Vec<String> = octets.iter().map(|octet| format!("{octet:02X}")).collect();
    pairs.join(":")
}
