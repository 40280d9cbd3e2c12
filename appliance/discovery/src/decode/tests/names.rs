//! Multicast DNS, LLMNR, `NetBIOS` and SSDP.

use super::*;

/// A DNS name in wire form.
fn name(dotted: &str) -> Vec<u8> {
    let labels = dotted
        .split('.')
        .flat_map(|label| [vec![label.len() as u8], label.as_bytes().to_vec()].concat());
    labels.chain([0]).collect()
}

fn record(owner: &[u8], kind: u16, ttl: u32, data: &[u8]) -> Vec<u8> {
    let head = [&kind.to_be_bytes()[..], &[0x80, 1], &ttl.to_be_bytes()].concat();
    [owner, &head, &(data.len() as u16).to_be_bytes(), data].concat()
}

pub(super) fn message(flags: u16, counts: [u16; 4], body: &[Vec<u8>]) -> Vec<u8> {
    let [q, an, ns, ar] = counts;
    let header = [0, flags, q, an, ns, ar].map(u16::to_be_bytes).concat();
    [header, body.concat()].concat()
}

const RESPONSE: u16 = 0x8400;

pub(super) fn printer() -> Vec<u8> {
    let instance = "Office Printer._ipp._tcp.local";
    let srv = [vec![0, 0, 0, 0, 0x02, 0x77], name("printer.local")].concat();
    let txt = b"\x09txtvers=1\x0eTy=LaserJet 10\x07garbage\x08usb_MFG=".to_vec();
    message(
        RESPONSE,
        [0, 3, 0, 3],
        &[
            record(&name("_services._dns-sd._udp.local"), 12, 4500, &name("_ipp._tcp.local")),
            record(&name("_ipp._tcp.local"), 12, 4500, &name(instance)),
            record(&name(instance), 33, 120, &srv),
            record(&name(instance), 16, 4500, &txt),
            record(&name("printer.local"), 1, 120, &HOST_IP.octets()),
            record(&name("printer.local"), 28, 120, &HOST_LINK_LOCAL.octets()),
        ],
    )
}

/// `WWW.Example` is an alias of `cdn.test`, which has two addresses; a third one is another name's.
fn answered() -> Vec<u8> {
    let question = [&name("WWW.Example")[..], &[0, 1, 0, 1]].concat();
    let internet = |owner: &[u8], kind: u16, data: &[u8]| {
        let mut record = record(owner, kind, 60, data);
        record[owner.len() + 2] = 0; // no flag of mDNS
        record
    };
    message(
        0x8180,
        [1, 4, 0, 0],
        &[
            question,
            internet(&[0xc0, 12], 5, &name("cdn.test")),
            internet(&name("CDN.test"), 1, &[192, 0, 2, 1]),
            internet(&name("else.test"), 1, &[192, 0, 2, 9]),
            internet(&name("cdn.test"), 28, &HOST_LINK_LOCAL.octets()),
        ],
    )
}

#[test]
fn an_answer_gives_the_name_that_was_asked_for_to_the_addresses_at_the_end_of_its_aliases() {
    let frame = udp4(53, 40_000, &answered());
    let Fact::Answers(found) = fact(&frame) else { panic!("no answer") };
    assert_eq!(found.name, "www.example");
    assert_eq!(found.addresses, [IpAddr::from([192, 0, 2, 1]), HOST_LINK_LOCAL.into()]);
    cut_anywhere(&frame);
}

#[test]
fn what_tells_no_address_of_a_name_is_no_answer() {
    // A query, a name that does not exist, one cut short, another kind of question, two questions.
    for (at, octets) in
        [(2, [0x01, 0x00]), (2, [0x81, 0x83]), (2, [0x83, 0x80]), (26, [0, 15]), (4, [0, 2])]
    {
        let mut message = answered();
        message[at..at + 2].copy_from_slice(&octets);
        assert_eq!(dns::answers(&message), Ok(None), "{at} {octets:?}");
    }
    let mut looping = answered();
    let alias = looping.len() - answered().len() + 29;
    looping[alias..alias + 2].copy_from_slice(&[0xc0, 29]);
    assert_eq!(error(&udp4(53, 40_000, &looping)), (Protocol::Dns, Why::Loop));
}

