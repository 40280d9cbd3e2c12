//! Printers, storage, televisions, speakers and small things.

use super::Greeting::{Http, Silent, Text};
use super::{Kind, MUTE, SPEAKING, Service, Ssdp, service};

const HP_TXT: &[&str] = &[
    "txtvers=1",
    "qtotal=1",
    "rp=ipp/print",
    "ty=HP LaserJet Pro M404dn",
    "product=(HP LaserJet Pro M404dn)",
    "usb_MFG=HP",
    "usb_MDL=HP LaserJet Pro M404dn",
    "pdl=application/pdf,image/urf,application/PCLm",
    "adminurl=http://{host}.local.",
    "UUID=434e4233-3038-3534-3633-{mac}",
    "Color=F",
    "Duplex=T",
    "note=Office",
];
const BROTHER_TXT: &[&str] = &[
    "txtvers=1",
    "qtotal=1",
    "rp=ipp/print",
    "ty=Brother HL-L2350DW series",
    "product=(Brother HL-L2350DW series)",
    "usb_MFG=Brother",
    "usb_MDL=HL-L2350DW series",
    "pdl=application/octet-stream,image/urf,image/pwg-raster",
    "adminurl=http://{host}.local./",
    "Color=F",
    "Duplex=T",
];

/// Kinds that stand on a shelf.
pub(super) const KINDS: &[Kind] = &[
    Kind {
        name: "appletv",
        services: &[
            service(
                "_airplay._tcp",
                7000,
                &[
                    "acl=0",
                    "deviceid={Mac}",
                    "features=0x4A7FDFD5,0xBC177FDE",
                    "model=AppleTV11,1",
                    "srcvers=760.20.1",
                    "osvers=17.4",
                ],
            ),
            Service {
                kind: "_raop._tcp",
                instance: "{MAC}@{host}",
                port: 7000,
                txt: &["am=AppleTV11,1", "vs=760.20.1", "cn=0,1,2,3", "tp=UDP"],
            },
            service("_companion-link._tcp", 49154, &["rpMd=AppleTV11,1", "rpVr=540.4"]),
            service("_mediaremotetv._tcp", 49155, &["ModelName=Apple TV", "Name={host}"]),
        ],
        browses: &["_homekit._tcp.local"],
        dhcpv6: Some(""),
        ports: &[(7000, Http("AirTunes/760.20.1")), (3689, Silent)],
        ..SPEAKING
    },
    Kind {
        name: "homepod",
        services: &[
            service(
                "_airplay._tcp",
                7000,
                &["deviceid={Mac}", "model=AudioAccessory5,1", "srcvers=760.20.1", "osvers=17.4"],
            ),
            service("_hap._tcp", 49156, &["md=HomePod mini", "ci=2", "sf=1", "id={Mac}"]),
        ],
        dhcpv6: Some(""),
        ports: &[(7000, Http("AirTunes/760.20.1"))],
        ..SPEAKING
    },
    Kind {
        name: "hp-printer",
        services: &[
            Service {
                kind: "_ipp._tcp",
                instance: "HP LaserJet Pro M404dn [{MAC}]",
                port: 631,
                txt: HP_TXT,
            },
            Service {
                kind: "_pdl-datastream._tcp",
                instance: "HP LaserJet Pro M404dn [{MAC}]",
                port: 9100,
                txt: HP_TXT,
            },
            Service {
                kind: "_http._tcp",
                instance: "HP LaserJet Pro M404dn [{MAC}]",
                port: 80,
                txt: &[],
            },
        ],
        ssdp: Some(Ssdp {
            server: "HP-ChaiSOE/1.0 UPnP/1.0 HP LaserJet Pro M404dn",
            target: "urn:schemas-upnp-org:device:Printer:1",
            location: "http://{ip}:80/upnp/device.xml",
        }),
        llmnr: true,
        netbios: true,
        ports: &[
            (80, Http("HP HTTP Server; HP LaserJet Pro M404dn")),
            (515, Silent),
            (631, Http("HP HTTP Server")),
            (9100, Silent),
        ],
        ..SPEAKING
    },
    Kind {
        name: "brother-printer",
        services: &[
            Service {
                kind: "_ipp._tcp",
                instance: "Brother HL-L2350DW series",
                port: 631,
                txt: BROTHER_TXT,
            },
            Service {
                kind: "_printer._tcp",
                instance: "Brother HL-L2350DW series",
                port: 515,
                txt: BROTHER_TXT,
            },
        ],
        llmnr: true,
        netbios: true,
        ports: &[
            (80, Http("debut/1.30")),
            (515, Silent),
            (631, Http("debut/1.30")),
            (9100, Silent),
        ],
        ..SPEAKING
    },
    Kind {
        name: "nas",
        services: &[
            service("_smb._tcp", 445, &[]),
            service(
                "_adisk._tcp",
                9,
                &["sys=waMa={Mac},adVF=0x100", "dk0=adVN=TimeMachine,adVF=0x82"],
            ),
            service(
                "_http._tcp",
                5000,
                &[
                    "vendor=Synology",
                    "model=DS920+",
                    "serial=2040SBR000001",
                    "version_major=7",
                    "admin_port=5000",
                    "secure_admin_port=5001",
                    "mac_address={mac}",
                ],
            ),
            service("_device-info._tcp", 0, &["model=Xserve"]),
        ],
        ssdp: Some(Ssdp {
            server: "Synology/DSM/{ip}",
            target: "urn:schemas-upnp-org:device:Basic:1",
            location: "http://{ip}:5000/ssdp/desc-DSM-eth0.xml",
        }),
        llmnr: true,
        netbios: true,
        ports: &[
            (22, Text("SSH-2.0-OpenSSH_8.2\r\n")),
            (80, Http("nginx")),
            (139, Silent),
            (445, Silent),
            (548, Silent),
            (5000, Http("nginx")),
            (5001, Silent),
        ],
        ..SPEAKING
    },
    Kind {
        name: "qnap-nas",
        services: &[
            service("_smb._tcp", 445, &[]),
            service(
                "_qdiscover._tcp",
                8080,
                &[
                    "accessType=http",
                    "accessPort=8080",
                    "model=TS-X53D",
                    "displayModel=TS-253D",
                    "fwVer=5.1.5",
                ],
            ),
        ],
        ssdp: Some(Ssdp {
            server: "Linux/5.10.60 UPnP/1.0 QNAP/5.1.5",
            target: "urn:schemas-upnp-org:device:MediaServer:1",
            location: "http://{ip}:8200/rootDesc.xml",
        }),
        netbios: true,
        ports: &[
            (22, Text("SSH-2.0-OpenSSH_8.0\r\n")),
            (139, Silent),
            (445, Silent),
            (8080, Http("http server 1.0")),
        ],
        ..SPEAKING
    },
    Kind {
        name: "samsung-tv",
        services: &[service(
            "_airplay._tcp",
            7000,
            &[
                "deviceid={Mac}",
                "features=0x7F8AD0,0x38BCF46",
                "manufacturer=Samsung",
                "model=QE55Q80AATXXC",
                "srcvers=377.40.00",
            ],
        )],
        ssdp: Some(Ssdp {
            server: "SHP, UPnP/1.0, Samsung UPnP SDK/1.0",
            target: "urn:samsung.com:device:RemoteControlReceiver:1",
            location: "http://{ip}:9197/dmr",
        }),
        ports: &[
            (7000, Http("AirTunes/377.40.00")),
            (8001, Http("WebServer")),
            (8002, Silent),
            (9197, Http("SHP, UPnP/1.0, Samsung UPnP SDK/1.0")),
        ],
        ..SPEAKING
    },
    Kind {
        name: "lg-tv",
        services: &[
            service(
                "_airplay._tcp",
                7000,
                &["deviceid={Mac}", "manufacturer=LG", "model=OLED55C14LB", "srcvers=377.30.01"],
            ),
            service("_hap._tcp", 49157, &["md=OLED55C14LB", "ci=31", "id={Mac}"]),
        ],
        ssdp: Some(Ssdp {
            server: "WebOS/6.0.0 UPnP/1.0",
            target: "urn:lge-com:service:webos-second-screen:1",
            location: "http://{ip}:1958/",
        }),
        ports: &[(3000, Http("WebOS")), (3001, Silent), (7000, Http("AirTunes/377.30.01"))],
        ..SPEAKING
    },
    Kind {
        name: "chromecast",
        services: &[Service {
            kind: "_googlecast._tcp",
            instance: "Chromecast-{mac}",
            port: 8009,
            txt: &[
                "id={mac}00000000",
                "ve=05",
                "md=Chromecast",
                "ic=/setup/icon.png",
                "fn=Bedroom TV",
                "ca=201221",
                "st=0",
                "nf=1",
            ],
        }],
        ssdp: Some(Ssdp {
            server: "Linux/3.8.13+, UPnP/1.0, Portable SDK for UPnP devices/1.6.18",
            target: "urn:dial-multiscreen-org:service:dial:1",
            location: "http://{ip}:8008/ssdp/device-desc.xml",
        }),
        ports: &[(8008, Http("Chromecast")), (8009, Silent), (8443, Silent)],
        ..SPEAKING
    },
    Kind {
        name: "roku",
        services: &[service(
            "_airplay._tcp",
            7000,
            &["deviceid={Mac}", "manufacturer=Roku", "model=3960X", "srcvers=377.25.06"],
        )],
        ssdp: Some(Ssdp {
            server: "Roku/12.5.0 UPnP/1.0 Roku/12.5.0",
            target: "roku:ecp",
            location: "http://{ip}:8060/",
        }),
        ports: &[(7000, Silent), (8060, Http("Roku/12.5.0 UPnP/1.0 Roku/12.5.0"))],
        ..SPEAKING
    },
    Kind {
        name: "sonos",
        services: &[
            Service {
                kind: "_sonos._tcp",
                instance: "RINCON_{MAC}01400@Living Room",
                port: 1443,
                txt: &[
                    "info=/api/v1/players/RINCON_{MAC}01400/info",
                    "vers=3",
                    "protovers=1.37.3",
                    "mdnssequence=0",
                ],
            },
            Service {
                kind: "_spotify-connect._tcp",
                instance: "sonos{MAC}",
                port: 1400,
                txt: &["VERSION=1.0", "CPath=/spotifyzc"],
            },
        ],
        ssdp: Some(Ssdp {
            server: "Linux UPnP/1.0 Sonos/77.4-48230 (ZPS18)",
            target: "urn:schemas-upnp-org:device:ZonePlayer:1",
            location: "http://{ip}:1400/xml/device_description.xml",
        }),
        ports: &[(1400, Http("Linux UPnP/1.0 Sonos/77.4-48230 (ZPS18)")), (1443, Silent)],
        ..SPEAKING
    },
    Kind { name: "nintendo", ..MUTE },
    Kind { name: "playstation", ports: &[(9295, Silent)], ..MUTE },
    Kind { name: "unifi-ap", ports: &[(22, Text("SSH-2.0-dropbear\r\n"))], ..MUTE },
    Kind { name: "unifi-switch", ports: &[(22, Text("SSH-2.0-dropbear\r\n"))], ..MUTE },
    Kind {
        name: "hue-bridge",
        services: &[
            Service {
                kind: "_hue._tcp",
                instance: "Philips Hue - 6B92CF",
                port: 443,
                txt: &["bridgeid={mac}", "modelid=BSB002"],
            },
            Service {
                kind: "_hap._tcp",
                instance: "Philips Hue - 6B92CF",
                port: 8080,
                txt: &["md=BSB002", "ci=2", "id={Mac}"],
            },
        ],
        ssdp: Some(Ssdp {
            server: "Hue/1.0 UPnP/1.0 IpBridge/1.60.0",
            target: "urn:schemas-upnp-org:device:basic:1",
            location: "http://{ip}:80/description.xml",
        }),
        ports: &[(80, Http("nginx")), (443, Silent), (8080, Silent)],
        ..SPEAKING
    },
    Kind {
        name: "echo",
        services: &[Service {
            kind: "_amzn-wplay._tcp",
            instance: "amzn.dmgr:{MAC}",
            port: 43211,
            txt: &["n=Echo Dot", "t=2", "sp=43211"],
        }],
        ssdp: None,
        ports: &[(4070, Silent), (55443, Silent)],
        ..SPEAKING
    },
    Kind { name: "kindle", ..MUTE },
    Kind {
        name: "camera",
        ports: &[(80, Http("nginx")), (443, Silent), (554, Silent), (8000, Silent)],
        ..MUTE
    },
    Kind {
        name: "esp",
        services: &[service(
            "_esphomelib._tcp",
            6053,
            &["mac={mac}", "board=esp32dev", "platform=ESP32", "network=wifi", "version=2024.5.5"],
        )],
        ports: &[(80, Http("esphome")), (6053, Silent)],
        ..SPEAKING
    },
    Kind {
        name: "vacuum",
        services: &[Service {
            kind: "_miio._udp",
            instance: "{host}-s5_miio{mac}",
            port: 54321,
            txt: &["epoch=1", "mac={mac}"],
        }],
        ..SPEAKING
    },
];
