//! ARP, neighbour discovery and DHCP.

use super::*;

#[test]
fn an_arp_request_reply_probe_and_announcement_are_told_apart() {
    let arp = |body: &str| match fact(&frame(ETHERTYPE_ARP, &hex(body))) {
        Fact::Arp(arp) => arp,
        other => panic!("{other:?}"),
    };
    let request = arp("0001 0800 0604 0001 001122aabbcc c0000207 000000000000 c0000201");
    assert_eq!(
        request,
        Arp {
            reply: false,
            sender: HOST,
            sender_ip: HOST_IP,
            target: Mac::ZERO,
            target_ip: Ipv4Addr::new(192, 0, 2, 1),
        }
    );
    assert!(!request.is_probe() && !request.is_announcement());
    let reply = arp("0001 0800 0604 0002 001122aabbcc c0000207 020000000001 c0000201");
    assert!(reply.reply);
    let probe = arp("0001 0800 0604 0001 001122aabbcc 00000000 000000000000 c0000207");
    assert!(probe.is_probe() && !probe.is_announcement());
    let own = arp("0001 0800 0604 0001 001122aabbcc c0000207 000000000000 c0000207");
    assert!(own.is_announcement());
}

#[test]
fn arp_of_another_kind_is_refused() {
    let arp = |body: &str| error(&frame(ETHERTYPE_ARP, &hex(body)));
    let refused = (Protocol::Arp, Why::Unsupported);
    assert_eq!(arp("0006 0800 0604 0001 001122aabbcc c0000207 000000000000 c0000201"), refused);
    assert_eq!(arp("0001 0800 0604 0008 001122aabbcc c0000207 000000000000 c0000201"), refused);
    assert_eq!(
        arp("0001 0800 0604 0001 ff1122aabbcc c0000207 000000000000 c0000201"),
        (Protocol::Arp, Why::BadValue)
    );
    assert_eq!(arp("0001 0800 0604 0001 0011"), (Protocol::Arp, Why::Truncated));
}

#[test]
fn a_neighbour_solicitation_tells_the_askers_address() {
    let body = hex("8700 0000 00000000 fe800000000000000000000000000001 0101 001122aabbcc");
    let heard = ethernet(&ipv6(ip::ICMPV6, 255, &body)).unwrap();
    assert_eq!(heard.ip, Some(HOST_LINK_LOCAL.into()));
    assert_eq!(
        heard.fact,
        Fact::NeighbourSolicitation(NeighbourSolicitation {
            target: Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1),
            source_link: Some(HOST),
        })
    );
    cut_anywhere(&ipv6(ip::ICMPV6, 255, &body));
}

#[test]
fn a_neighbour_advertisement_tells_who_has_an_address() {
    let body = hex("8800 0000 e0000000 20010db8000000000000000000000007 0201 001122aabbcc");
    assert_eq!(
        fact(&ipv6(ip::ICMPV6, 255, &body)),
        Fact::NeighbourAdvertisement(NeighbourAdvertisement {
            target: Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 7),
            target_link: Some(HOST),
            router: true,
            solicited: true,
        })
    );
}

#[test]
fn neighbour_discovery_from_another_link_is_refused() {
    let body = hex("8800 0000 e0000000 20010db8000000000000000000000007");
    assert_eq!(error(&ipv6(ip::ICMPV6, 64, &body)), (Protocol::Ndp, Why::BadValue));
    let endless = hex("8500 0000 00000000 0100 000000000000");
    assert_eq!(error(&ipv6(ip::ICMPV6, 255, &endless)), (Protocol::Ndp, Why::BadLength));
    let of_a_group = hex("8700 0000 00000000 ff020000000000000000000000000001");
    assert_eq!(error(&ipv6(ip::ICMPV6, 255, &of_a_group)), (Protocol::Ndp, Why::BadValue));
}

