//! A whole site in one process, and browsers for it that keep cookies: no sockets, real rooms.
#![allow(dead_code)] // each test program uses its own part
#![allow(clippy::unwrap_used)] // helpers of tests, outside of #[test]
#![allow(unreachable_pub)] // a module of each test program

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex};

use access::{Access, Cost, NewPerson, Permission, Role, Secret, Setup};
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use detect::Alerts;
use discovery::Discovery;
use events::Events;
use http_body_util::BodyExt;
use model::Timestamp;
use panoptikon_web::http::{
    Declared, FORM_COOKIE, Front, FrontOptions, Hosts, Peer, Proxies, SESSION_COOKIE,
};
use panoptikon_web::live::Live;
use panoptikon_web::pages;
use panoptikon_web::site::{Component, Facts, HostName, Rooms, Site};
use panoptikon_web::tls::{Source, Subject, Tls};
use store::{Store, Vault};
use system::System;
use tower_service::Service;
use vyos::client::{Address, KeySource};

/// The name that the site answers to besides addresses.
pub const NAME: &str = "router.lan";

/// Everybody's password.
pub const PASSWORD: &str = "correct horse battery staple";

/// As cheap as argon2 lets it be.
const CHEAP: Cost = Cost { memory_kib: 8, passes: 1 };

/// A site that nobody has claimed yet.
pub struct Bed {
    pub site: Site,
    pub router: Router,
    /// What the site says about its parts.
    pub components: Arc<Mutex<Vec<Component>>>,
    /// Who moves how much just now.
    pub talkers: Arc<Mutex<Option<Vec<flows::answers::Talker>>>>,
    pub dir: tempfile::TempDir,
}

impl Bed {
    pub async fn new() -> Self {
        Self::built_at(Timestamp(Timestamp::now().0 - 1)).await
    }

    /// By a program that was built then.
    pub async fn built_at(built: Timestamp) -> Self {
        Self::open(tempfile::tempdir().unwrap(), built, system::Options::default()).await
    }

    /// In a folder where a router may have been started.
    pub async fn open(dir: tempfile::TempDir, built: Timestamp, looks: system::Options) -> Self {
        let now = Timestamp::now();
        let store = Store::open(store::Options {
            dir: dir.path().join("data"),
            rooms: vec![
                events::ROOM,
                access::ROOM,
                discovery::ROOM,
                system::ROOM,
                vyos::ROOM,
                agents::ROOM,
                detect::ROOM,
            ],
            built,
            max_bytes: 1 << 30,
            keep_backups: 6,
        })
        .unwrap();
        let mut options = access::Options::new(dir.path());
        options.cost = CHEAP;
        let access = Access::open(store.clone(), options, now).await.unwrap();
        let events = Events::new(store.clone());
        let subject = Subject { names: vec![NAME.to_owned()], addresses: Vec::new() };
        let source = Source::Own { folder: dir.path().join("tls") };
        let components = Arc::new(Mutex::new(vec![Component {
            name: "discovery".to_owned(),
            status: "ok",
            message: None,
            since: now,
            restarts: 0,
        }]));
        let told = Arc::clone(&components);
        let talkers = Arc::<Mutex<Option<Vec<flows::answers::Talker>>>>::default();
        let discovery = Discovery::open(store.clone(), events.clone(), now).unwrap();
        let site = Site::new(Rooms {
            agents: hosts(dir.path(), &store, &events, now),
            collectors: collectors(&dir.path().join("flows")),
            flows: traffic(&dir.path().join("flows"), &discovery, Arc::clone(&talkers)),
            discovery,
            alerts: Alerts::new(store.clone(), events.clone()),
            router: manager(dir.path(), &store, &events, now).await,
            system: System::open(store.clone(), events.clone(), looks).unwrap(),
            live: Live::new(),
            tls: Some(Arc::new(Tls::open(source, &subject, now).unwrap())),
            facts: Facts {
                version: "0.1.0",
                git: "0123456789abcdef",
                built: "2026-11-21",
                vyos: None,
                host: HostName::new(NAME.to_owned()),
                started: now,
            },
            components: Box::new(move || told.lock().unwrap().clone()),
            capabilities: Box::new(Vec::new),
            access: access.clone(),
            events,
            store,
        });
        let front = Front::new(FrontOptions {
            access,
            hosts: Arc::new(Hosts::new([NAME])),
            proxies: Arc::new(Proxies::default()),
            scrapers: Vec::new(),
            requests_per_minute: 0,
            trusted_certificate: Arc::default(),
            error_page: Some(pages::error_page),
        });
        let router = panoptikon_web::router(&site, &front, Vec::new());
        Self { site, router, components, talkers, dir }
    }

