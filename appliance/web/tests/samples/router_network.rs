//! Samples of the router's interfaces, routes, DHCP, DNS, services and containers.

use askama::Template;
use panoptikon_web::view::router::*;
use panoptikon_web::view::*;

use super::{Mood, NOW, ago, shell};

/// Rows of a long list.
const MANY: usize = 40;

impl Mood {
    fn texts(self, texts: &[&str]) -> Vec<String> {
        texts.iter().take(self.n(texts.len())).map(|text| self.t(text)).collect()
    }

    fn field(self, text: &str) -> Field {
        match self {
            Self::Hostile => Field::refused(self.t(text), self.t(text)),
            Self::Empty => Field::default(),
            _ => Field::new(text),
        }
    }

    fn of<T>(self, most: usize, make: impl Fn(usize) -> T) -> Vec<T> {
        (0..self.n(most)).map(make).collect()
    }

    fn choices(self) -> Vec<Choice> {
        Choice::list([("", "The usual"), ("1", "Another")], "")
            .into_iter()
            .map(|c| Choice { label: self.t(&c.label), ..c })
            .collect()
    }

    fn maybe(self, text: &str) -> String {
        if self == Self::Hostile { self.t(text) } else { String::new() }
    }
}

fn at(mood: Mood, title: &str, path: &str) -> Shell {
    let mut shell = shell(mood, title, Some(Place::Router), path);
    shell.areas = [("/router/interfaces", "Interfaces"), ("/router/dhcp", "DHCP")]
        .map(|(href, label)| Tab {
            label: label.to_owned(),
            href: href.to_owned(),
            count: None,
            key: "",
            current: path.starts_with(href),
        })
        .into();
    shell
}

fn empty(mood: Mood, most: usize) -> Option<Empty> {
    mood.empty(most, Empty::new("router", "Nothing here", "There is nothing."))
}

fn pager() -> Pager {
    Pager { shown: "40 of 40".to_owned(), ..Pager::default() }
}

fn interface(mood: Mood, n: usize) -> InterfaceRow {
    InterfaceRow {
        name: mood.t(&format!("eth{n}")),
        href: format!("/router/interfaces/eth{n}"),
        description: mood.t("LAN"),
        kind: mood.t("ethernet"),
        belongs: mood.texts(&["VLAN 7 on eth1", "in br0"]),
        state: "up".to_owned(),
        tone: Tone::Ok,
        addresses: mood.texts(&["192.168.1.1/24", "2001:db8:1:2:3:4:5:6/64"]),
        mtu: "1500".to_owned(),
        vrf: mood.maybe("blue"),
        rates: (n % 3 < 2).then(|| ("12 Mbit/s".to_owned(), "940 kbit/s".to_owned())),
        hour: n.is_multiple_of(2).then(|| Sparkline::new(&[1.0, 4.0, 2.0], "At most 4 Mbit/s")),
        configured: n % 4 < 3,
        disabled: n % 5 == 1,
        switchable: true,
    }
}

fn facts(mood: Mood) -> Vec<(&'static str, Vec<String>)> {
    vec![
        ("Gateway", mood.texts(&["192.168.1.1"])),
        ("Servers", mood.texts(&["9.9.9.9", "1.1.1.1"])),
    ]
}

fn words(mood: Mood) -> Vec<String> {
    mood.texts(&["ip adjust-mss clamp-mss-to-pmtu", "offload gro"])
}

fn interfaces(mood: Mood) -> Vec<(&'static str, askama::Result<String>)> {
    let list = InterfacesPage {
        shell: at(mood, "Interfaces", "/router/interfaces"),
        rows: mood.of(MANY, |n| interface(mood, n)),
        missing: mood.maybe("States may be old."),
        empty: empty(mood, MANY),
    };
    let chart = |id| Chart::new(id, "In", "Mbit/s", NOW, 30_000, vec![1.0, 3.0, 2.0]);
    let one = InterfacePage {
        shell: at(mood, "eth0", "/router/interfaces/eth0"),
        row: interface(mood, 0),
        facts: facts(mood),
        charts: if mood == Mood::Empty {
            Vec::new()
        } else {
            vec![chart("chart-rx"), chart("chart-tx")]
        },
        counters: vec![("Bytes", "12 GiB".to_owned(), "1.2 GiB".to_owned())],
        below: mood
            .of(3, |n| (mood.t(&format!("eth0.{n}")), format!("/router/interfaces/eth0.{n}"))),
        other: words(mood),
        form: (mood != Mood::Empty).then(|| InterfaceForm {
            description: mood.field("LAN"),
            mtu: mood.field("1500"),
            addresses: mood.field("192.168.1.1/24"),
            enabled: true,
            said: mood.maybe(""),
        }),
        missing: mood.maybe(""),
    };
    vec![("router-interfaces", list.render()), ("router-interface", one.render())]
}

