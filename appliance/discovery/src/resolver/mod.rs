//! Names of addresses by reverse DNS, asked of the router's own resolver, and whether that answers.
//!
//! In: an address. Out: its name, from `/etc/hosts`, from a bounded cache or from a resolver of
//! `/etc/resolv.conf`. Only addresses of the site itself are asked about, and only of resolvers that
//! are inside the site too: nothing about this network leaves it.

mod files;
mod message;

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nix::net::if_::if_nametoindex;
use tokio::net::UdpSocket;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout, timeout_at};

use crate::health::DnsAnswer;
use message::{Question, Reply};

/// The longest that a question takes, all servers together.
const PATIENCE: Duration = Duration::from_secs(2);
/// After that the question is repeated, to the next server where there is one.
const REPEAT: Duration = Duration::from_millis(700);
/// Questions at a time.
const AT_ONCE: usize = 16;
/// Names remembered, the missing ones included.
const REMEMBERED: usize = 4_096;
/// A name is remembered for as long as its server says, within these bounds.
const SHORTEST: Duration = Duration::from_secs(3_600);
const LONGEST: Duration = Duration::from_secs(86_400);
/// An address without a name may get one.
const NAMELESS: Duration = Duration::from_secs(3_600);
/// A server that could not tell may be back soon.
const FAILED: Duration = Duration::from_secs(300);
/// The files are read again after this.
const REREAD: Duration = Duration::from_secs(60);
/// Larger files are no hosts files.
const MAX_FILE: u64 = 1 << 20;
/// A probe's outcome holds so long.
const PROBE: Duration = Duration::from_secs(60);

/// Finds names. Cheap to clone; clones share cache and limits.
#[derive(Clone)]
pub struct Resolver {
    inner: Arc<Inner>,
}

struct Inner {
    hosts: PathBuf,
    resolv_conf: PathBuf,
    /// Another port than 53, for tests.
    port: Option<u16>,
    slots: Semaphore,
    ids: RandomState,
    known: Mutex<Known>,
    probe: tokio::sync::Mutex<Option<(Instant, DnsAnswer)>>,
}

#[derive(Default)]
struct Known {
    files: Option<(Instant, Arc<Files>)>,
    names: HashMap<IpAddr, Remembered>,
    asked: u64,
}

#[derive(Default)]
struct Files {
    hosts: HashMap<IpAddr, String>,
    servers: Vec<SocketAddr>,
}

#[derive(Clone)]
struct Remembered {
    name: Option<String>,
    until: Instant,
}

impl Default for Resolver {
    fn default() -> Self {
        Self::new("/etc/hosts".into(), "/etc/resolv.conf".into())
    }
}

impl Resolver {
    /// A resolver by these files, which are read when they are needed.
    pub fn new(hosts: PathBuf, resolv_conf: PathBuf) -> Self {
        Self::with_port(hosts, resolv_conf, None)
    }

    fn with_port(hosts: PathBuf, resolv_conf: PathBuf, port: Option<u16>) -> Self {
        Self {
            inner: Arc::new(Inner {
                hosts,
                resolv_conf,
                port,
                slots: Semaphore::new(AT_ONCE),
                ids: RandomState::new(),
                known: Mutex::default(),
                probe: tokio::sync::Mutex::default(),
            }),
        }
    }

    /// The name of an address, without a dot at the end. Takes two seconds at most once it is its
    /// turn; 16 are asked at a time. Whatever fails is `None`.
    pub async fn name_of(&self, ip: IpAddr) -> Option<String> {
        let files = self.files().await;
        if let Some(name) = files.hosts.get(&ip) {
            return Some(name.clone());
        }
        if !files::is_inner(ip) {
            return None;
        }
        if let Some(known) = self.remembered(ip) {
            return known.name;
        }
        let servers: Vec<SocketAddr> =
            files.servers.iter().copied().filter(|s| may_know(s.ip())).collect();
        if servers.is_empty() {
            return None;
        }
        let _slot = self.inner.slots.acquire().await.ok()?;
        // Another one may have asked while this one waited.
        if let Some(known) = self.remembered(ip) {
            return known.name;
        }
        let question = Question::name_of(ip, self.id());
        let reply = timeout(PATIENCE, ask(&servers, &question)).await.unwrap_or(Reply::Failed);
        let (name, age) = match reply {
            Reply::Name(name, ttl) => {
                (Some(name), Duration::from_secs(ttl.into()).clamp(SHORTEST, LONGEST))
            }
            Reply::Nothing => (None, NAMELESS),
            Reply::Failed => (None, FAILED),
        };
        self.remember(ip, name.clone(), age);
        name
    }

