//! A new client of a `WireGuard` interface. Its key pair is made in memory: the public key goes into
//! the plan, the private one into the answer, once, and nowhere else. A pre-shared key goes into both.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use axum::http::HeaderValue;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use vyos::config::Command;
use vyos::edit::{Draft, EditError, FieldError, PeerEdit, value};
use vyos::facts::{WireGuard, wireguard};

use super::super::filled::{Filled, list, maybe, number};
use super::super::{plan_of, propose};
use super::keys::{PrivateKey, preshared};
use super::peer::find;
use super::{CLIENT, about};
use crate::http::Failure;
use crate::pages::{Ask, Form};
use crate::view::Qr;
use crate::view::router::{ClientForm, ClientPage, ClientReadyPage};

/// The fields of the form.
pub(super) const FIELDS: [&str; 7] = [
    "client",
    "client_addresses",
    "client_key",
    "client_endpoint",
    "client_dns",
    "client_routes",
    "client_keepalive",
];
/// Through NAT an UDP mapping lives half a minute.
const KEEPALIVE: &str = "25";
/// The largest file that is given back, in bytes.
const LARGEST_FILE: usize = 8 * 1024;
/// The furthest host that is suggested in a network.
const MOST_HOSTS: u128 = 65_000;

/// A client that is wanted.
pub(super) struct Wanted {
    /// As the router gets to know it.
    pub(super) edit: PeerEdit,
    /// Its own configuration with its private key, where that was made here.
    config: Option<String>,
}

pub(super) async fn show(ask: Ask) -> Result<Response, Failure> {
    let config = ask.config("VPN").await?;
    let one = find(&wireguard(&config), ask.query.get("interface").unwrap_or_default())?;
    let page = page(&ask, &one, Filled::fresh(&ask)).await;
    ask.page(&page)
}

async fn page(ask: &Ask, one: &WireGuard, filled: Filled<'_>) -> ClientPage {
    let taken: Vec<String> = one.peers.iter().flat_map(|p| p.allowed_ips.clone()).collect();
    ClientPage {
        said: filled.said(&FIELDS),
        client: fields(&filled, &usual(ask, &one.addresses, &taken)),
        interface: one.name.clone(),
        shell: ask.router_shell(&format!("A new client of {}", one.name)).await,
    }
}

/// What a client may be like, field by field.
pub(super) fn usual(ask: &Ask, own: &[String], taken: &[String]) -> [String; 7] {
    let address = |text: &String| text.split('/').next().unwrap_or_default().to_owned();
    [
        String::new(),
        next_free(own, taken).join("\n"),
        String::new(),
        outside(ask),
        own.first().map(address).unwrap_or_default(),
        "0.0.0.0/0\n::/0".to_owned(),
        KEEPALIVE.to_owned(),
    ]
}

/// An address by which the router is reached from elsewhere, as far as it knows: the first of a line
/// to the Internet that is no private one.
fn outside(ask: &Ask) -> String {
    let wans = ask.site.system.overview().wans;
    let addresses = wans.iter().flat_map(|wan| &wan.interface.link.addresses);
    let public = |ip: &IpAddr| match ip {
        IpAddr::V4(ip) => {
            let shared = ip.octets()[0] == 100 && ip.octets()[1] & 0xc0 == 64;
            !ip.is_private() && !ip.is_link_local() && !ip.is_loopback() && !shared
        }
        IpAddr::V6(ip) => ip.segments()[0] & 0xe000 == 0x2000,
    };
    addresses.map(|a| a.ip).find(public).map(|ip| ip.to_string()).unwrap_or_default()
}

pub(super) fn fields(filled: &Filled<'_>, usual: &[String; 7]) -> ClientForm {
    let [name, addresses, key, endpoint, dns, routes, keepalive] = usual;
    ClientForm {
        name: filled.field("client", name),
        addresses: filled.field("client_addresses", addresses),
        key: filled.field("client_key", key),
        endpoint: filled.field("client_endpoint", endpoint),
        dns: filled.field("client_dns", dns),
        routes: filled.field("client_routes", routes),
        keepalive: filled.field("client_keepalive", keepalive),
    }
}

