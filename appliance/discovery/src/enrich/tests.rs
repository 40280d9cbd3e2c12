use proptest::prelude::*;

use super::*;

const WINDOWS: &[u8] = &[1, 3, 6, 15, 31, 33, 43, 44, 46, 47, 119, 121, 249, 252];
const APPLE: &[u8] = &[1, 121, 3, 6, 15, 108, 114, 119, 252];
const MACOS: &[u8] = &[1, 121, 3, 6, 15, 108, 114, 119, 252, 95, 44, 46];
const ANDROID: &[u8] = &[1, 3, 6, 15, 26, 28, 51, 58, 59, 43, 114, 108];
const DEBIAN: &[u8] = &[1, 28, 2, 3, 15, 6, 119, 12, 44, 47, 26, 121, 42];
const NETWORK_MANAGER: &[u8] =
    &[1, 2, 6, 12, 15, 26, 28, 121, 3, 33, 40, 41, 42, 119, 249, 252, 17];
const BUSYBOX: &[u8] = &[1, 3, 6, 12, 15, 28, 42];
const LWIP: &[u8] = &[1, 3, 28, 6];

/// One device, in the order in which it is easiest to read.
#[derive(Default, Clone, Copy)]
#[allow(clippy::struct_excessive_bools)] // each is a fact of its own
struct Device {
    what: &'static str,
    vendor: &'static str,
    random: bool,
    class: &'static str,
    params: &'static [u8],
    name: &'static str,
    services: &'static [&'static str],
    txt: &'static [(&'static str, &'static str)],
    server: &'static str,
    target: &'static str,
    ttl: u8,
    netbios: bool,
    link: &'static str,
    bridge: bool,
    gateway: bool,
    /// Type, operating system, brand, model; empty for "must stay unknown", `?` for anything.
    expected: [&'static str; 4],
}

impl Device {
    fn evidence(self) -> Evidence {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Evidence {
            vendor: some(self.vendor),
            randomised_mac: self.random,
            hostnames: Vec::new(),
            dhcp: Dhcp {
                hostname: some(self.name),
                vendor_class: some(self.class),
                parameters: self.params.to_vec(),
            },
            dhcp6_vendor_class: None,
            mdns: Mdns {
                services: self.services.iter().map(|s| (*s).to_owned()).collect(),
                txt: self.txt.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
            },
            ssdp: Ssdp {
                servers: some(self.server).into_iter().collect(),
                targets: some(self.target).into_iter().collect(),
            },
            llmnr: self.netbios,
            netbios: self.netbios,
            ttl: (self.ttl != 0).then_some(self.ttl),
            link: (!self.link.is_empty()).then(|| Link {
                description: self.link.to_owned(),
                bridge: self.bridge,
                router: self.bridge,
                ..Link::default()
            }),
            is_gateway: self.gateway,
        }
    }
}

macro_rules! devices {
    ($({ $what:literal $(, $field:ident: $value:expr)* => $expected:expr })*) => {
        &[$(Device {
            what: $what, $($field: $value,)* expected: $expected,
            ..EMPTY
        }),*]
    };
}

const EMPTY: Device = Device {
    what: "",
    vendor: "",
    random: false,
    class: "",
    params: &[],
    name: "",
    services: &[],
    txt: &[],
    server: "",
    target: "",
    ttl: 0,
    netbios: false,
    link: "",
    bridge: false,
    gateway: false,
    expected: ["", "", "", ""],
};

