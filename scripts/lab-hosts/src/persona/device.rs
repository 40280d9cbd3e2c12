//! One device: its kind with its own name and addresses filled in, and what it says in mDNS
//! (RFC 6762, 6763), SSDP (`UPnP` 1.1) and LLMNR (RFC 4795).
//! Pure: datagram in, datagram out.

use std::net::{IpAddr, Ipv4Addr};

use model::Mac;

use super::kinds::{Kind, Service, Ssdp};
use crate::dns::{self, Message, Name, Record};

/// Seconds for records that name a host.
const HOST_TTL: u32 = 120;
/// Seconds for all others.
const OTHER_TTL: u32 = 4500;

/// A device with its present addresses.
#[derive(Debug, Clone)]
pub(crate) struct Device {
    pub(crate) kind: &'static Kind,
    pub(crate) host: String,
    pub(crate) mac: Mac,
    /// The first IPv4 address is the one that SSDP and NetBIOS tell.
    pub(crate) addresses: Vec<IpAddr>,
}

/// An mDNS answer and whether it goes to the asker alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MdnsReply {
    pub(crate) bytes: Vec<u8>,
    pub(crate) unicast: bool,
}

impl Device {
    pub(crate) fn ipv4(&self) -> Option<Ipv4Addr> {
        self.addresses.iter().find_map(|address| match address {
            IpAddr::V4(address) => Some(*address),
            IpAddr::V6(_) => None,
        })
    }

    /// Fills in the placeholders of `kinds`.
    fn fill(&self, text: &str) -> String {
        let [a, b, c, d, e, f] = self.mac.0;
        let plain = format!("{a:02x}{b:02x}{c:02x}{d:02x}{e:02x}{f:02x}");
        text.replace("{host}", &self.host)
            .replace("{mac}", &plain)
            .replace("{MAC}", &plain.to_uppercase())
            .replace("{Mac}", &self.mac.to_string().to_uppercase())
            .replace("{ip}", &self.ipv4().unwrap_or(Ipv4Addr::UNSPECIFIED).to_string())
    }

    fn host_name(&self) -> Name {
        vec![self.host.bytes().take(63).collect(), b"local".to_vec()]
    }

    fn host_records(&self) -> Vec<Record> {
        let name = self.host_name();
        self.addresses.iter().map(|address| Record::address(&name, *address, HOST_TTL)).collect()
    }

    fn service_name(service: &Service) -> Name {
        dns::name(&format!("{}.local", service.kind))
    }

    fn instance_name(&self, service: &Service) -> Name {
        dns::instance(&self.fill(service.instance), &format!("{}.local", service.kind))
    }

    fn srv(&self, service: &Service) -> Record {
        Record::srv(&self.instance_name(service), service.port, &self.host_name(), HOST_TTL)
    }

    fn txt(&self, service: &Service) -> Record {
        let strings: Vec<String> = service.txt.iter().map(|text| self.fill(text)).collect();
        Record::txt(&self.instance_name(service), &strings, OTHER_TTL)
    }

    fn with_service(&self, message: Message, service: &Service) -> Message {
        let message = message
            .answer(Record::ptr(
                &Self::service_name(service),
                &self.instance_name(service),
                OTHER_TTL,
            ))
            .additional(self.srv(service))
            .additional(self.txt(service));
        self.host_records().into_iter().fold(message, Message::additional)
    }

    /// Unasked announcements: the host, then each service in a message of its own.
    pub(crate) fn announcements(&self) -> Vec<Vec<u8>> {
        if !self.kind.mdns || self.addresses.is_empty() {
            return Vec::new();
        }
        let host = self.host_records().into_iter().fold(Message::response(0), Message::answer);
        let services = self.kind.services.iter().map(|service| {
            Message::response(0)
                .answer(Record::ptr(
                    &Self::service_name(service),
                    &self.instance_name(service),
                    OTHER_TTL,
                ))
                .answer(self.srv(service))
                .answer(self.txt(service))
                .bytes()
        });
        std::iter::once(host.bytes()).chain(services).collect()
    }

    /// A query for a service type that this kind looks for.
    pub(crate) fn browse(&self, turn: usize) -> Option<Vec<u8>> {
        let service = self.kind.browses.get(turn.checked_rem(self.kind.browses.len())?)?;
        Some(Message::with_flags(0, 0).question(&dns::name(service), dns::PTR).bytes())
    }

