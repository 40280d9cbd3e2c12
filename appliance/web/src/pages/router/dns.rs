//! DNS: the forwarder, domains with servers of their own, the router's own host names.

use access::Permission as P;
use axum::http::Method;
use axum::response::Response;
use vyos::config::{Command, Node};
use vyos::edit::{
    DnsForwardingEdit, DomainEdit, Draft, EditError, FieldError, HostMappingEdit, ServerEdit,
};
use vyos::facts::dns::NameServer;
use vyos::facts::{DnsForwarding, dns_forwarding, host_mappings};

use super::filled::{Filled, list, maybe, number};
use super::{CHANGE, LOOK, propose};
use crate::http::{Failure, Route, Routes};
use crate::pages::{Ask, Form};
use crate::site::Site;
use crate::view::router::{
    DnsDomainPage, DnsForwarderPage, DnsHostPage, DnsPage, DnsRow, RecordRow,
};
use crate::view::{Choice, Empty, Query, count};

const HERE: &str = "/router/dns";
const FORWARDER: &str = "/router/dns/forwarder";
const DOMAIN: &str = "/router/dns/domain";
const HOST: &str = "/router/dns/host";
/// Answers kept where nothing is configured.
const USUAL_CACHE: u64 = 10_000;

pub(super) fn routes() -> Routes<Site> {
    let (get, post) = (Method::GET, Method::POST);
    let (drop_domain, about_domain) = ("/router/dns/domain/delete", "Plan to forget a domain");
    let (drop_host, about_host) = ("/router/dns/host/delete", "Plan to forget a host");
    Routes::new()
        .add(Route::new(get.clone(), HERE, LOOK, show, "DNS of the router"))
        .add(Route::new(get.clone(), FORWARDER, CHANGE, forwarder, "A form for the forwarder"))
        .add(Route::new(post.clone(), FORWARDER, CHANGE, save_forwarder, "Plan the forwarder"))
        .add(Route::new(get.clone(), DOMAIN, CHANGE, domain, "A form for a domain").query(
            "old",
            "string",
            "The domain to change.",
        ))
        .add(Route::new(post.clone(), DOMAIN, CHANGE, save_domain, "Plan a domain"))
        .add(Route::new(post.clone(), drop_domain, CHANGE, delete_domain, about_domain))
        .add(Route::new(get, HOST, CHANGE, host, "A form for a host's name").query(
            "old",
            "string",
            "The host to change.",
        ))
        .add(Route::new(post.clone(), HOST, CHANGE, save_host, "Plan a host's name"))
        .add(Route::new(post, drop_host, CHANGE, delete_host, about_host))
}

async fn show(ask: Ask) -> Result<Response, Failure> {
    let config = ask.config("DNS").await?;
    let dns = dns_forwarding(&config);
    let hosts = host_mappings(&config).into_iter().map(|host| DnsRow {
        href: Query::new(HOST).with("old", &host.name).href(),
        values: host.addresses,
        notes: [also(&host.aliases), host.other].concat(),
        name: host.name,
    });
    let empty = dns.is_none().then(|| {
        let text = "The router answers no questions for names. Its clients ask somebody else.";
        let none = Empty::new("search", "No DNS forwarder", text);
        if ask.may(P::RouterChange) { none.with_action("Set it up", FORWARDER) } else { none }
    });
    let page = DnsPage {
        shell: ask.router_shell("DNS").await,
        facts: dns.as_ref().map(facts).unwrap_or_default(),
        other: dns.as_ref().map(|dns| dns.other.clone()).unwrap_or_default(),
        domains: dns.as_ref().map(domains).unwrap_or_default(),
        records: dns.as_ref().map(records).unwrap_or_default(),
        hosts: hosts.collect(),
        empty,
    };
    ask.page(&page)
}

fn also(names: &[String]) -> Vec<String> {
    if names.is_empty() { Vec::new() } else { vec![format!("also {}", names.join(", "))] }
}