#[rustfmt::skip] // one device a row, so that it reads as the table it is
const DEVICES: &[Device] = devices![
    { "iPhone with a private address", random: true, params: APPLE, name: "Johns-iPhone", ttl: 64
        => ["phone", "iOS", "Apple", ""] }
    { "iPhone that hides its name", random: true, params: APPLE
        => ["phone", "iOS", "Apple", ""] }
    { "iPhone with a model in mDNS", random: true, params: APPLE, name: "iPhone", services: &["_companion-link._tcp.local."], txt: &[("rpMd", "iPhone15,4")]
        => ["phone", "iOS", "Apple", "iPhone 15"] }
    { "iPad", vendor: "Apple", params: APPLE, name: "iPad-von-Anna", txt: &[("model", "iPad13,16")]
        => ["tablet", "iPadOS", "Apple", "iPad Air (5th generation)"] }
    { "iPad known by its model only", random: true, params: APPLE, txt: &[("model", "iPad14,1")]
        => ["tablet", "iPadOS", "Apple", "iPad mini (6th generation)"] }
    { "MacBook", vendor: "Apple", params: MACOS, name: "Annas-MacBook-Pro", services: &["_companion-link._tcp", "_airplay._tcp"], txt: &[("model", "MacBookPro18,3@ECOLOR=1")]
        => ["laptop", "macOS", "Apple", "MacBook Pro (14-inch, 2021)"] }
    { "Mac mini without a telling name", vendor: "Apple", params: MACOS, name: "studio", txt: &[("model", "Macmini9,1")]
        => ["desktop", "macOS", "Apple", "Mac mini (M1, 2020)"] }
    { "MacBook on a USB adaptor", vendor: "Realtek Semiconductor", params: MACOS, name: "work", txt: &[("model", "Mac14,2")]
        => ["laptop", "macOS", "Apple", "MacBook Air (13-inch, M2, 2022)"] }
    { "Mac that shares a printer", vendor: "Apple", params: MACOS, name: "studio", services: &["_companion-link._tcp", "_ipp._tcp"]
        => ["laptop", "macOS", "Apple", ""] }
    { "Apple TV", vendor: "Apple", params: APPLE, name: "Wohnzimmer", services: &["_airplay._tcp", "_raop._tcp", "_mediaremotetv._tcp"], txt: &[("model", "AppleTV6,2"), ("md", "0,1,2")]
        => ["tv", "tvOS", "Apple", "Apple TV 4K"] }
    { "HomePod mini", vendor: "Apple", params: APPLE, services: &["_airplay._tcp", "_raop._tcp"], txt: &[("am", "AudioAccessory5,1")]
        => ["speaker", "audioOS", "Apple", "HomePod mini"] }
    { "Windows computer", vendor: "Intel", class: "MSFT 5.0", params: WINDOWS, name: "DESKTOP-4F7G2K1", ttl: 128, netbios: true
        => ["desktop", "Windows", "", ""] }
    { "Windows laptop", vendor: "Intel", class: "MSFT 5.0", params: WINDOWS, name: "LAPTOP-8C7D1F2A", ttl: 128
        => ["laptop", "Windows", "", ""] }
    { "Windows computer with a fixed address", vendor: "ASUSTek Computer", ttl: 128, netbios: true
        => ["desktop", "Windows", "ASUS", ""] }
    { "Windows computer seen by SSDP", vendor: "Dell", server: "Microsoft-Windows/10.0 UPnP/1.0 UPnP-Device-Host/1.0"
        => ["desktop", "Windows", "Dell", ""] }
    { "Android phone with a private address", random: true, class: "android-dhcp-14", params: ANDROID
        => ["phone", "Android", "", ""] }
    { "Pixel", random: true, class: "android-dhcp-14", params: ANDROID, name: "Pixel-8"
        => ["phone", "Android", "Google", ""] }
    { "Galaxy tablet", vendor: "Samsung Electronics", class: "android-dhcp-13", name: "Galaxy-Tab-S8"
        => ["tablet", "Android", "Samsung", ""] }
    { "Galaxy phone", random: true, class: "android-dhcp-13", name: "Galaxy-S23-Ultra"
        => ["phone", "Android", "Samsung", ""] }
    { "Huawei phone", vendor: "Huawei Device", class: "HUAWEI:android:MAR", name: "HUAWEI_P30_lite"
        => ["phone", "Android", "Huawei", ""] }
    { "television with Android", vendor: "Sony", class: "android-dhcp-9", name: "BRAVIA-4K", services: &["_androidtvremote2._tcp", "_googlecast._tcp"], txt: &[("md", "BRAVIA 4K VH2")]
        => ["tv", "Android", "Sony", "?"] }
    { "Chromecast", vendor: "Google", params: BUSYBOX, services: &["_googlecast._tcp"], txt: &[("md", "Chromecast Ultra"), ("fn", "Wohnzimmer"), ("ca", "4101")]
        => ["tv", "Linux", "Google", "Chromecast Ultra"] }
    { "Nest Mini", vendor: "Google", services: &["_googlecast._tcp"], txt: &[("md", "Google Nest Mini"), ("fn", "Kitchen")]
        => ["speaker", "", "Google", "Google Nest Mini"] }
    { "LG television", vendor: "LG Electronics", name: "LGwebOSTV", server: "WebOS/4.1.0 UPnP/1.0", target: "urn:lge-com:service:webos-second-screen:1"
        => ["tv", "webOS", "LG", ""] }
    { "Samsung television", vendor: "Samsung Electronics", class: "udhcp 1.24.1", name: "Samsung", server: "SHP, UPnP/1.0, Samsung UPnP SDK/1.0", target: "urn:dial-multiscreen-org:service:dial:1"
        => ["tv", "Tizen", "Samsung", ""] }
    { "Roku", vendor: "Roku", name: "Roku-Ultra", server: "Roku/9.2.0 UPnP/1.0 Roku/9.2.0", target: "roku:ecp"
        => ["tv", "Roku OS", "Roku", ""] }
    { "Fire TV stick", vendor: "Amazon Technologies", class: "android-dhcp-9", name: "amazon-a1b2c3d4e", services: &["_amzn-wplay._tcp"]
        => ["tv", "Android", "Amazon", ""] }
    { "Sonos speaker", vendor: "Sonos", class: "udhcp 1.15.3", services: &["_sonos._tcp", "_spotify-connect._tcp"], server: "Linux UPnP/1.0 Sonos/70.3-35220 (ZPS9)"
        => ["speaker", "Linux", "Sonos", ""] }
    { "HP laser printer by DHCP", vendor: "Hewlett Packard", class: "Hewlett-Packard JetDirect", name: "NPI1A2B3C"
        => ["printer", "", "HP", ""] }
    { "HP printer that tells its model", vendor: "HP", class: "mfg=Hewlett Packard;typ=Printer;mod=HP LaserJet M404dn;ser=X;"
        => ["printer", "", "HP", "HP LaserJet M404dn"] }
    { "Brother printer", vendor: "Brother Industries", name: "BRW0123456789AB", services: &["_ipp._tcp", "_printer._tcp", "_pdl-datastream._tcp"], txt: &[("ty", "Brother HL-L2350DW series"), ("usb_MFG", "Brother")]
        => ["printer", "", "Brother", "Brother HL-L2350DW series"] }
    { "Epson printer", vendor: "Seiko Epson", name: "EPSON1A2B3C", ttl: 255
        => ["printer", "", "Epson", ""] }
    { "Canon printer by mDNS", vendor: "Canon", services: &["_ipp._tcp", "_uscan._tcp"], txt: &[("ty", "Canon TS5000 series")]
        => ["printer", "", "Canon", "Canon TS5000 series"] }
    { "Raspberry Pi", vendor: "Raspberry Pi Trading", class: "dhcpcd-9.4.1:Linux-6.1.21-v8+:aarch64:BCM2835", name: "raspberrypi"
        => ["server", "Linux", "Raspberry Pi", ""] }
    { "Debian server", vendor: "Super Micro Computer", params: DEBIAN, name: "ada"
        => ["server", "Linux", "Supermicro", ""] }
    { "Fedora laptop", vendor: "Intel", params: NETWORK_MANAGER, name: "ada-laptop"
        => ["laptop", "Linux", "", ""] }
    { "Linux host with containers that speaks LLDP", vendor: "Intel", link: "Debian GNU/Linux 12 (bookworm) Linux 6.1.0-18-amd64", bridge: true, name: "docker01"
        => ["server", "Linux", "", ""] }
    { "Chromebook", random: true, name: "Chromebook-of-Ben"
        => ["laptop", "ChromeOS", "Google", "Chromebook"] }
    { "Synology that shows itself as an Xserve", vendor: "Synology", params: BUSYBOX, name: "DiskStation", services: &["_smb._tcp", "_adisk._tcp"], txt: &[("model", "Xserve")]
        => ["nas", "DSM", "Synology", "DiskStation"] }
    { "QNAP", vendor: "QNAP Systems", name: "NAS1A2B3C", services: &["_qdiscover._tcp"]
        => ["nas", "QTS", "QNAP", ""] }
    { "Samba that shows itself as a Time Capsule", vendor: "Intel", services: &["_adisk._tcp", "_smb._tcp"], txt: &[("model", "TimeCapsule6,106")]
        => ["nas", "", "", ""] }
    { "PlayStation 5", vendor: "Sony Interactive Entertainment", name: "PS5-123"
        => ["gaming", "PlayStation OS", "Sony", "PlayStation 5"] }
    { "Xbox", vendor: "Microsoft", class: "MSFT 5.0 XBOX", name: "XBOX"
        => ["gaming", "Xbox OS", "Microsoft", "Xbox"] }
    { "Nintendo Switch", vendor: "Nintendo", ttl: 64
        => ["gaming", "Unix-like", "Nintendo", ""] }
    { "Steam Deck", vendor: "AzureWave Technology", name: "steamdeck"
        => ["gaming", "SteamOS", "Valve", "Steam Deck"] }
    { "Shelly plug", vendor: "Espressif", params: LWIP, name: "shellyplus1-a8032ab636ec", services: &["_http._tcp", "_shelly._tcp"]
        => ["iot", "", "Shelly", ""] }
    { "bare ESP module", vendor: "Espressif", params: LWIP, name: "ESP_A1B2C3", ttl: 255
        => ["iot", "", "", ""] }
    { "ESPHome sensor", vendor: "Espressif", services: &["_esphomelib._tcp"]
        => ["iot", "ESPHome", "", ""] }
    { "Hue bridge", vendor: "Philips Lighting", services: &["_hue._tcp", "_hap._tcp"], txt: &[("md", "BSB002"), ("ci", "2")], server: "Hue/1.0 UPnP/1.0 IpBridge/1.60.0"
        => ["iot", "?", "Philips", "Hue Bridge"] }
    { "HomeKit camera", vendor: "Texas Instruments", services: &["_hap._tcp"], txt: &[("ci", "17"), ("md", "Netatmo Welcome")]
        => ["camera", "", "", "Netatmo Welcome"] }
    { "Axis camera", vendor: "Axis Communications", class: "AXIS,Network Camera,M3046-V,ACCC8E000000"
        => ["camera", "Linux", "Axis", "M3046-V"] }
    { "Hikvision camera", vendor: "Hangzhou Hikvision Digital Technology", ttl: 64
        => ["camera", "Linux", "Hikvision", ""] }
    { "Cisco switch", vendor: "Cisco Systems", link: "Cisco IOS Software, C2960X Software", bridge: true, ttl: 255
        => ["network", "Cisco IOS", "Cisco", ""] }
    { "UniFi access point", vendor: "Ubiquiti Networks", class: "ubnt", name: "U6-Lite"
        => ["network", "Linux", "Ubiquiti", ""] }
    { "Cisco telephone", vendor: "Cisco Systems", class: "Cisco Systems, Inc. IP Phone CP-8841", name: "SEP00112233AABB"
        => ["phone", "", "Cisco", "CP-8841"] }
    { "Yealink telephone", vendor: "Xiamen Yealink Network Technology", class: "yealink"
        => ["phone", "", "Yealink", ""] }
    { "FRITZ!Box that is the gateway", vendor: "AVM Audiovisuelles Marketing und Computersysteme", name: "fritz.box", gateway: true, ttl: 64
        => ["router", "FRITZ!OS", "AVM", "FRITZ!Box"] }
    { "a gateway that is also a Linux server", vendor: "Intel", params: DEBIAN, name: "server", gateway: true
        => ["router", "Linux", "", ""] }
    { "an unknown device with a Unix TTL", vendor: "Murata Manufacturing", ttl: 63
        => ["", "Unix-like", "", ""] }
    { "an unknown device with a private address", random: true, vendor: "Apple"
        => ["", "", "", ""] }
    { "a device of which nothing is known"
        => ["", "", "", ""] }
];

