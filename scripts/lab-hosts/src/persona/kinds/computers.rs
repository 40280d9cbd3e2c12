//! Phones, tablets, computers and what runs their systems.

use super::Greeting::{Http, Silent, Text};
use super::{Greeting, Kind, SPEAKING, Service, service};

const SSH: Greeting = Text("SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n");

/// Kinds that people sit in front of.
pub(super) const KINDS: &[Kind] = &[
    Kind {
        name: "iphone",
        services: &[
            service(
                "_companion-link._tcp",
                49152,
                &["rpMac=0", "rpHN=3f5a", "rpFl=0x20000", "rpVr=540.4", "rpMd=iPhone14,5"],
            ),
            Service {
                kind: "_apple-mobdev2._tcp",
                instance: "{Mac}@fe80::1-supportsRP-24",
                port: 32498,
                txt: &[],
            },
        ],
        browses: &[
            "_airplay._tcp.local",
            "_raop._tcp.local",
            "_ipp._tcp.local",
            "_homekit._tcp.local",
        ],
        dhcpv6: Some(""),
        ports: &[(62078, Silent)],
        ..SPEAKING
    },
    Kind {
        name: "ipad",
        services: &[service(
            "_companion-link._tcp",
            49153,
            &["rpMac=0", "rpFl=0x20000", "rpVr=540.4", "rpMd=iPad13,1"],
        )],
        browses: &["_airplay._tcp.local", "_ipp._tcp.local"],
        dhcpv6: Some(""),
        ports: &[(62078, Silent)],
        ..SPEAKING
    },
    Kind {
        name: "macbook",
        services: &[
            service("_device-info._tcp", 0, &["model=MacBookPro18,3", "osxvers=23"]),
            service(
                "_airplay._tcp",
                7000,
                &[
                    "acl=0",
                    "deviceid={Mac}",
                    "features=0x4A7FCFD5,0x38174FDE",
                    "model=MacBookPro18,3",
                    "srcvers=745.83",
                ],
            ),
            service("_ssh._tcp", 22, &[]),
            service("_smb._tcp", 445, &[]),
        ],
        browses: &[
            "_airplay._tcp.local",
            "_ipp._tcp.local",
            "_smb._tcp.local",
            "_adisk._tcp.local",
        ],
        dhcpv6: Some(""),
        ports: &[
            (22, Text("SSH-2.0-OpenSSH_9.6\r\n")),
            (445, Silent),
            (7000, Http("AirTunes/745.83")),
        ],
        ..SPEAKING
    },
    Kind {
        name: "android",
        browses: &["_googlecast._tcp.local", "_spotify-connect._tcp.local"],
        ..SPEAKING
    },
    Kind {
        name: "windows",
        browses: &["_ipp._tcp.local", "_googlecast._tcp.local"],
        llmnr: true,
        netbios: true,
        dhcpv6: Some("MSFT 5.0"),
        ports: &[(135, Silent), (139, Silent), (445, Silent)],
        ..SPEAKING
    },
    Kind { name: "xbox", llmnr: true, dhcpv6: Some("MSFT 5.0"), ..SPEAKING },
    Kind {
        name: "linux",
        services: &[Service {
            kind: "_workstation._tcp",
            instance: "{host} [{mac}]",
            port: 9,
            txt: &[],
        }],
        browses: &["_ipp._tcp.local"],
        llmnr: true,
        ports: &[(22, SSH)],
        ..SPEAKING
    },
    Kind {
        name: "laptop",
        services: &[Service {
            kind: "_workstation._tcp",
            instance: "{host} [{mac}]",
            port: 9,
            txt: &[],
        }],
        llmnr: true,
        ..SPEAKING
    },
    Kind {
        name: "server",
        services: &[service("_ssh._tcp", 22, &[]), service("_http._tcp", 80, &["path=/"])],
        ports: &[(22, SSH), (80, Http("nginx/1.22.1")), (443, Silent), (9090, Silent)],
        ..SPEAKING
    },
    Kind {
        name: "raspberry",
        services: &[
            Service { kind: "_workstation._tcp", instance: "{host} [{mac}]", port: 9, txt: &[] },
            service("_ssh._tcp", 22, &[]),
            service("_sftp-ssh._tcp", 22, &[]),
        ],
        ports: &[
            (22, Text("SSH-2.0-OpenSSH_8.4p1 Raspbian-5+deb11u3\r\n")),
            (80, Http("lighttpd/1.4.59")),
        ],
        ..SPEAKING
    },
];
