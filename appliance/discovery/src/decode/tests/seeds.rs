//! The frames from which the fuzzers start, kept as files beside their targets.

use std::fs;
use std::path::Path;

use super::{hosts, names, switches, *};

const NOTIFY: &[u8] = b"NOTIFY * HTTP/1.1\r\nNT: upnp:rootdevice\r\nNTS: ssdp:byebye\r\n\
    USN: uuid:1::upnp:rootdevice\r\nSERVER: Linux UPnP/1.0 TV/2\r\n\
    LOCATION: http://192.0.2.7/d.xml\r\n\r\n";
const SEARCH: &[u8] = b"M-SEARCH * HTTP/1.1\r\nST: ssdp:all\r\nUSER-AGENT: a/1\r\n\r\n";

/// Target, name of the file, content.
fn seeds() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let arp = hex("0001 0800 0604 0001 001122aabbcc c0000207 000000000000 c0000201");
    let advertisement = hex("ff 8600 0000 40c00708 0000000000000000 0101 001122aabbcc
         0304 40c0 00015180 00003840 00000000 20010db8000100000000000000000000");
    let solicitation =
        hex("ff 8700 0000 00000000 fe800000000000000000000000000001 0101 001122aabbcc");
    let report = hex("01 8f00 0000 0000 0001 0400 0000 ff0200000000000000000001ffaabbcc");
    let compressed = hex("0000 8400 0001 0001 0000 0000 04 5f697070 04 5f746370 05 6c6f63616c 00
        000c 0001 c00c 000c 8001 00001194 0005 02 4850 c00c");
    let question = [names::netbios_name("ANNAS-PC", 0x20), vec![0, 0x20, 0, 1]].concat();
    let answer = hex("c00c 0020 0001 000493e0 0006 0000 c0000207");
    let registration = names::message(0x2910, [1, 0, 0, 1], &[question, answer]);
    let discover = hosts::sample_discover();
    let cdp = switches::cdp_frame();
    vec![
        ("arp", "request", arp.clone()),
        ("ndp", "solicitation", solicitation.clone()),
        ("ndp", "router", advertisement.clone()),
        ("ndp", "report", report),
        ("dhcp4", "discover", discover[42..].to_vec()),
        ("dhcp6", "request", hosts::dhcpv6_request()),
        ("dns", "printer", names::printer()),
        ("dns", "compressed", compressed),
        ("nbns", "registration", registration.clone()),
        ("ssdp", "notify", NOTIFY.to_vec()),
        ("ssdp", "search", SEARCH.to_vec()),
        ("lldp", "switch", switches::switch()),
        ("cdp", "switch", cdp[22..cdp.len() - 9].to_vec()),
        ("ethernet", "arp", frame(ETHERTYPE_ARP, &arp)),
        ("ethernet", "tagged", frame(ETHERTYPE_VLAN, &[&[0, 100, 8, 6], &arp[..]].concat())),
        ("ethernet", "solicitation", ipv6(ip::ICMPV6, 255, &solicitation[1..])),
        ("ethernet", "router", ipv6(ip::ICMPV6, 255, &advertisement[1..])),
        ("ethernet", "discover", discover),
        ("ethernet", "dhcp6", ipv6(ip::UDP, 1, &udp(546, 547, &hosts::dhcpv6_request()))),
        ("ethernet", "mdns", udp4(5353, 5353, &names::printer())),
        ("ethernet", "ssdp", udp4(40_000, 1900, NOTIFY)),
        ("ethernet", "nbns", udp4(137, 137, &registration)),
        ("ethernet", "lldp", frame(ETHERTYPE_LLDP, &switches::switch())),
        ("ethernet", "cdp", cdp),
    ]
}

/// With `PANOPTIKON_WRITE_SEEDS=1` the files are written instead.
#[test]
fn the_fuzzers_start_from_sound_frames() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds");
    let must_write = std::env::var("PANOPTIKON_WRITE_SEEDS").is_ok_and(|value| value == "1");
    for (target, name, content) in seeds() {
        let is_sound = match target {
            "arp" => arp::decode(&content).is_ok(),
            "ndp" => ndp::decode(&content[1..], content[0]).is_ok(),
            "dhcp4" => dhcp4::decode(&content).is_ok(),
            "dhcp6" => dhcp6::decode(&content).is_ok(),
            "dns" => dns::mdns(&content).is_ok(),
            "nbns" => nbns::decode(&content).is_ok(),
            "ssdp" => ssdp::decode(&content).is_ok(),
            "lldp" => lldp::decode(&content).is_ok(),
            "cdp" => cdp::decode(&content).is_ok(),
            _ => ethernet(&content).is_ok(),
        };
        assert!(is_sound, "{target}/{name}");
        let file = folder.join(target).join(name);
        if must_write {
            fs::create_dir_all(folder.join(target)).unwrap();
            fs::write(&file, &content).unwrap();
        }
        assert_eq!(fs::read(&file).unwrap(), content, "{}", file.display());
    }
}
