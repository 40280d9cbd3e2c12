//! Round trips and throughput between hosts and the router, with hosts that answer as agents do.

use std::net::Ipv4Addr;
use std::time::Duration;

use access::Caller;
use model::Timestamp;
use panoptikon_agents::mesh::{End, Kind, Measured, MeshSettings, Trial};
use panoptikon_agents::{AgentId, AgentsError, HostSettings};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::JoinHandle;
use wire::{Answer, AnswerError, FromAgent, FromAppliance};

use crate::bed::{Bed, until};
use crate::client::Link;

/// A host that comes from an address of its own.
async fn host(bed: &Bed, name: &str, last: u8) -> (AgentId, Link) {
    let mut identity = bed.enrol(name).await;
    identity.from = Ipv4Addr::new(127, 0, 0, last);
    let (link, _) = identity.link(bed.address).await.unwrap();
    (identity.id.parse().unwrap(), link)
}

/// Answers each ping until the link ends, each slower than the one before; gives what it was asked.
fn answering(mut link: Link, ms: Option<f64>) -> JoinHandle<Vec<Value>> {
    tokio::spawn(async move {
        let mut asked = Vec::new();
        while let Ok(message) = link.hear().await {
            let FromAppliance::Ask(ask) = message else { continue };
            asked.push(ask.args.clone());
            let received = if ms.is_some() { 3 } else { 0 };
            let ms = ms.map(|ms| ms * asked.len() as f64);
            let done = json!({
                "to": ask.args["to"], "way": "icmp", "sent": 3, "received": received,
                "min_ms": ms, "avg_ms": ms, "max_ms": ms,
            });
            say(&mut link, Answer { id: ask.id, done: Some(done), ..Answer::default() }).await;
        }
        asked
    })
}

async fn say(link: &mut Link, answer: Answer) {
    link.say(&FromAgent::Answer(answer)).await;
}

