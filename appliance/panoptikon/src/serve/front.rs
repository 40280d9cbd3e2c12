//! Opens the front door over the rooms: certificates, routes, listeners, live pages.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use anyhow::{Context as _, Result};
use discovery::Discovery;
use model::Timestamp;
use web::http::{Front, FrontOptions, Guests, Hosts, Network, Proxies};
use web::live::Live;
use web::server::{Admits, Limits, Listen, Listening, Server};
use web::site::{Capability, Component, Facts, HostName, Rooms, Site};
use web::tls::{Source, Subject, Tls};

use super::host_name;
use super::reload::Current;
use super::rooms::House;
use super::traffic_metrics::FlowsMetrics;
use crate::config::{Config, MetricsAccess};
use crate::health::{Health, Status};
use crate::supervisor::Supervisor;
use crate::{doctor, version};

/// Requests a minute that one client may send.
const REQUESTS_PER_MINUTE: u32 = 1_000;

/// Opens the door and starts the rooms that serve it.
pub(super) fn open(
    house: &House,
    current: &Current,
    supervisor: &mut Supervisor,
    health: &Health,
) -> Result<Door> {
    let config = &current.config();
    let host = HostName::new(host_name(config));
    let subject = {
        let (host, discovery) = (host.clone(), house.discovery.clone());
        move || subject(&host, &discovery)
    };
    let tls = Arc::new(Tls::open(source(config), &subject(), Timestamp::now())?);
    let hosts = Arc::new(Hosts::new(subject().tidy().names));
    let proxies = Arc::new(Proxies::new(config.trusted_proxies.clone()));
    let front = Front::new(FrontOptions {
        access: house.access.clone(),
        hosts: Arc::clone(&hosts),
        proxies: Arc::clone(&proxies),
        scrapers: scrapers(config.metrics_access),
        requests_per_minute: REQUESTS_PER_MINUTE,
        trusted_certificate: tls.trusted(),
        error_page: Some(web::pages::error_page),
    });
    let live = Live::new();
    let site = Site::new(Rooms {
        store: house.store.clone(),
        events: house.events.clone(),
        access: house.access.clone(),
        discovery: house.discovery.clone(),
        flows: super::traffic::answers(&house.flows),
        collectors: house.flows.clone(),
        agents: house.agents.clone(),
        alerts: house.alerts.clone(),
        router: house.router.clone(),
        system: house.system.clone(),
        live: live.clone(),
        tls: Some(Arc::clone(&tls)),
        facts: facts(host.clone()),
        components: components(health.clone()),
        capabilities: capabilities(current.clone(), house.router.clone()),
    });
    let guests = Arc::new(RwLock::new(config.allow_clients.clone()));
    house.agents.admit_only(admits(Arc::clone(&guests), &house.discovery));
    let door = Door {
        current: current.clone(),
        listening: Listening::default(),
        tls: Arc::clone(&tls),
        hosts,
        proxies,
        front: front.clone(),
        host,
        admits: admits(Arc::clone(&guests), &house.discovery),
        guests,
        subject: Arc::new(subject),
    };
    let server = door.bind()?;
    let flows = Arc::new(FlowsMetrics(house.flows.clone()));
    let router = web::router(&site, &front, vec![front.metrics(), server.metrics(), flows]);

    // The listeners are bound here, so that a taken port stops the start. Should serving ever
    // break, the supervisor binds anew.
    let first = Arc::new(Mutex::new(Some(server)));
    let again = door.clone();
    supervisor.room("web", move |lifecycle| {
        let bound = first.lock().unwrap_or_else(PoisonError::into_inner).take();
        let server = bound.map_or_else(|| again.bind().context("listening again"), Ok);
        let router = router.clone();
        let live = live.clone();
        async move {
            server?
                .run(router, async move {
                    lifecycle.ended().await;
                    live.stop();
                })
                .await;
            Ok(())
        }
    });
    supervisor.room("live", move |lifecycle| {
        let site = site.clone();
        async move {
            web::push(site, lifecycle.ended()).await;
            Ok(())
        }
    });
    let (watched, held) = (house.clone(), Arc::clone(&tls));
    supervisor.room("watches", move |lifecycle| {
        super::watches::run(watched.clone(), Arc::clone(&held), lifecycle)
    });
    let subject = Arc::clone(&door.subject);
    supervisor.room("certificates", move |lifecycle| {
        let (tls, subject) = (Arc::clone(&tls), Arc::clone(&subject));
        async move {
            tokio::select! {
                () = lifecycle.ended() => {}
                () = tls.keep_fresh(move || subject()) => {}
            }
            Ok(())
        }
    });
    Ok(door)
}

/// What the front door was made of, for binding it anew and for what may change while it is open.
#[derive(Clone)]
pub(super) struct Door {
    current: Current,
    listening: Listening,
    tls: Arc<Tls>,
    hosts: Arc<Hosts>,
    proxies: Arc<Proxies>,
    front: Front,
    host: HostName,
    admits: Admits,
    guests: Arc<RwLock<Guests>>,
    subject: Arc<dyn Fn() -> Subject + Send + Sync>,
}

