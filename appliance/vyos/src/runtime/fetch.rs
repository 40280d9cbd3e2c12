//! Fetches texts: runs a program with a bound on time and output, reads files with a bound on size.

use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::leases::{self, Lease};
use super::{ContainerImage, Counters, IpsecSa, OpenVpnClient, RunningContainer, WgInterface};
use crate::facts::Family;

/// Why something of the running router could not be learned.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// The program is not there or could not be started.
    #[error("start {program}: {source}")]
    Start {
        /// Its name.
        program: &'static str,
        /// Why.
        source: std::io::Error,
    },
    /// It ended with an error.
    #[error("{program}: {said}")]
    Failed {
        /// Its name.
        program: &'static str,
        /// The first line that it wrote about it.
        said: String,
    },
    /// It took too long, or wrote more than is read.
    #[error("{program}: stopped after {after:?} or {MAX_BYTES} bytes")]
    TooMuch {
        /// Its name.
        program: &'static str,
        /// How long it ran.
        after: Duration,
    },
    /// A file could not be read, or is larger than is read.
    #[error("read {path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// What was read is not of the form that it should have.
    #[error("{what}: {problem}")]
    Form {
        /// What was read.
        what: &'static str,
        /// What is wrong.
        problem: String,
    },
}

/// The most that is read of a program or file.
const MAX_BYTES: u64 = 16 << 20;
/// The longest that a program may take.
const MAX_TIME: Duration = Duration::from_secs(10);
/// How often it is looked whether a program has ended.
const LOOK: Duration = Duration::from_millis(10);

/// Counters of all rules of the router, by `nft -j list ruleset`. Blocks; needs `CAP_NET_ADMIN`.
pub fn fetch_counters() -> Result<Counters, RuntimeError> {
    super::parse_nft(&run("nft", &["-j", "list", "ruleset"])?)
}

/// `WireGuard` interfaces and peers, by `wg show all dump`. Blocks; needs `CAP_NET_ADMIN`.
pub fn fetch_wireguard() -> Result<Vec<WgInterface>, RuntimeError> {
    super::parse_wg_dump(&run("wg", &["show", "all", "dump"])?)
}

/// Containers, by `podman ps`. Blocks.
pub fn fetch_containers() -> Result<Vec<RunningContainer>, RuntimeError> {
    super::parse_podman(&run("podman", &["ps", "-a", "--format", "json"])?)
}

/// Images of containers, by `podman images`. Blocks.
pub fn fetch_images() -> Result<Vec<ContainerImage>, RuntimeError> {
    super::parse_podman_images(&run("podman", &["images", "--format", "json"])?)
}

/// Connections of `IPsec`, by `swanctl --list-sas`. Blocks.
pub fn fetch_ipsec() -> Result<Vec<IpsecSa>, RuntimeError> {
    Ok(super::parse_swanctl_sas(&run("swanctl", &["--list-sas"])?))
}

/// Clients of an `OpenVPN` server by the file in which it tells of them, under `run` (`/run/openvpn`
/// on a router). None if there is no file, as while the server does not run. Blocks.
pub fn fetch_openvpn(
    run: &Path,
    interface: &str,
) -> Result<Option<Vec<OpenVpnClient>>, RuntimeError> {
    // A configuration is not to be trusted with a path.
    if interface.is_empty() || !interface.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return Ok(None);
    }
    let text = read(&run.join(format!("{interface}.status")))?;
    Ok(text.map(|text| super::parse_openvpn_status(&text)))
}

/// DHCP leases of a family from the files of whichever server the router has, under `config`
/// (`/config` on a router). None if there are no files. Blocks.
pub fn fetch_leases(config: &Path, family: Family) -> Result<Vec<Lease>, RuntimeError> {
    let (kea, isc) = match family {
        Family::Ipv4 => ("dhcp/dhcp4-leases.csv", "dhcpd.leases"),
        Family::Ipv6 => ("dhcp/dhcp6-leases.csv", "dhcpdv6.leases"),
    };
    let file = |name: String| read(&config.join(name));
    if let Some(newest) = file(kea.to_owned())? {
        // While the server cleans up, what it had before stands in files of their own, oldest first.
        let mut texts = Vec::new();
        if let Some(done) = file(format!("{kea}.completed"))? {
            texts.push(done);
        } else {
            texts.extend(file(format!("{kea}.2"))?);
            texts.extend(file(format!("{kea}.1"))?);
        }
        texts.push(newest);
        return leases::parse_kea(family, texts.iter().map(String::as_str));
    }
    let text = file(isc.to_owned())?.unwrap_or_default();
    Ok(leases::parse_isc(family, &text))
}

/// A file's text; none where there is no file.
fn read(path: &Path) -> Result<Option<String>, RuntimeError> {
    let failed = |source| RuntimeError::File { path: path.to_owned(), source };
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(failed(std::io::ErrorKind::FileTooLarge.into()));
    }
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}

