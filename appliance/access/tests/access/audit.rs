use std::time::{Duration, Instant};

use access::audit::{Entry, Export, Fault, Filter, Format, Outcome, Verdict, record};
use access::{Caller, Role};
use serde_json::json;
use store::StoreError;

use crate::house::{ADDRESS, House, PASSWORD, T0, after, caller};

async fn with_lines(n: u64) -> House {
    let (house, ada) = House::with_ada().await;
    let by = caller(&ada.signed_in);
    house
        .store
        .write("test", move |w| {
            for i in 0..n {
                let entry = Entry::new(&by, "device.edit", format!("device:{i}"), after(i));
                record(w, entry.with(json!({ "to": format!("=name {i}") })))?;
            }
            Ok::<_, StoreError>(())
        })
        .await
        .unwrap();
    house
}

async fn fault(house: &House) -> Fault {
    match house.access.audit().verify(None).await.unwrap() {
        Verdict::Broken(fault) => fault,
        Verdict::Intact { .. } => panic!("nothing was found"),
    }
}

#[tokio::test]
async fn an_untouched_log_is_intact() {
    let house = with_lines(20).await;
    let head = house.access.audit().announce_head().await.unwrap();
    let rows = house.audit().await.len() as u64;
    let house = house.restart(T0).await;
    let verdict = house.access.audit().verify(Some(head)).await.unwrap();
    assert_eq!(verdict, Verdict::Intact { rows, head });
}

#[tokio::test]
async fn an_edited_audit_row_is_found() {
    for change in ["actor = 'eve'", "at = at + 1", "detail = '{}'", "actor_id = 9", "hash = x'00'"]
    {
        let house = with_lines(20).await;
        house.tamper(&format!("UPDATE audit SET {change} WHERE seq = 7"));
        assert_eq!(fault(&house).await, Fault::Edited { seq: 7 }, "{change}");
    }
}

#[tokio::test]
async fn a_deleted_row_is_found() {
    let house = with_lines(20).await;
    house.tamper("DELETE FROM audit WHERE seq IN (5, 6)");
    assert_eq!(fault(&house).await, Fault::Missing { first: 5, last: 6 });
}

#[tokio::test]
async fn a_deleted_last_row_is_found() {
    let house = with_lines(20).await;
    let last = house.audit().await.len() as i64;
    house.tamper("DELETE FROM audit WHERE seq = (SELECT max(seq) FROM audit)");
    assert_eq!(fault(&house).await, Fault::CutOff { first: last, last });
    let all = with_lines(3).await;
    all.tamper("DELETE FROM audit");
    assert!(matches!(fault(&all).await, Fault::CutOff { first: 1, .. }));
}

#[tokio::test]
async fn a_log_cut_off_together_with_its_head_differs_from_the_system_log() {
    let house = with_lines(20).await;
    let note = house.access.audit().announce_head().await.unwrap();
    house.tamper(
        "DELETE FROM audit WHERE seq > 10;
         UPDATE audit_head SET seq = 10, hash = (SELECT hash FROM audit WHERE seq = 10);",
    );
    let alone = house.access.audit().verify(None).await.unwrap();
    assert!(matches!(alone, Verdict::Intact { rows: 10, .. }));
    let noted = house.access.audit().verify(Some(note)).await.unwrap();
    assert_eq!(noted, Verdict::Broken(Fault::CutOff { first: 11, last: note.seq }));
}

#[tokio::test]
async fn an_inserted_row_is_found_and_does_not_stop_the_log() {
    let house = with_lines(3).await;
    let at = house.audit().await.len() as i64 + 1;
    house.tamper(
        "INSERT INTO audit SELECT max(seq) + 1, at, actor, actor_kind, actor_id, address, action,
                                  subject, outcome, detail, prev_hash, hash FROM audit",
    );
    assert_eq!(fault(&house).await, Fault::Inserted { seq: at });
    let entry = Entry::new(&Caller::system(), "test", "", T0);
    assert_eq!(house.access.audit().append(entry).await.unwrap(), at + 1);
    assert_eq!(fault(&house).await, Fault::Unlinked { seq: at });
}

#[tokio::test]
async fn a_deleted_head_is_found_and_does_not_stop_the_log() {
    let house = with_lines(3).await;
    house.tamper("DELETE FROM audit_head");
    let entry = Entry::new(&Caller::system(), "test", "", T0);
    house.access.audit().append(entry).await.unwrap();
    assert_eq!(fault(&house).await, Fault::HeadMissing);
}

