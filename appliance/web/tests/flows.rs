//! Traffic on pages: day files as a collector writes them, and questions as people ask them.

#![allow(missing_docs, clippy::pedantic)]
#![allow(clippy::unwrap_used)] // helpers of tests, outside of #[test]

mod bed;
mod lan;

use access::Role;
use bed::{Bed, Browser, encode};
use flows::Flow;
use lan::{HOSTILE, Seed, seeded};
use model::Timestamp;

const MINUTE_MS: i64 = 60_000;

/// A flow of a minute that ended so many minutes ago.
fn flow(minutes: i64, from: &str, to: &str, ports: (u16, u16), bytes: u64) -> Flow {
    let end = Timestamp(Timestamp::now().0 - minutes * MINUTE_MS);
    Flow {
        start: Timestamp(end.0 - MINUTE_MS),
        end,
        source: from.parse().unwrap(),
        destination: to.parse().unwrap(),
        source_port: ports.0,
        destination_port: ports.1,
        protocol: 6,
        tcp_flags: 0x12,
        bytes,
        packets: bytes / 1_000 + 1,
        ..Flow::UNKNOWN
    }
}

/// Anna's phone (10.0.0.7) loads from 203.0.113.9, the NAS (10.0.0.8) sends to it, and an address
/// of ours that nobody knows looks up names.
async fn site() -> (Bed, Browser) {
    let seeds = [
        Seed { name: "annas-phone", ..Seed::number(7) },
        Seed { name: "diskstation", ..Seed::number(8) },
    ];
    let (bed, ada) = seeded(seeds).await;
    bed.keep_flows([
        flow(20, "10.0.0.7", "203.0.113.9", (50_000, 443), 1_048_576),
        flow(20, "203.0.113.9", "10.0.0.7", (443, 50_000), 9_437_184),
        flow(30, "10.0.0.8", "203.0.113.9", (50_001, 443), 2_097_152),
        flow(40, "10.0.0.99", "198.51.100.53", (50_002, 53), 1_024),
        flow(50, "10.0.0.7", "10.0.0.8", (50_003, 445), 4_194_304),
    ]);
    (bed, ada)
}

fn with(path: &str, fields: &[(&str, &str)]) -> String {
    format!("{path}?{}", encode(fields))
}

#[tokio::test]
async fn the_overview_names_devices_and_adds_up() {
    let (_bed, mut ada) = site().await;
    for range in ["1h", "", "7d", "30d", "1y"] {
        let page = ada.get(&with("/flows", &[("range", range)])).await.expect(200);
        // 1 + 9 + 2 MiB and 1 KiB with the Internet.
        page.says("<strong>12 MiB</strong> in all");
        page.says("<strong>9.0 MiB</strong> down");
        page.says("<strong>3.0 MiB</strong> up");
        page.says("annas-phone");
        page.says("id=\"by-device\"");
        page.says("As a table");
        page.says("href=\"/devices/7/traffic\"");
        page.says("https");
        // Remotes are in no sums: over long times the flows are not read for them.
        assert_eq!(page.body.contains("203.0.113.9"), ["1h", "", "7d"].contains(&range));
    }
    let local = ada.get("/flows?scope=local").await.expect(200);
    local.says("<strong>4.0 MiB</strong> in all");
    let router = ada.get("/flows?scope=router").await.expect(200);
    router.says("No traffic in this time");
}

#[tokio::test]
async fn without_flows_every_page_says_what_to_do() {
    let (_bed, mut ada) = seeded([Seed { name: "annas-phone", ..Seed::number(7) }]).await;
    for path in ["/flows", "/flows/explore", "/flows/list", "/flows/map", "/devices/7/traffic"] {
        let page = ada.get(path).await.expect(200);
        page.says("No traffic was recorded yet");
        page.says("href=\"/flows/sources\"");
    }
    let page = ada.get("/flows/sources").await.expect(200);
    page.says("Nothing is collected");
    page.says("None was heard");
    let page = ada.get("/flows/search?one=10.0.0.7").await.expect(200);
    page.says("Nobody can tell");
}