proptest! {
    #[test]
    fn no_answer_however_mangled_gives_more_than_it_may(
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        length in any::<prop::sample::Index>(),
    ) {
        let mut message = answered();
        for (at, octet) in changes {
            let at = at.index(message.len());
            message[at] = octet;
        }
        let length = length.index(message.len() + 1);
        if let Ok(Some(found)) = dns::answers(&message[..length]) {
            prop_assert!(!found.name.is_empty() && found.name.len() <= 1_020);
            prop_assert!((1..=16).contains(&found.addresses.len()));
        }
    }
}

#[test]
fn an_mdns_response_tells_services_hosts_and_properties() {
    let frame = udp4(5353, 5353, &printer());
    let Fact::Mdns(found) = fact(&frame) else { panic!("no mDNS") };
    assert!(found.response);
    assert_eq!(found.services, ["_ipp._tcp"]);
    let [instance] = &found.instances[..] else { panic!("{:?}", found.instances) };
    assert_eq!(
        (instance.name.as_str(), instance.service.as_str()),
        ("Office Printer", "_ipp._tcp")
    );
    assert_eq!((instance.target.as_deref(), instance.port), (Some("printer.local"), Some(631)));
    let property = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    assert_eq!(instance.properties, [property("txtvers", "1"), property("ty", "LaserJet 10")]);
    let host = "printer.local".to_owned();
    assert_eq!(found.addresses, [(host.clone(), HOST_IP.into()), (host, HOST_LINK_LOCAL.into())]);
    cut_anywhere(&frame);
}

#[test]
fn compressed_names_are_followed_backwards_only() {
    // Question `_ipp._tcp.local` at 12; the answer's owner points to it, and its data to 12 too.
    let question = [name("_ipp._tcp.local"), vec![0, 12, 0, 1]].concat();
    let data = [vec![2], b"HP".to_vec(), vec![0xc0, 12]].concat();
    let good = message(RESPONSE, [1, 1, 0, 0], &[question, record(&[0xc0, 12], 12, 9, &data)]);
    let found = dns::mdns(&good).unwrap();
    assert_eq!(found.questions, [Question { name: "_ipp._tcp.local".into(), kind: 12 }]);
    assert_eq!(found.instances[0].name, "HP");
    let itself = message(RESPONSE, [0, 1, 0, 0], &[record(&[0xc0, 12], 12, 9, &[0])]);
    assert_eq!(dns::mdns(&itself), Err(Why::Loop));
    let ahead = message(RESPONSE, [0, 1, 0, 0], &[record(&[0xc0, 40], 12, 9, &[0])]);
    assert_eq!(dns::mdns(&ahead), Err(Why::Loop));
    // Two names that point at each other.
    let ping = message(RESPONSE, [2, 0, 0, 0], &[vec![0xc0, 18, 0, 1, 0, 1, 0xc0, 12, 0, 1, 0, 1]]);
    assert_eq!(dns::mdns(&ping), Err(Why::Loop));
}

#[test]
fn a_name_longer_than_dns_allows_is_refused() {
    let long = [[63; 64].repeat(4), vec![0]].concat();
    let bad = message(0, [1, 0, 0, 0], &[long, vec![0, 1, 0, 1]]);
    assert_eq!(dns::mdns(&bad), Err(Why::TooMany));
}

#[test]
fn known_answers_of_a_query_are_not_the_askers() {
    let theirs = record(&name("_ipp._tcp.local"), 12, 4500, &name("HP._ipp._tcp.local"));
    let question = [name("_ipp._tcp.local"), vec![0, 12, 0, 1]].concat();
    let query = dns::mdns(&message(0, [1, 1, 0, 0], &[question, theirs])).unwrap();
    assert!(!query.response && query.instances.is_empty() && query.services.is_empty());
}