    /// The reply to an mDNS query that came from `port`; `None` when nothing asked for is ours.
    pub(crate) fn mdns(&self, query: &[u8], port: u16) -> Option<MdnsReply> {
        const MDNS_PORT: u16 = 5353;
        if !self.kind.mdns {
            return None;
        }
        let (id, questions) = dns::query(query)?;
        // A resolver that knows nothing of mDNS wants its identifier and question back (RFC 6762, 6.7).
        let legacy = port != MDNS_PORT;
        let mut message = Message::response(if legacy { id } else { 0 });
        if legacy {
            for question in &questions {
                message = message.question(&question.name, question.kind);
            }
        }
        let meta = dns::name("_services._dns-sd._udp.local");
        for question in &questions {
            let wants = |kind| question.kind == kind || question.kind == dns::ANY;
            if dns::same(&question.name, &meta) && wants(dns::PTR) {
                for service in self.kind.services {
                    message =
                        message.answer(Record::ptr(&meta, &Self::service_name(service), OTHER_TTL));
                }
            }
            for service in self.kind.services {
                if dns::same(&question.name, &Self::service_name(service)) && wants(dns::PTR) {
                    message = self.with_service(message, service);
                }
                for record in [self.srv(service), self.txt(service)] {
                    if dns::same(&question.name, record.name()) && wants(record.kind()) {
                        message = message.answer(record);
                    }
                }
            }
            for record in self.host_records() {
                if dns::same(&question.name, record.name()) && wants(record.kind()) {
                    message = message.answer(record);
                }
            }
        }
        let unicast = legacy || questions.iter().all(|question| question.unicast);
        (!message.is_empty()).then(|| MdnsReply { bytes: message.bytes(), unicast })
    }

    /// The LLMNR reply, when the query is for our name.
    pub(crate) fn llmnr(&self, query: &[u8]) -> Option<Vec<u8>> {
        const TTL: u32 = 30;
        if !self.kind.llmnr {
            return None;
        }
        let (id, questions) = dns::query(query)?;
        let question = questions.first()?;
        if !dns::same(&question.name, &vec![self.host.bytes().collect()]) {
            return None;
        }
        let name = &question.name;
        let records = self
            .addresses
            .iter()
            .map(|address| Record::address(name, *address, TTL).without_flush());
        let message = Message::with_flags(id, 0x8000).question(name, question.kind);
        let message = records
            .filter(|r| question.kind == dns::ANY || r.kind() == question.kind)
            .fold(message, Message::answer);
        (!message.is_empty()).then(|| message.bytes())
    }

    // --- SSDP ---

    fn uuid(&self) -> String {
        self.fill("4d454449-4152-4f4f-5452-{mac}")
    }

    /// `ssdp:alive` for the root device and its type.
    pub(crate) fn notifications(&self) -> Vec<String> {
        let Some(ssdp) = self.kind.ssdp.filter(|_| self.ipv4().is_some()) else {
            return Vec::new();
        };
        ["upnp:rootdevice", ssdp.target]
            .iter()
            .map(|target| {
                format!(
                    "NOTIFY * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nCACHE-CONTROL: max-age=1800\r\n{}NT: {target}\r\n\
                     NTS: ssdp:alive\r\nUSN: uuid:{}::{target}\r\n\r\n",
                    self.ssdp_head(&ssdp),
                    self.uuid()
                )
            })
            .collect()
    }

