//! What the running router says. nft's rules and Kea's leases were written by the programs
//! themselves.

use panoptikon_vyos::config::Document;
use panoptikon_vyos::facts::{self, ChainFamily, ChainId, Family, Hook, NatTable};
use panoptikon_vyos::runtime::{
    Counter, LeaseState, LogAction, leases, parse_log_line, parse_nft, parse_openvpn_status,
    parse_podman, parse_swanctl_sas, parse_wg_dump, pool_usage,
};
use proptest::prelude::*;

const NFT: &str = include_str!("data/nft-ruleset.json");
const KEA: &str = include_str!("data/kea-leases4.csv");
const CURRENT: &str = include_str!("data/current.config.boot");

#[test]
fn counters_are_found_by_the_rules_of_the_configuration() {
    let counters = parse_nft(NFT).unwrap();
    let forward = ChainId::base(ChainFamily::Ipv4, Hook::Forward);
    let counter = |packets, bytes| Some(Counter { packets, bytes });
    assert_eq!(counters.rule(&forward, 10), counter(12, 3400));
    assert_eq!(counters.rule(&forward, 20), counter(3, 180));
    assert_eq!(counters.rule(&forward, 30), None);
    assert_eq!(counters.default_action(&forward), counter(7, 700));
    let named = ChainId::named(ChainFamily::Ipv4, "FROM-WAN");
    assert_eq!(counters.rule(&named, 10), counter(1, 40));
    assert_eq!(counters.default_action(&named), counter(2, 80));
    assert_eq!(counters.rule(&ChainId::named(ChainFamily::Ipv6, "GUEST"), 10), counter(4, 400));
    assert_eq!(counters.get(&NatTable::Destination.rule_key(100)), counter(5, 300));
    assert_eq!(counters.get("mine"), None, "a table that is not the router's");
    assert!(parse_nft("{}").is_err() && parse_nft("table ip x").is_err());
}

#[test]
fn wireguard_peers_are_read_and_keys_are_dropped() {
    let dump = "wg0\tsecretA=\tpublicA=\t51820\toff\n\
                wg0\tpublicB=\tsecretB=\t203.0.113.7:40000\t10.99.0.2/32,fd00::2/128\t1795082400\t1024\t2048\t25\n\
                wg0\tpublicC=\t(none)\t(none)\t(none)\t0\t0\t0\toff\n\
                wg1\t(none)\t(none)\t0\t0x1\n";
    let all = parse_wg_dump(dump).unwrap();
    assert!(!format!("{all:?}").contains("secret"));
    assert_eq!((all[0].port, all[0].peers.len(), all[1].port), (Some(51820), 2, None));
    let peer = &all[0].peers[0];
    assert_eq!(peer.allowed_ips, ["10.99.0.2/32", "fd00::2/128"]);
    assert_eq!((peer.received, peer.sent, peer.keepalive), (1024, 2048, Some(25)));
    assert!(peer.is_connected(1_795_082_500) && !peer.is_connected(1_795_082_700));
    assert!(all[0].peers[1].allowed_ips.is_empty() && !all[0].peers[1].is_connected(0));
    let error = parse_wg_dump("wg0\thunter2\n").unwrap_err().to_string();
    assert_eq!(error, "wg's dump: line 1: neither five nor nine fields");
}

#[test]
fn keas_leases_are_those_that_its_last_lines_tell() {
    let leases = leases::parse_kea(Family::Ipv4, [KEA].into_iter()).unwrap();
    let addresses: Vec<&str> = leases.iter().map(|lease| lease.address.as_str()).collect();
    assert_eq!(addresses, ["192.168.1.100", "192.168.1.101"], "one was taken away");
    assert_eq!(leases[1].hostname.as_deref(), Some("a,b"));
    assert_eq!(leases[0].start, Some(1_899_996_400));
    assert_eq!(leases[0].state(1_899_999_000), LeaseState::Active);
    assert_eq!(leases[0].remaining(1_899_999_000), Some(1_000));
    assert_eq!(leases[0].state(1_900_000_000), LeaseState::Expired);
    let server = facts::dhcp_server(&Document::parse(CURRENT).unwrap().root, Family::Ipv4).unwrap();
    let usage = pool_usage(&server.networks[0].subnets[0], &leases, 1_899_999_000);
    assert_eq!((usage.used, usage.size), (2, 100));
    let usage = pool_usage(&server.networks[0].subnets[0], &leases, 1_900_000_000);
    assert_eq!(usage.used, 0);
}