    /// Whether the router's resolver answers, and how fast; at most a minute old. `None` where no
    /// resolver is set.
    pub async fn probe(&self) -> Option<DnsAnswer> {
        let servers = self.files().await.servers.clone();
        if servers.is_empty() {
            return None;
        }
        let mut last = self.inner.probe.lock().await;
        if let Some((at, answer)) = *last
            && at.elapsed() < PROBE
        {
            return Some(answer);
        }
        let began = Instant::now();
        let reply = timeout(PATIENCE, ask(&servers, &Question::root(self.id()))).await;
        let answered = matches!(reply, Ok(Reply::Nothing | Reply::Name(..)));
        let took_ms = began.elapsed().as_millis() as u32;
        let answer = DnsAnswer { answered, took_ms };
        *last = Some((Instant::now(), answer));
        Some(answer)
    }

    fn remembered(&self, ip: IpAddr) -> Option<Remembered> {
        let known = self.known();
        known.names.get(&ip).filter(|r| r.until > Instant::now()).cloned()
    }

    fn remember(&self, ip: IpAddr, name: Option<String>, age: Duration) {
        let now = Instant::now();
        let mut known = self.known();
        known.asked += 1;
        if known.names.len() >= REMEMBERED && !known.names.contains_key(&ip) {
            known.names.retain(|_, r| r.until > now);
            // Still full: whatever would go soonest makes room.
            let mut until: Vec<Instant> = known.names.values().map(|r| r.until).collect();
            if until.len() >= REMEMBERED {
                let (_, limit, _) = until.select_nth_unstable(REMEMBERED / 8);
                let limit = *limit;
                known.names.retain(|_, r| r.until > limit);
            }
        }
        known.names.insert(ip, Remembered { name, until: now + age });
    }

    async fn files(&self) -> Arc<Files> {
        if let Some((read, files)) = &self.known().files
            && read.elapsed() < REREAD
        {
            return Arc::clone(files);
        }
        let inner = Arc::clone(&self.inner);
        let read = tokio::task::spawn_blocking(move || inner.read_files()).await;
        let files = Arc::new(read.unwrap_or_default());
        self.known().files = Some((Instant::now(), Arc::clone(&files)));
        files
    }

    /// A number that nobody outside can guess.
    fn id(&self) -> u16 {
        let count = self.known().asked;
        self.inner.ids.hash_one((count, std::time::Instant::now())) as u16
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.inner.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// A file that is not there, or too large, is an empty one.
    fn read_files(&self) -> Files {
        let read = |path: &PathBuf| {
            let fits = std::fs::metadata(path).is_ok_and(|m| m.len() <= MAX_FILE);
            let bytes = if fits { std::fs::read(path).unwrap_or_default() } else { Vec::new() };
            String::from_utf8_lossy(&bytes).into_owned()
        };
        let mut servers =
            files::servers(&read(&self.resolv_conf), |name| if_nametoindex(name).ok());
        if let Some(port) = self.port {
            for server in &mut servers {
                server.set_port(port);
            }
        }
        Files { hosts: files::hosts(&read(&self.hosts)), servers }
    }
}

/// Resolvers inside the site: this machine's own, and those with an address of the site. Others can
/// know nothing of the names in here, and need not know of the addresses.
fn may_know(server: IpAddr) -> bool {
    server.is_loopback() || files::is_inner(server)
}

/// Asks one server after the other, round and round, until one can tell; the caller sets the end.
async fn ask(servers: &[SocketAddr], question: &Question) -> Reply {
    let mut failed = 0;
    for server in servers.iter().cycle() {
        match ask_one(*server, question).await {
            Ok(Some(Reply::Failed)) | Err(_) => {
                failed += 1;
                if failed >= servers.len() {
                    break;
                }
            }
            Ok(Some(reply)) => return reply,
            Ok(None) => {}
        }
    }
    Reply::Failed
}

/// Asks once; `None` when no answer came in time. Messages that answer something else are passed by.
async fn ask_one(server: SocketAddr, question: &Question) -> io::Result<Option<Reply>> {
    let until = Instant::now() + REPEAT;
    let any: SocketAddr = if server.is_ipv4() { ([0; 4], 0).into() } else { ([0; 16], 0).into() };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(server).await?;
    socket.send(&question.message()).await?;
    let mut buffer = [0; 1_232];
    loop {
        match timeout_at(until, socket.recv(&mut buffer)).await {
            Ok(length) => {
                if let Some(reply) = question.answer(&buffer[..length?]) {
                    return Ok(Some(reply));
                }
            }
            Err(_) => return Ok(None),
        }
    }
}

#[cfg(test)]
mod tests;
