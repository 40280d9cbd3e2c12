//! Settings, the audit log, and the page about the appliance.

mod bed;

use std::time::Duration;

use access::Role;
use bed::Bed;
use model::Timestamp;
use panoptikon_web::site::Component;
use serde_json::{Value, json};

const SCANNING: [(&str, &str); 5] = [
    ("enabled", "1"),
    ("subnets", "192.168.7.0/24\r\n10.9.0.0/20"),
    ("interval", "120"),
    ("rate", "200"),
    ("services", "1"),
];

#[tokio::test]
async fn scanning_and_presence_are_stored_audited_announced_and_shown() {
    let (bed, mut ada) = Bed::ready().await;
    let mut word = bed.site.store.settings_changed();
    word.mark_unchanged();
    let answer = ada.post("/settings/scanning", &SCANNING).await;
    assert_eq!(answer.location(), "/settings#scanning");
    assert!(word.has_changed().unwrap(), "whoever listens is told");
    ada.post("/settings/presence", &[("grace", "600")]).await.location();
    let set = bed.setting("discovery").await.unwrap();
    let expected = json!({
        "scan_enabled": true,
        "scan_subnets": ["192.168.7.0/24", "10.9.0.0/20"],
        "scan_interval_seconds": 120,
        "ping_sweep_enabled": false,
        "service_queries_enabled": true,
        "reverse_dns_enabled": false,
        "offline_grace_seconds": 600,
        "scan_rate": 200,
    });
    assert_eq!(set, expected, "one form leaves the other's values alone");
    let page = ada.get("/settings").await.expect(200);
    for text in ["192.168.7.0/24\n10.9.0.0/20", "value=\"120\"", "value=\"600\"", "Saved."] {
        page.says(text);
    }
    let audit = bed.audit().await;
    let line = r#"settings.change discovery ok {"from":{"offline_grace_seconds":300},"to":{"offline_grace_seconds":600}}"#;
    assert!(audit.iter().any(|l| l == line), "{audit:?}");

    let lines = audit.len();
    word.mark_unchanged();
    ada.post("/settings/presence", &[("grace", "600")]).await.location();
    ada.get("/settings").await.expect(200).says("Nothing was changed.");
    assert_eq!(bed.audit().await.len(), lines);
    assert!(!word.has_changed().unwrap());
}

#[tokio::test]
async fn what_cannot_be_is_refused_beside_its_field_and_nothing_is_stored() {
    let (bed, mut ada) = Bed::ready().await;
    let mut bad = SCANNING;
    bad[1].1 = "<b>lan</b>";
    bad[2].1 = "1";
    let page = ada.post("/settings/scanning", &bad).await.expect(422);
    page.says("1 is out of range: give 15 to 86400 seconds.");
    page.says("is no IPv4 network");
    page.says("value=\"200\"");
    assert!(!page.body.contains("<b>lan"));
    ada.post("/settings/presence", &[("grace", "soon")]).await.expect(422).says("whole number");
    let days = [("events", "0"), ("presence", "5"), ("alerts", "5"), ("unanswered", "5")];
    let page = ada.post("/settings/retention", &days).await.expect(422);
    page.says("0 is out of range: give 1 to 3660 days.");
    let alerts = [("offline", "all"), ("window", "0"), ("flapping", "6"), ("group", "20")];
    ada.post("/settings/alerts", &alerts).await.expect(422).says("0 is out of range");
    let alerts = [("offline", "sometimes"), ("window", "1"), ("flapping", "6"), ("group", "20")];
    ada.post("/settings/alerts", &alerts).await.expect(422);
    let sessions = [("idle", "48"), ("longest", "1")];
    let page = ada.post("/settings/sessions", &sessions).await.expect(422);
    page.says("must be from 5 minutes to the longest session");
    assert!(bed.audit().await.iter().all(|l| !l.starts_with("settings.change")));
}