#[test]
fn what_a_probe_claims_is_the_askers() {
    let question = [name("annas-mac.local"), vec![0, 255, 0, 1]].concat();
    let claim = record(&name("annas-mac.local"), 1, 120, &HOST_IP.octets());
    let probe = dns::mdns(&message(0, [1, 0, 1, 0], &[question, claim])).unwrap();
    assert_eq!(probe.addresses, [("annas-mac.local".to_owned(), HOST_IP.into())]);
}

#[test]
fn reverse_pointers_tell_names_of_addresses() {
    let nibbles: String = HOST_LINK_LOCAL
        .octets()
        .iter()
        .rev()
        .fold(String::new(), |text, o| text + &format!("{:x}.{:x}.", o & 15, o >> 4));
    let found = dns::mdns(&message(
        RESPONSE,
        [0, 2, 0, 0],
        &[
            record(&name("7.2.0.192.in-addr.arpa"), 12, 9, &name("tv.local")),
            record(&name(&format!("{nibbles}ip6.arpa")), 12, 9, &name("tv.local")),
        ],
    ))
    .unwrap();
    let host = "tv.local".to_owned();
    assert_eq!(found.addresses, [(host.clone(), HOST_IP.into()), (host, HOST_LINK_LOCAL.into())]);
}

#[test]
fn withdrawn_records_are_gone_and_the_device_info_is_read() {
    let model = b"\x14model=MacBookPro18,3\x0aosxvers=23".to_vec();
    let found = dns::mdns(&message(
        RESPONSE,
        [0, 2, 0, 0],
        &[
            record(&name("_ipp._tcp.local"), 12, 0, &name("HP._ipp._tcp.local")),
            record(&name("Anna's Mac._device-info._tcp.local"), 16, 4500, &model),
        ],
    ))
    .unwrap();
    assert_eq!(found.gone, ["HP._ipp._tcp.local"]);
    let instance = &found.instances[0];
    assert_eq!(instance.name, "Anna's Mac");
    assert_eq!(instance.properties[0], ("model".to_owned(), "MacBookPro18,3".to_owned()));
}

#[test]
fn an_llmnr_query_and_response_are_told_apart() {
    let question = [name("annas-pc"), vec![0, 1, 0, 1]].concat();
    let answer = record(&name("annas-pc"), 1, 30, &HOST_IP.octets());
    let query = message(0, [1, 0, 0, 0], std::slice::from_ref(&question));
    let Fact::Llmnr(query) = fact(&udp4(50_000, 5355, &query)) else { panic!("no LLMNR") };
    assert!(!query.response);
    assert_eq!(query.questions[0].name, "annas-pc");
    let response = message(0x8000, [1, 1, 0, 0], &[question, answer]);
    let Fact::Llmnr(response) = fact(&udp4(5355, 50_000, &response)) else { panic!("no LLMNR") };
    assert_eq!(response.addresses, [("annas-pc".to_owned(), HOST_IP.into())]);
}

/// First-level encoding of a name of at most 15 characters.
pub(super) fn netbios_name(plain: &str, suffix: u8) -> Vec<u8> {
    let octets = [format!("{plain:<15}").into_bytes(), vec![suffix]].concat();
    let letters = octets.iter().flat_map(|o| [b'A' + (o >> 4), b'A' + (o & 15)]);
    [vec![32], letters.collect(), vec![0]].concat()
}

#[test]
fn a_netbios_registration_tells_name_role_and_address() {
    let question = [netbios_name("ANNAS-PC", 0x20), vec![0, 0x20, 0, 1]].concat();
    let data = [vec![0x00, 0x00], HOST_IP.octets().to_vec()].concat();
    let extra = [vec![0xc0, 12, 0, 0x20, 0, 1, 0, 4, 0x93, 0xe0, 0, 6], data].concat();
    let frame = udp4(137, 137, &message(0x2910, [1, 0, 0, 1], &[question, extra]));
    let Fact::NetBios(found) = fact(&frame) else { panic!("no NetBIOS") };
    assert_eq!((found.operation, found.response), (NetBiosOperation::Registration, false));
    let expected = NetBiosName { name: "ANNAS-PC".into(), suffix: 0x20, group: false };
    assert_eq!(found.names, [expected]);
    assert_eq!(found.addresses, [HOST_IP]);
    cut_anywhere(&frame);
}

