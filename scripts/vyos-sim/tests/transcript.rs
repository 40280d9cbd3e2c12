//! Every request that was recorded from the real servers, in order, against the stand-in: status,
//! type and meaning of the answer must be those recorded.
//!
//! Compared is what a client can rely on. Tracebacks count by their first and last line, keys and
//! versions as such, and texts that the recording cut short as far as it has them.

#![allow(clippy::unwrap_used)] // helpers of tests, outside of #[test]

mod common;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use vyos::config::{Command, Node};
use vyos_sim::{Release, Timing};

use common::{Answer, Bed, KEY, config, talk};

/// Cases that the stand-in does not reproduce, and why.
const NOT_REPRODUCED: &[(&str, &str)] = &[
    ("F17b", "no shell stands behind op mode, so that nothing can be injected into one"),
    ("I1", "times are set by the test, and do not grow with the number of commands"),
    ("J3c", "there is no log of the router"),
];

/// Sections that began on a router with the starting configuration.
const FRESH: &[&str] = &["a", "f", "g", "h", "i", "j", "k", "l"];
const SECTIONS: &[&str] = &["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];

type Verdict = Result<(), String>;

fn cases(section: &str) -> Vec<Value> {
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcript");
    let text = std::fs::read_to_string(place.join(format!("{section}.jsonl"))).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn every_recorded_request_of_1_4_is_answered_as_recorded() {
    replay(Release::Sagitta, "sagitta").await;
}

#[tokio::test]
async fn every_recorded_request_of_1_5_is_answered_as_recorded() {
    replay(Release::Current, "current").await;
}

async fn replay(release: Release, name: &str) {
    let mut failed = BTreeMap::new();
    let mut count = 0;
    let mut bed = Bed::new(release).await;
    for section in SECTIONS {
        if FRESH.contains(section) {
            bed = Bed::new(release).await;
        }
        for case in cases(section) {
            let id = case["case"].as_str().unwrap().to_owned();
            count += 1;
            prepare(&bed, &id, release);
            let verdict = if case.get("seen").is_some() {
                special(&bed, &id, release).await
            } else {
                recorded(&bed, &case, name).await
            };
            if let Err(why) = verdict {
                failed.insert(id, format!("{}: {why}", case["title"]));
            }
            // What goes on behind an answer must end before the next request, as it had in the
            // recording, but where a case is about just that.
            if !matches!(case["case"].as_str(), Some("J1" | "J2")) {
                bed.settled().await;
            }
        }
    }
    assert_eq!(count, 408);
    let listed: Vec<_> = NOT_REPRODUCED.iter().map(|(id, _)| (*id).to_owned()).collect();
    let unlisted: Vec<_> = failed.iter().filter(|(id, _)| !listed.contains(id)).collect();
    assert!(unlisted.is_empty(), "{name}: {} differ: {unlisted:#?}", unlisted.len());
    let passed: Vec<_> = listed.iter().filter(|id| !failed.contains_key(*id)).collect();
    assert!(passed.is_empty(), "{name}: reproduced and listed as not: {passed:?}");
}

/// Files that lay on the recorded routers, and knobs.
fn prepare(bed: &Bed, id: &str, release: Release) {
    let put = |path: &str, text: &str| {
        std::fs::write(bed.sim.file(path).unwrap(), text).unwrap();
    };
    let good = config(release);
    match id {
        "E10" => {
            put("/config/garbage.boot", "{ garbage\n{\n");
            put("/config/badnode.boot", &good.replacen("service {", "service {\n nosuch {\n }", 1));
            let body = good.split("// Warning").next().unwrap();
            put("/config/nofooter.boot", body);
        }
        "G28" => {
            for (file, kind, field) in [
                ("ca.pem", "CERTIFICATE", "\"certificate\": \""),
                ("ca.key", "PRIVATE KEY", "\"key\": \""),
            ] {
                let value = recorded_pki(field);
                put(
                    &format!("/config/auth/{file}"),
                    &format!("-----BEGIN {kind}-----\n{value}\n-----END {kind}-----\n"),
                );
            }
        }
        "K1" => {
            let bad = good
                .replacen("host-name \"vyos\"", "host-name \"fromfile\"", 1)
                .replacen("    source {\n        rule 100", "    source {\n        rule 500 {\n outbound-interface {\n name \"eth0\"\n }\n }\n rule 100", 1);
            put("/config/badcommit.boot", &bad);
        }
        "H3" => bed.sim.lock_for(Duration::from_secs(60)),
        "J1" | "J2" => {
            let restart = Duration::from_secs(600);
            bed.sim.timing(Timing { restart, ..Timing::default() });
            bed.sim.hold_commits(true);
        }
        "J1c" | "J3" => bed.sim.timing(Timing::default()),
        "K16" => bed.sim.load_during_commit_overwrites(false),
        _ => {}
    }
}

/// What the recording shows of the certificate and its key, which is cut short.
fn recorded_pki(field: &str) -> String {
    let case = cases("g").into_iter().find(|case| case["case"] == "G32").unwrap();
    let body = case["answer"]["current"]["body"].as_str().unwrap().to_owned();
    let value = body.split(field).nth(1).unwrap();
    value.split(['"', '\n']).next().unwrap().to_owned()
}

async fn recorded(bed: &Bed, case: &Value, name: &str) -> Verdict {
    let pick = |value: &Value| {
        value.get("both").or_else(|| value.get(name)).cloned().unwrap_or(Value::Null)
    };
    let (asked, expected) = (pick(&case["request"]), pick(&case["answer"]));
    if expected.is_null() {
        // Recorded of the other release only.
        return Ok(());
    }
    let answer = ask(bed, &asked).await.ok_or("no answer")?;
    compare(case["case"].as_str().unwrap(), &expected, &answer)
}

async fn ask(bed: &Bed, asked: &Value) -> Option<Answer> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let pairs = |field: &str| -> Vec<(String, String)> {
        let list = asked[field].as_array().cloned().unwrap_or_default();
        list.iter().map(|pair| (text(&pair[0]), text(&pair[1]))).collect()
    };
    let mut headers = pairs("headers");
    let mut body = text(&asked["body"]);
    let kind = if asked.get("form").is_some() {
        body = pairs("form")
            .iter()
            .map(|(name, value)| {
                format!(
                    "--X-X\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
                )
            })
            .collect::<String>()
            + "--X-X--\r\n";
        "multipart/form-data; boundary=X-X"
    } else {
        if asked.get("urlencoded").is_some() {
            let field = |(name, value): &(String, String)| {
                let bytes = value.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
                format!("{name}={bytes}")
            };
            body = pairs("urlencoded").iter().map(field).collect::<Vec<_>>().join("&");
        }
        "application/x-www-form-urlencoded"
    };
    if body == "@big.json" {
        let command = json!({"op": "showConfig", "path": ["x".repeat(1_200_000)], "key": KEY});
        body = command.to_string();
    }
    let path = text(&asked["path"]);
    if asked["method"] == "GET" && path == "/retrieve" && case_is_plain(asked) {
        return bed.send("GET", &path, &[], b"").await;
    }
    if !headers.iter().any(|(name, _)| name == "Content-Type") {
        headers.push(("Content-Type".to_owned(), kind.to_owned()));
    }
    bed.send(&text(&asked["method"]), &path, &headers, body.as_bytes()).await
}

fn case_is_plain(asked: &Value) -> bool {
    asked.get("body").is_none() && asked.get("form").is_none()
}

fn compare(id: &str, expected: &Value, answer: &Answer) -> Verdict {
    let body = expected["body"].as_str().unwrap();
    let (status, kind) = (expected["status"].as_u64().unwrap(), expected["type"].as_str().unwrap());
    if id == "A30" {
        // Without TLS: tried on the other listener by a test of its own.
        return Ok(());
    }
    if u64::from(answer.status) != status || answer.header("content-type") != kind {
        return Err(format!(
            "{} {} {} instead of {status} {kind} {body}",
            answer.status,
            answer.header("content-type"),
            answer.body
        ));
    }
    let same = match id {
        "A29" => answer.header("location").ends_with("/retrieve"),
        "A32" => {
            let got: Value =
                serde_json::from_str(&answer.body).map_err(|error| error.to_string())?;
            let expected: Value = serde_json::from_str(body).unwrap();
            let paths: Vec<_> = got["paths"].as_object().unwrap().keys().cloned().collect();
            json!(paths) == expected["paths"] && got["info"] == expected["info"]
        }
        "A33" => answer.body.starts_with("<!DOCTYPE html>"),
        "B11" | "F4" | "F4b" => {
            // Cut short, with the length of the whole answer.
            let (begin, rest) = body.rsplit_once(" ... (").or(body.rsplit_once("... (")).unwrap();
            let length = answer.body.len();
            answer.body.starts_with(begin) && rest.starts_with(&format!("{length} bytes"))
        }
        "K1j" | "K16b" | "K16e" => {
            let json: Value = serde_json::from_str(answer.data().as_str().unwrap()).unwrap();
            let rules: Vec<_> = json["nat"]["source"]["rule"].as_object().unwrap().keys().collect();
            let rules = format!("{rules:?}").replace('"', "'");
            let name = json["system"]["host-name"].as_str().unwrap();
            body.ends_with(&format!("host-name = '{name}'; nat source rules = {rules}"))
        }
        "K1k" => {
            let data = answer.data();
            let lines = data.as_str().unwrap().lines();
            let shown: Vec<_> = lines
                .filter(|line| line.contains("nat source") || line.contains("host-name"))
                .collect();
            shown.join("\n") == body
        }
        "G32" if body.contains("bytes in all") => {
            let data = answer.data();
            let ca = &data["ca"]["TestCA"];
            ca["certificate"] == json!(recorded_pki("\"certificate\": \""))
                && ca["private"]["key"] == json!(recorded_pki("\"key\": \""))
        }
        _ if body.starts_with('{') => meaning(body) == meaning(&answer.body),
        _ => page(body) == page(&answer.body),
    };
    if same { Ok(()) } else { Err(format!("{} instead of {body}", answer.body)) }
}

fn page(text: &str) -> String {
    text.lines().collect()
}

/// An envelope without what differs each time.
fn meaning(text: &str) -> Value {
    let whole = serde_json::from_str::<Value>(text);
    let Ok(mut json) = whole else {
        // Cut short: what it begins with.
        let text = text.replace("\\n", "\n");
        return json!({"success": text.contains("true"), "error": essence(text.split("\"error\": \"").nth(1).unwrap_or_default()), "data": null});
    };
    for field in ["data", "error"] {
        if let Some(text) = json[field].as_str() {
            json[field] = json!(essence(text));
        }
    }
    json
}

/// A text without what differs each time: of a report of a program that fell over its first line
/// and its error, of leases all but the times, of keys their names.
fn essence(text: &str) -> String {
    if text.contains("Traceback (most recent call last)") || text.contains("Migration script error")
    {
        let first = text.lines().next().unwrap_or_default();
        let error = text.lines().rev().find(|line| {
            let name = line.split(':').next().unwrap_or_default();
            name.ends_with("Error") && !name.contains(' ')
        });
        let error = error
            .map(|line| line.split(['/', '<', '\'', '1', '2', '3']).next().unwrap_or_default());
        return format!("{first} ... {}", error.unwrap_or_default());
    }
    if text.contains("Lease start") {
        let columns = |line: &str| {
            let words = line.split_whitespace();
            let kept =
                words.filter(|word| !word.contains(['/', '-']) && word.matches(':').count() != 2);
            kept.filter(|word| !matches!(*word, "9" | "days,")).collect::<Vec<_>>().join(" ")
        };
        return text.lines().map(columns).collect::<Vec<_>>().join("\n");
    }
    if text.contains("rivate key: ") || text.contains("shared key: ") {
        let name = |line: &str| {
            line.split_once(": ")
                .map_or(String::new(), |(name, value)| format!("{name} {}", value.len()))
        };
        return text.lines().map(name).collect();
    }
    text.to_owned()
}

fn check(truth: bool, what: &str) -> Verdict {
    if truth { Ok(()) } else { Err(what.to_owned()) }
}

fn set(line: &str) -> Value {
    let path: Vec<_> = line.split(' ').collect();
    json!({"op": "set", "path": path, "key": KEY})
}

fn outside(bed: &Bed, words: &[&str]) {
    let path = words.iter().map(|word| (*word).to_owned()).collect();
    bed.sim.change_outside(&[Command::Set(path)]);
}

/// A change, and what happens while it is committed.
async fn during<T>(bed: &Bed, change: Value, work: impl AsyncFnOnce() -> T) -> (Answer, T) {
    bed.sim.hold_commits(true);
    let change = bed.post("/configure", change);
    let work = async {
        // It is in the session before it is committed.
        while bed.sim.working() == bed.sim.running() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let seen = work().await;
        bed.sim.hold_commits(false);
        seen
    };
    tokio::join!(change, work)
}

fn host_name(node: &Node) -> Option<&str> {
    node.value_at(["system", "host-name"])
}

/// Cases that are more than one request and its answer.
async fn special(bed: &Bed, id: &str, release: Release) -> Verdict {
    let show_name = json!({"op": "showConfig", "path": ["system", "host-name"]});
    match id {
        "A34" => {
            let answer = bed.post("/retrieve", show_name).await;
            let header = |name| answer.header(name);
            check(
                header("server") == "nginx/1.22.1"
                    && header("content-type") == "text/html; charset=utf-8"
                    && header("content-length") == "63"
                    && header("connection") == "keep-alive"
                    && !header("date").is_empty(),
                &format!("{answer:?}"),
            )
        }
        "B36" => {
            bed.settled().await;
            check(bed.status().await == 200, "it does not come back")
        }
        "E4b" => {
            let there = |path: &str| bed.sim.file(path).unwrap().exists();
            let all = ["/relative.boot", "/config/backup.boot", "/config/config.boot"];
            check(
                all.into_iter().all(there)
                    && there("/nosuch/dir/x.boot") == (release == Release::Current),
                "other files",
            )
        }
        "F17b" => check(bed.sim.file("/tmp/injected").unwrap().exists(), "nothing was injected"),
        "H1" => {
            bed.sim.forget_requests();
            let (one, two, ()) = during_both(
                bed,
                set("system host-name one"),
                set("interfaces ethernet eth2 mtu 1400"),
            )
            .await;
            check(one.status == 200 && two.status == 200, &format!("{one:?} {two:?}"))?;
            let tidy = json!({"op": "delete", "path": ["interfaces", "ethernet", "eth2", "mtu"]});
            check(bed.post("/configure", tidy).await.status == 200, "not tidied")
        }
        "H2" => {
            let work = async || bed.post("/retrieve", show_name.clone()).await.data();
            let (answer, seen) = during(bed, set("system host-name two"), work).await;
            let after = bed.post("/retrieve", show_name.clone()).await.data();
            check(
                answer.status == 200
                    && seen == json!({">host-name": "two"})
                    && after == json!({"host-name": "two"}),
                &format!("{seen} {after}"),
            )
        }
        "H2b" => {
            let name = ["system", "host-name"];
            let (answer, seen) = during(bed, set("system host-name three"), async || {
                let ask = async |json| bed.post("/retrieve", json).await;
                let whole = ask(json!({"op": "showConfig", "path": []})).await;
                let value = ask(json!({"op": "returnValue", "path": name})).await.data();
                let there = ask(json!({"op": "exists", "path": name})).await.data();
                let raw = json!({"op": "showConfig", "path": name, "configFormat": "raw"});
                (whole.status, whole.error(), value, there, ask(raw).await.data())
            })
            .await;
            let said = "An internal error occured. Check the logs for details.".to_owned();
            let expected = (500, said, json!("three"), json!(true), json!(">host-name three\n"));
            check(answer.status == 200 && seen == expected, &format!("{seen:?}"))
        }
        "H3b" => {
            // The user's commit is over.
            bed.sim.lock_for(Duration::ZERO);
            outside(bed, &["interfaces", "ethernet", "eth1", "description", "LAN"]);
            Ok(())
        }
        "H4c" => {
            outside(bed, &["interfaces", "ethernet", "eth1", "description", "held-by-cli"]);
            Ok(())
        }
        "H5" => {
            bed.sim.hold_commits(true);
            let change = bed.try_post("/configure", set("system host-name abandoned"));
            let given_up = tokio::time::timeout(Duration::from_millis(80), change).await.is_err();
            bed.sim.hold_commits(false);
            check(given_up, "it answered at once")
        }
        "H6" => {
            bed.set("system host-name vyos").await;
            let (answer, (saved, loaded)) = during(bed, set("system host-name six"), async || {
                let file = "/config/during.boot";
                let saved =
                    bed.post("/config-file", json!({"op": "save", "file": file})).await.data();
                (saved, bed.post("/config-file", json!({"op": "load", "file": file})).await)
            })
            .await;
            check(
                answer.status == 200
                    && saved == json!("")
                    && (loaded.status, loaded.error().as_str())
                        == (
                            400,
                            "Configuration system temporarily locked due to another commit in progress\n",
                        ),
                &format!("{answer:?} {loaded:?}"),
            )
        }
        "H7" => {
            let work =
                async || bed.post("/show", json!({"op": "show", "path": ["uptime"]})).await.data();
            let (answer, shown) = during(bed, set("system host-name seven"), work).await;
            let begins = "Uptime: 1h 28m 43s\n\nLoad averag";
            check(answer.status == 200 && shown.as_str().unwrap().starts_with(begins), "")
        }
        "I1" => {
            let start = std::time::Instant::now();
            let path = ["firewall", "group", "address-group", "MANY", "address"];
            let commands: Vec<_> = (0..200)
                .map(|n| json!({"op": "set", "path": path, "value": format!("10.0.0.{n}")}))
                .collect();
            bed.post("/configure", json!({"commands": commands})).await.data();
            check(start.elapsed() > Duration::from_secs(4), "it takes no time")
        }
        "J1b" => {
            let seen = poll(bed, KEY).await;
            check(seen == [200, 502, 200], &format!("{seen:?}"))
        }
        "J2b" => {
            let seen = poll(bed, "NEWKEY-1").await;
            check(seen == [200, 502, 401], &format!("{seen:?}"))
        }
        "J3c" => check(bed.sim.file("/var/log/messages").unwrap().exists(), "there is no log"),
        "J5" => {
            let key = set("service https api keys id race key RACE-1");
            let one = bed.post("/configure", key).await.data();
            let two = bed.set("interfaces ethernet eth2 description race").await.data();
            check(one == two && one.as_str().unwrap().contains("in the background"), "")
        }
        "K1l" => {
            let rules =
                bed.sim.running().at(["nat", "source", "rule"]).unwrap().children().unwrap().len();
            check(rules == 1, "rule 500 is running")
        }
        "K16" => {
            bed.post("/config-file", json!({"op": "save"})).await.data();
            let load = json!({"op": "load", "file": "/config/config.boot"});
            let work = async || bed.post("/config-file", load).await;
            let (answer, loaded) = during(bed, set("system host-name four"), work).await;
            check(answer.status == 200 && loaded.status == 400, &format!("{answer:?} {loaded:?}"))
        }
        "K17" => {
            let (answer, shown) = during(bed, set("system host-name five"), async || {
                let shown =
                    bed.post("/show", json!({"op": "show", "path": ["configuration", "json"]}));
                serde_json::from_str::<Value>(shown.await.data().as_str().unwrap()).unwrap()
            })
            .await;
            let name = &shown["system"]["host-name"];
            check(answer.status == 200 && name == "five", &name.to_string())?;
            check(host_name(&bed.sim.running()) == Some("five"), "not committed")
        }
        "K6.HEAD" | "K6.OPTIONS" | "K6.PUT" | "K6.DELETE" => {
            let method = id.split_once('.').unwrap().1;
            let answer = bed.send(method, "/configure", &[], b"").await.unwrap();
            let body = if method == "HEAD" { "" } else { "{\"detail\":\"Method Not Allowed\"}" };
            check(
                answer.status == 405
                    && answer.header("allow") == "POST"
                    && answer.header("content-type") == "application/json"
                    && answer.header("content-length") == "31"
                    && answer.body == body,
                &format!("{answer:?}"),
            )
        }
        "K7" => {
            let mut stream = tokio::net::UnixStream::connect(&bed.socket).await.unwrap();
            let body = json!({"op": "showConfig", "path": ["system", "host-name"], "key": KEY});
            let request = common::request("POST", "/retrieve", &[], body.to_string().as_bytes());
            for _ in 0..2 {
                let answer =
                    talk(&mut stream, &request).await.ok_or("the connection was closed")?;
                check(answer.data() == json!({"host-name": "vyos"}), &answer.body)?;
            }
            Ok(())
        }
        "L1.s2" => {
            let text =
                std::fs::read_to_string(bed.sim.file("/config/slashes.boot").unwrap()).unwrap();
            let lines: Vec<_> =
                text.lines().skip_while(|line| !line.contains("ethernet eth2")).collect();
            check(lines[1].trim() == "description", &lines[..4].join("\n"))
        }
        _ => Err("no test knows this case".to_owned()),
    }
}

/// Two changes at once: the second waits until the first is committed.
async fn during_both(bed: &Bed, one: Value, two: Value) -> (Answer, Answer, ()) {
    bed.sim.hold_commits(true);
    let both = async {
        while bed.sim.most_at_once() < 2 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        bed.sim.hold_commits(false);
    };
    tokio::join!(bed.post("/configure", one), bed.post("/configure", two), both)
}

/// The statuses that somebody sees who asks before the commit that restarts the server, while the
/// server is gone, and when it is there again.
async fn poll(bed: &Bed, key: &str) -> Vec<u16> {
    let ask = json!({"op": "exists", "path": ["system"], "key": key});
    let mut seen = vec![bed.post("/retrieve", ask.clone()).await.status];
    bed.sim.hold_commits(false);
    for wanted in [502, 0] {
        let status = loop {
            let status = bed.post("/retrieve", ask.clone()).await.status;
            if wanted == 0 || status == wanted {
                break status;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        };
        seen.push(status);
        bed.sim.down_for(Duration::ZERO);
    }
    seen
}