    /// A site with its first person, the administrator `ada`, and her browser.
    pub async fn ready() -> (Self, Browser) {
        Self::new().await.claimed().await
    }

    /// The same with its first person, the administrator `ada`, and her browser.
    pub async fn claimed(self) -> (Self, Browser) {
        let bed = self;
        let now = Timestamp::now();
        let token = bed.site.access.setup_token(now).await.unwrap().unwrap();
        let setup = Setup {
            token,
            name: "ada".to_owned(),
            password: Secret::new(PASSWORD),
            address: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
            user_agent: "test".to_owned(),
        };
        let session = bed.site.access.setup(setup, now).await.unwrap();
        let mut browser = bed.browser();
        browser.keep(SESSION_COOKIE, session.cookie.expose());
        (bed, browser)
    }

    /// All that it serves.
    pub fn routes(&self) -> Vec<Declared> {
        panoptikon_web::routes(&self.site, Vec::new()).declared()
    }

    /// A browser without cookies.
    pub fn browser(&self) -> Browser {
        Browser {
            router: self.router.clone(),
            cookies: BTreeMap::new(),
            address: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
        }
    }

    /// Adds somebody, named as their role, and signs them in.
    pub async fn person(&self, role: Role) -> Browser {
        let new =
            NewPerson { name: role.as_str().to_owned(), role, password: Secret::new(PASSWORD) };
        let by = access::Caller::console();
        let access = &self.site.access;
        access.add_person(&by, new, Timestamp::now()).await.unwrap();
        self.sign_in(role.as_str()).await
    }

    /// Signs somebody in, from an address of their own.
    pub async fn sign_in(&self, name: &str) -> Browser {
        let address = IpAddr::V4(Ipv4Addr::new(198, 51, 100, name.len() as u8));
        let attempt = access::SignIn {
            name: name.to_owned(),
            password: Secret::new(PASSWORD),
            address,
            user_agent: "test".to_owned(),
        };
        let access = &self.site.access;
        let session = access.sign_in(attempt, Timestamp::now()).await.unwrap();
        let mut browser = self.browser();
        browser.address = address;
        browser.keep(SESSION_COOKIE, session.cookie.expose());
        browser
    }

    /// The newest lines of the audit log as `action subject detail`.
    pub async fn audit(&self) -> Vec<String> {
        let by = access::Caller::console();
        assert!(by.require(Permission::AuditRead).is_ok());
        let page = self.site.access.audit().page(&by, access::audit::Filter::default()).await;
        let rows = page.unwrap().rows.into_iter();
        rows.map(|r| format!("{} {} {} {}", r.action, r.subject, r.outcome, r.detail)).collect()
    }

    /// Lets the database grow no more, and fills what room it has.
    pub async fn fill_disk(&self) {
        self.limit_pages("PRAGMA max_page_count = 1").await;
        let by = access::Caller::console();
        for action in ["session.start", "settings.change", "person.add"] {
            loop {
                let line = access::audit::Entry::new(&by, action, "", Timestamp(0));
                if let Err(error) = self.site.access.audit().append(line).await {
                    assert!(error.is_full(), "{error}");
                    break;
                }
            }
        }
    }

    /// Lets it grow again.
    pub async fn free_disk(&self) {
        self.limit_pages("PRAGMA max_page_count = 1000000").await;
    }

    async fn limit_pages(&self, pragma: &'static str) {
        let limit = move |w: &mut store::Writing<'_>| {
            Ok::<i64, store::StoreError>(w.main().query_row(pragma, [], |r| r.get(0))?)
        };
        self.site.store.write("limit", limit).await.unwrap();
    }

    /// What a setting holds.
    pub async fn setting(&self, key: &'static str) -> Option<serde_json::Value> {
        self.site
            .store
            .read(move |r| store::read_setting(r.main(), key))
            .await
            .unwrap_or_else(|e: store::StoreError| panic!("{e}"))
    }
}

