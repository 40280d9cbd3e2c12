//! The router at a glance, the quality of its lines, and the tools that look further.

#![allow(missing_docs, clippy::pedantic)]
#![allow(clippy::unwrap_used)] // helpers of tests, outside of #[test]

mod bed;
#[path = "bed/router.rs"]
mod router;

use access::Role;
use axum::body::Body;
use axum::http::{Method, header};
use bed::{Answer, Bed, Browser, NAME, encode};
use router::{BOTH, RouterBed};

/// Sends a form as the script does, which shows lines as they come.
async fn stream(browser: &mut Browser, path: &str, fields: &[(&str, &str)]) -> Answer {
    let token = browser.token();
    let mut all = vec![("csrf", token.as_str())];
    all.extend_from_slice(fields);
    let request = browser
        .request(Method::POST, path)
        .header(header::ORIGIN, format!("https://{NAME}"))
        .header(header::ACCEPT, "text/x-lines")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from(encode(&all)))
        .unwrap();
    browser.send(request).await
}

const PING: [(&str, &str); 6] = [
    ("tool", "ping"),
    ("target", "127.0.0.1"),
    ("count", "1"),
    ("size", "56"),
    ("family", ""),
    ("interface", ""),
];

#[tokio::test]
async fn the_overview_tells_what_the_router_is() {
    for release in BOTH {
        let (bed, mut ada) = RouterBed::new(release).await;
        let mut status = bed.bed.site.router.status();
        status.wait_for(|status| status.abilities.is_some()).await.unwrap();
        let page = ada.get("/router").await.expect(200);
        page.says("API answers");
        page.says("<h2>Internet</h2>");
        page.says("Its API offers");
        page.says("aria-current=\"page\">Overview");
    }
}

#[tokio::test]
async fn the_overview_works_while_the_api_is_down() {
    let (bed, mut ada) = Bed::ready().await;
    let (_switch, ended) = tokio::sync::watch::channel(false);
    let system = bed.site.system.clone();
    tokio::spawn(async move { system.run(ended).await });
    let mut seen = bed.site.system.watch();
    seen.wait_for(|snapshot| snapshot.at != model::Timestamp::default()).await.unwrap();
    let page = ada.get("/router").await.expect(200);
    page.says("Memory");
    page.says("id=\"router-memory\"");
    page.says("Kernel");
}

#[tokio::test]
async fn the_routers_load_is_shown_over_a_year_as_far_as_it_was_measured() {
    let (bed, mut ada) = Bed::ready().await;
    let metrics = bed.site.system.metrics();
    let now = model::Timestamp::now();
    let day = std::time::Duration::from_secs(86_400);
    // Half a year ago and this hour.
    for (days, busy) in [(180, 61.0), (0, 62.0)] {
        let at = now.minus(day * days).minus(day / 24);
        metrics.record(at, system::CPU, "router", busy);
        metrics.record(at, system::LOAD, "router", busy / 100.0);
        metrics.flush(at, true).await.unwrap();
    }
    let page = ada.get("/router?range=year").await.expect(200);
    page.says("id=\"past-cpu\"").says("id=\"past-load\"").lacks("id=\"past-heat\"");
    page.says("<td>61</td>").says("<td>62</td>");
    page.says("aria-current=\"page\">Year");
    ada.get("/router?range=day").await.expect(200).says("<td>62</td>").lacks("<td>61</td>");
    ada.get("/router?range=nonsense").await.expect(200).lacks("<td>61</td>");
}