fn routes(mood: Mood) -> Vec<(&'static str, askama::Result<String>)> {
    let tab = |label: &str| Tab {
        label: label.to_owned(),
        href: "/router/routes".to_owned(),
        count: None,
        key: "",
        current: label == "IPv4",
    };
    let list = RoutesPage {
        shell: at(mood, "Routes", "/router/routes"),
        query: Query::parse(
            "/router/routes",
            if mood == Mood::Hostile { "q=%22%3E%3Cscript%3E" } else { "" },
        ),
        tabs: vec![tab("IPv4"), tab("IPv6")],
        filters: vec![Filter::of(
            &Query::new("/router/routes"),
            "protocol",
            "Known by",
            [("bgp", "bgp")],
        )],
        rows: mood.of(MANY, |n| RouteRow {
            destination: mood.t(&format!("10.{n}.0.0/16")),
            is_default: n == 0,
            protocol: mood.t("static"),
            hops: mood.texts(&["192.168.1.2 on eth1", "192.168.1.3 on eth1"]),
            cost: "1/0".to_owned(),
            age: "2 d 4 h".to_owned(),
            state: "in use",
            tone: Tone::Ok,
        }),
        told: mood.maybe("These are the kernel's."),
        empty: empty(mood, MANY),
        pager: pager(),
    };
    let fixed = StaticRoutesPage {
        shell: at(mood, "Static routes", "/router/routes/static"),
        rows: mood.of(MANY, |n| StaticRow {
            destination: mood.t(&format!("10.{n}.0.0/16")),
            table: mood.t("in VRF blue"),
            table_value: mood.t(":blue"),
            description: mood.t("Office"),
            hops: mood.texts(&["192.168.1.2", "dropped, distance 254"]),
            other: words(mood),
            href: "/router/routes/static/edit?old=x".to_owned(),
        }),
        empty: empty(mood, MANY),
    };
    let edit = StaticRoutePage {
        shell: at(mood, "Static route", "/router/routes/static/edit"),
        old: mood.maybe("10.0.0.0/8"),
        old_table: mood.maybe(""),
        destination: mood.field("10.0.0.0/8"),
        tables: mood.choices(),
        table_error: mood.maybe(""),
        description: mood.field("Office"),
        kinds: mood.choices(),
        hops: (1..=mood.n(5) + 1)
            .map(|number| HopFields {
                number,
                gateway: mood.field("192.168.1.2"),
                interface: mood.field("eth1"),
                distance: mood.field("20"),
                disabled: number == 2,
                vrf: mood.maybe("blue"),
            })
            .collect(),
        hops_error: mood.maybe(""),
        distance: mood.field(""),
        interfaces: mood.texts(&["eth0", "eth1"]),
        said: mood.maybe(""),
    };
    vec![
        ("router-routes", list.render()),
        ("router-static-routes", fixed.render()),
        ("router-static-route", edit.render()),
    ]
}

fn dhcp_tabs() -> Vec<Tab> {
    ["Pools", "Leases"]
        .map(|label| Tab {
            label: label.to_owned(),
            href: "/router/dhcp".to_owned(),
            count: None,
            key: "",
            current: label == "Pools",
        })
        .into()
}