#[tokio::test]
async fn a_line_goes_with_its_change_or_not_at_all() {
    let house = with_lines(1).await;
    let before = house.audit().await.len();
    let failed: Result<(), StoreError> = house
        .store
        .write("test", |w| {
            record(w, Entry::new(&Caller::system(), "test", "", T0))?;
            Err(StoreError::Broken("test"))
        })
        .await;
    assert!(failed.is_err());
    assert_eq!(house.audit().await.len(), before);
    assert!(matches!(house.access.audit().verify(None).await, Ok(Verdict::Intact { .. })));
}

#[tokio::test]
async fn old_lines_go_and_the_rest_still_verifies() {
    let house = with_lines(2_500).await;
    let log = house.access.audit();
    let total = house.access.audit().head().await.unwrap().seq as u64;
    let removed = log.prune(&Caller::system(), after(2_000), after(9_000)).await.unwrap();
    assert_eq!(removed, total - 500, "setup's own lines and the first two thousand");
    let Verdict::Intact { rows, .. } = log.verify(None).await.unwrap() else { panic!("broken") };
    assert_eq!(rows, 500 + 3, "and one line for each piece that went");
    house.tamper("DELETE FROM audit WHERE seq = (SELECT min(seq) FROM audit)");
    assert!(matches!(fault(&house).await, Fault::Missing { .. }));
}

#[tokio::test]
async fn pruning_everything_leaves_the_newest_line() {
    let house = with_lines(10).await;
    let log = house.access.audit();
    log.prune(&Caller::system(), after(99_999), after(1)).await.unwrap();
    assert!(matches!(log.verify(None).await, Ok(Verdict::Intact { rows: 2, .. })));
}

#[tokio::test]
async fn filters_find_what_they_say() {
    let house = with_lines(50).await;
    let find =
        async |filter: Filter| house.access.audit().page(&Caller::console(), filter).await.unwrap();
    let base = Filter { limit: 2_000, ..Filter::default() };
    let edits = find(Filter { action: Some("device.edit".into()), ..base.clone() }).await.rows;
    assert_eq!(edits.len(), 50);
    assert!(edits.windows(2).all(|w| w[0].seq > w[1].seq), "newest first");
    let family = find(Filter { action: Some("setup.".into()), ..base.clone() }).await.rows;
    assert!(!family.is_empty() && family.iter().all(|r| r.action.starts_with("setup.")));
    let ada = find(Filter { actor: Some("ada".into()), ..base.clone() }).await.rows;
    assert!(ada.len() >= 50 && ada.iter().all(|r| r.actor == "ada"));
    let window = Filter { from: Some(after(10)), to: Some(after(12)), ..base.clone() };
    assert_eq!(find(window).await.rows.len(), 2);
    let text = find(Filter { text: Some("DEVICE:7".into()), ..base.clone() }).await.rows;
    assert_eq!(text.len(), 1);
    assert!(find(Filter { text: Some("%".into()), ..base.clone() }).await.rows.is_empty());
    let refused = Filter { outcome: Some("refused".into()), ..base };
    assert!(find(refused).await.rows.is_empty());
}

#[tokio::test]
async fn counts_say_how_often_and_nothing_else() {
    let house = with_lines(3).await;
    let counts = house.access.audit().counts().await.unwrap();
    let lines: u64 = counts.iter().map(|(_, n)| n).sum();
    let page = house.access.audit().page(&Caller::console(), Filter::default()).await.unwrap();
    assert_eq!(lines, page.rows.len() as u64, "{counts:?}");
    assert!(counts.iter().any(|(_, n)| *n == 3), "{counts:?}");
}

#[tokio::test]
async fn pages_follow_each_other_without_gap_or_overlap() {
    let house = with_lines(50).await;
    let mut filter = Filter { limit: 7, ..Filter::default() };
    let mut seen = Vec::new();
    loop {
        let page = house.access.audit().page(&Caller::console(), filter.clone()).await.unwrap();
        seen.extend(page.rows.iter().map(|r| r.seq));
        let Some(next) = page.next else { break };
        filter.after = Some(next);
    }
    seen.reverse();
    let all: Vec<i64> = (1..=house.audit().await.len() as i64).collect();
    assert_eq!(seen, all);
}

async fn whole(mut export: Export) -> String {
    let mut bytes = Vec::new();
    while let Some(piece) = export.next().await.unwrap() {
        bytes.extend(piece);
    }
    String::from_utf8(bytes).unwrap()
}