#[tokio::test]
async fn how_lines_are_watched_is_set_checked_and_noted() {
    let (bed, mut ada) = Bed::ready().await;
    let form = [
        ("enabled", "1"),
        ("targets", "8.8.8.8\r\n2620:fe::fe, 8.8.8.8"),
        ("interval", "30"),
        ("pings", "3"),
        ("loss", "12.5"),
        ("rtt", "90"),
    ];
    let answer = ada.post("/router/quality", &form).await;
    assert_eq!(answer.location(), "/router/quality#settings");
    let kept = bed.setting(system::settings::QUALITY_KEY).await.expect("a setting");
    assert_eq!(kept["targets"], serde_json::json!(["8.8.8.8", "2620:fe::fe"]));
    assert_eq!(kept["loss_percent"], 12.5);
    let audit = bed.audit().await.join("\n");
    assert!(audit.contains("settings.change system.quality"), "{audit}");

    for (name, value, said) in [
        ("targets", "8.8.8.8 x<script>", "is no IP address"),
        ("targets", "224.0.0.1", "single hosts"),
        ("interval", "1", "5 to 300 seconds"),
        ("pings", "x", "Give a number"),
        ("loss", "NaN", "1 to 100 percent"),
        ("rtt", "0", "1 to 10000 ms"),
    ] {
        let fields: Vec<_> =
            form.iter().map(|(n, v)| if *n == name { (*n, value) } else { (*n, *v) }).collect();
        let page = ada.post("/router/quality", &fields).await.expect(422);
        page.says(said);
        page.says(&format!("aria-describedby=\"e-{name}\""));
        assert!(!page.body.contains("x<script>"));
    }
    let mut viewer = bed.person(Role::Viewer).await;
    viewer.get("/router/quality?range=month&line=nosuch").await.expect(200).says("disabled");
    viewer.post("/router/quality", &form).await.expect(403);
}

#[tokio::test]
async fn a_ping_is_shown_when_done_or_as_it_goes_and_noted_either_way() {
    let (bed, mut ada) = Bed::ready().await;
    let page = ada.post("/router/tools", &PING).await.expect(200);
    page.says("Ping to 127.0.0.1");
    page.says("1 sent, 0 lost (0 %)");
    let text = stream(&mut ada, "/router/tools", &PING).await.expect(200);
    assert!(text.header("content-type").starts_with("text/x-lines"));
    assert_eq!(text.body.lines().count(), 3, "{}", text.body);
    assert!(text.body.starts_with("Ping to 127.0.0.1\n"), "{}", text.body);
    let audit = bed.audit().await;
    let noted = audit.iter().filter(|line| line.starts_with("router.tool.ping host:127.0.0.1"));
    assert_eq!(noted.count(), 2, "{audit:?}");
}

#[tokio::test]
async fn a_port_is_found_open_or_closed() {
    let (_bed, mut ada) = Bed::ready().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let fields =
        |port| [("tool", "port"), ("target", "127.0.0.1"), ("port", port), ("family", "4")];
    ada.post("/router/tools", &fields(&port)).await.expect(200).says("is open");
    drop(listener);
    ada.post("/router/tools", &fields(&port)).await.expect(200).says("is closed");
    let page = ada.post("/router/tools", &fields("70000")).await.expect(422);
    page.says("aria-describedby=\"e-port\"");
}

#[tokio::test]
async fn what_a_tool_cannot_do_is_told_beside_its_field_and_not_noted() {
    let (bed, mut ada) = Bed::ready().await;
    let evil = "; reboot <script>";
    let wrong: Vec<_> =
        PING.iter().map(|(n, v)| if *n == "target" { (*n, evil) } else { (*n, *v) }).collect();
    let page = ada.post("/router/tools", &wrong).await.expect(422);
    page.says("Give an address or the name of a host");
    assert!(!page.body.contains("<script>"));
    let text = stream(&mut ada, "/router/tools", &wrong).await.expect(422);
    assert_eq!(text.body, "Give an address or the name of a host.\n");
    let many: Vec<_> =
        PING.iter().map(|(n, v)| if *n == "count" { (*n, "5000") } else { (*n, *v) }).collect();
    ada.post("/router/tools", &many).await.expect(422).says("Give 1 to 100");
    ada.post("/router/tools", &[("tool", "nmap"), ("target", "127.0.0.1")]).await.expect(422);
    let audit = bed.audit().await.join("\n");
    assert!(!audit.contains("router.tool"), "{audit}");
}

#[tokio::test]
async fn who_may_only_look_has_no_tools() {
    let (bed, _) = Bed::ready().await;
    let mut viewer = bed.person(Role::Viewer).await;
    let page = viewer.get("/router").await.expect(200);
    assert!(!page.body.contains("href=\"/router/tools\""));
    for path in ["/router/tools", "/router/tools/speed"] {
        viewer.get(path).await.expect(403);
        viewer.post(path, &PING).await.expect(403);
    }
    viewer.get("/router/tools/connections").await.expect(403);
    let mut responder = bed.person(Role::Responder).await;
    responder.get("/router/tools").await.expect(200);
}