fn facts(dns: &DnsForwarding) -> Vec<(&'static str, Vec<String>)> {
    let mut asks: Vec<String> = dns.name_servers.iter().map(server_words).collect();
    if dns.uses_system {
        asks.push("the router's own name servers".to_owned());
    }
    asks.extend(dns.uses_dhcp_of.iter().map(|name| format!("those that DHCP told on {name}")));
    if asks.is_empty() {
        asks.push("the root servers, by itself".to_owned());
    }
    let cache = match dns.cache_size {
        Some(size) => format!("{} answers", count(size.into())),
        None => format!("{} answers (usual)", count(USUAL_CACHE)),
    };
    let mut facts = vec![
        ("Answers on", dns.listen_addresses.clone()),
        ("Port", dns.port.map(|port| port.to_string()).into_iter().collect()),
        ("Questions from", dns.allow_from.clone()),
        ("Asks", asks),
        ("Keeps", vec![cache]),
        ("Signatures", vec![signature_words(dns.dnssec.as_deref()).to_owned()]),
    ];
    if dns.ignores_hosts_file {
        facts.push(("Host names", vec!["the router's own are not told".to_owned()]));
    }
    facts.retain(|(_, words)| !words.is_empty());
    facts
}

/// What is done about signatures, by the configuration's word.
const SIGNATURES: [(&str, &str); 6] = [
    ("", "as usual: passed on, not checked"),
    ("off", "left out"),
    ("process-no-validate", "passed on, not checked"),
    ("process", "checked for those who ask for it"),
    ("log-fail", "checked, failures only noted"),
    ("validate", "checked, failures refused"),
];

fn signature_words(word: Option<&str>) -> &str {
    let word = word.unwrap_or_default();
    SIGNATURES.iter().find(|(known, _)| *known == word).map_or(word, |(_, words)| words)
}

fn server_words(server: &NameServer) -> String {
    let mut words = server.address.clone();
    if let Some(port) = server.port {
        words = format!("{words} port {port}");
    }
    for other in &server.other {
        words = format!("{words}, {other}");
    }
    words
}

fn domains(dns: &DnsForwarding) -> Vec<DnsRow> {
    let row = |one: &vyos::facts::dns::DomainOverride| {
        let mut notes = Vec::new();
        if one.recursion_desired {
            notes.push("its servers are resolvers".to_owned());
        }
        if one.negative_trust_anchor {
            notes.push("signatures are not demanded".to_owned());
        }
        notes.extend(one.other.iter().cloned());
        DnsRow {
            name: one.domain.clone(),
            values: one.name_servers.iter().map(server_words).collect(),
            notes,
            href: Query::new(DOMAIN).with("old", &one.domain).href(),
        }
    };
    dns.domains.iter().map(row).collect()
}

fn records(dns: &DnsForwarding) -> Vec<RecordRow> {
    let mut rows = Vec::new();
    for zone in &dns.zones {
        for record in &zone.records {
            let off = zone.disabled || record.disabled;
            rows.push(RecordRow {
                name: match record.name.as_str() {
                    "@" => zone.domain.clone(),
                    name => format!("{name}.{}", zone.domain),
                },
                kind: format!(
                    "{}{}",
                    record.kind.to_uppercase(),
                    if off { ", switched off" } else { "" }
                ),
                values: record.values.clone(),
            });
        }
        if zone.records.is_empty() || !zone.other.is_empty() {
            let values = zone.other.clone();
            rows.push(RecordRow { name: zone.domain.clone(), kind: String::new(), values });
        }
    }
    rows
}

/// Servers, one a line; a port may stand behind each.
fn servers(text: &str) -> Result<Vec<ServerEdit>, EditError> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let server = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().filter(|word| *word != "port").collect();
        let wrong = || {
            EditError::of(
                "name_servers",
                format!("`{line}`: write an address, and a port behind it where it is not 53"),
            )
        };
        match words.as_slice() {
            [address] => Ok(ServerEdit { address: (*address).to_owned(), port: None }),
            [address, port] => {
                let port = Some(port.parse().map_err(|_| wrong())?);
                Ok(ServerEdit { address: (*address).to_owned(), port })
            }
            _ => Err(wrong()),
        }
    };
    lines.map(server).collect()
}

fn server_lines(servers: &[ServerEdit]) -> String {
    let line = |server: &ServerEdit| match server.port {
        Some(port) => format!("{} {port}", server.address),
        None => server.address.clone(),
    };
    servers.iter().map(line).collect::<Vec<_>>().join("\n")
}