/// Somebody's browser.
#[derive(Clone)]
pub struct Browser {
    router: Router,
    pub cookies: BTreeMap<String, String>,
    pub address: IpAddr,
}

impl Browser {
    pub fn keep(&mut self, name: &str, value: &str) {
        self.cookies.insert(name.to_owned(), value.to_owned());
    }

    /// The token that forms sent to this browser carry.
    pub fn token(&self) -> String {
        let by = |name| self.cookies.get(name);
        let cookie = by(SESSION_COOKIE).or_else(|| by(FORM_COOKIE));
        cookie.and_then(|c| access::csrf::token(c)).unwrap_or_default()
    }

    pub async fn get(&mut self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path).body(Body::empty()).unwrap()).await
    }

    /// Sends a form as a page of ours would, token included.
    pub async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let token = self.token();
        let mut all = vec![("csrf", token.as_str())];
        all.extend_from_slice(fields);
        self.post_bare(path, &all).await
    }

    /// Sends a form with just these fields.
    pub async fn post_bare(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let request = self
            .request(Method::POST, path)
            .header(header::ORIGIN, format!("https://{NAME}"))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(encode(fields)))
            .unwrap();
        self.send(request).await
    }

    /// Sends JSON as our script would.
    pub async fn json(&mut self, method: Method, path: &str, body: &serde_json::Value) -> Answer {
        let request = self
            .request(method, path)
            .header(header::ORIGIN, format!("https://{NAME}"))
            .header("x-csrf-token", self.token())
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(body.to_string()))
            .unwrap();
        self.send(request).await
    }

    /// A request with host and cookies, to be finished.
    pub fn request(&self, method: Method, path: &str) -> axum::http::request::Builder {
        let pairs: Vec<String> = self.cookies.iter().map(|(n, v)| format!("{n}={v}")).collect();
        let mut builder = Request::builder().method(method).uri(path).header(header::HOST, NAME);
        if !pairs.is_empty() {
            builder = builder.header(header::COOKIE, pairs.join("; "));
        }
        builder
    }

    /// Sends anything, and keeps the cookies of the answer.
    pub async fn send(&mut self, mut request: Request<Body>) -> Answer {
        request.extensions_mut().insert(Peer {
            address: SocketAddr::new(self.address, 40_000),
            tls: true,
            local: None,
        });
        let mut router = self.router.clone();
        let response = router.call(request).await.unwrap();
        let (parts, body) = response.into_parts();
        for line in parts.headers.get_all(header::SET_COOKIE) {
            let line = line.to_str().unwrap();
            let (pair, rest) = line.split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            assert!(name.starts_with("__Host-"), "{line}");
            for word in ["Secure", "HttpOnly", "SameSite=Strict", "Path=/"] {
                assert!(rest.contains(word), "{line}");
            }
            if rest.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.keep(name, value);
            }
        }
        let body = body.collect().await.unwrap().to_bytes();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: String::from_utf8_lossy(&body).into_owned(),
        }
    }
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).and_then(|v| v.to_str().ok());
        value.unwrap_or_default()
    }

    /// Where it sends the browser.
    pub fn location(&self) -> &str {
        assert_eq!(self.status, StatusCode::SEE_OTHER, "{}", self.body);
        self.header("location")
    }

    /// Checks the status, and shows the body when it is another.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        self
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    #[track_caller]
    pub fn says(&self, text: &str) -> &Self {
        let main = self.body.find("<main").unwrap_or(0);
        assert!(self.body.contains(text), "no {text:?} in {}", &self.body[main..]);
        self
    }

    /// Checks that it does not say this.
    #[track_caller]
    pub fn lacks(&self, text: &str) -> &Self {
        assert!(!self.body.contains(text), "{text:?} is in {}", self.body);
        self
    }
}

/// Fields as a browser encodes them.
pub fn encode(fields: &[(&str, &str)]) -> String {
    let escape = |text: &str| -> String {
        text.bytes()
            .map(|b| match b {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(b).to_string(),
                _ => format!("%{b:02X}"),
            })
            .collect()
    };
    let pairs: Vec<String> =
        fields.iter().map(|(n, v)| format!("{}={}", escape(n), escape(v))).collect();
    pairs.join("&")
}

