//! LLDP and CDP.

use super::*;

fn tlv(kind: u16, body: &[u8]) -> Vec<u8> {
    [&(kind << 9 | body.len() as u16).to_be_bytes(), body].concat()
}

pub(super) fn switch() -> Vec<u8> {
    let management = [vec![5, 1], HOST_IP.octets().to_vec(), vec![2, 0, 0, 0, 1, 0]].concat();
    [
        tlv(1, &[&[4], &HOST.0[..]].concat()),
        tlv(2, b"\x05ge-0/0/7"),
        tlv(3, &[0, 120]),
        tlv(4, b"Uplink"),
        tlv(5, b"switch1"),
        tlv(6, b"USW-24-PoE, 6.5.59"),
        tlv(7, &[0, 0x14, 0, 0x04]),
        tlv(8, &management),
        tlv(127, &[0x00, 0x12, 0x0f, 1, 3]),
        tlv(0, &[]),
    ]
    .concat()
}

#[test]
fn a_switch_tells_itself_by_lldp() {
    let frame = frame(ETHERTYPE_LLDP, &switch());
    let Fact::Lldp(found) = fact(&frame) else { panic!("no LLDP") };
    assert_eq!(found.chassis, LldpId::Mac(HOST));
    assert_eq!(found.port, LldpId::Text("ge-0/0/7".into()));
    assert_eq!(found.ttl, 120);
    assert_eq!(found.port_description.as_deref(), Some("Uplink"));
    assert_eq!(found.system_name.as_deref(), Some("switch1"));
    assert_eq!(found.system_description.as_deref(), Some("USW-24-PoE, 6.5.59"));
    let capabilities = found.capabilities.unwrap();
    assert!(capabilities.is_bridge() && !capabilities.is_router());
    assert!(!capabilities.is_access_point() && !capabilities.is_telephone());
    assert_eq!(capabilities.supported, 0x14);
    assert_eq!(found.management, [IpAddr::from(HOST_IP)]);
    cut_anywhere(&frame);
}

#[test]
fn lldp_without_its_three_first_parts_is_refused() {
    let without_ttl = [tlv(1, &[&[4], &HOST.0[..]].concat()), tlv(2, b"\x05p"), tlv(0, &[])];
    assert_eq!(lldp::decode(&without_ttl.concat()), Err(Why::Truncated));
    assert_eq!(lldp::decode(&tlv(1, &[4, 0, 0])), Err(Why::BadLength));
    assert_eq!(lldp::decode(&[0x02, 0xff, 4]), Err(Why::Truncated));
}

#[test]
fn a_phone_names_its_chassis_by_address() {
    let unit =
        [tlv(1, &[5, 1, 192, 0, 2, 7]), tlv(2, &[&[3], &HOST.0[..]].concat()), tlv(3, &[0; 2])];
    let found = lldp::decode(&unit.concat()).unwrap();
    assert_eq!(found.chassis, LldpId::Address(HOST_IP.into()));
    assert_eq!((found.port, found.ttl), (LldpId::Mac(HOST), 0));
}

fn cdp_tlv(kind: u16, body: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &(body.len() as u16 + 4).to_be_bytes(), body].concat()
}

pub(super) fn cdp_frame() -> Vec<u8> {
    let ipv6 = [&hex("02 08 aaaa0300000086dd 0010")[..], &HOST_LINK_LOCAL.octets()].concat();
    let addresses = [hex("00000002 01 01 cc 0004 c0000207"), ipv6].concat();
    let body = [
        hex("02 b4 0000"),
        cdp_tlv(1, b"core-sw.example"),
        cdp_tlv(2, &addresses),
        cdp_tlv(3, b"GigabitEthernet0/1"),
        cdp_tlv(4, &[0, 0, 0, 0x28]),
        cdp_tlv(5, b"Cisco IOS\nVersion 15"),
        cdp_tlv(6, b"cisco WS-C2960-24"),
        cdp_tlv(0x16, &hex("00000001 01 01 cc 0004 c0000207")),
    ]
    .concat();
    let length = body.len() as u16 + 8;
    frame(length, &[&CDP_SNAP[..], &body, &[0; 9]].concat())
}

#[test]
fn a_switch_tells_itself_by_cdp() {
    let Fact::Cdp(found) = fact(&cdp_frame()) else { panic!("no CDP") };
    assert_eq!(found.ttl, 180);
    assert_eq!(found.device_id.as_deref(), Some("core-sw.example"));
    assert_eq!(found.addresses, [IpAddr::from(HOST_IP), HOST_LINK_LOCAL.into()]);
    assert_eq!(found.port.as_deref(), Some("GigabitEthernet0/1"));
    assert_eq!(found.capabilities, 0x28);
    assert_eq!(found.version.as_deref(), Some("Cisco IOS Version 15"));
    assert_eq!(found.platform.as_deref(), Some("cisco WS-C2960-24"));
    cut_anywhere(&cdp_frame());
}

#[test]
fn cdp_with_an_impossible_length_is_refused() {
    assert_eq!(cdp::decode(&hex("02 b4 0000 0001 0003")), Err(Why::BadLength));
    assert_eq!(cdp::decode(&hex("02 b4 0000 0001 00ff 61")), Err(Why::Truncated));
    assert_eq!(cdp::decode(&hex("03 b4 0000")), Err(Why::Unsupported));
    let spanning_tree = frame(38, &[&hex("424203")[..], &[0; 40]].concat());
    assert_eq!(fact(&spanning_tree), Fact::Other);
}
