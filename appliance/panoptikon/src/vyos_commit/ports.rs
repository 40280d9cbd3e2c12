//! Who listens on which TCP port, by the kernel's own tables.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// A socket that listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// Where.
    pub address: SocketAddr,
    /// The process and its name; none where that cannot be seen.
    pub holder: Option<(u32, String)>,
}

impl Listener {
    /// Its program, for people.
    pub fn name(&self) -> String {
        match &self.holder {
            Some((pid, name)) => format!("{name} (process {pid})"),
            None => "another program".to_owned(),
        }
    }
}

/// The state of a socket that listens, in the kernel's tables.
const LISTEN: &str = "0A";

/// All sockets that listen. What cannot be read is left out: binding will tell.
pub fn listeners() -> Vec<Listener> {
    let mut found = Vec::new();
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        let text = fs::read_to_string(table).unwrap_or_default();
        found.extend(text.lines().skip(1).filter_map(entry));
    }
    let holders = holders(&found.iter().map(|(_, inode)| *inode).collect::<Vec<_>>());
    found
        .into_iter()
        .map(|(address, inode)| {
            let holder = holders.iter().find(|(held, ..)| *held == inode);
            Listener { address, holder: holder.map(|(_, pid, name)| (*pid, name.clone())) }
        })
        .collect()
}

/// Address and inode of a line of the table, if it is that of a listener.
fn entry(line: &str) -> Option<(SocketAddr, u64)> {
    let mut words = line.split_whitespace();
    let (local, state) = (words.nth(1)?, words.nth(1)?);
    if state != LISTEN {
        return None;
    }
    Some((address(local)?, words.nth(5)?.parse().ok()?))
}

/// `0100007F:1F90`: words of 32 bits as they lie in memory, and the port.
fn address(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    let word = |at: usize| {
        let digits = address.get(at * 8..at * 8 + 8)?;
        Some(u32::from_str_radix(digits, 16).ok()?.to_ne_bytes())
    };
    let ip = match address.len() {
        8 => IpAddr::V4(Ipv4Addr::from(word(0)?)),
        32 => {
            let words = [word(0)?, word(1)?, word(2)?, word(3)?];
            IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(words.concat()).ok()?))
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, u16::from_str_radix(port, 16).ok()?))
}

/// Which process has which of the sockets open.
fn holders(inodes: &[u64]) -> Vec<(u64, u32, String)> {
    let mut found = Vec::new();
    for process in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Ok(pid) = process.file_name().to_string_lossy().parse::<u32>() else {
            continue;
        };
        let folder = process.path();
        for open in fs::read_dir(folder.join("fd")).into_iter().flatten().flatten() {
            let link = fs::read_link(open.path()).unwrap_or_default();
            let inode = link
                .to_str()
                .and_then(|link| link.strip_prefix("socket:["))
                .and_then(|link| link.strip_suffix(']'))
                .and_then(|inode| inode.parse().ok());
            if let Some(inode) = inode.filter(|inode| inodes.contains(inode)) {
                let name = fs::read_to_string(folder.join("comm")).unwrap_or_default();
                found.push((inode, pid, name.trim().to_owned()));
            }
        }
    }
    found
}

/// Which of the endpoints another process holds.
pub(super) fn taken<'l>(
    wanted: &[SocketAddr],
    listeners: &'l [Listener],
    own: Option<u32>,
) -> Vec<(SocketAddr, &'l Listener)> {
    let mut found = Vec::new();
    for endpoint in wanted {
        let other = listeners.iter().find(|listener| {
            let is_own = own.is_some() && listener.holder.as_ref().map(|(pid, _)| *pid) == own;
            !is_own && collide(*endpoint, listener.address)
        });
        found.extend(other.map(|listener| (*endpoint, listener)));
    }
    found
}

/// Whether two sockets cannot both listen. One on `[::]` may take IPv4 as well; ours never does.
pub(super) fn collide(ours: SocketAddr, other: SocketAddr) -> bool {
    if ours.port() != other.port() {
        return false;
    }
    let (ours, other) = (ours.ip(), other.ip());
    match (ours, other) {
        (IpAddr::V4(_), IpAddr::V4(_)) | (IpAddr::V6(_), IpAddr::V6(_)) => {
            ours == other || ours.is_unspecified() || other.is_unspecified()
        }
        (IpAddr::V4(_), IpAddr::V6(ip)) => ip.is_unspecified() || ip.to_canonical() == ours,
        (IpAddr::V6(_), IpAddr::V4(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_line_of_the_kernels_table_is_read() {
        let line = "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0";
        assert_eq!(entry(line), Some(("127.0.0.1:8080".parse().expect("an address"), 4711)));
        assert_eq!(entry(&line.replace(" 0A ", " 01 ")), None, "a connection");
        for bad in ["", "0:", "0: x:y z 0A", "0: 0100007F:1F90 0 0A 0 0 0 0 0 x"] {
            assert_eq!(entry(bad), None, "{bad}");
        }
        let loopback = "00000000000000000000000001000000:20FB";
        assert_eq!(address(loopback), Some("[::1]:8443".parse().expect("an address")));
    }

    #[test]
    fn a_real_listener_is_found_with_its_program_and_is_not_taken_by_ourselves() {
        let socket = TcpListener::bind("127.0.0.1:0").expect("a port");
        let endpoint = socket.local_addr().expect("an address");
        let all = listeners();
        let found = all.iter().find(|l| l.address == endpoint).expect("it is listed");
        let own = std::process::id();
        assert_eq!(found.holder.as_ref().map(|(pid, _)| *pid), Some(own));
        assert_eq!(taken(&[endpoint], &all, None).len(), 1);
        assert!(taken(&[endpoint], &all, Some(own)).is_empty());
        let everywhere = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), endpoint.port());
        assert_eq!(taken(&[everywhere], &all, None).len(), 1);
        let v6 = SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), endpoint.port());
        assert!(taken(&[v6], &all, None).is_empty(), "IPv6 is another matter");
    }
}