#[tokio::test]
async fn an_export_holds_every_line_once_and_is_noted() {
    let house = with_lines(4_500).await;
    let log = house.access.audit();
    let json = log.export(&Caller::console(), Filter::default(), Format::Json, T0).await.unwrap();
    let json: Vec<serde_json::Value> = serde_json::from_str(&whole(json).await).unwrap();
    let all = log.head().await.unwrap().seq;
    assert_eq!(json.len() as i64, all);
    assert_eq!(json.last().unwrap()["action"], "audit.export");
    assert!(json.windows(2).all(|w| w[0]["hash"] == w[1]["prev_hash"]), "verifiable elsewhere");

    let csv = log.export(&Caller::console(), Filter::default(), Format::Csv, T0).await.unwrap();
    let csv = whole(csv).await;
    assert_eq!(csv.lines().count() as i64, all + 2, "a heading, and the second export's line");
}

#[tokio::test]
async fn no_cell_of_a_csv_export_is_a_formula() {
    let (house, ada) = House::with_ada().await;
    let by = caller(&ada.signed_in);
    for subject in ["=1+1", "+1", "-1", "@a", "\t=1", "\r=1"] {
        let entry = Entry::new(&by, "test", subject, T0).ended(Outcome::Failed);
        house.access.audit().append(entry).await.unwrap();
    }
    let filter = Filter { action: Some("test".into()), ..Filter::default() };
    let csv = house.access.audit().export(&by, filter, Format::Csv, T0).await.unwrap();
    let csv = whole(csv).await;
    assert_eq!(csv.matches("\"'").count(), 6);
    for start in ['=', '+', '-', '@', '\t', '\r'] {
        assert!(!csv.contains(&format!(",\"{start}")));
    }
}

#[tokio::test]
async fn only_administrators_and_auditors_read_the_log() {
    let (house, ada) = House::with_ada().await;
    for role in Role::ALL {
        let name = format!("a {role}");
        let id = house.add(&ada.signed_in, &name, *role).await;
        let who = house.sign_in(&name, PASSWORD, &format!("192.0.2.{id}"), T0).await.unwrap();
        let by = caller(&who.signed_in);
        let may = matches!(role, Role::Administrator | Role::Auditor);
        let log = house.access.audit();
        assert_eq!(log.page(&by, Filter::default()).await.is_ok(), may);
        assert_eq!(log.export(&by, Filter::default(), Format::Csv, T0).await.is_ok(), may);
    }
}

#[tokio::test]
async fn every_change_leaves_a_line_with_actor_and_address() {
    let (house, ada) = House::with_ada().await;
    let by = caller(&ada.signed_in);
    let bob = house.add(&ada.signed_in, "bob", Role::Viewer).await;
    house.access.set_role(&by, bob, Role::Analyst, T0).await.unwrap();
    house.access.reset_password(&by, bob, "another horse".into(), T0).await.unwrap();
    house.access.set_disabled(&by, bob, true, T0).await.unwrap();
    house.access.set_disabled(&by, bob, false, T0).await.unwrap();
    house.access.remove_person(&by, bob, T0).await.unwrap();
    house.access.end_session(&by, ada.signed_in.session, T0).await.unwrap();
    let rows = house.audit().await;
    let actions: Vec<&str> = rows.iter().map(|r| r.action.as_str()).collect();
    assert_eq!(
        actions,
        [
            "setup.open",
            "setup.finish",
            "session.start",
            "person.add",
            "person.role",
            "person.reset",
            "person.disable",
            "person.enable",
            "person.remove",
            "session.end",
        ]
    );
    for row in &rows[1..] {
        assert_eq!((row.actor.as_str(), row.address.as_deref()), ("ada", Some(ADDRESS)));
        assert_eq!(row.actor_id, Some(ada.signed_in.person.0));
        assert_eq!(row.outcome, "ok");
    }
}

#[tokio::test]
async fn a_long_log_takes_lines_quickly_and_is_searched_within_a_second() {
    let n: u64 = std::env::var("AUDIT_LINES").ok().and_then(|n| n.parse().ok()).unwrap_or(20_000);
    let start = Instant::now();
    let house = with_lines(n).await;
    let written = start.elapsed();
    let text = Filter { text: Some("no such thing".into()), ..Filter::default() };
    let rare = Filter { actor: Some("system".into()), ..Filter::default() };
    let family = Filter { action: Some("setup.".into()), ..Filter::default() };
    let mut slowest = Duration::ZERO;
    for filter in [Filter::default(), text, rare, family] {
        let start = Instant::now();
        house.access.audit().page(&Caller::console(), filter).await.unwrap();
        slowest = slowest.max(start.elapsed());
    }
    let start = Instant::now();
    let verdict = house.access.audit().verify(None).await.unwrap();
    assert!(matches!(verdict, Verdict::Intact { .. }));
    println!(
        "{n} lines: written in {written:?}, slowest page {slowest:?}, verified in {:?}",
        start.elapsed()
    );
    assert!(slowest < Duration::from_secs(1), "{slowest:?}");
}