#[test]
fn keas_leases_of_ipv6_are_addresses_and_prefixes() {
    let text = "address,duid,valid_lifetime,expire,subnet_id,pref_lifetime,lease_type,iaid,\
                prefix_len,fqdn_fwd,fqdn_rev,hostname,hwaddr,state,user_context\n\
                2001:db8::100,00:01:00:01,3600,1900000000,1,1800,0,7,128,0,0,nas.home.arpa.,02:00:00:00:00:01,0,\n\
                2001:db8:1::,00:01:00:01,4294967295,0,1,1800,2,7,56,0,0,,,0,\n\
                2001:db8::101,00,3600,1900000000,1,1800,0,7,128,0,0,,,1,\n";
    let leases = leases::parse_kea(Family::Ipv6, [text].into_iter()).unwrap();
    assert_eq!(leases.len(), 3);
    assert_eq!(leases[0].hostname.as_deref(), Some("nas.home.arpa"));
    assert_eq!(leases[0].client_id.as_deref(), Some("00:01:00:01"));
    assert_eq!(leases[1].noted, LeaseState::Declined);
    assert_eq!((leases[2].prefix_length, leases[2].end), (Some(56), None));
    assert!(leases::parse_kea(Family::Ipv6, ["a,b\n"].into_iter()).is_err());
    assert!(leases::parse_kea(Family::Ipv6, [""].into_iter()).unwrap().is_empty());
}

#[test]
fn iscs_leases_are_those_of_the_last_blocks() {
    let text = "# The format of this file is documented in the dhcpd.leases(5) manual page.\n\
                authoring-byte-order little-endian;\n\
                lease 192.168.1.10 {\n  starts 4 2026/11/19 10:00:00;\n  ends 4 2026/11/19 11:00:00;\n  \
                binding state active;\n  hardware ethernet 02:00:00:00:00:AA;\n  \
                uid \"\\001\\002\\000\";\n  client-hostname \"old\";\n}\n\
                lease 192.168.1.10 {\n  starts 4 2026/11/19 10:30:00;\n  ends 4 2026/11/19 11:30:00;\n  \
                binding state active;\n  next binding state free;\n  hardware ethernet 02:00:00:00:00:aa;\n  \
                client-hostname \"kim\\\"s\";\n}\n\
                lease 192.168.1.11 {\n  ends never;\n  binding state free;\n}\n\
                lease 192.168.1.12 {\n  ends epoch 1795082400; # Thu Nov 19\n  binding state abandoned;\n}\n";
    let leases = leases::parse_isc(Family::Ipv4, text);
    assert_eq!(leases.len(), 2, "a free address is no lease");
    assert_eq!(leases[0].hostname.as_deref(), Some("kim\"s"));
    assert_eq!(leases[0].mac.as_deref(), Some("02:00:00:00:00:aa"));
    assert_eq!(leases[0].end, Some(1_795_087_800));
    assert_eq!((leases[1].noted, leases[1].end), (LeaseState::Declined, Some(1_795_082_400)));
    let text = "ia-na \"\\001\\000\\000\\000\\000\\001\\000\\001ab\" {\n  cltt 4 2026/11/19 10:00:00;\n  \
                iaaddr 2001:db8::10 {\n    binding state active;\n    preferred-life 27000;\n    \
                max-life 43200;\n    ends 4 2026/11/19 22:00:00;\n  }\n}\n";
    let leases = leases::parse_isc(Family::Ipv6, text);
    assert_eq!(leases[0].client_id.as_deref(), Some("00:01:00:01:61:62"));
    assert_eq!(leases[0].address, "2001:db8::10");
}

#[test]
fn log_lines_tell_chain_rule_and_packet() {
    let line = "Nov 21 10:00:00 gw kernel: [12345.678] [ipv4-NAM-FROM-WAN-20-D]IN=eth0 OUT=eth1 \
                MAC=02:00:00:00:00:01:02:00:00:00:00:02:08:00 SRC=203.0.113.9 DST=192.168.1.50 LEN=60 \
                TOS=0x00 PREC=0x00 TTL=49 ID=1 DF PROTO=TCP SPT=40000 DPT=22 WINDOW=1 RES=0x00 SYN URGP=0";
    let read = parse_log_line(line).unwrap();
    assert_eq!(read.chain, Some(ChainId::named(ChainFamily::Ipv4, "FROM-WAN")));
    assert_eq!(read.key, read.chain.clone().unwrap().rule_key(20));
    assert_eq!((read.rule, read.action), (Some(20), Some(LogAction::Drop)));
    assert_eq!(read.mac.as_deref(), Some("02:00:00:00:00:02"));
    assert_eq!(
        (read.source_port, read.destination_port, read.length),
        (Some(40000), Some(22), Some(60))
    );
    assert_eq!(read.source, Some("203.0.113.9".parse().unwrap()));
    let line = "[ipv6-FWD-filter-default-D]IN=eth0 OUT= SRC=2001:db8::1 DST=2001:db8::2 LEN=80 PROTO=ICMPv6";
    let read = parse_log_line(line).unwrap();
    assert_eq!(read.key, read.chain.clone().unwrap().default_key());
    assert_eq!((read.rule, read.outbound), (None, None));
    let read =
        parse_log_line("[DST-NAT-100]IN=eth0 OUT= SRC=1.2.3.4 DST=5.6.7.8 PROTO=UDP").unwrap();
    assert_eq!((read.chain, read.rule, read.key.as_str()), (None, Some(100), "DST-NAT-100"));
    assert!(parse_log_line("kernel: [1.2] eth0: link up").is_none());
    assert!(parse_log_line("[a b]IN=eth0").is_none());
}