fn dhcp(mood: Mood) -> Vec<(&'static str, askama::Result<String>)> {
    let subnet = |n: usize| SubnetView {
        prefix: mood.t(&format!("192.168.{n}.0/24")),
        description: mood.t("Home"),
        disabled: n == 1,
        used: (n != 2).then_some(42),
        usage: mood.t("42 of 100 addresses given"),
        facts: facts(mood),
        other: words(mood),
        href: if n == 3 { String::new() } else { "/router/dhcp/pool?network=LAN".to_owned() },
    };
    let server = |n: usize| DhcpServerView {
        title: if n == 0 { "DHCP for IPv4" } else { "DHCP for IPv6" },
        state: "on",
        tone: Tone::Ok,
        notes: mood.texts(&["Listens on 192.168.1.1."]),
        networks: mood.of(2, |_| NetworkView {
            name: mood.t("LAN"),
            notes: mood.texts(&["Refuses addresses that other servers gave."]),
            subnets: mood.of(4, subnet),
            other: words(mood),
        }),
        other: words(mood),
    };
    let pools = DhcpPage {
        shell: at(mood, "DHCP", "/router/dhcp"),
        tabs: dhcp_tabs(),
        servers: mood.of(2, server),
        missing: mood.maybe("The leases are not known."),
        empty: empty(mood, 2),
    };
    let device = || Some((mood.t("Anna's phone"), "/devices/5".to_owned()));
    let leases = LeasesPage {
        shell: at(mood, "Leases", "/router/dhcp/leases"),
        tabs: dhcp_tabs(),
        query: Query::new("/router/dhcp/leases"),
        families: mood.choices(),
        states: mood.choices(),
        rows: mood.of(MANY, |n| LeaseRow {
            address: mood.t(&format!("192.168.1.{n}")),
            name: mood.t("annas-phone"),
            device: if n % 2 == 0 { device() } else { None },
            station: mood.t("02:00:00:00:00:01"),
            state: "given",
            tone: Tone::Ok,
            start: Some(ago(3_600)),
            end: Some(ago(0)),
            left: "1 h 4 min".to_owned(),
            pool: mood.t("LAN"),
            fix: if n % 3 == 0 {
                String::new()
            } else {
                "/router/dhcp/fixed/edit?name=x".to_owned()
            },
            fixed: n % 3 == 1,
        }),
        missing: mood.maybe(""),
        empty: empty(mood, MANY),
        pager: pager(),
    };
    let fixed = FixedPage {
        shell: at(mood, "Fixed addresses", "/router/dhcp/fixed"),
        tabs: dhcp_tabs(),
        rows: mood.of(MANY, |n| FixedRow {
            name: mood.t("printer"),
            description: mood.t("Laser printer"),
            address: if n == 2 { String::new() } else { mood.t("192.168.1.20") },
            station: mood.t("02:00:00:00:00:01"),
            device: device(),
            network: mood.t("LAN"),
            subnet: mood.t("192.168.1.0/24"),
            disabled: n == 1,
            conflicts: mood.texts(&["nas has the same address"]),
            other: words(mood),
            href: if n == 3 { String::new() } else { "/router/dhcp/fixed/edit?old=x".to_owned() },
        }),
        missing: mood.maybe(""),
        can_add: true,
        empty: empty(mood, MANY),
    };
    let edit = FixedEditPage {
        shell: at(mood, "Fixed address", "/router/dhcp/fixed/edit"),
        old: mood.maybe("printer"),
        place: mood.maybe("LAN 192.168.1.0/24"),
        subnets: mood.choices(),
        name: mood.field("printer"),
        mac: Some(mood.field("02:00:00:00:00:01")),
        duid: (mood != Mood::One).then(|| mood.field("")),
        address: mood.field("192.168.1.20"),
        prefix: (mood != Mood::One).then(|| mood.field("2001:db8:77::/56")),
        description: (mood != Mood::One).then(|| mood.field("Laser printer")),
        enabled: true,
        leased: mood == Mood::Hostile,
        said: mood.maybe(""),
    };
    let fields = PoolFields {
        ranges: mood.field("0 192.168.1.100 192.168.1.199"),
        excluded: Some(mood.field("")),
        lease: mood.field("86400"),
        default_router: Some(mood.field("192.168.1.1")),
        name_servers: mood.field("9.9.9.9"),
        domain_name: (mood != Mood::One).then(|| mood.field("home.arpa")),
        domain_search: mood.field(""),
        ntp_servers: (mood != Mood::One).then(|| mood.field("")),
        said: mood.maybe(""),
    };
    let pool = PoolPage {
        shell: at(mood, "DHCP", "/router/dhcp/pool"),
        network: mood.t("LAN"),
        subnet: mood.t("192.168.1.0/24"),
        new: None,
        fields: fields.clone(),
    };
    let new = PoolPage {
        shell: at(mood, "DHCP", "/router/dhcp/new"),
        network: String::new(),
        subnet: String::new(),
        new: Some(NewPool { network: mood.field("GUESTS"), subnet: mood.field("10.0.0.0/24") }),
        fields,
    };
    vec![
        ("router-dhcp", pools.render()),
        ("router-leases", leases.render()),
        ("router-fixed", fixed.render()),
        ("router-fixed-edit", edit.render()),
        ("router-pool", pool.render()),
        ("router-pool-new", new.render()),
    ]
}