#[test]
fn a_router_advertisement_tells_its_prefixes() {
    let body = hex("8600 0000 40c00708 0000000000000000 0101 001122aabbcc 0501 0000000005dc
         0304 40c0 00015180 00003840 00000000 20010db8000100000000000000000000");
    let Fact::RouterAdvertisement(router) = fact(&ipv6(ip::ICMPV6, 255, &body)) else {
        panic!("no router advertisement")
    };
    assert_eq!((router.lifetime, router.managed, router.other), (1800, true, true));
    assert_eq!(router.source_link, Some(HOST));
    let prefix = Prefix {
        address: Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 0),
        length: 64,
        on_link: true,
        autonomous: true,
        valid: 86_400,
    };
    assert_eq!(router.prefixes, [prefix]);
}

#[test]
fn listener_reports_of_both_versions_tell_groups() {
    let group = "ff0200000000000000000001ffaabbcc";
    let first = hex(&format!("8300 0000 00000000 {group}"));
    let joined = format!("0400 0000 {group}");
    let left = "0300 0000 ff0200000000000000000000000000fb";
    let second = hex(&format!("8f00 0000 0000 0002 {joined} {left}"));
    let expected = Fact::MldReport(MldReport {
        groups: vec![Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xffaa, 0xbbcc)],
    });
    assert_eq!(fact(&ipv6(ip::ICMPV6, 1, &first)), expected);
    assert_eq!(fact(&ipv6(ip::ICMPV6, 1, &second)), expected);
}

/// The first packet of the sample capture `dhcp.pcap` that Wireshark's wiki has had for years.
pub(super) fn sample_discover() -> Vec<u8> {
    hex(&format!(
        "ffffffffffff 000b8201fc42 0800
         4500 012c a836 0000 fa11 178b 00000000 ffffffff 0044 0043 0118 591f
         01010600 00003d1d 0000 0000 00000000 00000000 00000000 00000000
         000b8201fc42 {} 63825363
         350101 3d0701000b8201fc42 320400000000 37040103062a ff 00000000000000",
        "00".repeat(10 + 64 + 128)
    ))
}

#[test]
fn a_dhcp_discover_tells_the_client_and_its_fingerprint() {
    let heard = ethernet(&sample_discover()).unwrap();
    assert_eq!((heard.ip, heard.hop_limit), (None, Some(250)));
    let Fact::Dhcp4(dhcp) = heard.fact else { panic!("no DHCP") };
    assert_eq!(dhcp.kind, Some(Dhcp4Kind::Discover));
    assert!(dhcp.from_client);
    assert_eq!(dhcp.client.to_string(), "00:0b:82:01:fc:42");
    assert_eq!(dhcp.transaction, 0x3d1d);
    assert_eq!(dhcp.client_id.as_deref(), Some(&hex("01 000b8201fc42")[..]));
    assert_eq!(dhcp.parameters, [1, 3, 6, 42]);
    assert_eq!((dhcp.requested, dhcp.given, dhcp.host_name), (None, None, None));
    cut_anywhere(&sample_discover());
}

fn dhcp(op: u8, yiaddr: [u8; 4], file: &[u8], options: &[u8]) -> Result<Dhcp4, Why> {
    let mut bytes = vec![0; 236];
    bytes[..4].copy_from_slice(&[op, 1, 6, 0]);
    bytes[16..20].copy_from_slice(&yiaddr);
    bytes[28..34].copy_from_slice(&HOST.0);
    bytes[108..108 + file.len()].copy_from_slice(file);
    bytes.extend(hex("63825363"));
    bytes.extend(options);
    dhcp4::decode(&bytes)
}

#[test]
fn a_dhcp_ack_tells_address_lease_and_server() {
    let options = hex("350105 3604c0000201 330400000e10 0c05616e6e6173 ff");
    let ack = dhcp(2, HOST_IP.octets(), &[], &options).unwrap();
    assert!(!ack.from_client);
    assert_eq!(ack.kind, Some(Dhcp4Kind::Ack));
    assert_eq!(ack.given, Some(HOST_IP));
    assert_eq!(ack.lease_seconds, Some(3600));
    assert_eq!(ack.server, Some(Ipv4Addr::new(192, 0, 2, 1)));
    assert_eq!(ack.host_name.as_deref(), Some("annas"));
}