impl Door {
    fn bind(&self) -> Result<Server> {
        let (tls, hosts) = (Arc::clone(&self.tls), Arc::clone(&self.hosts));
        let proxies = Arc::clone(&self.proxies);
        let listen = addresses(&self.current.config());
        let server = Server::bind(&listen, tls, hosts, proxies, Limits::default())?;
        Ok(server.admitting(Arc::clone(&self.admits)).changed_by(self.listening.clone()))
    }

    /// Listens where a configuration says. Connections that are open stay.
    pub(super) async fn listen(&self, config: &Config) -> Result<()> {
        Ok(self.listening.set(&addresses(config)).await?)
    }

    /// Takes over what may change while connections are open; all or nothing. Reads files.
    pub(super) fn apply(&self, config: &Config) -> Result<()> {
        let before = self.host.get();
        self.host.set(host_name(config));
        let subject = (self.subject)();
        if let Err(error) = self.tls.set_source(source(config), &subject, Timestamp::now()) {
            self.host.set(before);
            return Err(error.into());
        }
        self.hosts.set(subject.tidy().names);
        self.proxies.set(config.trusted_proxies.clone());
        self.front.set_scrapers(scrapers(config.metrics_access));
        *self.guests.write().unwrap_or_else(PoisonError::into_inner) = config.allow_clients.clone();
        Ok(())
    }
}

/// Whether two configurations listen at the same addresses.
pub(super) fn is_same_door(one: &Config, other: &Config) -> bool {
    addresses(one) == addresses(other)
}

/// Where to listen.
fn addresses(config: &Config) -> Vec<Listen> {
    let listen = config.listen.iter().map(|address| Listen { address: *address, plain: false });
    listen.chain(config.plain_listen.map(|address| Listen { address, plain: true })).collect()
}

/// Where the certificate comes from.
fn source(config: &Config) -> Source {
    match (&config.tls_certificate, &config.tls_key) {
        (Some(certificate), Some(key)) => {
            Source::Files { certificate: certificate.clone(), key: key.clone() }
        }
        _ => Source::Own { folder: config.config_dir.join("tls") },
    }
}

/// The names and addresses that lead here, for the certificate.
fn subject(host: &HostName, discovery: &Discovery) -> Subject {
    let addresses = discovery
        .segments()
        .iter()
        .flat_map(|segment| segment.networks.iter().map(|n| n.own))
        .filter(|own| !matches!(own, IpAddr::V6(ip) if ip.is_unicast_link_local()))
        .collect();
    Subject { names: vec![host.get()], addresses }
}

/// Whose connections are taken: what the configuration says, and the LAN as it is just then.
fn admits(guests: Arc<RwLock<Guests>>, discovery: &Discovery) -> Admits {
    let discovery = discovery.clone();
    Arc::new(move |address| {
        let guests = guests.read().unwrap_or_else(PoisonError::into_inner);
        guests.admit(address, |ip| discovery.segments().iter().any(|lan| lan.is_on_link(ip)))
    })
}

fn scrapers(who: MetricsAccess) -> Vec<Network> {
    let loopback = ["127.0.0.0/8", "::1"];
    // RFC 1918 and RFC 4193.
    let lan = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"];
    let named: Vec<&str> = match who {
        MetricsAccess::Loopback => loopback.to_vec(),
        MetricsAccess::Lan => [&loopback[..], &lan[..]].concat(),
        MetricsAccess::Key => Vec::new(),
    };
    named.into_iter().filter_map(|text| text.parse().ok()).collect()
}

fn facts(host: HostName) -> Facts {
    Facts {
        version: version::VERSION,
        git: version::GIT_HASH,
        built: version::BUILD_DATE,
        vyos: doctor::vyos_version(),
        host,
        started: Timestamp::now(),
    }
}

fn components(health: Health) -> Box<dyn Fn() -> Vec<Component> + Send + Sync> {
    Box::new(move || {
        let parts = health.components().into_iter();
        parts
            .map(|part| Component {
                name: part.name.to_owned(),
                status: match part.status {
                    Status::Ok => "ok",
                    Status::Starting => "starting",
                    Status::Stopped => "stopped",
                    Status::Degraded => "degraded",
                },
                message: part.message,
                since: part.since,
                restarts: part.restarts,
            })
            .collect()
    })
}

fn capabilities(
    current: Current,
    router: vyos::Router,
) -> Box<dyn Fn() -> Vec<Capability> + Send + Sync> {
    Box::new(move || {
        let config = current.config();
        let router = doctor::RouterApi::known(&config, &router.status().borrow());
        let checks = doctor::examine(&config, &router).into_iter();
        checks
            .map(|check| Capability {
                name: check.name.to_owned(),
                status: match check.state {
                    doctor::State::Ok => "ok",
                    doctor::State::Degraded => "degraded",
                    doctor::State::Missing => "missing",
                },
                found: check.found,
                remedy: check.remedy,
            })
            .collect()
    })
}
