//! One device: what it shows, and corrections that stay.

mod bed;
mod lan;

use std::time::Duration;

use access::Role;
use discovery::Discovery;
use lan::{Seed, reopen, seeded};
use model::{DeviceId, Timestamp};

const FORM: [(&str, &str); 8] = [
    ("name", "Kitchen TV"),
    ("type", "tv"),
    ("icon", "camera"),
    ("os", "webOS 6"),
    ("brand", "LG"),
    ("tags", "kitchen, loan"),
    ("criticality", "3"),
    ("notes", "Line one\r\nLine two"),
];

#[tokio::test]
async fn a_page_shows_who_it_is_and_why() {
    let seeds = [Seed {
        name: "pixel-8",
        randomised: true,
        online: false,
        first_seen: 30,
        changes: &[20, 10, 4],
        ..Seed::number(7)
    }];
    let (_bed, mut ada) = seeded(seeds).await;
    let page = ada.get("/devices/7").await.expect(200);
    for text in [
        "<h1>pixel-8</h1>",
        "Random MAC",
        "Made up by the device",
        "10.0.0.7",
        ">Offline<",
        "Wake</button>",
        "Never scanned",
        "Host name",
        "What it tells the DHCP server.",
        "/devices/7?range=7d#presence",
        "3 times",
    ] {
        page.says(text);
    }
    // Online from 24 to 20 and from 10 to 4 hours ago.
    page.says("<strong>42 %</strong> there");
    let week = ada.get("/devices/7?range=7d").await.expect(200);
    // Counted since it was first seen: 16 of 30 hours.
    week.says("<strong>53 %</strong> there");
    week.says("30d#presence");
    ada.get("/devices").await.expect(200).says("there 42 % of 24 h");
    ada.get("/devices").await.expect(200).says("there 42 % of 24 h");
}

#[tokio::test]
async fn what_a_person_says_stays_and_is_audited() {
    let (mut bed, mut ada) = seeded([Seed { name: "host-1", ..Seed::number(1) }]).await;
    let mut fields = FORM.to_vec();
    fields.extend([("known", "1"), ("favourite", "1")]);
    assert_eq!(ada.post("/devices/1", &fields).await.location(), "/devices/1");
    let audit = bed.audit().await;
    assert!(
        audit.iter().any(|l| l.starts_with("device.edit device:1 ok") && l.contains("Kitchen TV"))
    );
    assert!(
        audit.iter().any(|l| l.starts_with("device.correct device:1 ok") && l.contains("webOS"))
    );
    // What automation concludes anew, as at every start, leaves it alone.
    reopen(&mut bed);
    let device = bed.site.discovery.get(DeviceId(1)).unwrap();
    assert_eq!(device.name(), "Kitchen TV");
    assert_eq!(device.device_type().map(discovery::enrich::DeviceType::as_str), Some("tv"));
    assert_eq!(device.os_family(), Some("webOS 6"));
    assert_eq!(device.person.tags, ["kitchen", "loan"]);
    assert_eq!(device.person.notes, "Line one\nLine two");
    let page = ada.get("/devices/1").await.expect(200);
    for text in ["by hand", "Corrected by a person", "High", "#camera", "placeholder=\"host-1\""] {
        page.says(text);
    }
    // Emptied fields go back to automation, and what was not touched stays as it was.
    let emptied: Vec<_> = fields
        .iter()
        .map(|(n, v)| if matches!(*n, "name" | "type") { (*n, "") } else { (*n, *v) })
        .collect();
    ada.post("/devices/1", &emptied).await.location();
    let device = bed.site.discovery.get(DeviceId(1));
    let page = ada.get("/devices/1").await.expect(200);
    page.says("host-1");
    assert!(device.is_some());
}

#[tokio::test]
async fn a_refused_form_comes_back_with_its_words_and_changes_nothing() {
    let (bed, mut ada) = seeded([Seed::number(1)]).await;
    let long = "x".repeat(81);
    for (field, value, problem) in [
        ("name", long.as_str(), "At most 80 characters"),
        ("brand", long.as_str(), "80 characters"),
        ("tags", "a tag that is far too long to be any good", "32 characters"),
        ("type", "toaster", "no device type"),
        ("criticality", "9", "0 to 4"),
    ] {
        let fields: Vec<_> =
            FORM.iter().map(|(n, v)| if *n == field { (field, value) } else { (*n, *v) }).collect();
        let page = ada.post("/devices/1", &fields).await.expect(422);
        let lower = page.body.to_lowercase();
        assert!(
            lower.contains(&problem.to_lowercase().replace("at most ", "")),
            "{field}: {}",
            page.body
        );
        page.says("value=\"webOS 6\"");
    }
    let person = bed.site.discovery.get(DeviceId(1)).unwrap().person;
    assert_eq!(person, discovery::Personal::default());
    assert!(!bed.audit().await.iter().any(|l| l.starts_with("device.")));
}