#[test]
fn containers_tell_how_they_are() {
    let text = r#"[{"Names":["adguard"],"Image":"docker.io/adguard/adguardhome:latest","State":"running",
        "Status":"Up 3 hours","StartedAt":1795082400,"ExitCode":0},
        {"Names":["old"],"Image":"x","State":"exited","Status":"Exited (137)","StartedAt":1,"ExitCode":137}]"#;
    let all = parse_podman(text).unwrap();
    assert!(all[0].is_running() && all[0].exit_code.is_none());
    assert_eq!((all[1].name.as_str(), all[1].exit_code), ("old", Some(137)));
    assert!(parse_podman("").unwrap().is_empty() && parse_podman("null").unwrap().is_empty());
    assert!(parse_podman("{}").is_err());
}

#[test]
fn vpns_tell_who_is_connected() {
    let old = "OpenVPN CLIENT LIST\nUpdated,2026-11-21 10:00:00\n\
               Common Name,Real Address,Bytes Received,Bytes Sent,Connected Since\n\
               anna,203.0.113.9:40000,1000,2000,2026-11-21 09:00:00\nROUTING TABLE\n\
               Virtual Address,Common Name,Real Address,Last Ref\n\
               10.8.0.6,anna,203.0.113.9:40000,2026-11-21 10:00:00\nGLOBAL STATS\nEND\n";
    let new = "TITLE,OpenVPN 2.6\nCLIENT_LIST,anna,203.0.113.9:40000,10.8.0.6,,1000,2000,\
               2026-11-21 09:00:00,1795000000,UNDEF,0,0\nEND\n";
    for text in [old, new] {
        let clients = parse_openvpn_status(text);
        assert_eq!(clients.len(), 1);
        assert_eq!(clients[0].address.as_deref(), Some("10.8.0.6"));
        assert_eq!((clients[0].received, clients[0].sent), (1000, 2000));
    }
    let text = "office: #1, ESTABLISHED, IKEv2, aa_i* bb_r\n  \
                local  'me' @ 203.0.113.5[4500]\n  remote 'office' @ 198.51.100.9[4500]\n  \
                AES_CBC-256/HMAC_SHA2_256_128\n  established 10s ago\n  \
                office-tunnel-1: #2, reqid 1, INSTALLED, TUNNEL, ESP:AES_CBC-256\n    \
                installed 10s ago\n    in  c1234567,   840 bytes,    10 packets\n    \
                out c7654321,   1680 bytes,    20 packets\n    local  192.168.1.0/24\n    \
                remote 10.1.0.0/16 10.2.0.0/16\n";
    let all = parse_swanctl_sas(text);
    assert_eq!((all[0].name.as_str(), all[0].state.as_str()), ("office", "ESTABLISHED"));
    assert_eq!(all[0].remote.as_deref(), Some("198.51.100.9"));
    let child = &all[0].children[0];
    assert_eq!(
        (child.state.as_str(), child.received, child.sent),
        ("INSTALLED", Some(840), Some(1680))
    );
    assert_eq!(child.remote, ["10.1.0.0/16", "10.2.0.0/16"]);
}

proptest! {
    #[test]
    fn no_text_panics(text: String, cut in 0_usize..4_000) {
        for text in [text.as_str(), NFT.get(..cut).unwrap_or(NFT), KEA.get(..cut).unwrap_or(KEA)] {
            let _ = (parse_nft(text), parse_wg_dump(text), parse_log_line(text), parse_podman(text));
            let _ = (parse_openvpn_status(text), parse_swanctl_sas(text));
            for family in [Family::Ipv4, Family::Ipv6] {
                let _ = leases::parse_kea(family, [text].into_iter());
                let _ = leases::parse_isc(family, text);
            }
        }
        let _ = parse_log_line(&format!("[{text}]IN={text}"));
        let block = format!("lease 192.0.2.1 {{\n ends {text};\n uid {text};\n{text}}}\n");
        let _ = leases::parse_isc(Family::Ipv4, &block);
        let line = format!("{}\n{text},{text},{text}", KEA.lines().next().unwrap());
        let _ = leases::parse_kea(Family::Ipv4, [line.as_str()].into_iter());
    }
}
