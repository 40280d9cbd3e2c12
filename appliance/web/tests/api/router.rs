//! The router over the API: looked at, changed, kept and undone by a key.

use access::Role;
use serde_json::{Value, json};

use crate::bed::Browser;
use crate::client::{Script, refused, script};
use crate::document::check;
use crate::stand_in::{BOTH, Release, RouterBed};

const PLANS: &str = "/api/v1/router/plans";

async fn router(release: Release) -> (RouterBed, Browser, Script) {
    let (bed, mut ada) = RouterBed::new(release).await;
    let key = script(&bed.bed, &mut ada, Role::Administrator).await;
    bed.bed.site.router.config().await.unwrap();
    (bed, ada, key)
}

async fn plan(key: &mut Script, commands: Value) -> Value {
    let wanted = json!({ "commands": commands, "why": "By a script" });
    key.post(PLANS, wanted).await.expect(201).json()
}

#[tokio::test]
async fn a_key_plans_applies_keeps_and_undoes_and_it_is_all_written_down() {
    for release in BOTH {
        let (bed, _, mut key) = router(release).await;
        let plan = plan(&mut key, json!(["set system host-name edge"])).await;
        assert_eq!(plan["commands"], json!(["set system host-name edge"]));
        assert_eq!(plan["refused"], Value::Null);
        let apply = format!("{PLANS}/{}/apply", plan["id"].as_str().unwrap());
        let change = key.post(&apply, json!({ "seconds": 600 })).await.expect(201).json();
        assert_eq!((&change["state"], &change["why"]), (&json!("waiting"), &json!("By a script")));
        assert_eq!(bed.runs("system host-name").as_deref(), Some("edge"));
        // Sent twice, it is the same change.
        let again = key.post(&apply, json!({ "seconds": 600 })).await.expect(201).json();
        assert_eq!(again["number"], change["number"]);
        let at = format!("/api/v1/router/changes/{}", change["number"]);
        let undone = key.post(&format!("{at}/undo"), json!({})).await.expect(200).json();
        assert_eq!(undone["state"], "undone");
        assert_eq!(bed.runs("system host-name").as_deref(), Some("vyos"));
        refused(&key.post(&format!("{at}/keep"), json!({})).await, 409);

        let second = self::plan(&mut key, json!(["set system time-zone UTC"])).await;
        let apply = format!("{PLANS}/{}/apply", second["id"].as_str().unwrap());
        let change = key.post(&apply, json!({})).await.expect(201).json();
        let at = format!("/api/v1/router/changes/{}/keep", change["number"]);
        assert_eq!(key.post(&at, json!({})).await.expect(200).json()["state"], "kept");
        let lines = bed.bed.audit().await;
        for action in ["router.apply", "router.undo", "router.keep"] {
            assert!(lines.iter().any(|line| line.contains(action)), "{action} in {lines:#?}");
        }
    }
}

#[tokio::test]
async fn what_may_cut_somebody_off_wants_its_word_and_what_cannot_be_is_told() {
    let (bed, _, mut key) = router(Release::Current).await;
    let plan = plan(&mut key, json!(["delete service ssh"])).await;
    let apply = format!("{PLANS}/{}/apply", plan["id"].as_str().unwrap());
    assert_eq!(plan["confirm"], "vyos", "{plan}");
    let said = key.post(&apply, json!({})).await;
    assert_eq!(refused(&said, 422), "invalid");
    assert!(said.body.contains("confirm"), "{}", said.body);
    let cut = self::plan(&mut key, json!(["delete service https api"])).await;
    assert!(cut["refused"].is_string(), "{cut}");
    let apply = format!("{PLANS}/{}/apply", cut["id"].as_str().unwrap());
    refused(&key.post(&apply, json!({ "confirm": "vyos" })).await, 502);
    for (commands, status) in [
        (json!(["set system host-name 'un"]), 422),
        (json!(["reboot now"]), 422),
        (json!(["set system host-name '//x'"]), 422),
        (json!(["set system host-name vyos"]), 409),
    ] {
        let wanted = json!({ "commands": commands, "why": "x" });
        refused(&key.post(PLANS, wanted).await, status);
    }
    let bad = self::plan(&mut key, json!(["set system host-name bad_name!"])).await;
    let apply = format!("{PLANS}/{}/apply", bad["id"].as_str().unwrap());
    let said = key.post(&apply, json!({})).await;
    assert_eq!(refused(&said, 502), "router_refused");
    refused(&key.post(&apply, json!({ "seconds": 0 })).await, 422);
    assert_eq!(bed.runs("system host-name").as_deref(), Some("vyos"));
}

#[tokio::test]
async fn what_is_answered_about_the_router_is_what_the_document_says() {
    let (_bed, _, mut key) = router(Release::Current).await;
    let id = plan(&mut key, json!(["set system host-name edge"])).await["id"].clone();
    let id = id.as_str().unwrap().to_owned();
    key.post(&format!("{PLANS}/{id}/apply"), json!({ "seconds": 600 })).await.expect(201);
    let document = key.get("/api/v1/openapi.json").await.expect(200).json();
    let schemas = &document["components"]["schemas"];
    let mut checked = 0;
    for (path, operations) in document["paths"].as_object().unwrap() {
        let Some(operation) = operations.get("get") else { continue };
        if !path.starts_with("/api/v1/router") {
            continue;
        }
        let asked = path.replace("{plan}", &id).replace("{number}", "1");
        let value = key.get(&asked).await.expect(200).json();
        let schema = &operation["responses"]["2XX"]["content"]["application/json"]["schema"];
        check(schemas, schema, &value, path).unwrap_or_else(|e| panic!("{e}\n{value:#}"));
        checked += 1;
    }
    assert!(checked >= 7, "{checked}");
}

#[tokio::test]
async fn no_secret_is_in_what_the_router_runs_and_a_viewer_changes_nothing() {
    let (bed, mut ada, mut key) = router(Release::Current).await;
    let all = key.get("/api/v1/router/config").await.expect(200).body;
    assert!(all.contains("host-name") && !all.contains(&bed.sim.key()), "a secret");
    let part = key.get("/api/v1/router/config?path=system+host-name").await.expect(200).json();
    assert_eq!(part["path"], "system host-name");
    refused(&key.get("/api/v1/router/config?path=no+such").await, 404);

    let mut viewer = script(&bed.bed, &mut ada, Role::Viewer).await;
    viewer.get("/api/v1/router/config").await.expect(200);
    let wanted = json!({ "commands": ["set system host-name x"], "why": "x" });
    refused(&viewer.post(PLANS, wanted).await, 403);
    refused(&viewer.post("/api/v1/router/save", json!({})).await, 403);
}
