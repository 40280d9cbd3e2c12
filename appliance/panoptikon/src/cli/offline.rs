//! Commands that need no running appliance.

use std::io::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::process::ExitCode;

use super::CliError;
use super::table::table;
use crate::config::{Config, Resolved};
use crate::doctor::{self, Check, RouterApi, State};

/// Writes to standard output; a reader that went away (`| head`) is no failure.
pub(super) fn print(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}

/// Prints a value as indented JSON.
pub(super) fn print_json(value: &impl serde::Serialize) -> Result<(), CliError> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| CliError::Failed(format!("writing the answer as JSON: {error}")))?;
    print(&(text + "\n"));
    Ok(())
}

pub(super) fn check_config(resolved: &Resolved, json: bool) -> Result<ExitCode, CliError> {
    if json {
        print_json(&resolved.settings)?;
    } else {
        let rows: Vec<Vec<String>> = resolved
            .settings
            .iter()
            .map(|s| vec![s.key.to_owned(), s.value.clone(), s.place.to_string()])
            .collect();
        print(&table(&["setting", "value", "from"], &rows));
        print("The configuration is fine.\n");
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn doctor(config: &Config, json: bool) -> Result<ExitCode, CliError> {
    let checks = doctor::examine(config, &RouterApi::ask(config));
    let verdict = doctor::verdict(&checks);
    if json {
        print_json(&serde_json::json!({ "verdict": verdict, "checks": checks }))?;
    } else {
        print(&as_text(&checks));
        print(match verdict {
            State::Ok => "All is there.\n",
            State::Degraded => "All that is needed is there.\n",
            State::Missing => "Something that is needed is missing.\n",
        });
    }
    Ok(if verdict == State::Missing { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

pub(super) fn address(config: &Config, json: bool) -> Result<ExitCode, CliError> {
    let name = crate::serve::host_name(config);
    let own: Vec<IpAddr> = nix::ifaddrs::getifaddrs()
        .into_iter()
        .flatten()
        .filter_map(|interface| {
            let address = interface.address?;
            let v4 = address.as_sockaddr_in().map(|a| IpAddr::V4(a.ip()));
            v4.or_else(|| address.as_sockaddr_in6().map(|a| IpAddr::V6(a.ip())))
        })
        .collect();
    let addresses = page_addresses(&config.listen, &name, &own);
    if json {
        print_json(&addresses)?;
    } else {
        print(&(addresses.join("\n") + "\n"));
    }
    Ok(ExitCode::SUCCESS)
}

/// What to type in a browser: the name first where all addresses are listened at, then addresses
/// that others can reach, then loopback.
fn page_addresses(listen: &[SocketAddr], name: &str, own: &[IpAddr]) -> Vec<String> {
    let is_link_local = |ip: &IpAddr| matches!(ip, IpAddr::V6(v6) if v6.is_unicast_link_local());
    let mut found = Vec::new();
    for endpoint in listen.iter().filter(|endpoint| endpoint.ip().is_unspecified()) {
        found.push(format!("https://{name}:{}", endpoint.port()));
    }
    let reached = |loopback: bool| {
        listen.iter().flat_map(move |endpoint| {
            own.iter()
                .filter(move |ip| {
                    let at_all = endpoint.ip().is_unspecified()
                        && endpoint.is_ipv4() == ip.is_ipv4()
                        && !is_link_local(ip);
                    ip.is_loopback() == loopback && (at_all || endpoint.ip() == **ip)
                })
                .map(|ip| format!("https://{}", SocketAddr::new(*ip, endpoint.port())))
        })
    };
    found.extend(reached(false).chain(reached(true)));
    let mut seen = Vec::new();
    found.retain(|address| {
        let is_new = !seen.contains(address);
        seen.push(address.clone());
        is_new
    });
    found
}

fn as_text(checks: &[Check]) -> String {
    let mut lines = Vec::new();
    for check in checks {
        let state = match check.state {
            State::Ok => "ok",
            State::Degraded => "degraded",
            State::Missing => "missing",
        };
        lines.push(format!("{state:<9} {:<24} {}", check.name, check.found));
        lines.extend(check.means.iter().map(|means| format!("{:34} {means}", "")));
        lines.extend(check.remedy.iter().map(|remedy| format!("{:34} -> {remedy}", "")));
    }
    lines.push(String::new());
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(listen: &[&str]) -> Vec<String> {
        let listen: Vec<SocketAddr> = listen.iter().map(|text| text.parse().unwrap()).collect();
        let own = ["127.0.0.1", "192.168.1.1", "::1", "2001:db8::1", "fe80::1"];
        let own: Vec<IpAddr> = own.iter().map(|text| text.parse().unwrap()).collect();
        page_addresses(&listen, "router", &own)
    }

    #[test]
    fn the_name_comes_first_and_loopback_last() {
        let expected = [
            "https://router:8443",
            "https://192.168.1.1:8443",
            "https://[2001:db8::1]:8443",
            "https://127.0.0.1:8443",
            "https://[::1]:8443",
        ];
        assert_eq!(addresses(&["0.0.0.0:8443", "[::]:8443"]), expected);
    }

    #[test]
    fn a_single_address_is_shown_as_it_is() {
        assert_eq!(addresses(&["192.168.1.1:443"]), ["https://192.168.1.1:443"]);
    }
}