async fn measured(bed: &Bed, pairs: usize) -> Vec<Measured> {
    until("the round is over", || bed.agents.mesh_progress().is_none()).await;
    let all = bed.agents.latencies().await.unwrap();
    assert_eq!(all.len(), pairs, "{all:?}");
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_host_pings_the_others_and_the_router_and_the_last_round_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let bed = Bed::open(dir.path()).await;
    let (nas, to_nas) = host(&bed, "nas", 2).await;
    let (web, to_web) = host(&bed, "web", 3).await;
    let nas_says = answering(to_nas, Some(0.5));
    let web_says = answering(to_web, None);
    let now = Timestamp::now();
    let pairs = bed.agents.measure_latencies(&Caller::console(), now).await.unwrap();
    assert_eq!(pairs, 4);
    let all = measured(&bed, 4).await;
    let (nas, web) = (End::Host(nas), End::Host(web));
    let of = |from, to| all.iter().find(|one| one.from == from && one.to == to).unwrap();
    assert_eq!((of(nas, End::Router).value, of(nas, web).value), (Some(0.5), Some(1.0)));
    assert_eq!(of(nas, web).received, 3);
    assert_eq!(of(nas, End::Router).by, "console");
    assert_eq!((of(web, nas).value, of(web, nas).why.as_str()), (None, "nobody answered"));
    // Once more: of each pair the last is kept.
    bed.agents.measure_latencies(&Caller::console(), now).await.unwrap();
    let again = measured(&bed, 4).await;
    let values: Vec<f64> = again.iter().filter_map(|one| one.value).collect();
    assert!(values.len() == 2 && values.contains(&1.5) && values.contains(&2.0), "{values:?}");
    bed.agents.delete(&Caller::console(), nas.host().unwrap(), now).await.unwrap();
    let rest = measured(&bed, 1).await;
    assert_eq!((rest[0].from, rest[0].to), (web, End::Router));
    bed.close().await;
    let asked: Vec<Value> = nas_says.await.unwrap();
    let wanted = [json!({"to": "127.0.0.1", "count": 3}), json!({"to": "127.0.0.3", "count": 3})];
    assert_eq!(asked, [wanted.clone(), wanted].concat());
    web_says.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_measured_by_itself_until_somebody_turns_it_on_and_that_outlives_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let bed = Bed::open(dir.path()).await;
    let (_, link) = host(&bed, "nas", 2).await;
    let says = answering(link, Some(0.5));
    let later = |minutes: u64| Timestamp::now().plus(Duration::from_secs(minutes * 60));
    bed.agents.look_round(later(1_500)).await.unwrap();
    assert_eq!(measured(&bed, 0).await, []);
    let console = Caller::console();
    let settings = MeshSettings { enabled: true, every_minutes: 20 };
    bed.agents.set_mesh(&console, settings, Timestamp::now()).await.unwrap();
    bed.agents.look_round(later(19)).await.unwrap();
    assert_eq!(measured(&bed, 0).await, []);
    bed.agents.look_round(later(21)).await.unwrap();
    let all = measured(&bed, 1).await;
    assert_eq!((all[0].by.as_str(), all[0].value), ("", Some(0.5)));
    let wrong = MeshSettings { enabled: true, every_minutes: 1 };
    let refused = bed.agents.set_mesh(&console, wrong, Timestamp::now()).await.unwrap_err();
    assert!(refused.to_string().contains("give 5 to 1440 minutes"), "{refused}");
    let nobody = Caller::anonymous("192.0.2.9".parse().unwrap());
    let refused = bed.agents.set_mesh(&nobody, settings, Timestamp::now()).await;
    assert!(matches!(refused, Err(AgentsError::Access(_))));
    says.abort();
    bed.close().await;
    let bed = Bed::open(dir.path()).await;
    assert_eq!(bed.agents.mesh_settings(), settings);
    measured(&bed, 1).await;
    bed.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_passive_host_and_one_that_does_not_allow_it_are_left_out() {
    let dir = tempfile::tempdir().unwrap();
    let bed = Bed::open(dir.path()).await;
    let (quiet, _link) = host(&bed, "quiet", 2).await;
    let (now, console) = (Timestamp::now(), Caller::console());
    let passive = HostSettings { passive: true, ..HostSettings::default() };
    bed.agents.configure(&console, quiet, passive, now).await.unwrap();
    let mut strict = bed.enrol("strict").await;
    let mut hello = strict.hello();
    hello.abilities = vec!["tail".into()];
    let _other = strict.link_as(bed.address, hello).await.unwrap();
    assert_eq!(bed.agents.measure_latencies(&console, now).await.unwrap(), 0);
    let trial = |to| Trial { kind: Kind::Throughput, from: End::Router, to, seconds: 1 };
    for id in [quiet, strict.id.parse().unwrap()] {
        let refused = bed.agents.measure(&console, trial(End::Host(id)), now).await;
        assert!(matches!(refused, Err(AgentsError::NotAllowed { .. })), "{refused:?}");
    }
    assert_eq!(bed.agents.trials(10).await.unwrap(), []);
    bed.close().await;
}

/// Pours so many octets into the appliance as an agent does; what it is told has come.
async fn pour(port: u64, token: &str, octets: usize) -> std::io::Result<u64> {
    let mut stream = TcpStream::connect(("127.0.0.1", port as u16)).await?;
    stream.write_all(format!("pnk-measure 1 throughput {token}\n").as_bytes()).await?;
    stream.write_all(&vec![0; octets]).await?;
    stream.shutdown().await?;
    let mut count = [0; 8];
    stream.read_exact(&mut count).await?;
    Ok(u64::from_be_bytes(count))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_pours_into_the_router_at_the_agents_port_with_a_token_that_is_good_once() {
    let dir = tempfile::tempdir().unwrap();
    let bed = Bed::open(dir.path()).await;
    let (nas, mut link) = host(&bed, "nas", 2).await;
    let address = bed.address;
    let agent = tokio::spawn(async move {
        let ask = asked(&mut link).await;
        assert_eq!((ask.cmd.as_str(), &ask.args["to"]), ("throughput", &json!("router")));
        let port = ask.args["port"].as_u64().unwrap();
        assert_eq!(port, u64::from(address.port()));
        let token = ask.args["token"].as_str().unwrap();
        // Whoever guesses is let go, and so is whoever says nothing of the kind.
        assert!(pour(port, &"0".repeat(32), 10).await.is_err());
        assert!(pour(port, "", 10).await.is_err());
        assert_eq!(pour(port, token, 3_000_000).await.unwrap(), 3_000_000);
        assert!(pour(port, token, 10).await.is_err());
        let done = json!({"octets": 3_000_000, "ms": 10.0, "bits_per_s": 1});
        say(&mut link, Answer { id: ask.id, done: Some(done), ..Answer::default() }).await;
        link
    });
    let trial = Trial { kind: Kind::Throughput, from: End::Host(nas), to: End::Router, seconds: 1 };
    let one = bed.agents.measure(&Caller::console(), trial, Timestamp::now()).await.unwrap();
    assert_eq!((one.received, one.why.as_str()), (3_000_000, ""));
    assert!(one.value.unwrap() > 1_000.0);
    let mut link = agent.await.unwrap();
    // Nothing is awaited any more: the port speaks TLS only, and links go on.
    assert!(pour(u64::from(address.port()), &"0".repeat(32), 10).await.is_err());
    link.report(1, 5.0).await;
    link.acked(1).await.unwrap();
    assert_eq!(bed.agents.trials(10).await.unwrap(), [one]);
    bed.close().await;
}

async fn asked(link: &mut Link) -> wire::Ask {
    loop {
        if let FromAppliance::Ask(ask) = link.hear().await.unwrap() {
            return ask;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_router_pours_to_a_host_that_listens_and_only_one_measures_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let bed = Bed::open(dir.path()).await;
    let (nas, mut link) = host(&bed, "nas", 2).await;
    let agents = bed.agents.clone();
    let trial = Trial { kind: Kind::Throughput, from: End::Router, to: End::Host(nas), seconds: 1 };
    let now = Timestamp::now();
    let agent = tokio::spawn(async move {
        let ask = asked(&mut link).await;
        let second = agents.measure(&Caller::console(), trial, now).await;
        assert!(matches!(second, Err(AgentsError::Measuring)), "{second:?}");
        let round = agents.measure_latencies(&Caller::console(), now).await;
        assert!(matches!(round, Err(AgentsError::Measuring)), "{round:?}");
        let listener = TcpListener::bind("127.0.0.2:0").await.unwrap();
        let part = json!({"port": listener.local_addr().unwrap().port()});
        say(&mut link, Answer { id: ask.id, part: Some(part), ..Answer::default() }).await;
        let (mut stream, _) = listener.accept().await.unwrap();
        let wanted = format!("pnk-measure 1 throughput {}\n", ask.args["token"].as_str().unwrap());
        let mut head = vec![0; wanted.len()];
        stream.read_exact(&mut head).await.unwrap();
        assert_eq!(head, wanted.as_bytes());
        let (mut octets, mut piece) = (0_u64, vec![0; 1 << 16]);
        loop {
            match stream.read(&mut piece).await.unwrap() {
                0 => break,
                length => octets += length as u64,
            }
        }
        stream.write_all(&octets.to_be_bytes()).await.unwrap();
        let done = json!({"from": "127.0.0.1", "octets": octets});
        say(&mut link, Answer { id: ask.id, done: Some(done), ..Answer::default() }).await;
        (link, octets)
    });
    let one = bed.agents.measure(&Caller::console(), trial, now).await.unwrap();
    let (_link, octets) = agent.await.unwrap();
    assert_eq!((one.sent, one.received), (octets, octets));
    assert!(one.value.unwrap() > 1e6, "{one:?}");
    bed.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_router_drips_datagrams_to_a_host_and_what_is_lost_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let bed = Bed::open(dir.path()).await;
    let (nas, mut link) = host(&bed, "nas", 2).await;
    let agent = tokio::spawn(async move {
        let ask = asked(&mut link).await;
        assert_eq!((ask.cmd.as_str(), &ask.args["seconds"]), ("jitter", &json!(1)));
        let socket = UdpSocket::bind("127.0.0.2:0").await.unwrap();
        let part = json!({"port": socket.local_addr().unwrap().port()});
        say(&mut link, Answer { id: ask.id, part: Some(part), ..Answer::default() }).await;
        let head = format!("pnk-measure 1 jitter {}\n", ask.args["token"].as_str().unwrap());
        let (mut received, mut octets) = (0, [0; 512]);
        loop {
            let (length, _) = socket.recv_from(&mut octets).await.unwrap();
            assert_eq!(length, 172);
            let rest = octets[..length].strip_prefix(head.as_bytes()).unwrap();
            if rest.starts_with(&[0xff; 4]) {
                break;
            }
            assert_eq!(u32::from_be_bytes(rest[..4].try_into().unwrap()), received);
            received += 1;
        }
        // One of them is said to have been lost.
        let done = json!({"from": "127.0.0.1", "received": received - 1, "jitter_ms": 0.25});
        say(&mut link, Answer { id: ask.id, done: Some(done), ..Answer::default() }).await;
        (link, received)
    });
    let trial = Trial { kind: Kind::Jitter, from: End::Router, to: End::Host(nas), seconds: 1 };
    let one = bed.agents.measure(&Caller::console(), trial, Timestamp::now()).await.unwrap();
    let (_link, sent) = agent.await.unwrap();
    assert_eq!((one.sent, one.received), (u64::from(sent), u64::from(sent) - 1));
    assert_eq!(one.value, Some(0.25));
    assert!(sent > 1 && one.loss_percent() > 0.0);
    bed.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn between_two_hosts_one_listens_and_the_other_sends_and_a_failure_is_kept_with_its_reason() {
    let dir = tempfile::tempdir().unwrap();
    let bed = Bed::open(dir.path()).await;
    let (nas, mut to_nas) = host(&bed, "nas", 2).await;
    let (web, mut to_web) = host(&bed, "web", 3).await;
    let agents = tokio::spawn(async move {
        for fails in [false, true] {
            let listen = asked(&mut to_web).await;
            assert_eq!(listen.args.get("to"), None);
            let part = Some(json!({"port": 4242}));
            say(&mut to_web, Answer { id: listen.id, part, ..Answer::default() }).await;
            let send = asked(&mut to_nas).await;
            assert_eq!(send.args["to"], "127.0.0.3:4242");
            assert_eq!(send.args["token"], listen.args["token"]);
            if fails {
                let say_why = "127.0.0.3:4242: no route to host".to_owned();
                let error = Some(AnswerError { code: "failed".into(), say: say_why });
                say(&mut to_nas, Answer { id: send.id, error, ..Answer::default() }).await;
                // Nobody waits for the listener any more.
                while !matches!(to_web.hear().await.unwrap(), FromAppliance::Cancel(_)) {}
                continue;
            }
            let done = Some(json!({"to": "x", "octets": 2_000_000, "ms": 100.0}));
            say(&mut to_nas, Answer { id: send.id, done, ..Answer::default() }).await;
            let done = Some(json!({"from": "127.0.0.2", "octets": 1_000_000}));
            say(&mut to_web, Answer { id: listen.id, done, ..Answer::default() }).await;
        }
        (to_nas, to_web)
    });
    let (from, to) = (End::Host(nas), End::Host(web));
    let trial = Trial { kind: Kind::Throughput, from, to, seconds: 5 };
    let now = Timestamp::now();
    let one = bed.agents.measure(&Caller::console(), trial, now).await.unwrap();
    // What has come counts, in the time of who sent.
    assert_eq!((one.sent, one.received, one.value), (2_000_000, 1_000_000, Some(80e6)));
    let failed = bed.agents.measure(&Caller::console(), trial, now).await.unwrap();
    assert_eq!((failed.value, failed.received), (None, 0));
    assert_eq!(failed.why, "nas: 127.0.0.3:4242: no route to host");
    assert_eq!(bed.agents.trials(10).await.unwrap(), [failed, one]);
    drop(agents.await.unwrap());
    until("it is offline", || bed.agents.online().1 == 0).await;
    let gone = bed.agents.measure(&Caller::console(), trial, now).await;
    assert!(matches!(gone, Err(AgentsError::Offline(_))), "{gone:?}");
    let nobody = Caller::anonymous("192.0.2.9".parse().unwrap());
    let refused = bed.agents.measure(&nobody, trial, now).await;
    assert!(matches!(refused, Err(AgentsError::Access(_))));
    let audit = access::audit::AuditLog::new(bed.store.clone());
    let lines = audit.page(&Caller::console(), access::audit::Filter::default()).await.unwrap();
    let told: Vec<&str> = lines
        .rows
        .iter()
        .filter(|row| row.action == "agent.measure")
        .map(|row| row.outcome.as_str())
        .collect();
    assert_eq!(told, ["refused", "failed", "failed", "ok"]);
    bed.close().await;
}