/// The end of a file, from its first whole line on.
pub(super) fn tail(path: &Path, bytes: u64) -> Result<String, RuntimeError> {
    let failed = |source| RuntimeError::File { path: path.to_owned(), source };
    let mut file = std::fs::File::open(path).map_err(failed)?;
    let length = file.metadata().map_err(failed)?.len();
    let start = length.saturating_sub(bytes);
    file.seek(SeekFrom::Start(start)).map_err(failed)?;
    let mut end = Vec::new();
    file.take(bytes).read_to_end(&mut end).map_err(failed)?;
    let text = String::from_utf8_lossy(&end).into_owned();
    let cut = if start > 0 { text.split_once('\n') } else { None };
    Ok(cut.map(|(_, whole)| whole.to_owned()).unwrap_or(text))
}

pub(super) fn run(program: &'static str, arguments: &[&str]) -> Result<String, RuntimeError> {
    let started = Instant::now();
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|source| RuntimeError::Start { program, source })?;
    let drain = |pipe: Option<Box<dyn std::io::Read + Send>>| {
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            if let Some(pipe) = pipe {
                let _ = pipe.take(MAX_BYTES + 1).read_to_end(&mut bytes);
            }
            bytes
        })
    };
    let out = drain(child.stdout.take().map(|pipe| Box::new(pipe) as _));
    let err = drain(child.stderr.take().map(|pipe| Box::new(pipe) as _));
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break Some(status),
            Ok(None) if started.elapsed() < MAX_TIME => std::thread::sleep(LOOK),
            Ok(None) => break None,
            Err(source) => return Err(RuntimeError::Start { program, source }),
        }
    };
    let Some(status) = status else {
        let _ = child.kill();
        let _ = child.wait();
        return Err(RuntimeError::TooMuch { program, after: started.elapsed() });
    };
    let (out, err) = (out.join().unwrap_or_default(), err.join().unwrap_or_default());
    if !status.success() {
        let said = String::from_utf8_lossy(&err);
        let said = said.lines().next().unwrap_or("it failed without a word");
        let said = said.chars().take(300).collect();
        return Err(RuntimeError::Failed { program, said });
    }
    if out.len() as u64 > MAX_BYTES {
        return Err(RuntimeError::TooMuch { program, after: started.elapsed() });
    }
    Ok(String::from_utf8_lossy(&out).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_heard_when_they_fail() {
        assert_eq!(run("echo", &["hello"]).unwrap(), "hello\n");
        let error = run("ls", &["/no/such/folder"]).unwrap_err().to_string();
        assert!(error.starts_with("ls: "), "{error}");
        assert!(matches!(run("no-such-program", &[]), Err(RuntimeError::Start { .. })));
    }

    #[test]
    fn clients_of_openvpn_are_read_from_the_file_of_their_server_alone() {
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path().join("openvpn");
        std::fs::create_dir(&run).unwrap();
        let text = "Common Name,Real Address,Bytes Received,Bytes Sent,Connected Since\n\
                    anna,192.0.2.9:1194,10,20,2026-11-21 10:00:00\nROUTING TABLE\n";
        std::fs::write(run.join("vtun0.status"), text).unwrap();
        std::fs::write(folder.path().join("secret.status"), text).unwrap();
        let clients = fetch_openvpn(&run, "vtun0").unwrap().unwrap();
        assert_eq!(clients[0].name, "anna");
        for other in ["vtun1", "../secret", ""] {
            assert!(fetch_openvpn(&run, other).unwrap().is_none(), "{other}");
        }
    }

    #[test]
    fn leases_are_read_from_whichever_server_the_router_has() {
        let folder = tempfile::tempdir().unwrap();
        assert!(fetch_leases(folder.path(), Family::Ipv4).unwrap().is_empty());
        let isc = "lease 192.168.1.9 {\n  binding state active;\n}\n";
        std::fs::write(folder.path().join("dhcpd.leases"), isc).unwrap();
        assert_eq!(fetch_leases(folder.path(), Family::Ipv4).unwrap().len(), 1);
        std::fs::create_dir(folder.path().join("dhcp")).unwrap();
        let header = "address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,\
                      hostname,state,user_context\n";
        let line = |name: &str| {
            format!("{header}192.168.1.100,02:00:00:00:00:01,,3600,1900000000,1,0,0,{name},0,\n")
        };
        let file = |name: &str| folder.path().join("dhcp").join(name);
        std::fs::write(file("dhcp4-leases.csv.2"), line("oldest")).unwrap();
        std::fs::write(file("dhcp4-leases.csv.1"), line("older")).unwrap();
        std::fs::write(file("dhcp4-leases.csv"), header).unwrap();
        let leases = fetch_leases(folder.path(), Family::Ipv4).unwrap();
        assert_eq!(leases[0].hostname.as_deref(), Some("older"));
    }
}