async fn forwarder(ask: Ask) -> Result<Response, Failure> {
    let config = ask.config("DNS").await?;
    let page = forwarder_page(&ask, &config, &Filled::fresh(&ask)).await;
    ask.page(&page)
}

async fn save_forwarder(ask: Ask, form: Form) -> Result<Response, Failure> {
    let config = ask.config("DNS").await?;
    let read = || {
        Ok::<_, EditError>(DnsForwardingEdit {
            listen_addresses: list(form.get("listen_addresses")),
            allow_from: list(form.get("allow_from")),
            name_servers: servers(form.get("name_servers"))?,
            uses_system: form.ticked("uses_system"),
            cache_size: number(&form, "cache_size")?,
            dnssec: maybe(form.get("dnssec")),
        })
    };
    match drafted(&ask, &config, |draft| draft.edit_dns_forwarding(&read()?)).await {
        Ok(commands) => propose(&ask, &form, FORWARDER, "Change DNS forwarding", commands).await,
        Err(error) => {
            let page = forwarder_page(&ask, &config, &Filled::refused(&ask, &form, &error)).await;
            ask.refused(&page)
        }
    }
}

/// The commands of a change, or what is wrong with it.
async fn drafted(
    ask: &Ask,
    config: &Node,
    change: impl FnOnce(&mut Draft<'_>) -> Result<(), EditError> + Send,
) -> Result<Vec<Command>, EditError> {
    let dialect = ask.dialect(config).await;
    let mut draft = Draft::new(config, &dialect);
    change(&mut draft)?;
    Ok(draft.commands())
}

async fn forwarder_page(ask: &Ask, config: &Node, filled: &Filled<'_>) -> DnsForwarderPage {
    let now = dns_forwarding(config).map(|dns| DnsForwardingEdit::from(&dns)).unwrap_or_default();
    let cache = now.cache_size.map(|size| size.to_string()).unwrap_or_default();
    let dnssec = filled.value("dnssec", now.dnssec.as_deref().unwrap_or_default());
    DnsForwarderPage {
        shell: ask.router_shell("DNS forwarder").await,
        listen: filled.field("listen_addresses", &now.listen_addresses.join("\n")),
        allow: filled.field("allow_from", &now.allow_from.join("\n")),
        servers: filled.field("name_servers", &server_lines(&now.name_servers)),
        system: filled.ticked("uses_system", now.uses_system),
        cache: filled.field("cache_size", &cache),
        dnssec: Choice::list(SIGNATURES, &dnssec),
        said: filled.said(&["listen_addresses", "allow_from", "name_servers", "cache_size"]),
    }
}

async fn domain(ask: Ask) -> Result<Response, Failure> {
    let config = ask.config("DNS").await?;
    let old = ask.query.get("old").unwrap_or_default();
    let page = domain_page(&ask, &config, old, &Filled::fresh(&ask)).await?;
    ask.page(&page)
}

async fn save_domain(ask: Ask, form: Form) -> Result<Response, Failure> {
    let config = ask.config("DNS").await?;
    let (old, name) = (form.get("old"), form.get("domain"));
    let dns = dns_forwarding(&config);
    let known = dns.iter().flat_map(|dns| &dns.domains).any(|one| one.domain == name);
    let made = drafted(&ask, &config, |draft| {
        free(old, name, known, "domain")?;
        if !old.is_empty() && old != name {
            draft.delete_dns_domain(old)?;
        }
        draft.set_dns_domain(&DomainEdit {
            domain: name.to_owned(),
            name_servers: servers(form.get("name_servers"))?,
            recursion_desired: form.ticked("recursion_desired"),
            negative_trust_anchor: form.ticked("negative_trust_anchor"),
        })
    });
    match made.await {
        Ok(commands) => {
            let from = Query::new(DOMAIN).with("old", old).href();
            propose(&ask, &form, &from, format!("DNS servers of {name}"), commands).await
        }
        Err(error) => {
            let filled = Filled::refused(&ask, &form, &error);
            let page = domain_page(&ask, &config, old, &filled).await?;
            ask.refused(&page)
        }
    }
}

/// Fails where something new, or renamed, would take the place of another.
fn free(old: &str, name: &str, known: bool, field: &str) -> Result<(), EditError> {
    if known && old != name {
        let message = "it is there already".to_owned();
        return Err(EditError { fields: vec![FieldError { field: field.to_owned(), message }] });
    }
    Ok(())
}

async fn domain_page(
    ask: &Ask,
    config: &Node,
    old: &str,
    filled: &Filled<'_>,
) -> Result<DnsDomainPage, Failure> {
    let dns = dns_forwarding(config);
    let now = dns.iter().flat_map(|dns| &dns.domains).find(|one| one.domain == old);
    if !old.is_empty() && now.is_none() {
        return Err(Failure::not_found("There is no such domain, or there is none any more."));
    }
    let now = now.map(DomainEdit::from).unwrap_or_default();
    Ok(DnsDomainPage {
        shell: ask.router_shell("DNS domain").await,
        old: old.to_owned(),
        domain: filled.field("domain", &now.domain),
        servers: filled.field("name_servers", &server_lines(&now.name_servers)),
        recursion: filled.ticked("recursion_desired", now.recursion_desired),
        unsigned: filled.ticked("negative_trust_anchor", now.negative_trust_anchor),
        said: filled.said(&["domain", "name_servers"]),
    })
}

async fn delete_domain(ask: Ask, form: Form) -> Result<Response, Failure> {
    let config = ask.config("DNS").await?;
    let name = form.get("domain");
    let made = drafted(&ask, &config, |draft| draft.delete_dns_domain(name)).await;
    let commands = made.map_err(|error| Failure::not_found(error.to_string()))?;
    propose(&ask, &form, HERE, format!("Forget the DNS servers of {name}"), commands).await
}

async fn host(ask: Ask) -> Result<Response, Failure> {
    let config = ask.config("DNS").await?;
    let old = ask.query.get("old").unwrap_or_default();
    let page = host_page(&ask, &config, old, &Filled::fresh(&ask)).await?;
    ask.page(&page)
}

async fn save_host(ask: Ask, form: Form) -> Result<Response, Failure> {
    let config = ask.config("DNS").await?;
    let (old, name) = (form.get("old"), form.get("name"));
    let known = host_mappings(&config).iter().any(|host| host.name == name);
    let made = drafted(&ask, &config, |draft| {
        free(old, name, known, "name")?;
        if !old.is_empty() && old != name {
            draft.delete_host_mapping(old)?;
        }
        draft.set_host_mapping(&HostMappingEdit {
            name: name.to_owned(),
            addresses: list(form.get("addresses")),
            aliases: list(form.get("aliases")),
        })
    });
    match made.await {
        Ok(commands) => {
            let from = Query::new(HOST).with("old", old).href();
            propose(&ask, &form, &from, format!("The host name {name}"), commands).await
        }
        Err(error) => {
            let page = host_page(&ask, &config, old, &Filled::refused(&ask, &form, &error)).await?;
            ask.refused(&page)
        }
    }
}

async fn host_page(
    ask: &Ask,
    config: &Node,
    old: &str,
    filled: &Filled<'_>,
) -> Result<DnsHostPage, Failure> {
    let now = host_mappings(config).into_iter().find(|host| host.name == old);
    if !old.is_empty() && now.is_none() {
        return Err(Failure::not_found("There is no such host, or there is none any more."));
    }
    let now = now.as_ref().map(HostMappingEdit::from).unwrap_or_default();
    Ok(DnsHostPage {
        shell: ask.router_shell("Host name").await,
        old: old.to_owned(),
        name: filled.field("name", &now.name),
        addresses: filled.field("addresses", &now.addresses.join("\n")),
        aliases: filled.field("aliases", &now.aliases.join("\n")),
        said: filled.said(&["name", "addresses", "aliases"]),
    })
}

async fn delete_host(ask: Ask, form: Form) -> Result<Response, Failure> {
    let config = ask.config("DNS").await?;
    let name = form.get("name");
    let made = drafted(&ask, &config, |draft| draft.delete_host_mapping(name)).await;
    let commands = made.map_err(|error| Failure::not_found(error.to_string()))?;
    propose(&ask, &form, HERE, format!("Forget the host name {name}"), commands).await
}
