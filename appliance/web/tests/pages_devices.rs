//! The list of devices and one device, as browsers without JavaScript use them.

mod bed;
mod lan;

use std::collections::BTreeSet;

use access::Role;
use lan::{HOSTILE, Seed, seeded};

fn numbers(body: &str) -> Vec<i64> {
    let parts = body.split("<tr id=\"device-").skip(1);
    parts.filter_map(|p| p.split('"').next()?.parse().ok()).collect()
}

/// The address behind the link to the next page.
fn next(body: &str) -> Option<String> {
    let link = body.split("<a class=\"btn\" href=\"").find(|p| p.contains("rel=\"next\""))?;
    Some(link.split('"').next()?.replace("&amp;", "&").replace("&#38;", "&"))
}

#[tokio::test]
async fn walking_the_pages_shows_each_device_once_in_every_order() {
    let seeds = (0..127).map(|n| Seed { online: n % 3 == 0, ..Seed::number(n) });
    let (_bed, mut ada) = seeded(seeds).await;
    for sort in ["name", "-name", "ip", "-ip", "last_seen", "-last_seen", "type", "-first_seen"] {
        let mut path = Some(format!("/devices?sort={sort}"));
        let mut seen = Vec::new();
        while let Some(at) = path {
            let page = ada.get(&at).await.expect(200);
            seen.extend(numbers(&page.body));
            path = next(&page.body);
        }
        let all: BTreeSet<_> = seen.iter().copied().collect();
        assert_eq!((seen.len(), all.len()), (127, 127), "{sort}");
    }
}

#[tokio::test]
async fn filters_narrow_and_tabs_count() {
    let seeds = [
        Seed { name: "kitchen-radio", kind: Some("speaker"), ..Seed::number(1) },
        Seed { name: "cellar-nas", kind: Some("nas"), online: false, ..Seed::number(2) },
        Seed { name: "tv", kind: Some("tv"), interface: "lan1", known: true, ..Seed::number(3) },
    ];
    let (_bed, mut ada) = seeded(seeds).await;
    for (query, found) in [
        ("", vec![2, 1, 3]),
        ("?status=online", vec![1, 3]),
        ("?status=offline", vec![2]),
        ("?status=unknown", vec![2, 1]),
        ("?type=tv", vec![3]),
        ("?interface=lan1", vec![3]),
        ("?q=CELLAR", vec![2]),
        ("?q=10.0.0.3", vec![3]),
        ("?q=nothing%25", vec![]),
        ("?sort=-ip", vec![3, 2, 1]),
        ("?sort=nonsense&status=nonsense&before=zz", vec![2, 1, 3]),
    ] {
        let page = ada.get(&format!("/devices{query}")).await.expect(200);
        assert_eq!(numbers(&page.body), found, "{query}");
    }
    let page = ada.get("/devices?q=cellar").await.expect(200);
    page.says("data-count=\"devices-online\">2<");
    page.says("Speaker");
    ada.get("/devices?q=none").await.expect(200).says("Nothing matches");
    ada.get("/devices?view=cards")
        .await
        .expect(200)
        .says("<li id=\"device-1\" class=\"card dev\">");
}