#[test]
fn devices_of_a_real_home_are_recognised() {
    assert!(DEVICES.len() >= 40);
    let mut wrong = Vec::new();
    for device in DEVICES {
        let identity = identify(&device.evidence());
        let text = |f: &Option<Finding<String>>| f.as_ref().map_or("", |f| &f.value).to_owned();
        let found = [
            identity.kind().map_or("", DeviceType::as_str).to_owned(),
            text(&identity.os_family),
            text(&identity.brand),
            text(&identity.model),
        ];
        let fits = found.iter().zip(device.expected).all(|(f, e)| e == "?" || f == e);
        if !fits {
            wrong.push(format!("{}: {found:?}, {:#?}", device.what, identity.because));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_conclusion_has_its_reason() {
    for device in DEVICES {
        let identity = identify(&device.evidence());
        let known = identity.source().is_some();
        assert_eq!(known, !identity.because.is_empty(), "{}", device.what);
        for reason in &identity.because {
            assert!(reason.contains(" says ") || reason.contains(" hints at "), "{reason}");
        }
        assert_eq!(known, identity.confidence > 0, "{}: {identity:?}", device.what);
    }
}

#[test]
fn reasons_read_as_sentences() {
    let evidence = Device { name: "Johns-iPhone", params: APPLE, ..EMPTY }.evidence();
    let identity = identify(&evidence);
    assert!(
        identity.because.contains(&"Host name \"Johns-iPhone\" says Apple, phone, iOS".to_owned()),
        "{:?}",
        identity.because
    );
}

#[test]
fn the_better_source_wins_each_field_by_itself() {
    // DHCP says the system, the host name the type, mDNS the model, the prefix nothing new.
    let evidence = Device {
        vendor: "Samsung Electronics",
        class: "android-dhcp-13",
        name: "SM-T870",
        txt: &[("model", "Samsung Tab")],
        ttl: 128,
        ..EMPTY
    }
    .evidence();
    let identity = identify(&evidence);
    let os = identity.os_family.unwrap();
    assert_eq!((os.value.as_str(), os.source), ("Android", Source::Dhcp));
    assert_eq!(identity.os_version.unwrap().value, "13");
    let kind = identity.device_type.unwrap();
    assert_eq!((kind.value, kind.source), (DeviceType::Tablet, Source::Hostname));
    assert_eq!(identity.model.unwrap().source, Source::Mdns);
}

#[test]
fn ttl_classes_are_those_of_the_book_and_override_nothing() {
    for (ttl, os, kind) in [
        (56, None, None),
        (57, Some("Unix-like"), None),
        (64, Some("Unix-like"), None),
        (65, None, None),
        (121, Some("Windows"), Some(DeviceType::Desktop)),
        (128, Some("Windows"), Some(DeviceType::Desktop)),
        (129, None, None),
        (248, None, Some(DeviceType::Network)),
        (255, None, Some(DeviceType::Network)),
    ] {
        let bare = identify(&Evidence { ttl: Some(ttl), ..Evidence::default() });
        assert_eq!((bare.os(), bare.kind()), (os, kind), "{ttl}");
        let mut known = Device { class: "MSFT 5.0", name: "ada-laptop", ..EMPTY }.evidence();
        let without = identify(&known);
        known.ttl = Some(ttl);
        let with = identify(&known);
        assert_eq!(
            (with.os_family, with.device_type, with.brand),
            (without.os_family, without.device_type, without.brand),
            "{ttl}"
        );
    }
}

#[test]
fn sources_that_agree_make_it_surer_and_one_against_less_sure() {
    let name = Device { name: "Johns-iPhone", ..EMPTY };
    let alone = identify(&name.evidence()).confidence;
    let agreed = identify(&Device { vendor: "Apple", params: APPLE, ..name }.evidence());
    let against = identify(&Device { vendor: "Roku", ..name }.evidence());
    assert!(agreed.confidence > alone, "{agreed:?}");
    assert!(against.confidence < alone, "{against:?}");
}

#[test]
fn types_survive_their_words() {
    for kind in DeviceType::ALL {
        assert_eq!(kind.as_str().parse(), Ok(*kind));
    }
    assert!("telly".parse::<DeviceType>().is_err());
}

fn any_evidence() -> impl Strategy<Value = Evidence> {
    let text = || {
        prop_oneof![
            3 => (0..DEVICES.len()).prop_map(|n| DEVICES[n].name.to_owned()),
            1 => any::<String>(),
        ]
    };
    let pairs = proptest::collection::vec(
        (prop_oneof![Just("model".to_owned()), Just("md".to_owned()), any::<String>()], text()),
        0..4,
    );
    (
        proptest::option::of(text()),
        any::<[bool; 4]>(),
        proptest::collection::vec(text(), 0..3),
        (proptest::option::of(text()), proptest::collection::vec(any::<u8>(), 0..16)),
        pairs,
        proptest::option::of(any::<u8>()),
        proptest::collection::vec(text(), 0..3),
    )
        .prop_map(
            |(vendor, [a, b, c, d], hostnames, (class, parameters), txt, ttl, servers)| Evidence {
                vendor,
                randomised_mac: a,
                hostnames,
                dhcp: Dhcp { hostname: None, vendor_class: class, parameters },
                mdns: Mdns { services: servers.clone(), txt },
                ssdp: Ssdp { servers, targets: Vec::new() },
                llmnr: b,
                netbios: c,
                ttl,
                is_gateway: d,
                ..Evidence::default()
            },
        )
}

proptest! {
    #[test]
    fn no_evidence_makes_it_panic_and_none_is_surer_than_sure(evidence in any_evidence()) {
        let identity = identify(&evidence);
        prop_assert!(identity.confidence <= 99);
        prop_assert!(identity.because.len() <= 6);
        prop_assert_eq!(identity.clone(), identify(&evidence));
    }

    #[test]
    fn a_gateway_is_a_router_whatever_else_it_shows(evidence in any_evidence()) {
        let identity = identify(&Evidence { is_gateway: true, ..evidence });
        prop_assert_eq!(identity.kind(), Some(DeviceType::Router));
    }
}