pub(super) async fn set(ask: Ask, form: Form) -> Result<Response, Failure> {
    let config = ask.config("VPN").await?;
    let one = find(&wireguard(&config), form.raw("interface"))?;
    let dialect = ask.dialect(&config).await;
    let mut draft = Draft::new(&config, &dialect);
    let own = ["interfaces", "wireguard", &one.name, "private-key"];
    let made = match (config.value_at(own).and_then(PrivateKey::parse), one.port) {
        (None, _) => Err(EditError::of("interface", "the interface has no private key")),
        (_, None) => Err(EditError::of("interface", "give the interface a port first")),
        (Some(key), Some(port)) => read(&form, key.public(), port).and_then(|wanted| {
            draft.set_peer(&one.name, None, &wanted.edit).map_err(renamed)?;
            Ok(wanted)
        }),
    };
    match made {
        Ok(wanted) => {
            let why = format!("Let {} in by {}", wanted.edit.name, one.name);
            let from = about(CLIENT, &one.name).href();
            answer(&ask, &form, &from, why, draft.commands(), wanted).await
        }
        Err(error) => {
            let page = page(&ask, &one, Filled::refused(&ask, &form, &error)).await;
            ask.refused(&page)
        }
    }
}

/// The plan; where a key was made, behind the page that shows the client's configuration.
pub(super) async fn answer(
    ask: &Ask,
    form: &Form,
    from: &str,
    why: String,
    commands: Vec<Command>,
    wanted: Wanted,
) -> Result<Response, Failure> {
    let Some(config) = wanted.config else {
        return propose(ask, form, from, why, commands).await;
    };
    let plan = match plan_of(ask, form, from, why, commands).await {
        Ok(plan) => plan,
        Err(answer) => return answer,
    };
    let name = wanted.edit.name;
    let page = ClientReadyPage {
        qr: Qr::new(&config, format!("The configuration of {name} as a QR code")),
        config,
        plan: format!("/router/plans/{}", plan.id),
        shell: ask.router_shell(&format!("{name} is ready")).await,
        name,
    };
    ask.page(&page)
}

/// What was asked for. `server` and `port` are the interface's.
pub(super) fn read(form: &Form, server: String, port: u16) -> Result<Wanted, EditError> {
    let mut errors = Vec::new();
    let mut check = |field: &str, outcome: Result<(), String>| {
        if let Err(message) = outcome {
            errors.push(FieldError { field: field.to_owned(), message });
        }
    };
    let name = form.get("client").to_owned();
    check("client", value::name(&name));
    let addresses = list(form.raw("client_addresses"));
    let fits = if addresses.is_empty() {
        Err("at least one is needed".to_owned())
    } else {
        addresses.iter().try_for_each(|address| value::prefix(address))
    };
    check("client_addresses", fits);
    let key = form.get("client_key").to_owned();
    if !key.is_empty() {
        check("client_key", value::wireguard_key(&key));
    }
    let keepalive: Option<u16> = match form.get("client_keepalive") {
        "" | "0" => None,
        _ => number(form, "client_keepalive").unwrap_or_else(|_| {
            check("client_keepalive", Err("1 to 65535 seconds, or nothing".to_owned()));
            None
        }),
    };
    let edit = PeerEdit { name, allowed_ips: addresses, ..PeerEdit::default() };
    if !key.is_empty() {
        return if errors.is_empty() {
            Ok(Wanted { edit: PeerEdit { public_key: key, ..edit }, config: None })
        } else {
            Err(EditError { fields: errors })
        };
    }
    let endpoint = form.get("client_endpoint");
    check("client_endpoint", host(endpoint));
    let dns = list(form.raw("client_dns"));
    let is_ip = |text: &String| text.parse::<IpAddr>().is_ok();
    let all = dns.iter().all(is_ip);
    check("client_dns", all.then_some(()).ok_or_else(|| "addresses of name servers".to_owned()));
    let routes = list(form.raw("client_routes"));
    let fits = if routes.is_empty() {
        Err("at least one is needed".to_owned())
    } else {
        routes.iter().try_for_each(|route| value::prefix(route))
    };
    check("client_routes", fits);
    if !errors.is_empty() {
        return Err(EditError { fields: errors });
    }
    let failed = |error| EditError::of("client_key", format!("no key could be made: {error}"));
    let own = PrivateKey::make().map_err(failed)?;
    let shared = preshared().map_err(failed)?;
    let mut text = format!(
        "[Interface]\nPrivateKey = {}\nAddress = {}\n",
        own.expose(),
        edit.allowed_ips.join(", ")
    );
    if !dns.is_empty() {
        let _ = writeln!(text, "DNS = {}", dns.join(", "));
    }
    let at = if endpoint.parse::<Ipv6Addr>().is_ok() {
        format!("[{endpoint}]:{port}")
    } else {
        format!("{endpoint}:{port}")
    };
    let _ = write!(
        text,
        "\n[Peer]\nPublicKey = {server}\nPresharedKey = {shared}\nAllowedIPs = {}\nEndpoint = {at}\n",
        routes.join(", ")
    );
    if let Some(seconds) = keepalive {
        let _ = writeln!(text, "PersistentKeepalive = {seconds}");
    }
    let edit = PeerEdit { public_key: own.public(), preshared_key: Some(shared), ..edit };
    Ok(Wanted { edit, config: Some(text) })
}

