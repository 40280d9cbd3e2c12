//! Questions to the system.

use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::errno::Errno;
use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;
use nix::sys::resource::{Resource, getrlimit};
use nix::sys::socket::{
    AddressFamily, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, socket,
};
use nix::sys::statvfs::statvfs;
use nix::unistd::{AccessFlags, access};
use vyos::client::{Address, Client};

/// Multicast group of neighbour changes, as a bit (`RTMGRP_NEIGH`, linux/rtnetlink.h).
const NEIGHBOUR_GROUP: u32 = 4;

/// How long the router's web server may take to accept a connection, and its API to answer.
const CONNECT: Duration = Duration::from_secs(2);
const ANSWER: Duration = Duration::from_secs(15);

/// Tries to open a packet socket.
pub(super) fn raw_socket() -> Result<(), Errno> {
    socket(AddressFamily::Packet, SockType::Raw, SockFlag::SOCK_CLOEXEC, None).map(drop)
}

/// Tries to subscribe to the kernel's neighbour table.
pub(super) fn neighbour_socket() -> Result<(), Errno> {
    let socket = socket(
        AddressFamily::Netlink,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC,
        SockProtocol::NetlinkRoute,
    )?;
    bind(std::os::fd::AsRawFd::as_raw_fd(&socket), &NetlinkAddr::new(0, NEIGHBOUR_GROUP))
}

/// Interfaces that are up and not loopback, each with the addresses it has.
pub(super) fn interfaces() -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for entry in getifaddrs().into_iter().flatten() {
        let wanted = entry.flags.contains(InterfaceFlags::IFF_UP)
            && !entry.flags.contains(InterfaceFlags::IFF_LOOPBACK);
        if !wanted {
            continue;
        }
        let addresses = found.entry(entry.interface_name).or_default();
        let Some(address) = entry.address else {
            continue;
        };
        if let Some(v4) = address.as_sockaddr_in() {
            addresses.push(v4.ip().to_string());
        } else if let Some(v6) = address.as_sockaddr_in6() {
            addresses.push(v6.ip().to_string());
        }
    }
    found
}

/// Asks the router's API as the appliance does. Gives the version that it says, or why it does not
/// answer.
pub(super) fn api(settings: &vyos::Settings) -> Result<Option<String>, String> {
    // The client waits for an API that is about to come back; here nobody is to wait.
    let reached = match &settings.address {
        Address::Socket(path) => UnixStream::connect(path).map(drop),
        Address::Https(at) => TcpStream::connect_timeout(at, CONNECT).map(drop),
    };
    reached.map_err(|error| error.to_string())?;
    let (address, keys) = (settings.address.clone(), settings.keys.clone());
    let client = Client::new(address, settings.pinned, keys);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    let asked = runtime.block_on(async { tokio::time::timeout(ANSWER, client.probe()).await });
    match asked {
        Ok(Ok(abilities)) => Ok(abilities.version),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("no answer within {} s", ANSWER.as_secs())),
    }
}

/// The name and version of this system, if it is VyOS.
pub(super) fn release() -> Option<String> {
    let os = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let field = |name: &str| {
        os.lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
            .map(|value| value.trim_matches('"').to_owned())
    };
    let is_vyos = field("ID").is_some_and(|id| id == "vyos");
    is_vyos.then(|| field("PRETTY_NAME").unwrap_or_else(|| "VyOS".to_owned()))
}

/// What there is of a directory.
pub(super) enum Directory {
    /// It exists and can be written to.
    Writable,
    /// It does not exist and can be created.
    Creatable,
    /// It or the nearest parent that exists cannot be written to.
    Refused(PathBuf),
}

pub(super) fn directory(path: &Path) -> Directory {
    let nearest = nearest_parent(path);
    let may = nearest.is_dir() && access(nearest, AccessFlags::W_OK | AccessFlags::X_OK).is_ok();
    match (may, nearest == path) {
        (true, true) => Directory::Writable,
        (true, false) => Directory::Creatable,
        (false, _) => Directory::Refused(nearest.to_owned()),
    }
}

/// Room on the file system that holds a path.
#[derive(Clone, Copy)]
pub(super) struct Disk {
    /// Bytes that we may still write.
    pub(super) free: u64,
    /// Files that we may still create; absent where the file system has no fixed number.
    pub(super) inodes: Option<u64>,
}

pub(super) fn disk(path: &Path) -> Result<Disk, Errno> {
    let stat = statvfs(nearest_parent(path))?;
    Ok(Disk {
        free: stat.blocks_available().saturating_mul(stat.fragment_size()),
        inodes: (stat.files() > 0).then(|| stat.files_available()),
    })
}

fn nearest_parent(path: &Path) -> &Path {
    path.ancestors().find(|parent| parent.exists()).unwrap_or(Path::new("/"))
}

/// What is known of the clock.
pub(super) struct Clock {
    /// Whole seconds since 1970.
    pub(super) seconds: u64,
    /// Which service keeps it and whether it says that the clock is in step; absent if none is
    /// known to run.
    pub(super) keeper: Option<(&'static str, bool)>,
}

pub(super) fn clock() -> Clock {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs();
    let keeper = if Path::new("/run/systemd/timesync/synchronized").exists() {
        Some(("systemd-timesyncd", true))
    } else if let Some(in_step) = chrony_in_step() {
        Some(("chrony", in_step))
    } else if Path::new("/run/systemd/timesync").exists() {
        Some(("systemd-timesyncd", false))
    } else {
        None
    };
    Clock { seconds, keeper }
}

/// Asks chrony, if it runs here. The last field of `chronyc -c tracking` is the leap status.
fn chrony_in_step() -> Option<bool> {
    if !Path::new("/run/chrony/chronyd.sock").exists() && !Path::new("/run/chrony").exists() {
        return None;
    }
    let output = Command::new("chronyc").args(["-n", "-c", "tracking"]).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let leap = text.trim().rsplit(',').next()?;
    output.status.success().then(|| leap != "Not synchronised")
}

/// Tries to listen on an endpoint.
pub(super) fn port(endpoint: SocketAddr) -> Result<(), io::ErrorKind> {
    TcpListener::bind(endpoint).map(drop).map_err(|error| error.kind())
}

/// True when somebody accepts connections on a unix socket.
pub(super) fn answers(socket: &Path) -> bool {
    UnixStream::connect(socket).is_ok()
}

/// Octets that a socket's queue may have without the right to exceed it.
pub(super) fn largest_queue() -> Option<u64> {
    std::fs::read_to_string("/proc/sys/net/core/rmem_max").ok()?.trim().parse().ok()
}

/// The soft and the hard limit of open files.
pub(super) fn open_files() -> Result<(u64, u64), Errno> {
    getrlimit(Resource::RLIMIT_NOFILE)
}

/// Bytes of memory that can still be had: what the machine has, or the control group allows.
pub(super) fn memory() -> Option<u64> {
    let info = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = info.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let available = line.trim().trim_end_matches(" kB").trim().parse::<u64>().ok()? * 1024;
    let limit = std::fs::read_to_string("/sys/fs/cgroup/memory.max")
        .ok()
        .and_then(|text| text.trim().parse::<u64>().ok());
    Some(limit.map_or(available, |limit| limit.min(available)))
}
