//! The router at a glance, its lines, its VPNs and its tools.

use askama::Template;
use panoptikon_web::view::router::*;
use panoptikon_web::view::*;

use super::{HOSTILE, Mood, NOW, ago, shell};

type Pages = Vec<(&'static str, askama::Result<String>)>;

fn around(mood: Mood, title: &str, path: &str) -> Shell {
    let mut shell = shell(mood, title, Some(Place::Router), path);
    let areas = [("Overview", "/router"), ("VPN", "/router/vpn"), ("Tools", "/router/tools")];
    shell.areas = areas.map(|(label, href)| tab(label, href, href == path)).into();
    shell
}

fn tab(label: &str, href: &str, current: bool) -> Tab {
    Tab { label: label.to_owned(), href: href.to_owned(), count: None, key: "", current }
}

fn field(mood: Mood, text: &str) -> Field {
    if mood == Mood::Hostile { Field::refused(HOSTILE, HOSTILE) } else { Field::new(text) }
}

fn empty(mood: Mood) -> Option<Empty> {
    mood.empty(1, Empty::new("lock", "Nothing yet", "Nothing.").with_action("Make one", "/router"))
}

fn texts(mood: Mood, all: &[&str]) -> Vec<String> {
    all.iter().take(mood.n(all.len())).map(|text| mood.t(text)).collect()
}

fn ranges() -> Vec<Tab> {
    vec![tab("Hour", "/router", true), tab("Day", "/router?range=day", false)]
}

/// A chart of two series, one with a gap.
fn lines(mood: Mood, id: &str, title: &str) -> Lines {
    let at = |minutes: usize| model::Timestamp(NOW.0 - 3_600_000 + 60_000 * minutes as i64);
    let n = mood.n(60);
    let wave = |i: usize| 12.0 + 4.0 * (i as f64 / 5.0).sin();
    let one = (0..n).map(|i| (at(i), wave(i))).collect();
    let other = (0..n).filter(|i| *i < 20 || *i > 30).map(|i| (at(i), wave(i + 9) / 3.0)).collect();
    let series = [(mood.t("1.1.1.1"), one), (mood.t("gateway"), other)];
    Lines::new(id, title, "ms", (at(0), NOW), 120_000, &series)
}

fn wan(mood: Mood, i: usize) -> WanView {
    let target = |name: &str, ip: &str| TargetLine {
        name: mood.t(name),
        ip: mood.t(ip),
        delay: "11.8 ms".to_owned(),
        jitter: "0.7 ms".to_owned(),
        loss: "0 %".to_owned(),
        tone: Tone::Ok,
        failure: if mood == Mood::Hostile { mood.t("") } else { String::new() },
    };
    WanView {
        name: if i == 0 { mood.t("pppoe0") } else { format!("eth{i}") },
        description: mood.t("Fibre"),
        tone: Tone::Ok,
        state: mood.t("fine"),
        since: Some(ago(7_200)),
        addresses: texts(mood, &["203.0.113.7/32", "2001:db8:1::7/64"]),
        gateways: texts(mood, &["203.0.113.1"]),
        rx: "83.4 Mbit/s".to_owned(),
        tx: "4.1 Mbit/s".to_owned(),
        targets: vec![target("Gateway", "203.0.113.1"), target("1.1.1.1", "1.1.1.1")],
        charts: vec![
            lines(mood, &format!("traffic-{i}"), "Traffic"),
            lines(mood, &format!("delay-{i}"), "Delay"),
        ],
        href: "/router/quality?line=pppoe0".to_owned(),
    }
}

fn overview(mood: Mood) -> OverviewPage {
    let gauge = |i: usize| Gauge {
        title: mood.t(["Processor", "Memory", "Temperature", "Disk /"][i % 4]),
        id: format!("gauge-{i}"),
        value: "23 %".to_owned(),
        note: mood.t("Load 0.21, 0.18, 0.12 over 1, 5 and 15 min"),
        tone: [Tone::Ok, Tone::Warn, Tone::Bad][i % 3],
        percent: (i % 2 == 1).then_some(23),
        spark: i.is_multiple_of(2).then(|| Sparkline::new(&[1.0, 5.0, 2.0], "percent")),
    };
    let change = |i: usize| ChangeRow {
        number: i as i64,
        at: ago(400 * i as u64),
        actor: mood.t("robert"),
        address: mood.t("192.168.1.20"),
        why: mood.t("Port forward to the NAS"),
        state: "kept",
        tone: Tone::Ok,
        commands: "4".to_owned(),
    };
    OverviewPage {
        shell: around(mood, "Router", "/router"),
        name: mood.t("gw"),
        uptime: "12 d 4 h".to_owned(),
        missing: if mood == Mood::Hostile { mood.t("") } else { String::new() },
        link: LinkView {
            tone: if mood == Mood::Empty { Tone::Bad } else { Tone::Ok },
            state: mood.t("API answers"),
            text: if mood == Mood::Many { String::new() } else { mood.t("It does not answer.") },
            abilities: texts(mood, &["configuration", "op-mode", "commit-confirm"]),
        },
        gauges: (0..mood.n(5)).map(gauge).collect(),
        minutes: (0..mood.n(4)).map(|i| lines(mood, &format!("minutes-{i}"), "Load")).collect(),
        wans: (0..mood.n(2)).map(|i| wan(mood, i)).collect(),
        no_wans: empty(mood),
        ranges: ranges(),
        // They stand in the place of the minutes.
        past: (0..usize::from(mood == Mood::Hostile))
            .map(|i| lines(mood, &format!("past-{i}"), "Memory"))
            .collect(),
        facts: vec![("Version".to_owned(), mood.t("VyOS 1.5-rolling-202410060007"))],
        changes: (0..mood.n(5)).map(change).collect(),
        saved: (mood != Mood::Empty).then_some(mood == Mood::Many),
    }
}

fn quality(mood: Mood) -> QualityPage {
    QualityPage {
        shell: around(mood, "Quality of the line", "/router/quality"),
        ranges: ranges(),
        lines: texts(mood, &["pppoe0", "eth3"]).iter().map(|n| tab(n, "/router", false)).collect(),
        name: mood.t("pppoe0"),
        now: (mood != Mood::Empty).then(|| wan(mood, 0)),
        charts: (0..mood.n(4)).map(|i| lines(mood, &format!("chart-{i}"), "Delay")).collect(),
        empty: empty(mood),
        form: QualityForm {
            enabled: true,
            targets: field(mood, "1.1.1.1\n9.9.9.9"),
            interval: field(mood, "10"),
            pings: field(mood, "5"),
            loss: field(mood, "20"),
            rtt: field(mood, "250"),
        },
    }
}

fn vpn(mood: Mood) -> VpnPage {
    let key = "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=";
    let peer = |i: usize| PeerView {
        name: mood.t(["anna-phone", "laptop", "office"][i % 3]),
        description: mood.t("Anna's phone"),
        tone: Tone::Ok,
        state: mood.t("connected"),
        handshake: Some(ago(40)),
        endpoint: mood.t("198.51.100.23:51820"),
        allowed: texts(mood, &["10.9.0.2/32", "fd00:9::2/128"]),
        rx: "1.2 GiB".to_owned(),
        tx: "310 MiB".to_owned(),
        href: "/router/vpn/peer?interface=wg0&peer=x".to_owned(),
    };
    let interface = |i: usize| WgView {
        name: if i == 0 { mood.t("wg0") } else { format!("wg{i}") },
        description: mood.t("Home from anywhere"),
        tone: Tone::Ok,
        state: mood.t("running"),
        addresses: texts(mood, &["10.9.0.1/24"]),
        port: "51820, UDP".to_owned(),
        public_key: mood.t(key),
        peers: (0..mood.n(8)).map(peer).collect(),
        href: "/router/vpn/interface?interface=wg0".to_owned(),
        client_href: "/router/vpn/client?interface=wg0".to_owned(),
        peer_href: "/router/vpn/peer?interface=wg0".to_owned(),
    };
    let other = |i: usize| OtherVpn {
        name: mood.t(["vtun0", "office"][i % 2]),
        description: mood.t("To the office"),
        kind: mood.t("OpenVPN, server, udp"),
        tone: Tone::Ok,
        state: mood.t("up"),
        ends: texts(mood, &["on all addresses port 1194", "10.8.0.0/24"]),
        lines: texts(mood, &["anna (10.8.0.6) from 198.51.100.23:40000: 1.2 MiB in, 3 MiB out"]),
        on: [Some(true), Some(false), None][i % 3],
        client: i == 0,
    };
    VpnPage {
        shell: around(mood, "VPN", "/router/vpn"),
        missing: texts(mood, &["Who is connected by WireGuard is not known: no wg."]),
        wireguard: (0..mood.n(2)).map(interface).collect(),
        empty: empty(mood),
        others: (0..mood.n(4)).map(other).collect(),
    }
}

fn client(mood: Mood) -> ClientForm {
    ClientForm {
        name: field(mood, ""),
        addresses: field(mood, "10.9.0.2/32"),
        key: field(mood, ""),
        endpoint: field(mood, "gw.example.org"),
        dns: field(mood, "10.9.0.1"),
        routes: field(mood, "0.0.0.0/0\n::/0"),
        keepalive: field(mood, "25"),
    }
}

fn vpn_forms(mood: Mood) -> Pages {
    let said = if mood == Mood::Hostile { mood.t("") } else { String::new() };
    let old = if mood == Mood::Empty { String::new() } else { mood.t("wg0") };
    let interface = WgPage {
        shell: around(mood, "A new WireGuard interface", "/router/vpn/interface"),
        old: old.clone(),
        said: said.clone(),
        name: field(mood, "wg1"),
        description: field(mood, ""),
        addresses: field(mood, "10.9.0.1/24"),
        port: field(mood, "51820"),
        mtu: field(mood, ""),
        enabled: true,
        client: client(mood),
    };
    let peer = PeerPage {
        shell: around(mood, "A peer of wg0", "/router/vpn/peer"),
        interface: mood.t("wg0"),
        old,
        said: said.clone(),
        name: field(mood, "office"),
        description: field(mood, ""),
        public_key: field(mood, ""),
        allowed: field(mood, "192.168.50.0/24"),
        endpoint: field(mood, ""),
        port: field(mood, ""),
        keepalive: field(mood, ""),
        enabled: true,
    };
    let new = ClientPage {
        shell: around(mood, "A new client of wg0", "/router/vpn/client"),
        interface: mood.t("wg0"),
        said,
        client: client(mood),
    };
    let ready = ClientReadyPage {
        shell: around(mood, "anna-phone is ready", "/router/vpn/client"),
        name: mood.t("anna-phone"),
        config: mood.t("[Interface]\nAddress = 10.9.0.2/32\n"),
        qr: (mood != Mood::Empty).then(|| Qr::new("[Interface]", mood.t("a code"))).flatten(),
        plan: "/router/plans/x".to_owned(),
    };
    let file = OpenVpnPage {
        shell: around(mood, "A client of an OpenVPN server", "/router/vpn/openvpn"),
        said: if mood == Mood::Hostile { mood.t("") } else { String::new() },
        problems: texts(mood, &["Line 3: `up` lets OpenVPN run or load other programs."]),
        name: field(mood, "vtun0"),
        description: field(mood, ""),
        username: field(mood, "anna"),
        password_said: if mood == Mood::Hostile { mood.t("") } else { String::new() },
        routes: false,
    };
    let line = |i: usize| FateLine {
        line: i + 1,
        directive: mood.t(["remote", "dhcp-option"][i % 2]),
        tone: [Tone::Ok, Tone::Quiet][i % 2],
        fate: mood.t(["a setting of the router", "left out"][i % 2]),
        text: mood.t("A server to connect to."),
    };
    let read = OpenVpnReadPage {
        shell: around(mood, "What becomes of the file: vtun0", "/router/vpn/openvpn"),
        lines: (0..mood.n(12)).map(line).collect(),
        options: texts(mood, &["remote-cert-tls server", "route-nopull"]),
        plan: "/router/plans/x".to_owned(),
    };
    vec![
        ("router-vpn-interface", interface.render()),
        ("router-vpn-peer", peer.render()),
        ("router-vpn-client", new.render()),
        ("router-vpn-ready", ready.render()),
        ("router-vpn-openvpn", file.render()),
        ("router-vpn-read", read.render()),
    ]
}

fn pages_of_tools() -> Vec<Tab> {
    vec![tab("Network", "/router/tools", true), tab("Speed", "/router/tools/speed", false)]
}

fn tools(mood: Mood, tool: &str) -> ToolsPage {
    ToolsPage {
        shell: around(mood, "Tools", "/router/tools"),
        tools: pages_of_tools(),
        kinds: vec![tab("Ping", "/router/tools?tool=ping", true)],
        form: ToolForm {
            tool: tool.to_owned(),
            target: field(mood, "example.org"),
            family: Choice::list([("", "either")], ""),
            interface: Choice::list([(mood.t("eth0"), mood.t("eth0"))], ""),
            count: field(mood, "4"),
            size: field(mood, "56"),
            hops: field(mood, "30"),
            port: field(mood, "443"),
            kind: Choice::list([("A", "A")], "A"),
            server: field(mood, ""),
        },
        said: if mood == Mood::Hostile { mood.t("") } else { String::new() },
        lines: texts(mood, &["Ping to 192.0.2.1", "  1  1.23 ms, 56 bytes, ttl 63"]),
    }
}

fn connections(mood: Mood) -> ConnectionsPage {
    let end = |address: &str| EndView {
        address: mood.t(address),
        device: Some(mood.link("diskstation", "/devices/5")),
        translated: mood.t("203.0.113.7:40213"),
    };
    let row = |i: usize| ConnectionRow {
        protocol: "tcp".to_owned(),
        ends: [end("192.168.1.20:51234"), end("198.51.100.9:443")],
        state: "established".to_owned(),
        tone: Tone::Ok,
        sent: "1.2 MiB".to_owned(),
        received: "33 MiB".to_owned(),
        left: "4 d 23 h".to_owned(),
        offloaded: i == 1,
    };
    ConnectionsPage {
        shell: around(mood, "Connections", "/router/tools"),
        tools: pages_of_tools(),
        total: "1 204 of at most 262 144 connections".to_owned(),
        percent: Some(1),
        counts: vec![Tab { count: Some("812".to_owned()), ..tab("tcp", "/router", true) }],
        address: field(mood, ""),
        port: field(mood, ""),
        protocols: Choice::list([("", "any")], ""),
        states: Choice::list([("", "any")], ""),
        orders: Choice::list([("", "most bytes")], ""),
        only_nat: mood == Mood::One,
        notes: texts(mood, &["The kernel counts no bytes."]),
        rows: (0..mood.n(50)).map(row).collect(),
        empty: empty(mood),
        pager: Pager::default(),
    }
}

fn speed_row(mood: Mood, i: usize) -> SpeedRow {
    SpeedRow {
        href: format!("/router/tools/speed/{i}"),
        at: ago(86_400 * i as u64 + 60),
        by: mood.t("robert"),
        server: mood.t("speed.example.org"),
        down: "941 Mbit/s".to_owned(),
        up: "52.1 Mbit/s".to_owned(),
        latency: "9.1 ms".to_owned(),
        jitter: "0.4 ms".to_owned(),
        loss: "0 %".to_owned(),
        failure: if i == 1 { mood.t("It took longer than 120 s.") } else { mood.t("") },
    }
}

fn device(mood: Mood) -> DevicePage {
    DevicePage {
        shell: around(mood, "Speed to this device", "/router/tools/device"),
        tools: pages_of_tools(),
        stream: "/router/tools/device/stream",
        sink: "/router/tools/device/sink",
        command: mood.t("curl -o /dev/null https://router.lan/router/tools/device/stream"),
    }
}

fn speed_test(mood: Mood) -> SpeedTestPage {
    SpeedTestPage {
        shell: around(mood, "Speed of the line", "/router/tools/speed"),
        row: speed_row(mood, 0),
        time: "2026-11-21 14:05:00".to_owned(),
        is_line: mood != Mood::Empty,
        provider: mood.t("provider.example, AS64500"),
        line_name: mood.t("c-7.dyn.provider.example"),
        seen_as: mood.t("203.0.113.9"),
    }
}

fn speed(mood: Mood) -> SpeedPage {
    let row = |i: usize| speed_row(mood, i);
    SpeedPage {
        shell: around(mood, "Speed of the line", "/router/tools"),
        tools: pages_of_tools(),
        last: (mood != Mood::Empty).then(|| row(0)),
        chart: (mood == Mood::Many).then(|| lines(mood, "speed-tests", "All tests")),
        rows: (0..mood.n(20)).map(row).collect(),
        empty: empty(mood),
        download: field(mood, "https://speed.example.org/down"),
        upload: field(mood, "https://speed.example.org/up"),
        latency: field(mood, "https://speed.example.org/"),
        streams: field(mood, "4"),
        seconds: field(mood, "8"),
        server: mood.t("speed.example.org"),
    }
}

pub(crate) fn pages(mood: Mood) -> Pages {
    let mut all = vec![
        ("router-overview", overview(mood).render()),
        ("router-quality", quality(mood).render()),
        ("router-vpn", vpn(mood).render()),
        ("router-tools-ping", tools(mood, "ping").render()),
        ("router-tools-trace", tools(mood, "trace").render()),
        ("router-tools-dns", tools(mood, "dns").render()),
        ("router-tools-port", tools(mood, "port").render()),
        ("router-connections", connections(mood).render()),
        ("router-speed", speed(mood).render()),
        ("router-device", device(mood).render()),
        ("router-speed-test", speed_test(mood).render()),
    ];
    all.extend(vpn_forms(mood));
    all
}
