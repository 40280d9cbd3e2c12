//! What no file tells and somebody must be asked for: systemd its units, docker and podman their
//! containers, and a few programs what they know. Runs on a thread of its own, because any of them
//! may hang; nothing here takes an argument from the wire.

use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde::Deserialize;
use wire::report::{Gpu, Pool, Restarted, Smart, Units};

use super::dbus::{self, Argument, Bus, Call};
use super::tree::{rounded, short};

/// Services that are asked how often they were restarted, at most.
const SERVICES: usize = 256;
const BUS: &str = "/run/dbus/system_bus_socket";
const SYSTEMD: &str = "org.freedesktop.systemd1";

/// Failed units, and if `restarts` also those that were restarted; [`None`] without systemd.
pub(crate) fn units(restarts: bool) -> Option<Units> {
    if !Path::new("/run/systemd/system").is_dir() {
        return None;
    }
    ask_units(restarts).ok()
}

fn ask_units(restarts: bool) -> io::Result<Units> {
    let mut bus = Bus::system(Path::new(BUS), nix::unistd::geteuid().as_raw())?;
    let mut list = |states: &[&str], patterns: &[&str]| {
        let body = bus.call(&Call {
            destination: SYSTEMD,
            path: "/org/freedesktop/systemd1",
            interface: "org.freedesktop.systemd1.Manager",
            member: "ListUnitsByPatterns",
            arguments: &[Argument::Texts(states), Argument::Texts(patterns)],
        })?;
        dbus::units(&body).ok_or_else(|| io::Error::other("the list of units is cut"))
    };
    let failed = list(&["failed"], &[])?;
    let failed = failed.iter().take(64).map(|unit| short(&unit.name)).collect();
    let mut units = Units { failed, restarted: Vec::new() };
    if !restarts {
        return Ok(units);
    }
    for service in list(&["active", "activating", "failed"], &["*.service"])?.iter().take(SERVICES)
    {
        let arguments =
            [Argument::Text("org.freedesktop.systemd1.Service"), Argument::Text("NRestarts")];
        let body = bus.call(&Call {
            destination: SYSTEMD,
            path: &service.object,
            interface: "org.freedesktop.DBus.Properties",
            member: "Get",
            arguments: &arguments,
        })?;
        if let Some(n) = dbus::variant_number(&body).filter(|n| *n > 0)
            && units.restarted.len() < 64
        {
            units.restarted.push(Restarted { name: short(&service.name), n });
        }
    }
    Ok(units)
}

/// A container as docker's and podman's API lists it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[derive(Default)]
pub(crate) struct Listed {
    pub(crate) id: String,
    pub(crate) names: Vec<String>,
    pub(crate) image: String,
    pub(crate) state: String,
}

const SOCKETS: [&str; 2] = ["/run/docker.sock", "/run/podman/podman.sock"];

/// Containers of every engine whose socket can be opened; [`None`] if none can.
pub(crate) fn containers() -> Option<Vec<Listed>> {
    let own = std::env::var_os("XDG_RUNTIME_DIR").map(|folder| {
        let mut path = PathBuf::from(folder);
        path.push("podman/podman.sock");
        path
    });
    containers_of(SOCKETS.iter().map(PathBuf::from).chain(own))
}

/// Containers of the engines at these sockets.
pub(super) fn containers_of(sockets: impl Iterator<Item = PathBuf>) -> Option<Vec<Listed>> {
    let mut found: Option<Vec<Listed>> = None;
    for socket in sockets {
        if let Ok(body) = get(&socket)
            && let Ok(list) = serde_json::from_slice::<Vec<Listed>>(&body)
        {
            let all = found.get_or_insert_default();
            for container in list.into_iter().take(128) {
                if !all.iter().any(|other| other.id == container.id) {
                    all.push(container);
                }
            }
        }
    }
    found
}

