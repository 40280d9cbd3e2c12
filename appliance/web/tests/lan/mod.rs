//! A site with devices that were heard before it was opened.
#![allow(dead_code)] // each test program uses its own part

use std::time::Duration;

use discovery::Discovery;
use discovery::enrich::Evidence;
use model::Timestamp;
use panoptikon_web::http::{Front, FrontOptions, Hosts, Proxies};
use panoptikon_web::pages;
use panoptikon_web::site::{Component, Rooms, Site};
use store::StoreError;

use crate::bed::{Bed, Browser, NAME, traffic};

/// Text that breaks out of wherever it is not escaped.
pub(crate) const HOSTILE: &str = "\"><img src=x onerror=alert(1)><script>alert(1)</script>'{{7*7}}";

/// One device.
#[derive(Clone)]
pub(crate) struct Seed {
    pub(crate) id: i64,
    pub(crate) name: &'static str,
    pub(crate) kind: Option<&'static str>,
    pub(crate) interface: &'static str,
    pub(crate) online: bool,
    pub(crate) known: bool,
    pub(crate) randomised: bool,
    /// Hours ago.
    pub(crate) first_seen: u64,
    /// When it came or went, hours ago, the oldest first; it was online at first.
    pub(crate) changes: &'static [u64],
}

impl Seed {
    /// An ordinary device with this number.
    pub(crate) fn number(id: i64) -> Self {
        Self {
            id: id.max(0) + i64::from(id == 0) * 10_000,
            name: "",
            kind: None,
            interface: "lan0",
            online: true,
            known: false,
            randomised: false,
            first_seen: 48,
            changes: &[],
        }
    }
}

/// A site that knows these devices, and its administrator's browser.
pub(crate) async fn seeded(seeds: impl IntoIterator<Item = Seed>) -> (Bed, Browser) {
    let (mut bed, ada) = Bed::ready().await;
    let seeds: Vec<Seed> = seeds.into_iter().collect();
    let now = Timestamp::now();
    let fill = move |w: &mut store::Writing<'_>| {
        for seed in &seeds {
            insert(w.main(), seed, now)?;
        }
        Ok::<_, StoreError>(())
    };
    bed.site.store.write("seeds", fill).await.expect("seeded");
    reopen(&mut bed);
    let mut browser = bed.browser();
    browser.cookies = ada.cookies;
    (bed, browser)
}

/// Opens discovery anew over the same tables, as a restart does.
pub(crate) fn reopen(bed: &mut Bed) {
    let now = Timestamp::now();
    let old = bed.site.clone();
    let components = bed.components.clone();
    let discovery = Discovery::open(old.store.clone(), old.events.clone(), now).expect("opens");
    bed.site = Site::new(Rooms {
        store: old.store.clone(),
        events: old.events.clone(),
        access: old.access.clone(),
        collectors: old.collectors.clone(),
        agents: old.agents.clone(),
        flows: traffic(
            &bed.dir.path().join("flows"),
            &discovery,
            std::sync::Arc::clone(&bed.talkers),
        ),
        discovery,
        alerts: old.alerts.clone(),
        router: old.router.clone(),
        system: old.system.clone(),
        live: old.live.clone(),
        tls: old.tls.clone(),
        facts: old.facts.clone(),
        components: Box::new(move || -> Vec<Component> {
            components.lock().expect("whole").clone()
        }),
        capabilities: Box::new(Vec::new),
    });
    bed.router = panoptikon_web::router(&bed.site, &front(bed), Vec::new());
}

/// A front door to the bed's people.
pub(crate) fn front(bed: &Bed) -> Front {
    Front::new(FrontOptions {
        access: bed.site.access.clone(),
        hosts: std::sync::Arc::new(Hosts::new([NAME])),
        proxies: std::sync::Arc::new(Proxies::default()),
        scrapers: Vec::new(),
        requests_per_minute: 0,
        trusted_certificate: std::sync::Arc::default(),
        error_page: Some(pages::error_page),
    })
}

fn insert(conn: &rusqlite::Connection, seed: &Seed, now: Timestamp) -> rusqlite::Result<()> {
    let ago = |hours: u64| now.minus(Duration::from_secs(hours * 3_600)).0;
    let mac = 0x0011_2200_0000 | seed.id;
    let mut evidence = Evidence { randomised_mac: seed.randomised, ..Evidence::default() };
    evidence.dhcp.hostname = Some(seed.name.to_owned()).filter(|n| !n.is_empty());
    let person = serde_json::json!({
        "known": seed.known,
        "corrected": seed.kind.map(|kind| serde_json::json!({ "device_type": kind })),
    });
    let ip = std::net::Ipv4Addr::from_bits(0x0a00_0000 + seed.id as u32);
    let name =
        if seed.name.is_empty() { format!("device {}", seed.id) } else { seed.name.to_owned() };
    let first = ago(seed.first_seen);
    let since = seed.changes.last().map_or(first, |hours| ago(*hours));
    let last = if seed.online { now.0 } else { since };
    let mut sort = vec![4];
    sort.extend(ip.octets());
    conn.execute(
        "INSERT INTO devices (id, mac, online, state_since, first_seen, last_seen, interface,
             evidence, person, manual, name, device_type, ip, ip_sort, known, favourite,
             randomised, search)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 0, ?10, ?11, ?12, ?13, ?14, 0, ?15, ?16)",
        rusqlite::params![
            seed.id,
            mac,
            seed.online,
            since,
            first,
            last,
            seed.interface,
            serde_json::to_string(&evidence).expect("JSON"),
            person.to_string(),
            name,
            seed.kind,
            ip.to_string(),
            sort,
            seed.known,
            seed.randomised,
            format!("{} {ip}", name.to_lowercase()),
        ],
    )?;
    conn.execute(
        "INSERT INTO device_addresses (device, ip, interface, first_seen, last_seen, is_current)
         VALUES (?1, ?2, ?3, ?4, ?5, 1)",
        (seed.id, ip.to_string(), seed.interface, first, last),
    )?;
    for (n, hours) in seed.changes.iter().enumerate() {
        conn.execute(
            "INSERT INTO presence_changes (device, at, online) VALUES (?1, ?2, ?3)",
            (seed.id, ago(*hours), n % 2 == 1),
        )?;
    }
    Ok(())
}