fn dns(mood: Mood) -> Vec<(&'static str, askama::Result<String>)> {
    let row = |_| DnsRow {
        name: mood.t("office.example"),
        values: mood.texts(&["10.0.0.53", "10.0.0.54 port 5353"]),
        notes: mood.texts(&["its servers are resolvers"]),
        href: "/router/dns/domain?old=x".to_owned(),
    };
    let page = DnsPage {
        shell: at(mood, "DNS", "/router/dns"),
        facts: facts(mood),
        other: words(mood),
        domains: mood.of(5, row),
        hosts: mood.of(MANY, row),
        records: mood.of(5, |_| RecordRow {
            name: mood.t("nas.home.arpa"),
            kind: mood.t("A"),
            values: mood.texts(&["192.168.1.10"]),
        }),
        empty: empty(mood, 1),
    };
    let forwarder = DnsForwarderPage {
        shell: at(mood, "DNS", "/router/dns/forwarder"),
        listen: mood.field("192.168.1.1"),
        allow: mood.field("192.168.1.0/24"),
        servers: mood.field("9.9.9.9"),
        system: true,
        cache: mood.field("10000"),
        dnssec: mood.choices(),
        said: mood.maybe(""),
    };
    let domain = DnsDomainPage {
        shell: at(mood, "DNS", "/router/dns/domain"),
        old: mood.maybe("x"),
        domain: mood.field("office.example"),
        servers: mood.field("10.0.0.53"),
        recursion: true,
        unsigned: false,
        said: mood.maybe(""),
    };
    let host = DnsHostPage {
        shell: at(mood, "DNS", "/router/dns/host"),
        old: mood.maybe("x"),
        name: mood.field("nas.lan"),
        addresses: mood.field("192.168.1.10"),
        aliases: mood.field("files.lan"),
        said: mood.maybe(""),
    };
    vec![
        ("router-dns", page.render()),
        ("router-dns-forwarder", forwarder.render()),
        ("router-dns-domain", domain.render()),
        ("router-dns-host", host.render()),
    ]
}

fn services(mood: Mood) -> Vec<(&'static str, askama::Result<String>)> {
    let list = ServicesPage {
        shell: at(mood, "Services", "/router/services"),
        rows: mood.of(12, |n| ServiceRow {
            label: mood.t("SSH"),
            name: mood.t("ssh"),
            state: "on",
            tone: Tone::Ok,
            ports: "22/tcp".to_owned(),
            listens: mood.texts(&["192.168.1.1", "eth1"]),
            allowed: mood.texts(&["192.168.1.0/24"]),
            notes: mood.texts(&["in VRF blue"]),
            other: words(mood),
            href: if n % 2 == 0 { "/router/services/ssh".to_owned() } else { String::new() },
            more: if n % 2 == 1 { "/router/dns".to_owned() } else { String::new() },
        }),
        board: super::router_monitor::board(mood),
        trouble: mood.maybe("The API does not answer."),
    };
    let ssh = SshPage {
        shell: at(mood, "SSH", "/router/services/ssh"),
        enabled: true,
        ports: mood.field("22"),
        listen: mood.field("192.168.1.1"),
        keys_only: false,
        said: mood.maybe(""),
    };
    let https = HttpsPage {
        shell: at(mood, "Web server", "/router/services/https"),
        port: mood.field("8443"),
        listen: mood.field("127.0.0.1"),
        allowed: mood.field(""),
        said: mood.maybe(""),
    };
    let ntp = NtpPage {
        shell: at(mood, "Time server", "/router/services/ntp"),
        servers: mood.field("time.example.org nts"),
        listen: mood.field(""),
        allowed: mood.field("192.168.1.0/24"),
        said: mood.maybe(""),
    };
    let containers = ContainersPage {
        shell: at(mood, "Containers", "/router/containers"),
        rows: mood.of(8, |n| ContainerRow {
            name: mood.t("web"),
            description: mood.t("A proxy"),
            state: mood.t("Up 3 hours"),
            tone: Tone::Ok,
            image: mood.t("docker.io/library/nginx:1.27"),
            facts: mood.texts(&["8080/tcp → 80", "at most 512 MB of memory"]),
            other: words(mood),
            disabled: (n != 1).then_some(n == 2),
        }),
        images: mood.of(4, |_| ImageRow {
            name: mood.t("docker.io/library/nginx:1.27"),
            size: "67 MiB".to_owned(),
            used: mood.texts(&["web"]),
        }),
        networks: mood.of(2, |_| (mood.t("inside"), mood.t("172.16.0.0/24"))),
        missing: mood.maybe("What runs is not known."),
        empty: empty(mood, 8),
    };
    vec![
        ("router-services-run", list.render()),
        ("router-ssh", ssh.render()),
        ("router-https", https.render()),
        ("router-ntp", ntp.render()),
        ("router-containers", containers.render()),
    ]
}

/// All of them, by name.
pub(super) fn pages(mood: Mood) -> Vec<(&'static str, askama::Result<String>)> {
    let all = [interfaces(mood), routes(mood), dhcp(mood), dns(mood), services(mood)];
    all.into_iter().flatten().collect()
}