#[test]
fn a_node_status_response_tells_all_names_and_the_mac() {
    let names = [
        b"ANNAS-PC       \x00\x04\x00".to_vec(),
        b"WORKGROUP      \x00\x84\x00".to_vec(),
        HOST.0.to_vec(),
        vec![0; 40],
    ];
    let data = [vec![2], names.concat()].concat();
    let head = [netbios_name("*", 0), vec![0, 0x21, 0, 1, 0, 0, 0, 0]].concat();
    let body = [head, (data.len() as u16).to_be_bytes().to_vec(), data].concat();
    let found = nbns::decode(&message(0x8400, [0, 1, 0, 0], &[body])).unwrap();
    assert_eq!((found.operation, found.response), (NetBiosOperation::NodeStatus, true));
    let told: Vec<_> = found.names.iter().map(|n| (n.name.as_str(), n.group)).collect();
    assert_eq!(told, [("ANNAS-PC", false), ("WORKGROUP", true)]);
    assert_eq!(found.mac, Some(HOST));
}

#[test]
fn a_netbios_name_in_wrong_letters_is_refused() {
    let wrong = [vec![32], vec![b'Q'; 32], vec![0, 0, 0x20, 0, 1]].concat();
    assert_eq!(nbns::decode(&message(0, [1, 0, 0, 0], &[wrong])), Err(Why::BadValue));
}

#[test]
fn ssdp_announcements_searches_and_replies_are_told_apart() {
    let notify = b"NOTIFY * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nNT: upnp:rootdevice\r\n\
        NTS: ssdp:alive\r\nUSN: uuid:1234::upnp:rootdevice\r\nServer: Linux UPnP/1.0 TV/2\r\n\
        LOCATION: http://192.0.2.7:80/d.xml\r\n\r\n";
    let Fact::Ssdp(found) = fact(&udp4(40_000, 1900, notify)) else { panic!("no SSDP") };
    assert_eq!(
        *found,
        Ssdp {
            kind: SsdpKind::Alive,
            target: Some("upnp:rootdevice".into()),
            usn: Some("uuid:1234::upnp:rootdevice".into()),
            server: Some("Linux UPnP/1.0 TV/2".into()),
            location: Some("http://192.0.2.7:80/d.xml".into()),
        }
    );
    let bye = b"NOTIFY * HTTP/1.1\r\nNTS: ssdp:byebye\r\nNT: upnp:rootdevice\r\n\r\n";
    assert_eq!(ssdp::decode(bye).unwrap().kind, SsdpKind::Goodbye);
    let search = b"M-SEARCH * HTTP/1.1\r\nST: ssdp:all\r\nUSER-AGENT: Chrome/120\r\n\r\n";
    let search = ssdp::decode(search).unwrap();
    assert_eq!((search.kind, search.server.as_deref()), (SsdpKind::Search, Some("Chrome/120")));
    let reply = ssdp::decode(b"HTTP/1.1 200 OK\r\nST: ssdp:all\r\n\r\n").unwrap();
    assert_eq!((reply.kind, reply.target.as_deref()), (SsdpKind::Reply, Some("ssdp:all")));
}

#[test]
fn what_is_not_ssdp_is_refused() {
    assert_eq!(ssdp::decode(b"GET / HTTP/1.1\r\n\r\n"), Err(Why::BadValue));
    assert_eq!(ssdp::decode(b"NOTIFY * HTTP/1.1\r\nno colon\r\n"), Err(Why::BadValue));
    assert_eq!(ssdp::decode(b""), Err(Why::BadValue));
}