#[tokio::test]
async fn retention_alerts_and_sessions_are_stored_audited_and_effective() {
    let (bed, mut ada) = Bed::ready().await;
    let days = [
        ("events", "7", "retention.events_days"),
        ("presence", "8", "retention.presence_days"),
        ("alerts", "9", "retention.alerts_days"),
        ("unanswered", "10", "retention.unanswered_alerts_days"),
        ("audit", "400", "retention.audit_days"),
        ("maintenance", "11", "retention.maintenance_days"),
        ("mutes", "12", "retention.mutes_days"),
        ("habits", "13", "retention.alert_presence_days"),
    ];
    let fields = days.map(|(field, value, _)| (field, value));
    ada.post("/settings/retention", &fields).await.location();
    let alerts = [("offline", "all"), ("window", "5"), ("flapping", "8"), ("group", "3")];
    assert_eq!(ada.post("/settings/alerts", &alerts).await.location(), "/settings#alerts");
    ada.post("/settings/sessions", &[("idle", "2"), ("longest", "3")]).await.location();
    let audit = bed.audit().await.join("\n");
    for (_, value, key) in days {
        assert_eq!(bed.setting(key).await, Some(json!(value.parse::<u32>().unwrap())), "{key}");
        assert!(audit.contains(&format!("settings.change {key} ok")), "{key}");
    }
    for (key, value) in [
        ("alerts.offline", json!("all")),
        ("alerts.window_minutes", json!(5)),
        ("alerts.flapping_changes", json!(8)),
        ("alerts.group_after", json!(3)),
    ] {
        assert_eq!(bed.setting(key).await, Some(value), "{key}");
        assert!(audit.contains(&format!("settings.change {key} ok")), "{key}");
    }
    assert!(audit.contains(r#"settings.change alerts.offline ok {"from":"important","to":"all"}"#));
    let policy = bed.site.access.session_policy();
    assert_eq!((policy.idle_seconds, policy.absolute_seconds), (2 * 3_600, 3 * 86_400));
    let cookie = &ada.cookies[panoptikon_web::http::SESSION_COOKIE];
    let later = Timestamp::now().plus(Duration::from_secs(2 * 3_600 + 60));
    assert!(bed.site.access.peek_session(cookie, later).is_none(), "sessions that stand too");
    let page = ada.get("/settings").await.expect(200);
    page.says("<option value=\"all\" selected>");
}

#[tokio::test]
async fn backups_and_tidying_are_done_and_noted() {
    let (bed, mut ada) = Bed::ready().await;
    assert_eq!(ada.post("/settings/backup", &[]).await.location(), "/settings#storage");
    assert_eq!(bed.site.store.backups().unwrap().len(), 1);
    let page = ada.get("/settings").await.expect(200);
    page.says("Backup panoptikon-");
    assert_eq!(ada.post("/settings/vacuum", &[]).await.location(), "/settings#storage");
    ada.get("/settings").await.expect(200).says("given back to the disk");
    let audit = bed.audit().await.join("\n");
    assert!(audit.contains("backup.create  ok") && audit.contains("maintenance.vacuum  ok"));
}

#[tokio::test]
async fn the_authoritys_certificate_can_be_taken_away() {
    let (bed, mut ada) = Bed::ready().await;
    let pem = ada.get("/settings/ca.crt").await.expect(200);
    assert!(pem.body.starts_with("-----BEGIN CERTIFICATE-----"));
    assert_eq!(pem.header("content-type"), "application/x-x509-ca-cert");
    assert!(pem.header("content-disposition").contains("attachment"));
    let profile = ada.get("/settings/ca.mobileconfig").await.expect(200);
    profile.says("com.apple.security.root");
    let ca = bed.site.tls.as_ref().unwrap().ca().unwrap();
    ada.get("/settings").await.expect(200).says(&ca.fingerprint);
}

#[tokio::test]
async fn a_viewer_is_told_why_settings_are_not_for_them_and_an_auditor_only_looks() {
    let (bed, _) = Bed::ready().await;
    let mut viewer = bed.person(Role::Viewer).await;
    let page = viewer.get("/settings").await.expect(403);
    page.says("viewer may not do this: it needs settings:read");
    page.says("Ask an administrator");
    let mut auditor = bed.person(Role::Auditor).await;
    auditor.get("/settings").await.expect(200).says("may look but not change settings");
    auditor.post("/settings/presence", &[("grace", "600")]).await.expect(403);
    assert_eq!(bed.setting("discovery").await, None);
}

#[tokio::test]
async fn the_audit_log_is_listed_filtered_paged_and_exported() {
    let (bed, mut ada) = Bed::ready().await;
    for grace in 600..630 {
        ada.post("/settings/presence", &[("grace", &grace.to_string())]).await.location();
    }
    ada.post("/account/preferences", &[("theme", "dark"), ("refresh", "10"), ("rows", "25")])
        .await
        .location();
    let page = ada.get("/audit?action=settings.").await.expect(200);
    assert_eq!(page.body.matches("settings.change discovery").count(), 25);
    page.says("Older");
    let next =
        page.body.split("href=\"").find(|h| h.starts_with("/audit?") && h.contains("before="));
    let next = next.unwrap().split('"').next().unwrap().replace("&#38;", "&").replace("&amp;", "&");
    let page = ada.get(&next).await.expect(200);
    assert_eq!(page.body.matches("settings.change discovery").count(), 5);
    ada.get("/audit?actor=nobody").await.expect(200).says("Nothing matches");
    ada.get("/audit?q=%3Cscript%3Ealert(1)").await.expect(200);
    ada.get("/audit?from=2000-01-01T00:00&to=2001-01-01T00:00").await.says("Nothing matches");

    let csv = ada.get("/audit/export?format=csv&action=settings.").await.expect(200);
    assert!(csv.header("content-type").starts_with("text/csv"));
    assert!(csv.header("content-disposition").ends_with(".csv\""));
    assert_eq!(csv.body.matches("settings.change").count(), 30);
    let rows = ada.get("/audit/export?format=json").await.expect(200).json();
    assert!(rows.as_array().unwrap().len() > 30);
    assert!(rows.as_array().unwrap().iter().all(|r| r["hash"].is_string()));
    ada.get("/audit/export?format=exe").await.expect(422);
    let mut viewer = bed.person(Role::Viewer).await;
    viewer.get("/audit").await.expect(403);
    viewer.get("/audit/export?format=csv").await.expect(403);
}

#[tokio::test]
async fn verifying_says_that_the_chain_holds_and_where_it_is_broken() {
    let (bed, mut ada) = Bed::ready().await;
    ada.get("/audit").await.expect(200).says("has not been checked yet");
    assert_eq!(ada.post("/audit/verify", &[]).await.location(), "/audit");
    ada.get("/audit").await.expect(200).says("The chain holds");
    let edit = |w: &mut store::Writing<'_>| {
        w.main().execute("UPDATE audit SET actor = 'eve' WHERE seq = 2", [])?;
        Ok::<_, store::StoreError>(())
    };
    bed.site.store.write("tampering", edit).await.unwrap();
    ada.post("/audit/verify", &[]).await.location();
    ada.get("/audit").await.expect(200).says("The chain is broken: row 2 was edited");
    ada.get("/audit").await.expect(200).says("The chain is broken: row 2 was edited, checked");
}

#[tokio::test]
async fn hostile_text_in_the_audit_log_stays_text() {
    let (bed, mut ada) = Bed::ready().await;
    let hostile = "\"'><script>alert(1)</script>";
    let by = access::Caller::console();
    let line = access::audit::Entry::new(&by, "device.edit", hostile, Timestamp::now());
    let line = line.with(json!({ "from": hostile, "commands": [hostile] }));
    bed.site.access.audit().append(line).await.unwrap();
    let page = ada.get("/audit").await.expect(200);
    assert!(page.body.contains("alert(1)") && !page.body.contains("<script>alert"));
    for path in
        ["/audit?q=%22%3E%3Cscript%3Ealert(1)%3C/script%3E", "/about?%22%3E%3Cscript%3Ealert"]
    {
        assert!(!ada.get(path).await.expect(200).body.contains("<script>alert"), "{path}");
    }
    let flash = "bad.%3Cscript%3Ealert(1)%3C/script%3E";
    ada.keep("__Host-panoptikon-flash", flash);
    let page = ada.get("/about").await.expect(200);
    assert!(page.body.contains("alert(1)") && !page.body.contains("<script>alert"));
}

#[tokio::test]
async fn a_message_waits_while_an_error_is_explained_and_is_shown_once() {
    let (_bed, mut ada) = Bed::ready().await;
    ada.keep("__Host-panoptikon-flash", "ok.Saved+at+last");
    let error = ada.get("/nowhere").await.expect(404);
    error.says("/account");
    assert!(!error.body.contains("Saved at last"));
    ada.get("/about").await.expect(200).says("Saved at last");
    assert!(!ada.get("/about").await.expect(200).body.contains("Saved at last"));
}

#[tokio::test]
async fn what_is_counted_inside_is_shown_as_it_is() {
    let (bed, mut ada) = Bed::ready().await;
    ada.get("/about").await.expect(200).says("href=\"/about/numbers\"");
    let page = ada.get("/about/numbers").await.expect(200);
    for text in ["process_threads", "panoptikon_store_commits_total", "Open file descriptors."] {
        page.says(text);
    }
    let value = |page: &str, name: &str| -> u64 {
        let row = page.split(name).nth(1).and_then(|rest| rest.split("<td>").nth(2));
        let digits = row.and_then(|cell| cell.split('<').next()).unwrap_or_default();
        digits.chars().filter(char::is_ascii_digit).collect::<String>().parse().unwrap_or(0)
    };
    let before = value(&page.body, "panoptikon_store_commits_total");
    assert_eq!(before, bed.site.store.commits());
    bed.person(access::Role::Viewer).await.get("/about/numbers").await.expect(200);
    let after = ada.get("/about/numbers").await.expect(200);
    assert!(value(&after.body, "panoptikon_store_commits_total") > before);
}

#[tokio::test]
async fn the_page_about_tells_versions_and_how_the_parts_are() {
    let (bed, mut ada) = Bed::ready().await;
    let page = ada.get("/about").await.expect(200);
    for text in ["0.1.0", "0123456789abcdef", "2026-11-21", "discovery", "running"] {
        page.says(text);
    }
    *bed.components.lock().unwrap() = vec![Component {
        name: "discovery".to_owned(),
        status: "degraded",
        message: Some("CAP_NET_RAW is missing".to_owned()),
        since: Timestamp::now(),
        restarts: 3,
    }];
    ada.get("/about").await.expect(200).says("Restarted 3 times.");
    let elsewhere = ada.get("/account").await.expect(200);
    elsewhere.says("Discovery is degraded: CAP_NET_RAW is missing");
}

#[tokio::test]
async fn secrets_never_reach_the_audit_log() {
    let (_bed, mut ada) = Bed::ready().await;
    let secret = "very secret words of mine";
    let fields = [("name", "bob"), ("role", "viewer"), ("password", secret)];
    ada.post("/settings/people", &fields).await.location();
    let rows = ada.get("/audit/export?format=json").await.expect(200);
    assert!(!rows.body.contains(secret));
    let _: Value = rows.json();
}

#[tokio::test]
async fn a_clock_that_cannot_be_right_is_told_on_every_page() {
    let days = |n: u64| Duration::from_secs(n * 86_400);
    let bed = Bed::built_at(Timestamp::now().plus(days(30))).await;
    let (_bed, mut ada) = bed.claimed().await;
    for page in ["/about", "/account", "/settings", "/audit"] {
        ada.get(page).await.expect(200).says("clock is wrong");
    }
}

#[tokio::test]
async fn on_a_full_disk_pages_are_served_changes_refused_and_people_can_sign_in() {
    let (bed, mut ada) = Bed::ready().await;
    bed.fill_disk().await;
    let page = ada.post("/settings/presence", &[("grace", "600")]).await.expect(507);
    page.says("The disk is full, so nothing was changed");
    page.says("/settings#storage");
    ada.get("/about").await.expect(200).says("The disk is full: what happens now is not kept");
    for page in ["/settings", "/audit", "/about", "/account", "/settings/people"] {
        ada.get(page).await.expect(200);
    }
    let mut again = bed.browser();
    again.get("/sign-in").await.expect(200);
    let fields = [("name", "ada"), ("password", bed::PASSWORD), ("next", "/about")];
    assert_eq!(again.post("/sign-in", &fields).await.location(), "/about");
    again.get("/about").await.expect(200);
    assert_eq!(again.post("/sign-out", &[]).await.location(), "/sign-in");
    again.get("/about").await.location();
    bed.free_disk().await;
    ada.post("/settings/presence", &[("grace", "600")]).await.location();
    let page = ada.get("/settings").await.expect(200);
    page.says("value=\"600\"");
    assert!(!page.body.contains("The disk is full"));
}

fn event(kind: &'static str, at: Timestamp) -> model::NewEvent {
    model::NewEvent {
        at,
        source: "discovery",
        kind,
        severity: model::Severity::Info,
        device: Some(model::DeviceId(7)),
        summary: "Something happened.".to_owned(),
        data: json!({ "name": "tv", "criticality": 1, "favourite": false }),
    }
}

#[tokio::test]
async fn fewer_days_of_events_really_delete_the_older_ones() {
    let (bed, mut ada) = Bed::ready().await;
    let now = Timestamp::now();
    let old = now.minus(Duration::from_secs(5 * 86_400));
    bed.site.events.publish(event("made_up", old)).await.unwrap();
    let kept = async || bed.site.events.kinds().await.unwrap().iter().any(|k| k.kind == "made_up");
    bed.site.store.maintain(now).await.unwrap();
    assert!(kept().await);
    let days = ["presence", "alerts", "unanswered", "audit", "maintenance", "mutes", "habits"]
        .map(|f| (f, "100"));
    ada.post("/settings/retention", &[&days[..], &[("events", "2")]].concat()).await.location();
    bed.site.store.maintain(now).await.unwrap();
    assert!(!kept().await);
}

#[tokio::test]
async fn whose_absence_is_an_alert_counts_from_the_next_event_on() {
    let (bed, mut ada) = Bed::ready().await;
    let alerts = bed.site.alerts.clone();
    let judging = alerts.run(bed.site.events.subscribe(), std::future::pending());
    let judging = tokio::spawn(judging);
    let mut changes = bed.site.alerts.subscribe();
    let gone = || event("device_offline", Timestamp::now());
    bed.site.events.publish(gone()).await.unwrap();
    let silence = tokio::time::timeout(Duration::from_millis(300), changes.recv()).await;
    assert!(silence.is_err(), "an unimportant device raises nothing: {silence:?}");
    let all = [("offline", "all"), ("window", "60"), ("flapping", "6"), ("group", "20")];
    ada.post("/settings/alerts", &all).await.location();
    let back = event("device_online", Timestamp::now());
    bed.site.events.publish(back).await.unwrap();
    bed.site.events.publish(gone()).await.unwrap();
    let raised = tokio::time::timeout(Duration::from_secs(10), changes.recv()).await;
    assert!(matches!(*raised.unwrap().unwrap(), detect::AlertChange::Raised { .. }));
    ada.get("/about").await.expect(200).says("1 unread");
    judging.abort();
}