fn host(text: &str) -> Result<(), String> {
    if text.parse::<IpAddr>().is_ok() || value::fqdn(text).is_ok() || value::host(text).is_ok() {
        return Ok(());
    }
    Err("a name or address, without port".to_owned())
}

/// What the edit says about a peer, in the fields of this form.
pub(super) fn renamed(error: EditError) -> EditError {
    let rename = |one: FieldError| {
        let field = match one.field.as_str() {
            "name" => "client",
            "public_key" => "client_key",
            "allowed_ips" => "client_addresses",
            "keepalive" => "client_keepalive",
            other => other,
        };
        FieldError { field: field.to_owned(), message: one.message }
    };
    EditError { fields: error.fields.into_iter().map(rename).collect() }
}

/// Gives back, as a file, what its person has on the page; it is kept nowhere.
pub(super) async fn file(form: Form) -> Result<Response, Failure> {
    let config = form.raw("config").replace('\r', "");
    if config.len() > LARGEST_FILE || !config.starts_with("[Interface]\n") {
        return Err(Failure::invalid("This is no client's configuration."));
    }
    // Apps take the file's name for the tunnel's, which has at most 15 characters.
    let plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let name: String = form.get("name").chars().filter(plain).take(15).collect();
    let name = maybe(&name).unwrap_or_else(|| "wireguard".to_owned());
    let disposition = HeaderValue::from_str(&format!("attachment; filename=\"{name}.conf\""))
        .map_err(|error| Failure::internal("Naming a file", error))?;
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    Ok(([(CONTENT_TYPE, kind), (CONTENT_DISPOSITION, disposition)], config).into_response())
}

/// The next addresses in the interface's networks that nobody has, one of each family.
fn next_free(own: &[String], taken: &[String]) -> Vec<String> {
    let parse = |text: &String| {
        let (ip, length) = text.split_once('/')?;
        Some((ip.parse::<IpAddr>().ok()?, length.parse::<u32>().ok()?))
    };
    let used: Vec<IpAddr> = own.iter().chain(taken).filter_map(parse).map(|(ip, _)| ip).collect();
    let mut found: Vec<IpAddr> = Vec::new();
    for (ip, length) in own.iter().filter_map(parse) {
        if found.iter().any(|known| known.is_ipv4() == ip.is_ipv4()) {
            continue;
        }
        let host = |n: u128| -> IpAddr {
            match ip {
                IpAddr::V4(ip) => {
                    let mask = u32::MAX.checked_shl(32 - length.min(32)).unwrap_or(0);
                    Ipv4Addr::from((u32::from(ip) & mask).wrapping_add(n as u32)).into()
                }
                IpAddr::V6(ip) => {
                    let mask = u128::MAX.checked_shl(128 - length.min(128)).unwrap_or(0);
                    Ipv6Addr::from((u128::from(ip) & mask).wrapping_add(n)).into()
                }
            }
        };
        let bits =
            if ip.is_ipv4() { 32 } else { 128 } - length.min(if ip.is_ipv4() { 32 } else { 128 });
        // The first is the network itself, the last of IPv4 its broadcast.
        let end = 1_u128.checked_shl(bits).unwrap_or(u128::MAX).saturating_sub(1).min(MOST_HOSTS);
        found.extend((1..end).map(host).find(|free| !used.contains(free)));
    }
    let length = |ip: &IpAddr| if ip.is_ipv4() { 32 } else { 128 };
    found.iter().map(|ip| format!("{ip}/{}", length(ip))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_free_address_of_each_family_is_suggested() {
        let texts = |all: &[&str]| all.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>();
        let own = texts(&["10.9.0.1/24", "fd00:9::1/64", "10.8.0.1/24"]);
        let taken = texts(&["10.9.0.2/32", "10.9.0.3/32", "fd00:9::2/128", "192.168.7.0/24"]);
        assert_eq!(next_free(&own, &taken), ["10.9.0.4/32", "fd00:9::3/128"]);
        assert!(next_free(&texts(&["10.9.0.1/32", "x", "1.2.3.4/99"]), &[]).is_empty());
        let full: Vec<String> = (1..=6).map(|n| format!("10.9.0.{n}/32")).collect();
        assert!(next_free(&texts(&["10.9.0.1/29"]), &full).is_empty());
    }
}