#[tokio::test]
async fn hostile_names_are_only_text() {
    let (_bed, mut ada) = seeded([Seed { name: HOSTILE, ..Seed::number(1) }]).await;
    let fields = [
        ("name", HOSTILE),
        ("notes", HOSTILE),
        ("tags", "\"><script>alert(1)</script>"),
        ("brand", HOSTILE),
    ];
    ada.post("/devices/1", &fields[..1]).await.location();
    ada.post("/devices/1", &fields[1..]).await.location();
    for path in [
        "/devices",
        "/devices?view=cards",
        "/devices/1",
        "/devices/1/forget",
        "/topology",
        "/",
        "/search?q=script",
        "/events",
    ] {
        let page = ada.get(path).await.expect(200);
        assert!(!page.body.contains("<script>alert"), "{path}");
        assert!(!page.body.contains("\"><img"), "{path}");
    }
    let file = ada.get("/devices/export?format=csv").await.expect(200);
    assert!(file.header("content-type").starts_with("text/csv"));
    assert!(file.header("content-disposition").starts_with("attachment"));
    ada.get("/devices/export?format=exe").await.expect(422);
    let json = ada.get("/devices/export?format=json").await.expect(200).json();
    assert_eq!(json.as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn devices_are_marked_together_and_each_is_audited() {
    let (bed, mut ada) = seeded((1..=3).map(Seed::number)).await;
    let fields = [("id", "1"), ("id", "3"), ("id", "99"), ("known", "1"), ("back", "/devices?q=x")];
    let answer = ada.post("/devices/mark", &fields).await;
    assert_eq!(answer.location(), "/devices?q=x");
    ada.get("/devices").await.expect(200).says("2 devices marked as known.");
    let known = |id| bed.site.discovery.get(model::DeviceId(id)).unwrap().person.known;
    assert_eq!([known(1), known(2), known(3)], [true, false, true]);
    let audit = bed.audit().await;
    assert_eq!(audit.iter().filter(|line| line.starts_with("device.edit device:")).count(), 2);
    ada.post("/devices/mark", &[("known", "1")]).await.location();
    ada.get("/devices").await.expect(200).says("No device was selected.");
}

#[tokio::test]
async fn a_device_is_added_by_hand_once() {
    let (bed, mut ada) = seeded([]).await;
    ada.get("/devices").await.expect(200).says("No device seen yet");
    ada.get("/devices/new").await.expect(200).says("name=\"mac\"");
    let refused =
        ada.post("/devices/new", &[("mac", "zz"), ("name", "My \"TV\"")]).await.expect(422);
    refused.says("Give six pairs");
    refused.says("My &#34;TV&#34;");
    ada.post("/devices/new", &[("mac", "ff:ff:ff:ff:ff:ff")]).await.expect(422);
    let fields = [("mac", "00:11:22:33:44:55"), ("name", "TV"), ("type", "tv"), ("known", "1")];
    let place = ada.post("/devices/new", &fields).await.location().to_owned();
    let page = ada.get(&place).await.expect(200);
    page.says("TV was added.");
    page.says("Unknown");
    assert!(bed.audit().await.iter().any(|line| line.starts_with("device.add device:1 ok")));
    let again = ada.post("/devices/new", &fields).await.expect(422);
    again.says(&format!("<a href=\"{place}\">TV</a>"));
}

#[tokio::test]
async fn a_scan_without_interfaces_says_so_on_the_page_it_came_from() {
    let (bed, mut ada) = seeded([]).await;
    assert_eq!(
        ada.post("/scan", &[("back", "/devices?view=cards")]).await.location(),
        "/devices?view=cards"
    );
    ada.get("/devices").await.expect(200).says("there is no LAN interface");
    assert!(bed.audit().await.iter().any(|line| line.starts_with("device.scan ")));
}

#[tokio::test]
async fn a_viewer_sees_devices_and_changes_nothing() {
    let (bed, _) = seeded([Seed::number(1)]).await;
    let mut viewer = bed.person(Role::Viewer).await;
    let list = viewer.get("/devices").await.expect(200);
    let page = viewer.get("/devices/1").await.expect(200);
    for form in
        ["action=\"/devices/1", "action=\"/scan\"", "/forget", "name=\"known\"", "/devices/new"]
    {
        assert!(!list.body.contains(form) && !page.body.contains(form), "{form}");
    }
    page.says("may look but not change devices");
    for path in [
        "/devices/1",
        "/devices/1/forget",
        "/devices/1/wake",
        "/devices/1/ports",
        "/devices/new",
        "/devices/mark",
        "/scan",
        "/topology/reset",
        "/alerts/read",
        "/alerts/mute",
        "/alerts/delete",
    ] {
        viewer.post(path, &[("name", "mine")]).await.expect(403);
    }
    viewer.get("/devices/new").await.expect(403);
    viewer.get("/devices/1/forget").await.expect(403);
    assert!(bed.site.discovery.get(model::DeviceId(1)).unwrap().person.name.is_none());
}

#[tokio::test]
async fn a_form_without_its_token_changes_nothing() {
    let (bed, mut ada) = seeded([Seed::number(1)]).await;
    ada.post_bare("/devices/1", &[("name", "x")]).await.expect(403);
    assert!(bed.site.discovery.get(model::DeviceId(1)).unwrap().person.name.is_none());
}

/// Not a benchmark: a debug build. It guards against a query for each row.
#[tokio::test]
async fn a_page_of_many_devices_asks_the_tables_a_few_times_only() {
    let (_bed, mut ada) = seeded((0..5_000).map(Seed::number)).await;
    ada.get("/devices").await.expect(200);
    let start = std::time::Instant::now();
    for _ in 0..10 {
        ada.get("/devices?sort=-last_seen").await.expect(200);
    }
    let each = start.elapsed() / 10;
    eprintln!("a page takes {each:?} in this build");
    assert!(each < std::time::Duration::from_millis(400), "{each:?}");
}