#[tokio::test]
async fn a_device_shows_its_own_traffic_and_no_other() {
    let (_bed, mut ada) = site().await;
    let page = ada.get("/devices/7/traffic").await.expect(200);
    page.says("<dt>Down</dt><dd>9.0 MiB</dd>");
    page.says("<dt>Up</dt><dd>1.0 MiB</dd>");
    page.says("<dt>With our own</dt><dd>4.0 MiB</dd>");
    page.says("203.0.113.9");
    assert!(!page.body.contains("198.51.100.53"));
    page.says("aria-current=\"page\">Traffic</a>");
    ada.get("/devices/7").await.expect(200).says("href=\"/devices/7/traffic\"");
    ada.get("/devices/4711/traffic").await.expect(404);
}

#[tokio::test]
async fn the_explorer_groups_narrows_and_leads_on() {
    let (_bed, mut ada) = site().await;
    let page = ada.get("/flows/explore").await.expect(200);
    page.says("annas-phone");
    page.says("Unknown");
    page.says("<dt>Flows</dt><dd>5</dd>");
    // A device leads to its remotes, a remote to its services.
    page.says("filter=host+10.0.0.7&#38;by=remote");
    let page = ada.get("/flows/explore?by=remote&filter=host+10.0.0.7").await.expect(200);
    page.says("filter=host+10.0.0.7+and+host+203.0.113.9&#38;by=service");
    page.says("<dt>Flows</dt><dd>3</dd>");
    for by in [
        "device",
        "remote",
        "service",
        "country",
        "as",
        "conversation",
        "local",
        "host",
        "source",
        "destination",
        "pair",
        "connection",
        "sport",
        "dport",
        "protocol",
        "in",
        "out",
        "nonsense",
    ] {
        for measure in ["bytes", "packets", "flows", "nonsense"] {
            let fields = [("by", by), ("measure", measure)];
            ada.get(&with("/flows/explore", &fields)).await.expect(200).says("Share");
        }
    }
}

#[tokio::test]
async fn a_filter_at_fault_points_at_the_column() {
    let (_bed, mut ada) = site().await;
    for path in ["/flows/explore", "/flows/list"] {
        let page =
            ada.get(&with(path, &[("filter", "dport 443 and colour red")])).await.expect(422);
        page.says("Column 15");
        page.says("dport 443 and colour red\n              ^");
        page.says("aria-describedby=\"e-filter\"");
        page.says("Nothing was asked");
        let page = ada.get(&with(path, &[("filter", HOSTILE)])).await.expect(422);
        assert!(!page.body.contains("<img src=x"), "{path}");
    }
    ada.get(&with("/flows/export", &[("filter", "colour")])).await.expect(422);
    let words = ada.get("/flows/filters").await.expect(200);
    for word in flows::filter::words() {
        words.says(&format!("<code>{}</code>", word.name));
    }
}

#[tokio::test]
async fn flows_are_listed_once_each_page_by_page() {
    let (bed, mut ada) = site().await;
    let many =
        (0..60).map(|n| flow(60 + n, "10.0.0.8", "192.0.2.200", (40_000 + n as u16, 22), 5_000));
    bed.keep_flows(many);
    let mut path = "/flows/list?filter=host+192.0.2.200".to_owned();
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..3 {
        let page = ada.get(&path).await.expect(200);
        for n in 0..60 {
            if page.body.contains(&format!(":{}<", 40_000 + n)) {
                assert!(seen.insert(n), "{n} twice");
            }
        }
        let Some(at) = page.body.find("rel=\"next\"") else { break };
        let href = &page.body[page.body[..at].rfind("href=\"").unwrap() + 6..at];
        path = href[..href.find('"').unwrap()].replace("&#38;", "&");
    }
    assert_eq!(seen.len(), 60);
    let none = ada.get("/flows/list?filter=host+192.0.2.77").await.expect(200);
    none.says("Nothing matches");
    ada.get("/flows/list?before=zz").await.expect(422);
}

#[tokio::test]
async fn a_search_says_yes_no_or_that_nobody_can_tell() {
    let (_bed, mut ada) = site().await;
    let page = ada.get("/flows/search?one=203.0.113.9").await.expect(200);
    page.says("Yes: 203.0.113.9 was seen");
    page.says("/flows/list?filter=nat+203.0.113.9");
    page.says("annas-phone");
    page.says("diskstation");
    let page = ada.get("/flows/search?one=10.0.0.7&other=203.0.113.9").await.expect(200);
    page.says("Yes: annas-phone and 203.0.113.9 talked");
    page.says("<strong>1.0 MiB</strong> sent");
    page.says("<strong>9.0 MiB</strong> received");
    let page = ada.get("/flows/search?one=10.0.0.99&other=203.0.113.9").await.expect(200);
    page.says("No: 10.0.0.99 and 203.0.113.9 were not seen to talk");
    page.says("Not sure");
    let page = ada.get("/flows/search?one=2001:db8::1&from=1&to=2").await.expect(200);
    page.says("Nobody can tell");
    let page = ada.get("/flows/search?one=10.0.0.300").await.expect(422);
    page.says("Give an IP address");
    ada.get("/flows/search").await.expect(200).says("Whom to look for?");
}

