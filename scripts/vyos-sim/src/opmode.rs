//! Op mode: a few of the router's commands, with words that may be abbreviated and answers that
//! say success even where the program behind them fell over.
//!
//! Tests put in what else they need ([`crate::Sim::op_answer`]).

use std::fmt::Write as _;

use vyos::config::{Children, Node};

use crate::Release;
use crate::router::Router;
use crate::{show, words};

/// The commands; `*` is an argument.
const COMMANDS: &[&str] = &[
    "show arp",
    "show configuration commands",
    "show configuration json",
    "show container image",
    "show dhcp server leases",
    "show evpn mac vni *",
    "show isis neighbor",
    "show ip route",
    "show interfaces",
    "show interfaces ethernet *",
    "show interfaces ethernet * brief",
    "show ipv6 route",
    "show ipoe-server sessions",
    "show nat source rules",
    "show uptime",
    "show version",
    "generate pki wireguard key-pair",
    "generate pki wireguard preshared-key",
    "reset dns forwarding all",
    "reboot",
    "reboot in *",
    "reboot now",
    "poweroff",
    "poweroff now",
];

/// What words stand for where they are offered to choose from.
const HELP: &[(&str, &str)] = &[
    ("isis", "Show IS-IS routing protocol"),
    ("ip", "Show IPv4 networking information"),
    ("interfaces", "Show network interface information"),
    ("ipv6", "Show IPv6 routing information"),
    ("ipoe-server", "Show IPoE (Internet Protocol over Ethernet) server status"),
];

/// The name of a version.
pub(crate) fn version_name(release: Release) -> String {
    format!("TESTBED-{}-202410", release.name())
}

/// Runs a command. What it prints comes back as success whether it worked or not; only words that
/// make no command fail.
pub(crate) fn run(router: &mut Router, verb: &str, path: &[String]) -> Result<String, String> {
    let given: Vec<String> = [verb.to_owned()].into_iter().chain(path.iter().cloned()).collect();
    let own = router.knobs.op_answers.iter().rev().find(|(words, _)| *words == given);
    if let Some((_, text)) = own {
        return Ok(text.clone());
    }
    let full = complete(verb, path)?;
    Ok(answer(router, &full))
}

/// Writes the words out, or says what is wrong with them.
fn complete(verb: &str, path: &[String]) -> Result<Vec<String>, String> {
    let mut full = vec![verb.to_owned()];
    let mut left: Vec<Vec<String>> = COMMANDS.iter().map(|line| words(line)).collect();
    left.retain(|command| command.first().is_some_and(|word| word == verb));
    for word in path {
        // The shell takes an argument apart at its blanks and looks at the first piece.
        let word = word.split_whitespace().next().unwrap_or_default();
        let at = full.len();
        let mut next: Vec<&str> = Vec::new();
        for offered in left.iter().filter_map(|command| command.get(at)) {
            if !next.contains(&offered.as_str()) {
                next.push(offered);
            }
        }
        let begins: Vec<&str> = next.iter().copied().filter(|one| one.starts_with(word)).collect();
        let chosen = match begins.as_slice() {
            _ if next.contains(&word) => word,
            [one] => one,
            [] if next.contains(&"*") => "*",
            [] => {
                let line = full.join(" ");
                return Err(format!("\n  Invalid command: {line} [{word}]\n\n"));
            }
            many => {
                let line = full.join(" ");
                let mut said =
                    format!("\n  Ambiguous command: {line} [{word}]\n\n  Possible completions:\n");
                for one in many {
                    let tabs = "\t".repeat(3 - one.len() / 8);
                    let help =
                        HELP.iter().find(|(name, _)| name == one).map_or("", |(_, help)| help);
                    let _ = writeln!(said, "  {one}{tabs}{help}");
                }
                return Err(said + "\n");
            }
        };
        let chosen = chosen.to_owned();
        left.retain(|command| command.get(at) == Some(&chosen));
        full.push(if chosen == "*" { word.to_owned() } else { chosen });
    }
    if left.iter().any(|command| command.len() == full.len()) {
        return Ok(full);
    }
    Err(format!("\n  Incomplete command: {}\n\n", full.join(" ")))
}

