//! Asks FRR for its routes and reads its JSON (FRR, `zebra/zebra_vty.c`; `show ip route json`).

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::io::AsyncReadExt;
use tokio::process::Command;
use tokio::time::timeout;

use super::{Family, HopKind, MOST_ROUTES, NextHop, Route, Routes, Source};
use crate::SystemError;

/// The longest answer that is read: some 20 000 routes.
const LONGEST: u64 = 16 << 20;
/// FRR answers within a second, a large table within some.
const PATIENCE: Duration = Duration::from_secs(15);

/// How FRR is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vtysh {
    /// The program.
    pub program: PathBuf,
    /// What stands before the question, such as `-N` and a name where several FRRs run.
    pub arguments: Vec<String>,
}

impl Default for Vtysh {
    fn default() -> Self {
        Self { program: "/usr/bin/vtysh".into(), arguments: Vec::new() }
    }
}

impl Vtysh {
    pub(super) async fn routes(&self, family: Family) -> Result<Routes, SystemError> {
        let word = match family {
            Family::V4 => "ip",
            Family::V6 => "ipv6",
        };
        parse(&self.ask(&format!("show {word} route vrf all json")).await?)
    }

    /// Runs one command and returns what it prints.
    async fn ask(&self, command: &str) -> Result<String, SystemError> {
        let what = || format!("vtysh for \"{command}\"");
        let mut child = Command::new(&self.program)
            .args(&self.arguments)
            .args(["-c", command])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(|e| match e.kind() {
                io::ErrorKind::NotFound => SystemError::Missing {
                    what: self.program.display().to_string(),
                    remedy: "routes are read from the kernel instead, without distance and age",
                },
                _ => SystemError::io("run", self.program.display().to_string())(e),
            })?;
        let mut text = String::new();
        let read = async {
            if let Some(output) = child.stdout.take() {
                output.take(LONGEST + 1).read_to_string(&mut text).await?;
            }
            if text.len() as u64 > LONGEST {
                return Ok(None);
            }
            child.wait().await.map(Some)
        };
        let ended = timeout(PATIENCE, read).await;
        let ended = ended
            .map_err(|_| SystemError::TimedOut { what: what(), seconds: PATIENCE.as_secs() })?;
        match ended.map_err(SystemError::io("ask", what()))? {
            None => Err(SystemError::malformed(what(), "the table is too large to be shown whole")),
            Some(status) if !status.success() => {
                Err(SystemError::malformed(what(), "FRR does not run, or does not let us ask"))
            }
            Some(_) => Ok(text),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FrrRoute {
    prefix: String,
    #[serde(default)]
    protocol: String,
    vrf_name: Option<String>,
    #[serde(default)]
    selected: bool,
    #[serde(default)]
    installed: bool,
    distance: Option<u32>,
    #[serde(default)]
    metric: u32,
    table: Option<u32>,
    uptime: Option<String>,
    #[serde(default)]
    nexthops: Vec<FrrHop>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools)] // as FRR has them
struct FrrHop {
    ip: Option<IpAddr>,
    interface_name: Option<String>,
    #[serde(default)]
    active: bool,
    #[serde(default)]
    fib: bool,
    #[serde(default)]
    directly_connected: bool,
    #[serde(default)]
    recursive: bool,
    #[serde(default)]
    unreachable: bool,
    #[serde(default)]
    blackhole: bool,
    #[serde(default)]
    reject: bool,
    #[serde(rename = "admin-prohibited", default)]
    prohibited: bool,
    weight: Option<u32>,
}

/// Reads what `show ip route vrf all json` prints, by any release: one object of all VRFs, one of
/// routes, or several one after the other.
///
/// # Errors
/// [`SystemError::Malformed`] for anything else.
pub fn parse(text: &str) -> Result<Routes, SystemError> {
    let wrong = |why: &dyn ToString| SystemError::malformed("the routes of FRR", why.to_string());
    // vtysh may complain of missing files first.
    let start = text.find('{').ok_or_else(|| wrong(&"there is no JSON in it"))?;
    let text = text.get(start..).unwrap_or_default();
    let mut gathered = Gathered::default();
    for table in serde_json::Deserializer::from_str(text).into_iter::<BTreeMap<String, &RawValue>>()
    {
        for (key, value) in table.map_err(|e| wrong(&e))? {
            // A list belongs to a destination, an object to a VRF.
            if value.get().starts_with('[') {
                gathered.take("default", value).map_err(|e| wrong(&e))?;
            } else if value.get().starts_with('{') {
                let routes: BTreeMap<String, &RawValue> =
                    serde_json::from_str(value.get()).map_err(|e| wrong(&e))?;
                for value in routes.values().filter(|value| value.get().starts_with('[')) {
                    gathered.take(&key, value).map_err(|e| wrong(&e))?;
                }
            }
        }
    }
    Ok(Routes::new(Source::Frr, gathered.routes, gathered.left_out))
}

#[derive(Default)]
struct Gathered {
    routes: Vec<Route>,
    left_out: u64,
}

impl Gathered {
    fn take(&mut self, vrf: &str, routes: &RawValue) -> Result<(), serde_json::Error> {
        if self.routes.len() >= MOST_ROUTES {
            self.left_out += 1;
            return Ok(());
        }
        let routes: Vec<FrrRoute> = serde_json::from_str(routes.get())?;
        self.routes.extend(routes.into_iter().filter_map(|route| understand(vrf, route)));
        Ok(())
    }
}

fn understand(vrf: &str, route: FrrRoute) -> Option<Route> {
    let (network, prefix) = route.prefix.split_once('/')?;
    Some(Route {
        network: network.parse().ok()?,
        prefix: prefix.parse().ok()?,
        protocol: route.protocol,
        vrf: route.vrf_name.unwrap_or_else(|| vrf.to_owned()),
        table: route.table,
        is_selected: route.selected,
        is_installed: route.installed,
        distance: route.distance,
        metric: route.metric,
        age: route.uptime.as_deref().and_then(age),
        hops: route.nexthops.into_iter().map(hop).collect(),
    })
}

fn hop(hop: FrrHop) -> NextHop {
    let kind = if hop.reject {
        HopKind::Unreachable
    } else if hop.prohibited {
        HopKind::Prohibited
    } else if hop.blackhole || hop.unreachable {
        HopKind::Blackhole
    } else if hop.directly_connected || hop.ip.is_none() {
        HopKind::Connected
    } else {
        HopKind::Gateway
    };
    NextHop {
        kind,
        gateway: hop.ip,
        interface: hop.interface_name,
        is_active: hop.active,
        is_installed: hop.fib,
        is_recursive: hop.recursive,
        weight: hop.weight.unwrap_or(1),
    }
}

/// Reads FRR's ages (lib/frrtime.h): `01:02:03` within a day, `1d02h03m` within a week,
/// `02w3d04h` beyond.
fn age(text: &str) -> Option<Duration> {
    let mut parts = text.split(':');
    if let (Some(h), Some(m), Some(s)) = (parts.next(), parts.next(), parts.next()) {
        let number = |text: &str| text.parse::<u32>().ok().map(u64::from);
        return Some(Duration::from_secs(number(h)? * 3_600 + number(m)? * 60 + number(s)?));
    }
    let (mut seconds, mut number) = (0_u64, String::new());
    for letter in text.chars() {
        let unit = match letter {
            '0'..='9' => {
                number.push(letter);
                continue;
            }
            'y' => 365 * 86_400,
            'w' => 7 * 86_400,
            'd' => 86_400,
            'h' => 3_600,
            'm' => 60,
            's' => 1,
            _ => return None,
        };
        let count = u64::from(number.parse::<u32>().ok()?);
        seconds = seconds.saturating_add(count.saturating_mul(unit));
        number.clear();
    }
    (number.is_empty() && !text.is_empty()).then(|| Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TWO_WAYS: &str = r#"{"prefix":"10.60.0.0/16","protocol":"bgp","selected":true,
        "installed":true,"distance":20,"metric":5,"uptime":"02w3d04h","nexthops":[
        {"fib":true,"ip":"10.9.0.3","interfaceName":"eth0","active":true,"weight":2},
        {"fib":true,"ip":"10.9.0.4","interfaceName":"eth1","active":true}]}"#;

    #[test]
    fn every_way_of_a_route_is_kept() {
        let routes = parse(&format!("{{\"10.60.0.0/16\":[{TWO_WAYS}]}}")).expect("routes").routes;
        assert_eq!(routes.len(), 1);
        let seen: Vec<_> =
            routes[0].hops.iter().map(|h| (h.interface.as_deref(), h.weight)).collect();
        assert_eq!(seen, [(Some("eth0"), 2), (Some("eth1"), 1)]);
        assert_eq!(routes[0].age, Some(Duration::from_secs((17 * 24 + 4) * 3_600)));
        assert_eq!((routes[0].distance, routes[0].vrf.as_str()), (Some(20), "default"));
    }

    #[test]
    fn vrfs_are_told_apart_in_all_shapes_that_releases_print() {
        let one = format!("{{\"10.60.0.0/16\":[{TWO_WAYS}]}}");
        let nested = format!("{{\"default\":{one},\"red\":{one}}}");
        let vrfs = |text: &str| {
            let all = parse(text).expect("routes").routes;
            all.iter().map(|r| r.vrf.clone()).collect::<Vec<_>>()
        };
        assert_eq!(vrfs(&nested), ["default", "red"]);
        let named = one.replace("\"protocol\"", "\"vrfName\":\"red\",\"protocol\"");
        assert_eq!(vrfs(&format!("% a complaint\n{one}\n{named}\n")), ["default", "red"]);
        assert_eq!(vrfs("{}"), Vec::<String>::new());
    }

    #[test]
    fn a_route_that_leads_nowhere_says_how() {
        let hop_of = |words: &str| {
            let text = format!("{{\"active\":true,{words}}}");
            hop(serde_json::from_str(&text).expect("a hop")).kind
        };
        assert_eq!(hop_of("\"unreachable\":true,\"blackhole\":true"), HopKind::Blackhole);
        assert_eq!(hop_of("\"unreachable\":true,\"reject\":true"), HopKind::Unreachable);
        assert_eq!(hop_of("\"unreachable\":true,\"admin-prohibited\":true"), HopKind::Prohibited);
        assert_eq!(hop_of("\"directlyConnected\":true"), HopKind::Connected);
    }

    #[test]
    fn ages_of_seconds_days_and_weeks_are_read() {
        assert_eq!(age("01:02:03"), Some(Duration::from_secs(3_723)));
        assert_eq!(age("1d02h03m"), Some(Duration::from_secs(93_780)));
        assert_eq!((age("never"), age(""), age("5")), (None, None, None));
    }

    #[test]
    fn what_is_no_json_is_refused() {
        assert!(parse("% Unknown command: show ip route").is_err());
        assert!(parse("{\"10.0.0.0/8\": [{\"prefix\"").is_err());
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in "[{}\\[\\]\":,a-z0-9./]*", other: String) {
            let _ = (parse(&text), parse(&other), age(&text));
        }
    }
}
