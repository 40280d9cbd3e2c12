//! The router's services: what runs and where it listens; SSH, the web server and the time server
//! are changed here.

use axum::http::Method;
use axum::response::Response;
use vyos::config::Node;
use vyos::edit::{Draft, EditError, HttpsEdit, NtpEdit, SshEdit, TimeServerEdit};
use vyos::facts::{Service, services};

use super::filled::{Filled, list, number};
use super::{CHANGE, LOOK, board, propose};
use crate::http::{Failure, Route, Routes};
use crate::pages::{Ask, Form, sentence};
use crate::site::Site;
use crate::view::Tone;
use crate::view::router::{HttpsPage, NtpPage, ServiceRow, ServicesPage, SshPage};

const HERE: &str = "/router/services";
const SSH: &str = "/router/services/ssh";
const HTTPS: &str = "/router/services/https";
const NTP: &str = "/router/services/ntp";

/// Services that can be set up here, with what people call them.
const OFFERED: [(&str, &str, &str); 2] = [("ssh", "SSH", SSH), ("ntp", "Time server", NTP)];

pub(super) fn routes() -> Routes<Site> {
    let (get, post) = (Method::GET, Method::POST);
    Routes::new()
        .add(Route::new(get.clone(), HERE, LOOK, show, "The router's services"))
        .add(Route::new(get.clone(), SSH, CHANGE, ssh, "A form for SSH"))
        .add(Route::new(post.clone(), SSH, CHANGE, save_ssh, "Plan a change of SSH"))
        .add(Route::new(get.clone(), HTTPS, CHANGE, https, "A form for the web server"))
        .add(Route::new(post.clone(), HTTPS, CHANGE, save_https, "Plan a change of the web server"))
        .add(Route::new(get, NTP, CHANGE, ntp, "A form for the time server"))
        .add(Route::new(post, NTP, CHANGE, save_ntp, "Plan a change of the time server"))
}

async fn show(ask: Ask) -> Result<Response, Failure> {
    let board = board::board(&ask).await;
    // What systemd knows is shown also while the API is down.
    let (config, trouble) = match ask.site.router.config().await {
        Ok(config) => (config, String::new()),
        Err(error) if board.units.is_empty() => {
            return Err(ask.trouble("Services", &error).await);
        }
        Err(error) => {
            let shell = ask.router_shell("Services").await;
            let trouble = sentence(&error.to_string());
            let page = ServicesPage { shell, rows: Vec::new(), board, trouble };
            return ask.page(&page);
        }
    };
    let mut rows: Vec<ServiceRow> = services(&config).iter().map(row).collect();
    for (name, label, href) in OFFERED {
        if !rows.iter().any(|row| row.name == name) {
            rows.push(ServiceRow {
                label: label.to_owned(),
                name: name.to_owned(),
                state: "not set up",
                tone: Tone::Quiet,
                ports: String::new(),
                listens: Vec::new(),
                allowed: Vec::new(),
                notes: Vec::new(),
                other: Vec::new(),
                href: href.to_owned(),
                more: String::new(),
            });
        }
    }
    model::sort_by_key(&mut rows, |row| row.label.to_lowercase());
    ask.page(&ServicesPage { shell: ask.router_shell("Services").await, rows, board, trouble })
}

fn row(service: &Service) -> ServiceRow {
    let (state, tone) =
        if service.enabled { ("on", Tone::Ok) } else { ("switched off", Tone::Quiet) };
    let transport = service.transport.as_deref().unwrap_or("tcp");
    let ports: Vec<String> =
        service.ports.iter().map(|port| format!("{port}/{transport}")).collect();
    let mut listens = service.listen_addresses.clone();
    listens.extend(service.interfaces.iter().cloned());
    if listens.is_empty() && !ports.is_empty() {
        listens.push("all addresses".to_owned());
    }
    let mut notes = Vec::new();
    if !service.servers.is_empty() {
        notes.push(format!("asks {}", service.servers.join(", ")));
    }
    if !service.vrfs.is_empty() {
        notes.push(format!("in VRF {}", service.vrfs.join(", ")));
    }
    let href = match service.name.as_str() {
        "ssh" => SSH,
        "https" => HTTPS,
        "ntp" => NTP,
        _ => "",
    };
    let more = match service.name.as_str() {
        "dhcp-server" | "dhcpv6-server" => "/router/dhcp",
        "dns" => "/router/dns",
        _ => "",
    };
    ServiceRow {
        label: service.label.clone(),
        name: service.name.clone(),
        state,
        tone,
        ports: ports.join(", "),
        listens,
        allowed: service.allowed.clone(),
        notes,
        other: service.other.clone(),
        href: href.to_owned(),
        more: more.to_owned(),
    }
}

async fn ssh(ask: Ask) -> Result<Response, Failure> {
    let config = ask.config("SSH").await?;
    let page = ssh_page(&ask, &config, &Filled::fresh(&ask)).await;
    ask.page(&page)
}

