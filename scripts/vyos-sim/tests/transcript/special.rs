//! Recorded cases that are more than one request and its answer.

use std::time::Duration;

use serde_json::{Value, json};
use vyos::config::{Command, Node};
use vyos_sim::Release;

use crate::Verdict;
use crate::common::{Answer, Bed, KEY, request, talk};

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

/// Plays a case.
pub(crate) async fn special(bed: &Bed, id: &str, release: Release) -> Verdict {
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
            let bytes = request("POST", "/retrieve", &[], body.to_string().as_bytes());
            for _ in 0..2 {
                let answer = talk(&mut stream, &bytes).await.ok_or("the connection was closed")?;
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