#[test]
fn an_option_in_parts_and_in_the_file_field_is_one_value() {
    let class = |text: &[u8]| [&[60, text.len() as u8], text].concat();
    let file = [class(b"-9.4"), vec![255]].concat();
    let options = [hex("350103 340101"), class(b"dhc"), class(b"pcd"), vec![255]].concat();
    let request = dhcp(1, [0; 4], &file, &options).unwrap();
    assert_eq!(request.vendor_class.as_deref(), Some("dhcpcd-9.4"));
    assert_eq!(request.kind, Some(Dhcp4Kind::Request));
}

#[test]
fn a_clients_full_name_is_read_in_both_forms() {
    let ascii = [vec![81, 12, 0, 0, 0], b"pc.lan.ch".to_vec()].concat();
    assert_eq!(dhcp(1, [0; 4], &[], &ascii).unwrap().fqdn.as_deref(), Some("pc.lan.ch"));
    let wire = hex("510b 040000 02 7063 03 6c616e 00");
    assert_eq!(dhcp(1, [0; 4], &[], &wire).unwrap().fqdn.as_deref(), Some("pc.lan"));
}

#[test]
fn dhcp_that_breaks_its_rules_is_refused() {
    assert_eq!(dhcp(1, [0; 4], &[], &hex("0cff61")), Err(Why::Truncated));
    assert_eq!(dhcp(1, [0; 4], &[], &hex("3203c00002")), Err(Why::BadLength));
    assert_eq!(dhcp(3, [0; 4], &[], &[]), Err(Why::BadValue));
    assert_eq!(dhcp4::decode(&[1, 1, 6, 0]), Err(Why::Truncated));
    let bootp = dhcp(1, [0; 4], &[], &[]).unwrap();
    assert_eq!(bootp.kind, None);
}

pub(super) fn dhcpv6_request() -> Vec<u8> {
    hex("03 abcdef 0001 000e 0001 0001 2a2b2c2d 001122aabbcc 0002 000a 0003 0001 020000000001
         0003 0028 00000001 00000000 00000000
              0005 0018 20010db8000000000000000000000007 00000e10 00001c20
         0027 0008 00 05 616e6e6173 00 0010 000e 00000137 0008 4d534654 20352e30
         0006 0004 0017 0018")
}

#[test]
fn a_dhcpv6_request_tells_duid_name_and_addresses() {
    let payload = dhcpv6_request();
    let Fact::Dhcp6(dhcp) = fact(&ipv6(ip::UDP, 1, &udp(546, 547, &payload))) else {
        panic!("no DHCPv6")
    };
    assert_eq!((dhcp.kind, dhcp.transaction), (Dhcp6Kind::Request, 0x00ab_cdef));
    assert_eq!(dhcp.client.as_ref().and_then(Duid::link_layer), Some(HOST));
    let server = dhcp.server.as_ref().and_then(Duid::link_layer);
    assert_eq!(server, Some(Mac([2, 0, 0, 0, 0, 1])));
    assert_eq!(dhcp.addresses, [Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 7)]);
    assert_eq!(dhcp.fqdn.as_deref(), Some("annas"));
    assert_eq!(dhcp.vendor_class, Some((311, "MSFT 5.0".to_owned())));
    assert_eq!(dhcp.requested, [23, 24]);
    cut_anywhere(&ipv6(ip::UDP, 1, &udp(546, 547, &payload)));
}

#[test]
fn relayed_dhcpv6_is_left_alone_and_a_broken_duid_refused() {
    assert_eq!(dhcp6::decode(&[12, 0, 0, 0]), Ok(None));
    assert_eq!(dhcp6::decode(&hex("01 000001 0001 0002 0003")), Err(Why::BadLength));
    assert_eq!(Duid(hex("0002 00000009 0cc0")).link_layer(), None);
}