/// What manages a router whose API is in this folder, where one was started there.
async fn manager(dir: &Path, store: &Store, events: &Events, now: Timestamp) -> vyos::Router {
    let settings = vyos::Settings {
        address: Address::Socket(dir.join("api.sock")),
        pinned: None,
        keys: KeySource::State(dir.join("http-api-state")),
        changes: dir.join("changes"),
        boot_file: Some(dir.join("router/config/config.boot")),
        commit_lock: None,
    };
    let vault = Vault::open(dir).unwrap();
    vyos::Router::open(settings, store.clone(), events.clone(), vault, now).await.unwrap()
}

/// The room of agents, with its keys and files in this folder; it listens nowhere yet.
pub fn hosts(dir: &Path, store: &Store, events: &Events, now: Timestamp) -> agents::Agents {
    let options = agents::Options { keys: dir.join("agents"), files: dir.join("files") };
    let nobody = Box::new(|_: &[model::Mac], _: &[IpAddr]| None);
    agents::Agents::open(store.clone(), events.clone(), &options, nobody, now).unwrap()
}

/// What would collect flows into this folder; nothing runs yet.
pub fn collectors(dir: &Path) -> flows::Flows {
    flows::Flows::new(dir, Arc::<flows::book::Book>::default())
}

/// Answers about flows in this folder, whose devices are those that discovery knows just now.
pub fn traffic(
    dir: &Path,
    discovery: &Discovery,
    talkers: Arc<Mutex<Option<Vec<flows::answers::Talker>>>>,
) -> flows::Answers {
    let discovery = discovery.clone();
    let world = move || {
        let book = Arc::new(Book(discovery.clone()));
        let interfaces = flows::rollup::Interfaces { lan: [LAN].into(), egress: false };
        let ours = flows::world::Ours::default();
        flows::answers::World { ours, interfaces, book, geo: Arc::new(Towns) }
    };
    flows::Answers::new(dir, world, move || talkers.lock().unwrap().clone())
}

/// Whose addresses are, by what discovery knows just now.
pub struct Book(pub Discovery);

impl flows::rollup::AddressBook for Book {
    fn whose(&self, address: IpAddr, _: Timestamp) -> flows::rollup::Whose {
        use flows::rollup::Whose;
        match self.0.by_ip(address) {
            Some(id) => Whose::Device(id.0),
            None if address == IpAddr::from([10, 200, 0, 7]) => Whose::VpnPeer(laptop().number()),
            None if flows::world::Ours::default().contains(address) => Whose::Unknown,
            None => Whose::Remote,
        }
    }

    fn peer(&self, number: i64) -> Option<flows::book::Peer> {
        Some(laptop()).filter(|peer| peer.number() == number)
    }
}

/// The index of the interface to the LAN.
pub const LAN: u32 = 77;

/// Knows where one address is, and none other.
pub struct Towns;

/// The address of which it is known where it is.
pub const IN_ULM: &str = "192.0.2.88";

impl flows::world::Geo for Towns {
    fn place(&self, address: IpAddr) -> flows::world::Place {
        let country = (address.to_string() == IN_ULM).then_some(*b"DE");
        flows::world::Place { country, system: None }
    }

    fn city(&self, address: IpAddr) -> Option<flows::world::City> {
        (address.to_string() == IN_ULM).then(|| flows::world::City {
            name: "Ulm, \"old <b>town\"".to_owned(),
            region: "Baden-W\u{fc}rttemberg".to_owned(),
            at: Some((48.4, 10.0)),
        })
    }
}

/// A peer of a VPN.
pub fn laptop() -> flows::book::Peer {
    flows::book::Peer {
        interface: "wg0".to_owned(),
        name: "annas-laptop".to_owned(),
        networks: vec!["10.200.0.7".parse().unwrap()],
    }
}

impl Bed {
    /// Keeps these flows as a collector would, and sums them.
    pub fn keep_flows(&self, flows: impl IntoIterator<Item = flows::Flow>) {
        use flows::rollup::{Interfaces, Rollups};
        let dir = self.dir.path().join("flows");
        let mut keeper = flows::days::Keeper::open(&dir, Timestamp::now()).unwrap();
        keeper.import(flows, Timestamp::now()).unwrap();
        let book = Book(self.site.discovery.clone());
        let geo = flows::world::NoGeo;
        Rollups::open(&dir).unwrap().run(&book, &geo, &Interfaces::default()).unwrap();
    }
}