/// HTTP/1.0, so that the answer ends with the connection.
fn get(socket: &Path) -> io::Result<Vec<u8>> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    stream.set_write_timeout(Some(Duration::from_secs(5)))?;
    stream.write_all(b"GET /containers/json?all=1 HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.take(4 << 20).read_to_end(&mut answer)?;
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
    let end = end.ok_or(io::ErrorKind::InvalidData)?;
    let (head, _) = answer.split_at(end);
    if !head.get(8..).is_some_and(|status| status.starts_with(b" 200")) {
        return Err(io::ErrorKind::InvalidData.into());
    }
    Ok(answer.split_off(end + 4))
}

/// Runs a program with fixed arguments and gives what it says, at most 1 MiB within 10 s.
fn run(program: &str, arguments: &[&str]) -> Option<Vec<u8>> {
    let folders = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];
    let path =
        folders.iter().map(|folder| Path::new(folder).join(program)).find(|p| p.is_file())?;
    let mut child = Command::new(path)
        .args(arguments)
        .env_clear()
        .env("LC_ALL", "C")
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let out = child.stdout.take()?;
    let reader = std::thread::spawn(move || {
        let mut said = Vec::new();
        out.take(1 << 20).read_to_end(&mut said).map(|_| said)
    });
    let began = Instant::now();
    while child.try_wait().ok()?.is_none() {
        if began.elapsed() > Duration::from_secs(10) {
            let _ = child.kill();
            let _ = child.wait();
            return None;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    reader.join().ok()?.ok()
}

/// Disks' own health by `smartctl`.
pub(crate) fn smart(devices: &[String]) -> Vec<Smart> {
    let ask = |device: &String| {
        let path = format!("/dev/{device}");
        smart_of(device, &run("smartctl", &["--json=c", "-H", "-A", "-n", "standby", &path])?)
    };
    devices.iter().take(32).filter_map(ask).collect()
}

/// Reads what `smartctl --json` says of one device.
pub(crate) fn smart_of(device: &str, said: &[u8]) -> Option<Smart> {
    let said: serde_json::Value = serde_json::from_slice(said).ok()?;
    let number = |path: &str| said.pointer(path).and_then(serde_json::Value::as_f64);
    let wear = number("/nvme_smart_health_information_log/percentage_used");
    Some(Smart {
        dev: device.to_owned(),
        ok: said.pointer("/smart_status/passed")?.as_bool()?,
        temp: number("/temperature/current").map(rounded),
        wear_pct: wear.map(rounded),
        hours: number("/power_on_time/hours").map(|hours| hours as u64),
    })
}

/// Pools by `zpool`.
pub(crate) fn pools() -> Option<Vec<Pool>> {
    let said = run("zpool", &["list", "-H", "-o", "name,health"])?;
    let pool = |line: &str| {
        let (pool, state) = line.split_once('\t')?;
        Some(Pool { pool: short(pool), state: short(state) })
    };
    Some(String::from_utf8_lossy(&said).lines().take(64).filter_map(pool).collect())
}

/// Graphics processors by `nvidia-smi`.
pub(crate) fn nvidia() -> Vec<Gpu> {
    let query = "--query-gpu=name,utilization.gpu,memory.used,memory.total,temperature.gpu";
    let said = run("nvidia-smi", &[query, "--format=csv,noheader,nounits"]).unwrap_or_default();
    nvidia_of(&String::from_utf8_lossy(&said))
}

/// Reads what `nvidia-smi` says.
pub(crate) fn nvidia_of(said: &str) -> Vec<Gpu> {
    let gpu = |line: &str| {
        let mut columns = line.split(", ");
        let name = short(columns.next()?);
        let mut next = || columns.next().and_then(|text| text.trim().parse::<f64>().ok());
        let mib = |value: f64| value as u64 * 1024 * 1024;
        Some(Gpu {
            name,
            busy_pct: next().map(rounded),
            mem_used: next().map(mib),
            mem_total: next().map(mib),
            c: next().map(rounded),
        })
    };
    said.lines().filter(|line| line.contains(", ")).take(32).filter_map(gpu).collect()
}