fn answer(router: &mut Router, full: &[String]) -> String {
    let words: Vec<&str> = full.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["show", "version"] => version(router.release),
        ["show", "configuration", "commands"] => show::commands(&router.running),
        ["show", "configuration", "json"] => {
            // Unlike the former this shows the session, and without marks.
            show::typed_json(&router.working, router.def).dump() + "\n"
        }
        ["show", "arp"] => {
            "Address    Interface    Link layer address    State\n---------  -----------  \
             --------------------  -------\n"
                .to_owned()
        }
        ["show", "uptime"] => {
            "Uptime: 1h 28m 43s\n\nLoad averages:\n1  minute:   1.0%\n5  minutes:  1.0%\n15 \
             minutes:  1.0%\n"
                .to_owned()
        }
        ["show", "interfaces"] => interfaces(router),
        ["show", "interfaces", "ethernet", name, "brief"] => brief(router, name),
        ["show", "dhcp", "server", "leases"] => leases(router.release),
        ["show", "ip" | "ipv6", "route"] => missing("vtysh: command not found"),
        ["show", "evpn", ..] => missing("/usr/libexec/vyos/op_mode/evpn.py: Permission denied"),
        ["show", "nat", ..] => traceback(
            "nat.py",
            "PermissionError: [Errno 1] failed to run command: nft --json list chain ip vyos_nat \
             POSTROUTING\nreturned: \nexit code: 1",
        ),
        ["show", "container", "image"] => traceback(
            "container.py",
            "OSError: [Errno 127] failed to run command: podman image ls --format json\nreturned: \
             \nexit code: 127",
        ),
        ["generate", "pki", "wireguard", "key-pair"] => {
            // Two random numbers: the second is not the public half of the first.
            format!("Private key: {}\nPublic key: {}\n\n", random_key(), random_key())
        }
        ["generate", "pki", "wireguard", _] => format!("Pre-shared key: {}\n", random_key()),
        ["reset", ..] => "/bin/sh: 1: rec_control: not found\n".to_owned(),
        ["reboot" | "poweroff"] => "Would have asked: Are you sure? [y/N]\n".to_owned(),
        ["reboot", "in", minutes] => {
            format!("TESTBED: powerctrl --yes --reboot-in {minutes} (not executed)\n")
        }
        ["reboot", "now"] if router.knobs.obeys_reboot => {
            router.reboot();
            String::new()
        }
        [verb @ ("reboot" | "poweroff"), ..] => {
            format!("TESTBED: powerctrl --yes --{verb} (not executed)\n")
        }
        _ => String::new(),
    }
}

fn missing(what: &str) -> String {
    format!("/opt/vyatta/share/vyatta-op/functions/interpreter/vyatta-op-run: line 228: {what}\n")
}

fn traceback(program: &str, error: &str) -> String {
    format!(
        "Traceback (most recent call last):\n  File \"/usr/libexec/vyos/op_mode/{program}\", line 1, \
         in <module>\n    res = vyos.opmode.run(sys.modules[__name__])\n{error}\n"
    )
}

fn version(release: Release) -> String {
    let secure = match release {
        Release::Sagitta => "",
        _ => "Secure Boot:      n/a (BIOS)\n",
    };
    format!(
        "Version:          VyOS {}\nRelease train:    {}\nRelease flavor:   generic\n\nBuilt by:         \
         testbed@localhost\nBuilt on:         Mon 21 Oct 2024 18:24 UTC\nBuild UUID:       \
         00000000-0000-4000-8000-000000000000\nBuild commit ID:  testbed\n\nArchitecture:     \
         x86_64\nBoot via:         livecd\nSystem type:      KVM guest\n{secure}\nHardware vendor:  \
         Unknown\nHardware model:   Unknown\nHardware S/N:     Unknown\nHardware UUID:    \
         Unknown\n\nCopyright:        VyOS maintainers and contributors\n",
        version_name(release),
        release.name()
    )
}