#[tokio::test]
async fn a_time_that_makes_no_sense_is_said_to_make_none() {
    let (_bed, mut ada) = site().await;
    for path in ["/flows", "/flows/explore", "/flows/list", "/flows/search", "/devices/7/traffic"] {
        let of =
            |from: &str, to: &str| with(path, &[("one", "10.0.0.7"), ("from", from), ("to", to)]);
        let future = ada.get(&of("32000000000000", "32000000060000")).await.expect(200);
        future.says("has not come yet");
        let page = ada.get(&of("2000", "1000")).await;
        if path != "/flows" && path != "/devices/7/traffic" {
            page.says("before it begins");
        }
        for (from, to) in
            [("soon", ""), ("", "999999999999999999"), ("<u>", "</u>"), ("-1", "\u{0}")]
        {
            let page = ada.get(&of(from, to)).await;
            assert!(matches!(page.status.as_u16(), 200 | 422), "{path} {}", page.status);
            assert!(!page.body.contains("<u>"));
        }
    }
}

#[tokio::test]
async fn files_hold_every_flow_in_each_format() {
    let (_bed, mut ada) = site().await;
    let csv = ada.get("/flows/export").await.expect(200);
    assert!(csv.header("content-disposition").contains(".csv"));
    assert_eq!(csv.body.lines().count(), 6);
    assert!(csv.body.contains(",203.0.113.9,10.0.0.7,443,50000,6,18,0,9437184,"));
    let json = ada.get("/flows/export?format=json&filter=port+443").await.expect(200).json();
    assert_eq!(json.as_array().unwrap().len(), 3);
    let lines = ada.get("/flows/export?format=ndjson").await.expect(200);
    for line in lines.body.lines() {
        let flow: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(flow["bytes"].as_u64().unwrap() > 0);
    }
    assert_eq!(lines.body.lines().count(), 5);
    let none = ada.get("/flows/export?format=json&filter=port+1").await.expect(200);
    assert_eq!(none.json(), serde_json::json!([]));
    ada.get("/flows/export?format=exe").await.expect(422);
}

#[tokio::test]
async fn whoever_is_signed_in_may_look_and_nobody_else() {
    let (bed, _ada) = site().await;
    let mut viewer = bed.person(Role::Viewer).await;
    let mut stranger = bed.browser();
    for path in [
        "/flows",
        "/flows/explore",
        "/flows/list",
        "/flows/search",
        "/flows/filters",
        "/flows/sources",
        "/devices/7/traffic",
    ] {
        viewer.get(path).await.expect(200);
        assert!(stranger.get(path).await.location().starts_with("/sign-in"), "{path}");
    }
}

/// A datagram of NetFlow 5 with one flow of 1 000 octets.
fn datagram() -> Vec<u8> {
    let now = Timestamp::now().as_secs() as u32;
    let head: [u32; 6] = [0x0005_0001, 100_000, now, 0, 0, 0];
    let record: [u32; 12] = [
        0x0a00_0007,
        0xcb00_7109,
        0,
        0x0002_0003,
        4,
        1_000,
        90_000,
        95_000,
        50_000 << 16 | 443,
        0x0012_0600,
        0,
        0,
    ];
    head.iter().chain(&record).flat_map(|word| word.to_be_bytes()).collect()
}

