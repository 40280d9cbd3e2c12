//! The lab's name server: answers A and PTR for hosts by the DHCP server's lease file, read anew
//! for each question, so that names come and go with leases.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::dns::{self, Message, Name, Record};

/// What `lab-hosts dns` is told.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Address and port.
    #[arg(long)]
    listen: String,
    /// Kea's lease file (memfile CSV).
    #[arg(long)]
    leases: PathBuf,
    /// Domain of the names, such as home.arpa.
    #[arg(long)]
    zone: String,
    /// A host without lease, as NAME=ADDRESS; may be given more than once.
    #[arg(long = "static")]
    fixed: Vec<String>,
}

/// Serves until killed.
pub(crate) fn run(options: &Options) -> Result<()> {
    let socket = UdpSocket::bind(&options.listen)
        .with_context(|| format!("listen on {}", options.listen))?;
    let fixed: Vec<(String, Ipv4Addr)> = options
        .fixed
        .iter()
        .map(|entry| {
            let (name, address) =
                entry.split_once('=').with_context(|| format!("`{entry}` is not NAME=ADDRESS"))?;
            Ok((
                name.to_owned(),
                address.parse().with_context(|| format!("`{address}` is no IPv4 address"))?,
            ))
        })
        .collect::<Result<_>>()?;
    let mut buffer = [0; 1500];
    loop {
        let Ok((length, from)) = socket.recv_from(&mut buffer) else {
            continue;
        };
        let mut hosts = leases(&fs::read_to_string(&options.leases).unwrap_or_default());
        hosts.extend(fixed.iter().cloned());
        if let Some(reply) = reply(&buffer[..length], &hosts, &options.zone) {
            // An asker that is gone is no reason to stop.
            let _ = socket.send_to(&reply, from);
        }
    }
}

/// Name and address of each lease; the last line about an address counts (columns: address first, host name ninth).
fn leases(csv: &str) -> Vec<(String, Ipv4Addr)> {
    let mut hosts: Vec<(String, Ipv4Addr)> = Vec::new();
    for line in csv.lines() {
        let fields: Vec<&str> = line.split(',').collect();
        let (Some(Ok(address)), Some(host)) = (fields.first().map(|f| f.parse()), fields.get(8))
        else {
            continue;
        };
        hosts.retain(|(_, known)| *known != address);
        if !host.is_empty() {
            hosts.push(((*host).trim_end_matches('.').to_owned(), address));
        }
    }
    hosts
}

/// The reply to one query: a name we know, or "no such name".
fn reply(query: &[u8], hosts: &[(String, Ipv4Addr)], zone: &str) -> Option<Vec<u8>> {
    /// Response, recursion desired and available.
    const FLAGS: u16 = 0x8180;
    const NO_SUCH_NAME: u16 = 3;
    const TTL: u32 = 60;
    let (id, questions) = dns::query(query)?;
    let question = questions.first()?;
    let full = |host: &str| -> Name { dns::name(&format!("{host}.{zone}")) };
    let answers: Vec<Record> = match question.kind {
        dns::PTR => hosts
            .iter()
            .filter(|(_, address)| dns::same(&question.name, &reverse(*address)))
            .map(|(host, _)| Record::ptr(&question.name, &full(host), TTL))
            .collect(),
        _ => hosts
            .iter()
            .filter(|(host, _)| dns::same(&question.name, &full(host)))
            .filter(|_| matches!(question.kind, dns::A | dns::ANY))
            .map(|(_, address)| {
                Record::address(&question.name, IpAddr::V4(*address), TTL).without_flush()
            })
            .collect(),
    };
    let known =
        !answers.is_empty() || hosts.iter().any(|(host, _)| dns::same(&question.name, &full(host)));
    let flags = if known { FLAGS } else { FLAGS | NO_SUCH_NAME };
    let message = Message::with_flags(id, flags).question(&question.name, question.kind);
    Some(answers.into_iter().fold(message, Message::answer).bytes())
}

/// `1.50.168.192.in-addr.arpa`.
fn reverse(address: Ipv4Addr) -> Name {
    let [a, b, c, d] = address.octets();
    dns::name(&format!("{d}.{c}.{b}.{a}.in-addr.arpa"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CSV: &str = "address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state,user_context\n\
        192.168.50.100,f0:18:98:4a:11:02,,3600,1,50,0,0,old-name,0,\n\
        192.168.50.101,f0:18:98:4a:11:03,,3600,1,50,0,0,,0,\n\
        192.168.50.100,f0:18:98:4a:11:02,,3600,2,50,0,0,annas-iphone,0,\n";

    fn ask(name: &str, kind: u16) -> Vec<u8> {
        let query = Message::with_flags(9, 0x0100).question(&dns::name(name), kind).bytes();
        reply(&query, &leases(CSV), "home.arpa").unwrap()
    }

    #[test]
    fn the_last_line_about_an_address_counts() {
        assert_eq!(leases(CSV), [("annas-iphone".to_owned(), Ipv4Addr::new(192, 168, 50, 100))]);
    }

    #[test]
    fn an_address_gives_its_name_and_a_name_its_address() {
        let by_address = ask("100.50.168.192.in-addr.arpa", dns::PTR);
        assert_eq!(by_address[7], 1);
        assert!(by_address.windows(12).any(|w| w == b"annas-iphone"));
        let by_name = ask("Annas-iPhone.home.arpa", dns::A);
        assert_eq!(by_name[by_name.len() - 4..], [192, 168, 50, 100]);
    }

    #[test]
    fn an_unknown_name_does_not_exist() {
        let none = ask("7.50.168.192.in-addr.arpa", dns::PTR);
        assert_eq!((none[3] & 0x0f, none[7]), (3, 0));
    }
}