/// The ports with the addresses that they are given; one that asks for its address got the first
/// of a network for examples.
fn interfaces(router: &Router) -> String {
    let mut out = "Codes: S - State, L - Link, u - Up, D - Down, A - Admin Down\nInterface    IP \
                   Address       MAC                VRF        MTU  S/L    Description\n-----------  \
                   ---------------  -----------------  -------  -----  -----  -------------\n"
        .to_owned();
    let ports = router.running.at(["interfaces", "ethernet"]);
    for (name, node) in ports.and_then(Node::children).into_iter().flat_map(Children::iter) {
        let address = match node.value_at(["address"]) {
            Some("dhcp") => "203.0.113.20/24",
            Some(address) => address,
            None => "-",
        };
        let mac = node.value_at(["hw-id"]).unwrap_or("-");
        let _ = writeln!(out, "{name:<13}{address:<17}{mac:<19}default   1500  u/u");
    }
    out + "lo           127.0.0.1/8      00:00:00:00:00:00  default  65536  u/u\n             \
           ::1/128\n"
}

fn brief(router: &Router, name: &str) -> String {
    let mut out =
        "Codes: S - State, L - Link, u - Up, D - Down, A - Admin Down\nInterface        IP \
                   Address                        S/L  Description\n---------        \
                   ----------                        ---  -----------\n"
            .to_owned();
    if let Some(address) = router.running.value_at(["interfaces", "ethernet", name, "address"]) {
        let _ = writeln!(out, "{name:<17}{address:<34}u/u  ");
    }
    out
}

/// Three leases of the starting configuration's network.
fn leases(release: Release) -> String {
    let (remaining, stop, width) = match release {
        Release::Sagitta => ("9 days, 23:15:55", "2026/12/01 03:28:19", 16),
        _ => ("23:49:59", "2026/11/22 03:57:30", 11),
    };
    let mut out = format!(
        "IP Address     MAC address        State    Lease start          Lease expiration     \
         {:<width$}  Pool    Hostname    Origin\n-------------  -----------------  -------  \
         -------------------  -------------------  {}  ------  ----------  --------\n",
        "Remaining",
        "-".repeat(width)
    );
    let leases = [
        ("192.168.1.100", "02:00:00:00:20:01", "pixel-7"),
        ("192.168.1.101", "02:00:00:00:20:02", ""),
        ("192.168.1.10", "02:00:00:00:10:10", "nas"),
    ];
    for (ip, mac, name) in leases {
        let _ = writeln!(
            out,
            "{ip:<15}{mac}  active   2026/11/21 03:18:19  {stop}  {remaining:<width$}  LAN     \
             {name:<10}  local"
        );
    }
    out
}

/// 32 random bytes as keys are written (RFC 4648, base 64).
fn random_key() -> String {
    const SIGNS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bytes = [0_u8; 32];
    if getrandom::fill(&mut bytes).is_err() {
        return String::new();
    }
    let mut out = String::new();
    for three in bytes.chunks(3) {
        let at = |place: usize| u32::from(three.get(place).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for sign in 0..=three.len() {
            let place = (bits >> (18 - 6 * sign)) & 63;
            out.push(char::from(SIGNS[place as usize]));
        }
    }
    out + "="
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_the_form_of_keys() {
        let key = random_key();
        assert_eq!(key.len(), 44, "{key}");
        assert_ne!(key, random_key());
    }

    #[test]
    fn words_are_completed_or_refused() {
        let ask = |line: &str| complete("show", &words(line));
        assert_eq!(ask("ver").unwrap(), words("show version"));
        assert_eq!(
            ask("interfaces ethernet e br").unwrap(),
            words("show interfaces ethernet e brief")
        );
        assert!(ask("nosuch").unwrap_err().contains("Invalid command: show [nosuch]"));
        assert!(ask("dhcp server").unwrap_err().contains("Incomplete command: show dhcp server"));
        assert!(ask("i").unwrap_err().contains("Ambiguous command: show [i]"));
    }
}