#[tokio::test]
async fn sources_say_who_exports_and_what_was_no_export_traffic() {
    let (bed, mut ada) = site().await;
    let free = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let at = free.local_addr().unwrap();
    drop(free);
    let options = flows::Options {
        source: flows::collect::Source::Exporters,
        listen: vec![at],
        exporters: flows::collect::Exporters::default(),
        keep: flows::days::Retention { days: 2, bytes: 1 << 30 },
        event_room: 1 << 20,
        memory: None,
    };
    bed.site.collectors.start(&options).unwrap();
    let exporter = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let heard = || {
        let udp = bed.site.collectors.status().udp.unwrap();
        udp.exporters.iter().any(|one| one.stats.flows > 0) && udp.unknown > 0
    };
    while !heard() {
        exporter.send_to(&datagram(), at).unwrap();
        exporter.send_to(b"hello", at).unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let page = ada.get("/flows/sources").await.expect(200);
    page.says("127.0.0.1");
    page.says("NetFlow v5");
    page.says("all packets");
    page.says("No export traffic");
    page.says(&at.to_string());
    bed.site.collectors.stop();
}

#[tokio::test]
async fn names_that_attack_are_only_shown() {
    let (bed, mut ada) = seeded([Seed { name: HOSTILE, ..Seed::number(7) }]).await;
    bed.keep_flows([flow(5, "10.0.0.7", "203.0.113.9", (1, 2), 1_000_000)]);
    for path in [
        "/flows",
        "/flows/explore",
        "/flows/list",
        "/flows/search?one=10.0.0.7",
        "/devices/7/traffic",
    ] {
        let page = ada.get(path).await.expect(200);
        assert!(
            !page.body.contains("<img src=x") && !page.body.contains("<script>alert"),
            "{path}"
        );
        page.says("onerror=alert(1)");
    }
}

#[tokio::test]
async fn places_are_named_changed_and_forgotten_by_who_may() {
    let (bed, mut ada) = site().await;
    let map = ada.get("/flows/map").await.expect(200);
    map.says("10.0.0.0/24");
    map.says("Elsewhere");
    map.says("No place in the world is known");
    let form = [
        ("id", ""),
        ("name", "Head office"),
        ("networks", "203.0.113.0/24\r\n2001:db8:7::/48"),
        ("latitude", "48.4"),
        ("longitude", "10"),
        ("description", "Third floor"),
        ("colour", "violet"),
    ];
    assert_eq!(ada.post("/flows/locations", &form).await.location(), "/flows/locations");
    let list = ada.get("/flows/locations").await.expect(200);
    list.says("<b class=\"place s3\"></b>Head office");
    list.says("203.0.113.0/24, 2001:db8:7::/48");
    ada.get("/flows/locations?edit=1").await.expect(200).says("value=\"48.4\"");
    let map = ada.get("/flows/map").await.expect(200);
    map.says("Head office");
    // 1 + 9 + 2 MiB went to and from it.
    map.says("<title>Head office: 12 MiB</title>");
    map.says("class=\"spot named s3\"");
    assert!(bed.audit().await.join("\n").contains("settings.change flows.locations"));

    for (name, value, said) in [
        ("name", "", "Give it a name"),
        ("networks", "", "1 to 64 networks"),
        ("networks", "10.0.0.0/33", "10.0.0.0/33 is no network"),
        ("networks", HOSTILE, "is no network"),
        ("latitude", "91", "Give degrees"),
        ("latitude", "NaN", "Give degrees"),
        ("longitude", "", "Give both"),
        ("colour", "hotpink", "Give one of blue"),
    ] {
        let fields: Vec<_> =
            form.iter().map(|(n, v)| if *n == name { (*n, value) } else { (*n, *v) }).collect();
        let page = ada.post("/flows/locations", &fields).await.expect(422);
        page.says(said);
        assert!(!page.body.contains("<img src=x"));
    }
    ada.post("/flows/locations", &form).await.expect(422).says("Another location has this name");
    let renamed: Vec<_> = form
        .iter()
        .map(|(n, v)| match *n {
            "id" => ("id", "1"),
            "name" => ("name", HOSTILE),
            _ => (*n, *v),
        })
        .collect();
    ada.post("/flows/locations", &renamed).await.location();
    for path in ["/flows/locations", "/flows/map", "/flows/locations/1/delete"] {
        let page = ada.get(path).await.expect(200);
        assert!(!page.body.contains("<img src=x") && !page.body.contains("Head office"), "{path}");
    }
    let mut viewer = bed.person(Role::Viewer).await;
    viewer.get("/flows/locations").await.expect(200).says("disabled");
    viewer.post("/flows/locations", &form).await.expect(403);
    viewer.post("/flows/locations/1/delete", &[]).await.expect(403);
    ada.post("/flows/locations/1/delete", &[]).await.location();
    ada.get("/flows/locations").await.expect(200).says("None yet");
    ada.get("/flows/locations/1/delete").await.expect(404);
}

#[tokio::test]
async fn remote_addresses_go_by_the_names_that_were_asked_for() {
    let (bed, mut ada) = site().await;
    let given = |name: &str, addresses: &[&str]| discovery::decode::Answers {
        name: name.to_owned(),
        addresses: addresses.iter().map(|text| text.parse().unwrap()).collect(),
    };
    let now = Timestamp::now();
    bed.site.discovery.hear_answers(&given("video.example.com", &["203.0.113.9"]), now);
    bed.site.discovery.hear_answers(&given(HOSTILE, &["198.51.100.53"]), now);
    for path in ["/flows?range=1h", "/flows/list", "/devices/7/traffic", "/flows/explore?by=remote"]
    {
        let page = ada.get(path).await.expect(200);
        page.says("video.example.com");
        page.says("203.0.113.9");
        assert!(!page.body.contains("<img src=x"), "{path}");
    }
    // A filter and a search take the name, and that of a domain above it.
    let page = ada.get(&with("/flows/list", &[("filter", "dst host example.com")])).await;
    let page = page.expect(200);
    page.says("2 flows");
    assert!(!page.body.contains("198.51.100.53"));
    let found = ada.get("/flows/search?one=video.example.com").await.expect(200);
    found.says("Yes: video.example.com was seen");
    let none = ada.get(&with("/flows/list", &[("filter", "host nobody.example")])).await;
    none.expect(422).says("a name that was asked for lately");
    ada.get("/flows/search?one=nobody.example").await.expect(422).says("asked for lately");
    bed.site.discovery.hear_answers(&given("two.example", &["192.0.2.1", "192.0.2.2"]), now);
    ada.get("/flows/search?one=two.example").await.expect(422).says("several addresses");
}

#[tokio::test]
async fn a_peer_of_a_vpn_goes_by_its_name_and_has_a_history_of_its_own() {
    let (bed, mut ada) = site().await;
    bed.keep_flows([
        flow(10, "10.200.0.7", "203.0.113.9", (50_000, 443), 3_145_728),
        flow(10, "203.0.113.9", "10.200.0.7", (443, 50_000), 5_242_880),
    ]);
    let number = bed::laptop().number();
    let href = format!("href=\"/flows/peers/{number}\"");
    let page = ada.get("/flows?range=1h").await.expect(200);
    page.says("annas-laptop");
    page.says(&href);
    ada.get("/flows/explore?by=device").await.expect(200).says("annas-laptop");
    let page = ada.get(&format!("/flows/peers/{number}")).await.expect(200);
    page.says("<h1>annas-laptop</h1>");
    page.says("<dt>Down</dt><dd>5.0 MiB</dd>");
    page.says("<dt>Up</dt><dd>3.0 MiB</dd>");
    page.says("203.0.113.9");
    ada.get("/flows/list?range=1h").await.expect(200).says("annas-laptop");
    ada.get("/flows/peers/-1").await.expect(404);
    ada.get("/flows/peers/anna").await.expect(404);
    ada.get("/flows/peers/7").await.expect(200).says("No traffic in this time");
}

#[tokio::test]
async fn towns_of_remote_addresses_stand_beside_them_on_every_page_and_in_files() {
    let (bed, mut ada) = site().await;
    bed.keep_flows([flow(5, "10.0.0.7", bed::IN_ULM, (50_000, 443), 70_000_000)]);
    let where_it_is = "Ulm, &#34;old &#60;b&#62;town&#34;, Baden-W\u{fc}rttemberg, Germany";
    for path in [
        "/flows?range=1h",
        "/flows/explore?by=remote",
        "/flows/explore?by=conversation",
        "/flows/explore?by=connection",
        "/flows/list",
        "/flows/search?one=192.0.2.88",
        "/flows/search?one=10.0.0.7",
        "/devices/7/traffic",
    ] {
        ada.get(path).await.expect(200).says(where_it_is).lacks("<b>town");
    }
    let csv = ada.get("/flows/export").await.expect(200);
    let head = csv.body.lines().next().unwrap();
    assert!(
        head.ends_with(",mirrored,source_country,source_city,destination_country,destination_city")
    );
    let line = csv.body.lines().find(|line| line.contains(bed::IN_ULM)).unwrap();
    assert!(line.ends_with(",,,DE,\"Ulm, \"\"old <b>town\"\"\""), "{line}");
    // Of others nothing is said.
    let others = csv.body.lines().filter(|line| !line.contains(bed::IN_ULM)).skip(1);
    assert!(others.clone().count() > 3 && others.clone().all(|line| line.ends_with(",,,,")));
    let flows = ada.get("/flows/export?format=json&filter=host+192.0.2.88").await.expect(200);
    let place = &flows.json()[0]["destination_place"];
    assert_eq!((&place["country"], &place["latitude"]), (&"DE".into(), &48.4.into()));
    assert!(flows.json()[0].get("source_place").is_none());
}

#[tokio::test]
async fn the_map_shows_months_and_takes_them_away_as_a_file() {
    let (_bed, mut ada) = site().await;
    let page = ada.get("/flows/map").await.expect(200);
    page.says("<h2>By month</h2>").says("href=\"/flows/months\"");
    let here = ada.get("/flows/months").await.expect(200);
    assert!(here.header("content-disposition").contains("traffic-by-month.csv"));
    for line in here.body.lines().skip(1) {
        let month = line.split(',').next().unwrap();
        page.says(&format!("<td>{month}</td>"));
    }
    assert!(here.body.lines().count() > 2);
    // Without flows in the time that is shown there are months all the same.
    let none = ada.get("/flows/map?range=1h&from=1000&to=2000").await.expect(200);
    none.says("No traffic in this time").says("<h2>By month</h2>");
}

#[tokio::test]
async fn the_sources_show_who_told_of_what() {
    let (bed, mut ada) = site().await;
    bed.keep_flows([Flow {
        sensor: "192.0.2.1".parse().unwrap(),
        packets: 5_000,
        ..flow(10, "10.0.7.1", "198.51.100.1", (1, 2), 70_000)
    }]);
    let page = ada.get("/flows/sources").await.expect(200);
    page.says("192.0.2.1").says("10.0.7.0/24").says("198.51.100.0/24").says("5\u{202f}000");
    // The router's own connections told of more packets than a thousand as well.
    page.says("Connections of this router").says("fewer than 1\u{202f}000 packets");
    page.lacks("198.51.100.53").lacks("<td>10.0.0.0/24</td><td>198.51.100.0/24</td>");
    let all = ada.get("/flows/sources?hours=1&min_packets=1").await.expect(200);
    all.says("<td>10.0.0.0/24</td><td>198.51.100.0/24</td>");
    let list = ada.get("/flows/list?filter=host+10.0.7.1").await.expect(200);
    list.says("told by 192.0.2.1");
}

#[tokio::test]
async fn what_is_told_of_twice_is_marked_in_lists_and_files_and_counted_once_in_the_explorer() {
    let (bed, mut ada) = site().await;
    let comes_in = Flow {
        sensor: "127.0.0.1".parse().unwrap(),
        direction: flows::Direction::Ingress,
        input: bed::LAN,
        output: 3,
        ..flow(5, "10.0.0.7", "192.0.2.44", (50_000, 443), 3_145_728)
    };
    let goes_out = Flow { direction: flows::Direction::Egress, ..comes_in };
    bed.keep_flows([comes_in, goes_out]);
    let list = ada.get("/flows/list?filter=host+192.0.2.44").await.expect(200);
    list.says("2 flows").says("told by 127.0.0.1");
    assert_eq!(list.body.matches("told of twice: not counted").count(), 1);
    let explorer = ada.get("/flows/explore?filter=host+192.0.2.44").await.expect(200);
    explorer.says("<dt>Flows</dt><dd>1</dd>").says("<dt>Bytes</dt><dd>3.0 MiB</dd>");
    let file = ada.get("/flows/export?format=json&filter=host+192.0.2.44").await.expect(200).json();
    let mirrored = file.as_array().unwrap().iter().filter(|flow| flow["mirrored"] == true);
    assert_eq!((mirrored.count(), file[0]["exporter"].as_str()), (1, Some("127.0.0.1")));
    let csv = ada.get("/flows/export?filter=host+192.0.2.44").await.expect(200);
    assert_eq!(csv.body.matches(",127.0.0.1,true,").count(), 1);
    assert_eq!(csv.body.matches(",127.0.0.1,,").count(), 1);
}