    /// The reply to an M-SEARCH that means us.
    pub(crate) fn ssdp(&self, request: &[u8]) -> Option<String> {
        let ssdp = self.kind.ssdp.filter(|_| self.ipv4().is_some())?;
        let text = std::str::from_utf8(request).ok()?;
        let mut lines = text.split("\r\n");
        if !lines.next()?.starts_with("M-SEARCH * HTTP/1.1") {
            return None;
        }
        let wanted = lines.find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case("st").then(|| value.trim())
        })?;
        let target = if wanted == "ssdp:all" { "upnp:rootdevice" } else { wanted };
        (target == "upnp:rootdevice" || target == ssdp.target).then(|| {
            format!(
                "HTTP/1.1 200 OK\r\nCACHE-CONTROL: max-age=1800\r\nEXT:\r\n{}ST: {target}\r\nUSN: uuid:{}::{target}\r\n\r\n",
                self.ssdp_head(&ssdp),
                self.uuid()
            )
        })
    }

    fn ssdp_head(&self, ssdp: &Ssdp) -> String {
        format!("LOCATION: {}\r\nSERVER: {}\r\n", self.fill(ssdp.location), self.fill(ssdp.server))
    }

    /// A DHCPv6 message (RFC 8415): systems with a vendor class solicit an address, with their name
    /// (RFC 4704); the others only ask for information.
    pub(crate) fn dhcpv6(&self, transaction: u32) -> Option<Vec<u8>> {
        /// Microsoft's enterprise number, before its vendor class.
        const MICROSOFT: u32 = 311;
        const SOLICIT: u8 = 1;
        const INFORMATION_REQUEST: u8 = 11;
        let class = self.kind.dhcpv6?;
        let mut message = vec![if class.is_empty() { INFORMATION_REQUEST } else { SOLICIT }];
        message.extend(&transaction.to_be_bytes()[1..]);
        let mut option = |code: u16, value: &[u8]| {
            message.extend(code.to_be_bytes());
            message.extend((value.len() as u16).to_be_bytes());
            message.extend(value);
        };
        option(1, &[&[0, 3, 0, 1], &self.mac.0[..]].concat());
        option(6, &[0, 23, 0, 24]);
        option(8, &[0, 0]);
        if !class.is_empty() {
            option(3, &[&self.mac.0[2..], &[0; 8]].concat());
            let length = (class.len() as u16).to_be_bytes();
            option(16, &[&MICROSOFT.to_be_bytes()[..], &length, class.as_bytes()].concat());
            let host = &self.host.as_bytes()[..self.host.len().min(63)];
            option(39, &[&[0, host.len() as u8], host].concat());
        }
        Some(message)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::kinds::{all, kind};
    use super::*;

    fn device(name: &str) -> Device {
        Device {
            kind: kind(name).unwrap(),
            host: "HP5AE077".into(),
            mac: Mac([0x3c, 0xd9, 0x2b, 0x5a, 0xe0, 0x77]),
            addresses: vec!["192.168.50.20".parse().unwrap(), "fe80::1".parse().unwrap()],
        }
    }

    fn ask(name: &str, kind: u16) -> Vec<u8> {
        Message::with_flags(5, 0).question(&dns::name(name), kind).bytes()
    }

    fn holds(bytes: &[u8], text: &str) -> bool {
        bytes.windows(text.len()).any(|w| w == text.as_bytes())
    }

    #[test]
    fn a_printer_lists_its_services_and_describes_them() {
        let printer = device("hp-printer");
        let reply = printer.mdns(&ask("_services._dns-sd._udp.local", dns::PTR), 5353).unwrap();
        assert_eq!(reply.bytes[7], 3, "answers");
        assert!(!reply.unicast);
        let reply = printer.mdns(&ask("_ipp._tcp.local", dns::PTR), 5353).unwrap();
        for text in
            ["usb_MFG=HP", "ty=HP LaserJet Pro M404dn", "HP LaserJet Pro M404dn [3CD92B5AE077]"]
        {
            assert!(holds(&reply.bytes, text), "{text}");
        }
        assert!(reply.bytes.len() < 1400, "one datagram: {}", reply.bytes.len());
    }

    #[test]
    fn a_question_from_another_port_is_answered_directly_with_its_identifier() {
        let reply = device("nas").mdns(&ask("hp5ae077.local", dns::A), 40000).unwrap();
        assert!(reply.unicast);
        assert_eq!(reply.bytes[..2], [0, 5]);
        assert_eq!(reply.bytes[4..8], [0, 1, 0, 1]);
    }

    #[test]
    fn nobody_answers_for_others() {
        for kind in all() {
            let device = Device { kind, ..device("nas") };
            assert_eq!(device.mdns(&ask("other.local", dns::ANY), 5353), None);
            assert_eq!(device.llmnr(&ask("other", dns::A)), None);
        }
    }

    #[test]
    fn every_announcement_fits_one_datagram() {
        for kind in all() {
            for bytes in (Device { kind, ..device("nas") }).announcements() {
                assert!(bytes.len() < 1400, "{}: {}", kind.name, bytes.len());
            }
        }
    }

    #[test]
    fn a_television_answers_a_search_for_its_type_and_for_all() {
        let search = |target: &str| {
            format!(
                "M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: \"ssdp:discover\"\r\nST: {target}\r\nMX: 1\r\n\r\n"
            )
        };
        let roku = device("roku");
        assert!(
            roku.ssdp(search("roku:ecp").as_bytes())
                .unwrap()
                .contains("LOCATION: http://192.168.50.20:8060/\r\n")
        );
        assert!(roku.ssdp(search("ssdp:all").as_bytes()).is_some());
        assert!(roku.ssdp(search("urn:other").as_bytes()).is_none());
        assert!(roku.ssdp(roku.notifications()[0].as_bytes()).is_none(), "a NOTIFY is no search");
    }

    #[test]
    fn windows_tells_its_name_by_llmnr_and_its_system_by_dhcpv6() {
        let windows = device("windows");
        assert!(windows.llmnr(&ask("hp5ae077", dns::A)).is_some());
        assert!(holds(&windows.dhcpv6(7).unwrap(), "MSFT 5.0"));
    }

    proptest! {
        #[test]
        fn any_datagram_is_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let device = device("nas");
            let _ = (device.mdns(&bytes, 5353), device.llmnr(&bytes), device.ssdp(&bytes), device.netbios(&bytes));
        }
    }
}
