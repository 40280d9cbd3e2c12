//! One valid question for each UDP service that is looked for, and what its answer tells.

use std::net::IpAddr;

use crate::ports::{header, text};

/// Who serves the root, without recursion (RFC 1035): answered or refused without asking anyone.
const DNS: &[u8] = b"\x50\x4b\0\0\0\x01\0\0\0\0\0\0\0\0\x02\0\x01";
/// All service types (RFC 6763, 9), the answer to the asker alone.
const MDNS: &[u8] = b"\x50\x4b\0\0\0\x01\0\0\0\0\0\0\
    \x09_services\x07_dns-sd\x04_udp\x05local\0\0\x0c\0\x01";
/// `GetRequest` for `sysDescr.0` with the community `public` (RFC 1157).
const SNMP: &[u8] = b"\x30\x29\x02\x01\0\x04\x06public\xa0\x1c\x02\x04PKPK\x02\x01\0\x02\x01\0\
    \x30\x0e\x30\x0c\x06\x08\x2b\x06\x01\x02\x01\x01\x01\0\x05\0";
const SYS_DESCR: &[u8] = b"\x06\x08\x2b\x06\x01\x02\x01\x01\x01\0";
/// Version 4, client (RFC 5905, 7.3).
const NTP_CLIENT: u8 = 0x23;
const NTP_LENGTH: usize = 48;

/// The question for a port.
pub(super) fn question(port: u16, ip: IpAddr) -> Option<Vec<u8>> {
    Some(match port {
        53 => DNS.to_vec(),
        123 => [&[NTP_CLIENT][..], &[0; NTP_LENGTH - 1]].concat(),
        161 => SNMP.to_vec(),
        1900 => {
            let host = match ip {
                IpAddr::V4(ip) => ip.to_string(),
                IpAddr::V6(ip) => format!("[{ip}]"),
            };
            format!(
                "M-SEARCH * HTTP/1.1\r\nHOST: {host}:1900\r\nMAN: \"ssdp:discover\"\r\n\
                 ST: upnp:rootdevice\r\n\r\n"
            )
            .into_bytes()
        }
        5353 => MDNS.to_vec(),
        _ => return None,
    })
}

/// Program and version, as far as an answer tells.
pub(super) fn version(port: u16, answer: &[u8]) -> Option<String> {
    match port {
        123 => {
            let stratum = answer.get(1).filter(|_| answer.len() >= NTP_LENGTH)?;
            (1..16).contains(stratum).then(|| format!("stratum {stratum}"))
        }
        161 => sys_descr(answer),
        1900 => header(answer, b"server").and_then(text),
        _ => None,
    }
}

/// The text after the name of `sysDescr.0`, in BER: tag 4, length, octets.
fn sys_descr(answer: &[u8]) -> Option<String> {
    let at = answer.windows(SYS_DESCR.len()).position(|w| w == SYS_DESCR)?;
    let (length, rest) = match &answer[at + SYS_DESCR.len()..] {
        [4, 0x82, high, low, rest @ ..] => (u16::from_be_bytes([*high, *low]), rest),
        [4, 0x81, length, rest @ ..] | [4, length @ ..=0x7f, rest @ ..] => ((*length).into(), rest),
        _ => return None,
    };
    text(&rest[..usize::from(length).min(rest.len())])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::decode;
    use crate::ports::{Transport, known};

    const HOST: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7));

    #[test]
    fn every_udp_port_has_a_question() {
        for port in known().iter().filter(|p| p.transport == Transport::Udp) {
            assert!(question(port.port, HOST).is_some(), "{}", port.port);
        }
    }

    #[test]
    fn questions_are_what_their_protocols_want() {
        let asked = decode::dns::mdns(&question(5353, HOST).expect("one")).expect("sound");
        assert_eq!(asked.questions[0].name, "_services._dns-sd._udp.local");
        assert!(decode::dns::mdns(&question(53, HOST).expect("one")).is_ok());
        assert_eq!(SNMP.len(), usize::from(SNMP[1]) + 2);
        assert_eq!(question(123, HOST).map(|q| q.len()), Some(48));
    }

    #[test]
    fn answers_tell_versions() {
        let snmp = [b"\x30\x40", SYS_DESCR, b"\x04\x05Linuxrest"].concat();
        assert_eq!(version(161, &snmp).as_deref(), Some("Linux"));
        let ssdp = b"HTTP/1.1 200 OK\r\nServer: Linux UPnP/1.0 Sonos/1\r\n\r\n";
        assert_eq!(version(1900, ssdp).as_deref(), Some("Linux UPnP/1.0 Sonos/1"));
        let mut ntp = [0; 48];
        ntp[1] = 2;
        assert_eq!(version(123, &ntp).as_deref(), Some("stratum 2"));
    }

    proptest! {
        #[test]
        fn no_answer_panics(
            port in prop::sample::select(vec![53_u16, 123, 161, 1900, 5353]),
            front in any::<bool>(),
            bytes: Vec<u8>,
        ) {
            let _ = version(port, &[if front { SYS_DESCR } else { b"" }, &bytes].concat());
        }
    }
}