async fn save_ssh(ask: Ask, form: Form) -> Result<Response, Failure> {
    let config = ask.config("SSH").await?;
    let dialect = ask.dialect(&config).await;
    let mut draft = Draft::new(&config, &dialect);
    let ports = list(form.get("ports")).iter().map(|port| port.parse()).collect();
    let made = match ports {
        Ok(ports) => draft.edit_ssh(&SshEdit {
            enabled: form.ticked("enabled"),
            ports,
            listen_addresses: list(form.get("listen_addresses")),
            without_passwords: form.ticked("without_passwords"),
        }),
        Err(_) => Err(EditError::of("ports", "ports from 1 to 65535")),
    };
    match made {
        Ok(()) => propose(&ask, &form, SSH, "Change SSH", draft.commands()).await,
        Err(error) => {
            let page = ssh_page(&ask, &config, &Filled::refused(&ask, &form, &error)).await;
            ask.refused(&page)
        }
    }
}

async fn ssh_page(ask: &Ask, config: &Node, filled: &Filled<'_>) -> SshPage {
    let now = SshEdit::of(config);
    let ports: Vec<String> = now.ports.iter().map(u16::to_string).collect();
    SshPage {
        shell: ask.router_shell("SSH").await,
        enabled: filled.ticked("enabled", now.enabled),
        ports: filled.field("ports", &ports.join(" ")),
        listen: filled.field("listen_addresses", &now.listen_addresses.join("\n")),
        keys_only: filled.ticked("without_passwords", now.without_passwords),
        said: filled.said(&["ports", "listen_addresses"]),
    }
}

async fn https(ask: Ask) -> Result<Response, Failure> {
    let config = ask.config("Web server").await?;
    let page = https_page(&ask, &config, &Filled::fresh(&ask)).await;
    ask.page(&page)
}

async fn save_https(ask: Ask, form: Form) -> Result<Response, Failure> {
    let config = ask.config("Web server").await?;
    let dialect = ask.dialect(&config).await;
    let mut draft = Draft::new(&config, &dialect);
    let made = number(&form, "port").and_then(|port| {
        draft.edit_https(&HttpsEdit {
            port,
            listen_addresses: list(form.get("listen_addresses")),
            allowed: list(form.get("allowed")),
        })
    });
    match made {
        Ok(()) => propose(&ask, &form, HTTPS, "Change the web server", draft.commands()).await,
        Err(error) => {
            let page = https_page(&ask, &config, &Filled::refused(&ask, &form, &error)).await;
            ask.refused(&page)
        }
    }
}

async fn https_page(ask: &Ask, config: &Node, filled: &Filled<'_>) -> HttpsPage {
    let now = HttpsEdit::of(config).unwrap_or_default();
    let port = now.port.map(|port| port.to_string()).unwrap_or_default();
    HttpsPage {
        shell: ask.router_shell("Web server").await,
        port: filled.field("port", &port),
        listen: filled.field("listen_addresses", &now.listen_addresses.join("\n")),
        allowed: filled.field("allowed", &now.allowed.join("\n")),
        said: filled.said(&["port", "listen_addresses", "allowed"]),
    }
}

async fn ntp(ask: Ask) -> Result<Response, Failure> {
    let config = ask.config("Time server").await?;
    let page = ntp_page(&ask, &config, &Filled::fresh(&ask)).await;
    ask.page(&page)
}

async fn save_ntp(ask: Ask, form: Form) -> Result<Response, Failure> {
    let config = ask.config("Time server").await?;
    let dialect = ask.dialect(&config).await;
    let mut draft = Draft::new(&config, &dialect);
    let made = time_servers(form.get("servers")).and_then(|servers| {
        draft.edit_ntp(&NtpEdit {
            servers,
            listen_addresses: list(form.get("listen_addresses")),
            allowed: list(form.get("allowed")),
        })
    });
    match made {
        Ok(()) => propose(&ask, &form, NTP, "Change the time server", draft.commands()).await,
        Err(error) => {
            let page = ntp_page(&ask, &config, &Filled::refused(&ask, &form, &error)).await;
            ask.refused(&page)
        }
    }
}

/// Time servers, one a line; what holds of each stands behind it.
fn time_servers(text: &str) -> Result<Vec<TimeServerEdit>, EditError> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let server = |line: &str| {
        let mut words = line.split_whitespace();
        let mut one = TimeServerEdit {
            server: words.next().unwrap_or_default().to_owned(),
            ..TimeServerEdit::default()
        };
        for word in words {
            match word {
                "nts" => one.nts = true,
                "pool" => one.pool = true,
                "prefer" => one.prefer = true,
                _ => {
                    let message = format!("`{word}` is none of nts, pool, prefer");
                    return Err(EditError::of("servers", message));
                }
            }
        }
        Ok(one)
    };
    lines.map(server).collect()
}

async fn ntp_page(ask: &Ask, config: &Node, filled: &Filled<'_>) -> NtpPage {
    let now = NtpEdit::of(config).unwrap_or_default();
    let line = |one: &TimeServerEdit| {
        let flags = [(one.nts, " nts"), (one.pool, " pool"), (one.prefer, " prefer")];
        let flags: String = flags.iter().filter(|(on, _)| *on).map(|(_, word)| *word).collect();
        format!("{}{flags}", one.server)
    };
    let lines: Vec<String> = now.servers.iter().map(line).collect();
    NtpPage {
        shell: ask.router_shell("Time server").await,
        servers: filled.field("servers", &lines.join("\n")),
        listen: filled.field("listen_addresses", &now.listen_addresses.join("\n")),
        allowed: filled.field("allowed", &now.allowed.join("\n")),
        said: filled.said(&["servers", "listen_addresses", "allowed"]),
    }
}