#[tokio::test]
async fn connections_are_filtered_and_wrong_filters_told() {
    let (_bed, mut ada) = Bed::ready().await;
    let here = "/router/tools/connections";
    ada.get(here).await.expect(200);
    let page = ada.get(&format!("{here}?address=%3Cscript%3E&port=99999")).await.expect(200);
    page.says("Give an IP address.");
    page.says("Give a port");
    assert!(!page.body.contains("<script>"));
    let query = "?address=192.0.2.1&port=443&protocol=6&state=ESTABLISHED&nat=1&order=source";
    ada.get(&format!("{here}{query}&offset=99999999999")).await.expect(200);
}

#[tokio::test]
async fn a_speed_test_is_kept_and_the_next_one_has_to_wait() {
    let (bed, mut ada) = Bed::ready().await;
    let here = "/router/tools/speed";
    // A port that nobody listens at.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let settings = |url| {
        [
            ("download_url", url),
            ("upload_url", url),
            ("latency_url", url),
            ("streams", "1"),
            ("seconds", "2"),
        ]
    };
    let page = ada.post("/router/tools/speed/settings", &settings("file:///etc/shadow")).await;
    page.expect(422).says("aria-describedby=\"e-download_url\"");
    let answer = ada.post("/router/tools/speed/settings", &settings(&url)).await;
    assert_eq!(answer.location(), "/router/tools/speed#settings");

    assert_eq!(ada.post(here, &[]).await.location(), here);
    let page = ada.get(here).await.expect(200);
    page.says("The test broke off");
    page.says("by ada");
    page.says("href=\"/router/tools/speed/1\"");
    let one = ada.get("/router/tools/speed/1").await.expect(200);
    for text in ["127.0.0.1", "ada", "Provider", "unknown", "latency"] {
        one.says(text);
    }
    for gone in ["2", "x", "-1", "99999999999999999999"] {
        ada.get(&format!("/router/tools/speed/{gone}")).await.expect(404);
    }
    let mut viewer = bed.person(Role::Viewer).await;
    viewer.get("/router/tools/speed/1").await.expect(403);
    assert!(bed.audit().await.join("\n").contains("router.tool.speed"));
    let text = stream(&mut ada, here, &[]).await.expect(429);
    assert!(text.body.contains("try again in"), "{}", text.body);
}

#[tokio::test]
async fn a_device_gets_and_sends_bytes_in_its_turn_and_its_speed_is_kept() {
    let (bed, mut ada) = Bed::ready().await;
    let here = "/router/tools/device";
    let page = ada.get(here).await.expect(200);
    for text in ["device.js", "curl ", "https://router.lan/router/tools/device/stream"] {
        page.says(text);
    }
    let stream = "/router/tools/device/stream";
    let bytes = ada.get(&format!("{stream}?bytes=300000")).await.expect(200);
    assert!(bytes.header("content-disposition").starts_with("attachment"));
    assert_eq!(bytes.header("cache-control"), "no-store");
    ada.get(&format!("{stream}?bytes=many")).await.expect(422);

    let post = |ada: &Browser, token: String, length: usize| {
        ada.request(Method::POST, "/router/tools/device/sink")
            .header(header::ORIGIN, format!("https://{NAME}"))
            .header("x-csrf", token)
            .header(header::CONTENT_LENGTH, length)
            .body(Body::from(vec![7; length.min(1 << 20)]))
            .unwrap()
    };
    let busy = bed.site.system.device_turn().await.expect("free again");
    ada.get(stream).await.expect(503).says("nother device");
    ada.send(post(&ada, ada.token(), 10)).await.expect(503);
    drop(busy);
    let taken = ada.send(post(&ada, ada.token(), 100_000)).await.expect(200).json();
    assert_eq!(taken["bytes"], 100_000);
    ada.send(post(&ada, "00".to_owned(), 10)).await.expect(403);
    ada.send(post(&ada, ada.token(), 65 << 20)).await.expect(413);

    let answer = ada.post(here, &[("down", "940000000"), ("up", "8e8")]).await;
    let kept = answer.location().to_owned();
    ada.get(&kept).await.expect(200).says("to the device 192.0.2.1");
    ada.get("/router/tools/speed").await.says("to the device 192.0.2.1");
    ada.post(here, &[("down", "fast"), ("up", "1")]).await.expect(422);
    assert!(bed.audit().await.join("\n").contains("router.tool.device host:192.0.2.1"));
    let mut viewer = bed.person(Role::Viewer).await;
    for path in [here, stream] {
        viewer.get(path).await.expect(403);
    }
    viewer.send(post(&viewer, viewer.token(), 10)).await.expect(403);
}
