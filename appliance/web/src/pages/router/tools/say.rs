//! What the tools say, line by line.

use std::fmt::Write as _;

use system::tools::{
    DnsAnswer, PingUpdate, PortAnswer, PortVerdict, Probe, SpeedPhase, SpeedUpdate, TraceUpdate,
};

use crate::pages::errors::sentence;
use crate::view::rate;

pub(super) fn ping(update: &PingUpdate) -> String {
    match update {
        PingUpdate::Begun { ip } => format!("Ping to {ip}"),
        PingUpdate::Reply { number, ms, size, ttl } => {
            let ttl = ttl.map(|ttl| format!(", ttl {ttl}")).unwrap_or_default();
            format!("{:>3}  {ms:.2} ms, {size} bytes{ttl}", number + 1)
        }
        PingUpdate::Lost { number } => format!("{:>3}  no reply within 2 s", number + 1),
        PingUpdate::Refused { number, why } => format!("{:>3}  {why}", number + 1),
        PingUpdate::Ended { measured } => {
            let loss = measured.loss_percent();
            let counts = format!("{} sent, {} lost ({loss:.0} %)", measured.sent, measured.lost);
            match (measured.rtt_min, measured.rtt_ms, measured.rtt_max) {
                (Some(min), Some(mean), Some(max)) => {
                    let jitter = measured.jitter_ms.map(|ms| format!(", jitter {ms:.2} ms"));
                    let jitter = jitter.unwrap_or_default();
                    format!("{counts}; min {min:.2}, mean {mean:.2}, max {max:.2} ms{jitter}")
                }
                _ => counts,
            }
        }
        PingUpdate::Failed { why } => sentence(why),
    }
}

pub(super) fn trace(update: &TraceUpdate) -> String {
    match update {
        TraceUpdate::Begun { ip } => format!("The way to {ip}"),
        TraceUpdate::Hop { number, probes } => {
            let mut line = format!("{number:>3} ");
            let mut before = None;
            for Probe { from, ms, note } in probes {
                if let (Some(ip), true) = (from, *from != before) {
                    let _ = write!(line, " {ip}");
                    before = *from;
                }
                match ms {
                    Some(ms) => drop(write!(line, "  {ms:.2} ms")),
                    None => line.push_str("  *"),
                }
                if let Some(note) = note {
                    let _ = write!(line, " {note}");
                }
            }
            line
        }
        TraceUpdate::Ended { reached: true } => "There.".to_owned(),
        TraceUpdate::Ended { reached: false } => "It did not answer.".to_owned(),
        TraceUpdate::Failed { why } => sentence(why),
    }
}

pub(super) fn port(answer: &PortAnswer, port: u16) -> Vec<String> {
    let said = match &answer.verdict {
        PortVerdict::Open => "open: it takes connections".to_owned(),
        PortVerdict::Closed => "closed: the host refuses connections".to_owned(),
        PortVerdict::Silent => "silent: nothing came back; a firewall, or no host".to_owned(),
        PortVerdict::Unreachable { why } => format!("not reachable: {why}"),
    };
    vec![format!("{} port {port} is {said} ({:.1} ms)", answer.ip, answer.ms)]
}

pub(super) fn dns(answer: &DnsAnswer) -> Vec<String> {
    let mut about = vec![answer.status.clone()];
    let flags = [
        (answer.is_authoritative, "authoritative"),
        (answer.is_authentic, "checked by DNSSEC"),
        (answer.by_tcp, "by TCP"),
    ];
    about.extend(flags.iter().filter(|(is, _)| *is).map(|(_, word)| (*word).to_owned()));
    let mut lines =
        vec![format!("{} answered in {:.1} ms: {}", answer.server, answer.ms, about.join(", "))];
    lines.extend(answer.records.iter().map(|record| {
        format!("{}  {} s  {}  {}", record.name, record.ttl, record.kind, record.value)
    }));
    if answer.records.is_empty() {
        lines.push("No records.".to_owned());
    }
    lines
}

pub(super) fn speed(update: &SpeedUpdate) -> String {
    match update {
        SpeedUpdate::Progress { phase, bps } => {
            let word = match phase {
                SpeedPhase::Latency => "latency",
                SpeedPhase::Download => "down",
                SpeedPhase::Upload => "up",
            };
            format!("{word:>5}  {}", rate(*bps))
        }
        SpeedUpdate::Latency { ms, jitter_ms } => {
            let jitter = jitter_ms.map(|ms| format!(", jitter {ms:.1} ms")).unwrap_or_default();
            format!("Latency {ms:.1} ms{jitter}")
        }
        SpeedUpdate::Ended(test) => {
            let told = |bps: Option<f64>| bps.map_or_else(|| "not measured".to_owned(), rate);
            let outcome = &test.outcome;
            let (down, up) = (told(outcome.download_bps), told(outcome.upload_bps));
            match &outcome.failure {
                Some(why) => format!("It broke off: {} Down {down}, up {up}.", sentence(why)),
                None => format!("Down {down}, up {up}."),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use system::quality::Measured;

    use super::*;

    #[test]
    fn a_ping_is_told_as_people_know_it() {
        let reply = PingUpdate::Reply { number: 0, ms: 1.234, size: 56, ttl: Some(63) };
        assert_eq!(ping(&reply), "  1  1.23 ms, 56 bytes, ttl 63");
        let measured = Measured { sent: 4, lost: 4, ..Measured::default() };
        assert_eq!(ping(&PingUpdate::Ended { measured }), "4 sent, 4 lost (100 %)");
        let why = "cannot resolve nowhere".to_owned();
        assert_eq!(ping(&PingUpdate::Failed { why }), "Cannot resolve nowhere.");
    }

    #[test]
    fn a_hop_names_each_router_once() {
        let ip = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
        let probe = |ms: Option<f64>| Probe { from: ms.and(Some(ip)), ms, note: None };
        let probes = vec![probe(Some(1.0)), probe(Some(2.0)), probe(None)];
        let line = trace(&TraceUpdate::Hop { number: 3, probes });
        assert_eq!(line, "  3  192.0.2.1  1.00 ms  2.00 ms  *");
    }
}