#[tokio::test]
async fn a_device_that_was_recognised_as_another_leads_there() {
    let (bed, mut ada) = seeded([Seed::number(1)]).await;
    let merged = |w: &mut store::Writing<'_>| {
        let sql = "INSERT INTO merged_devices (absorbed, into_device, at) VALUES (5, 1, 0)";
        w.main().execute(sql, [])?;
        Ok::<_, store::StoreError>(())
    };
    bed.site.store.write("merge", merged).await.unwrap();
    assert_eq!(ada.get("/devices/5").await.location(), "/devices/1");
    for path in ["/devices/77", "/devices/x", "/devices/-1", "/devices/77/forget"] {
        ada.get(path).await.expect(404).says("no such device");
    }
    ada.post("/devices/77/wake", &[]).await.expect(404);
}

#[tokio::test]
async fn forgetting_asks_first_and_is_audited() {
    let (bed, mut ada) = seeded([Seed { name: "old-phone", ..Seed::number(1) }]).await;
    let page = ada.get("/devices/1/forget").await.expect(200);
    page.says("old-phone");
    page.says("action=\"/devices/1/forget\"");
    assert!(bed.site.discovery.get(DeviceId(1)).is_some());
    assert_eq!(ada.post("/devices/1/forget", &[]).await.location(), "/devices");
    assert!(bed.site.discovery.get(DeviceId(1)).is_none());
    ada.get("/devices").await.expect(200).says("old-phone was forgotten.");
    assert!(bed.audit().await.iter().any(|l| l.starts_with("device.forget device:1 ok")));
    let again = Discovery::open(bed.site.store.clone(), bed.site.events.clone(), Timestamp::now());
    assert!(again.unwrap().get(DeviceId(1)).is_none());
}

#[tokio::test]
async fn only_who_may_wakes_and_what_cannot_be_sent_is_said() {
    let (bed, mut ada) = seeded([Seed { online: false, ..Seed::number(1) }]).await;
    assert_eq!(ada.post("/devices/1/wake", &[]).await.location(), "/devices/1");
    ada.get("/devices/1").await.expect(200).says("flash bad");
    assert_eq!(ada.post("/devices/1/ports", &[]).await.location(), "/devices/1#ports");
    ada.get("/devices/1").await.expect(200).says("flash warn");
    bed.person(Role::Analyst).await.post("/devices/1/wake", &[]).await.expect(403);
}

#[tokio::test]
async fn nobody_is_offered_what_they_may_not() {
    let (bed, mut ada) = seeded([Seed { online: false, ..Seed::number(1) }]).await;
    let doors = ["/devices/1/wake", "/devices/1/forget", "/devices/1/merge"];
    let offered = |page: String| doors.map(|door| page.contains(door));
    let mut analyst = bed.person(Role::Analyst).await;
    let mut viewer = bed.person(Role::Viewer).await;
    assert_eq!(offered(ada.get("/devices/1").await.expect(200).body), [true, true, false]);
    assert_eq!(offered(analyst.get("/devices/1").await.expect(200).body), [false, false, false]);
    assert_eq!(offered(viewer.get("/devices/1").await.expect(200).body), [false, false, false]);
    analyst.get("/devices/1/forget").await.expect(403);
}

#[tokio::test]
async fn the_story_tells_what_happened_to_it_alone() {
    let (bed, mut ada) = seeded([Seed::number(1), Seed::number(2)]).await;
    for (n, id) in [(0, 1), (1, 2), (2, 1)] {
        let event = model::NewEvent {
            at: Timestamp::now().minus(Duration::from_secs(n)),
            source: "discovery",
            kind: "address_changed",
            severity: model::Severity::Info,
            device: Some(DeviceId(id)),
            summary: format!("happening number {n}"),
            data: serde_json::json!({}),
        };
        bed.site.events.publish(event).await.unwrap();
    }
    let page = ada.get("/devices/1").await.expect(200);
    page.says("happening number 0");
    page.says("happening number 2");
    assert!(!page.body.contains("happening number 1"));
}

#[tokio::test]
async fn two_devices_that_are_one_are_joined_after_a_look() {
    let seeds = [
        Seed { name: "pixel-8", online: false, ..Seed::number(1) },
        Seed { name: "pixel-8", randomised: true, ..Seed::number(2) },
        Seed { name: "a-printer", ..Seed::number(3) },
    ];
    let (bed, mut ada) = seeded(seeds).await;
    let page = ada.get("/devices/2").await.expect(200);
    let likeliest = page.body.find("<option value=\"1\">pixel-8 (10.0.0.1)");
    assert!(likeliest.is_some() && likeliest < page.body.find("<option value=\"3\">a-printer"));
    let ask = ada.get("/devices/2/merge?into=1").await.expect(200);
    ask.says("name=\"into\" value=\"1\"");
    for wrong in ["2", "99", "", "x"] {
        assert_eq!(ada.post("/devices/2/merge", &[("into", wrong)]).await.location(), "/devices/2");
    }
    assert_eq!(ada.post("/devices/2/merge", &[("into", "1")]).await.location(), "/devices/1");
    assert_eq!(ada.get("/devices/2").await.location(), "/devices/1");
    ada.get("/devices/1").await.expect(200).says("were joined by a person");
    assert!(bed.audit().await.iter().any(|l| l.starts_with("device.merge device:1 ok")));
    bed.person(Role::Viewer).await.post("/devices/3/merge", &[("into", "1")]).await.expect(403);
}
