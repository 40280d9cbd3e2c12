//! Open pages hear of what changes, within a second, over a real WebSocket.

mod bed;
mod lan;

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bed::{Bed, Browser, NAME};
use discovery::LanOptions;
use discovery::edge::prober;
use lan::{Seed, front, seeded};
use model::{DeviceId, NewEvent, Severity, Timestamp};
use panoptikon_web::http::{Hosts, Proxies, SESSION_COOKIE};
use panoptikon_web::server::{Limits, Listen, Server};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;

const SOON: Duration = Duration::from_secs(5);

/// The site on a socket, with the task that feeds open pages.
struct Served {
    at: SocketAddr,
    _stop: watch::Sender<bool>,
}

fn serve(bed: &Bed) -> Served {
    let listen = [Listen { address: SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0), plain: true }];
    let tls = Arc::clone(bed.site.tls.as_ref().expect("certificates"));
    let hosts = Arc::new(Hosts::new([NAME]));
    let proxies = Arc::new(Proxies::default());
    let server =
        Server::bind(&listen, tls, hosts, proxies, Limits::default()).expect("a free port");
    let at = server.addresses()[0].address;
    let (stop, stopped) = watch::channel(false);
    let ended = |mut stopped: watch::Receiver<bool>| async move {
        let _ = stopped.wait_for(|s| *s).await;
    };
    let router = panoptikon_web::router(&bed.site, &front(bed), Vec::new());
    tokio::spawn(server.run(router, ended(stopped.clone())));
    tokio::spawn(panoptikon_web::push(bed.site.clone(), ended(stopped)));
    Served { at, _stop: stop }
}

/// A tab's end of the channel.
struct Tab(TcpStream);

impl Tab {
    /// Opens the channel and says which page it shows, as the script does.
    async fn on(served: &Served, browser: &Browser, page: &str) -> Self {
        let mut stream = TcpStream::connect(served.at).await.expect("a connection");
        let cookie = &browser.cookies[SESSION_COOKIE];
        let head = format!(
            "GET /live HTTP/1.1\r\nHost: {NAME}\r\nOrigin: http://{NAME}\r\n\
             Cookie: {SESSION_COOKIE}={cookie}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.expect("sent");
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            let byte = timeout(SOON, stream.read_u8()).await.expect("an answer");
            answer.push(byte.expect("an open connection"));
        }
        assert!(answer.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&answer));
        let word = format!("{{\"v\":1,\"page\":\"{page}\"}}");
        // A client's frame is masked; a mask of zeros leaves it readable (RFC 6455, 5.3).
        let mut frame = vec![0x81, 0x80 | u8::try_from(word.len()).expect("short"), 0, 0, 0, 0];
        frame.extend(word.as_bytes());
        stream.write_all(&frame).await.expect("sent");
        let mut tab = Self(stream);
        // The counts that greet a page show that it was understood.
        let hello = tab.until(|patch| patch["counts"]["devices-all"].is_u64()).await;
        assert_eq!(hello["v"], 1);
        tab
    }

    async fn next(&mut self) -> Value {
        loop {
            let first = self.0.read_u8().await.expect("an open channel");
            let length = match self.0.read_u8().await.expect("a length") {
                126 => usize::from(self.0.read_u16().await.expect("a length")),
                127 => self.0.read_u64().await.expect("a length") as usize,
                short => usize::from(short),
            };
            let mut payload = vec![0; length];
            self.0.read_exact(&mut payload).await.expect("a payload");
            if first & 15 == 1 {
                return serde_json::from_slice(&payload).expect("JSON");
            }
        }
    }

    /// The first message that is wanted; others are passed over.
    async fn until(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        let find = async {
            loop {
                let patch = self.next().await;
                if wanted(&patch) {
                    return patch;
                }
            }
        };
        timeout(SOON, find).await.expect("the message did not come")
    }

    /// Everything that comes within this time.
    async fn within(&mut self, time: Duration) -> Vec<Value> {
        let (mut all, end) = (Vec::new(), tokio::time::Instant::now() + time);
        while let Ok(patch) = tokio::time::timeout_at(end, self.next()).await {
            all.push(patch);
        }
        all
    }
}

/// The row of a device in a message, if it is there.
fn row(patch: &Value, id: i64) -> Option<&Value> {
    patch["rows"].as_array()?.iter().find(|r| r["id"] == id && r["list"] == "devices")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_reaches_each_page_in_the_shape_that_it_shows() {
    let (bed, ada) = seeded([Seed::number(1), Seed::number(2)]).await;
    let served = serve(&bed);
    let mut table = Tab::on(&served, &ada, "/devices?status=online").await;
    let mut cards = Tab::on(&served, &ada, "/devices?view=cards").await;
    let mut page = Tab::on(&served, &ada, "/devices/1").await;
    let mut audit = Tab::on(&served, &ada, "/audit").await;
    // What arriving tabs stir up goes by first.
    for tab in [&mut table, &mut cards, &mut page, &mut audit] {
        tab.within(Duration::from_millis(400)).await;
    }
    let mut browser = ada.clone();
    browser.post("/devices/1", &[("name", "<b>TV</b>"), ("known", "1")]).await.location();
    let patch = table.until(|p| row(p, 1).is_some()).await;
    let html = row(&patch, 1).unwrap()["html"].as_str().unwrap();
    assert!(html.trim_start().starts_with("<tr id=\"device-1\""), "{html}");
    assert!(html.contains("&#60;b&#62;TV") && !html.contains("<b>TV"), "{html}");
    assert_eq!(
        row(&patch, 1).unwrap()["keep"],
        true,
        "a list that does not show it stays as it is"
    );
    let patch = cards.until(|p| row(p, 1).is_some()).await;
    let html = row(&patch, 1).unwrap()["html"].as_str().unwrap();
    assert!(html.trim_start().starts_with("<li id=\"device-1\""), "{html}");
    let patch = page.until(|p| p["patches"].is_array()).await;
    assert_eq!(patch["patches"][0]["id"], "device-1-status");
    assert_eq!(patch["patches"][0]["class"], "st ok");
    let others = audit.within(Duration::from_millis(600)).await;
    assert!(others.iter().all(|p| p["rows"].is_null()), "{others:?}");
    assert!(others.iter().any(|p| p["counts"]["devices-unknown"] == 1), "{others:?}");

    browser.post("/devices/2/forget", &[]).await.location();
    let patch = table.until(|p| row(p, 2).is_some()).await;
    assert!(row(&patch, 2).unwrap()["html"].is_null(), "taken out");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_happens_a_hundred_times_is_told_a_few_times() {
    let (bed, ada) = seeded([Seed::number(1)]).await;
    let served = serve(&bed);
    let mut events = Tab::on(&served, &ada, "/events").await;
    let start = Instant::now();
    for n in 0..100 {
        let event = NewEvent {
            at: Timestamp::now(),
            source: "discovery",
            kind: "address_changed",
            severity: Severity::Info,
            device: Some(DeviceId(1)),
            summary: format!("number {n}"),
            data: Value::Null,
        };
        bed.site.events.publish(event).await.unwrap();
        tokio::time::sleep(Duration::from_millis(8)).await;
    }
    let took = start.elapsed();
    let patches = events.within(Duration::from_millis(600)).await;
    let rows = patches.iter().filter_map(|p| p["rows"].as_array()).flatten().count();
    assert_eq!(rows, 100);
    let most = (took.as_secs_f64() + 0.6) * 10.0;
    assert!((patches.len() as f64) < most, "{} messages in {took:?}", patches.len());
    let json = patches[0]["rows"][0]["html"].as_str().unwrap();
    assert!(json.contains("<li id=\"event-"), "{json}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_misses_nothing_between_its_rendering_and_its_connection() {
    let (bed, ada) = seeded([Seed::number(1)]).await;
    let served = serve(&bed);
    let mut browser = ada.clone();
    tokio::time::sleep(Duration::from_millis(50)).await;
    // Nobody is connected yet.
    browser.post("/devices/1", &[("name", "Renamed meanwhile")]).await.location();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let mut tab = Tab::on(&served, &ada, "/devices").await;
    let patch = tab.until(|p| row(p, 1).is_some()).await;
    assert!(row(&patch, 1).unwrap()["html"].as_str().unwrap().contains("Renamed meanwhile"));
}

/// Runs `ip` in the namespace of this thread.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_known_how_many_pages_show_what() {
    let (bed, ada) = seeded([Seed::number(1)]).await;
    let served = serve(&bed);
    let hearers = |wanted: usize| {
        let live = bed.site.live.clone();
        async move {
            while live.hearers("flows") != wanted {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    };
    let devices = Tab::on(&served, &ada, "/devices").await;
    let traffic = Tab::on(&served, &ada, "/flows").await;
    timeout(SOON, hearers(1)).await.expect("one shows traffic");
    drop(traffic);
    timeout(SOON, hearers(0)).await.expect("none does");
    drop(devices);
}

fn ip(arguments: &str) -> String {
    let output = Command::new("ip").args(arguments.split(' ')).output().expect("iproute2");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ip {arguments}: {error}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// An ARP announcement of a host that nobody has heard of (RFC 5227, 2.3).
fn announcement(last: u8) -> Vec<u8> {
    let (mac, host) = ([0x00, 0x1b, 0x21, 0, 0, last], [10, 9, 0, last]);
    let mut frame = vec![0xff; 6];
    frame.extend(mac);
    frame.extend([0x08, 0x06, 0, 1, 0x08, 0, 6, 4, 0, 1]);
    frame.extend(mac);
    frame.extend(host);
    frame.extend([0; 6]);
    frame.extend(host);
    frame
}

async fn a_heard_device_appears() {
    let (bed, mut ada) = seeded([]).await;
    let served = serve(&bed);
    let options = LanOptions { interfaces: vec!["lan0".to_owned()], ..LanOptions::default() };
    let (stop, stopped) = watch::channel(false);
    let listening = bed.site.discovery.clone();
    let room = tokio::spawn(async move { listening.run(options, stopped).await });
    until_listening(&bed).await;
    let mut tab = Tab::on(&served, &ada, "/devices").await;
    let mut filtered = Tab::on(&served, &ada, "/devices?type=tv").await;
    let index = host_index();
    let mut worst = Duration::ZERO;
    for last in 2..=11 {
        tokio::time::sleep(Duration::from_millis(120)).await;
        let start = Instant::now();
        prober::send_once(index, &[announcement(last)]).expect("sent");
        let address = format!("10.9.0.{last}<");
        // Without `keep`: a new device goes to the top.
        tab.until(|p| {
            let mut rows = p["rows"].as_array().into_iter().flatten();
            rows.any(|r| {
                r["keep"].is_null() && r["html"].as_str().is_some_and(|h| h.contains(&address))
            })
        })
        .await;
        worst = worst.max(start.elapsed());
    }
    eprintln!("from the frame to the page: {worst:?} at worst");
    assert!(worst < Duration::from_secs(1), "{worst:?}");
    let all = filtered.within(Duration::from_millis(500)).await;
    let new =
        all.iter().filter_map(|p| p["rows"].as_array()).flatten().filter(|r| r["keep"].is_null());
    assert_eq!(new.count(), 0, "a filtered list does not take in what may not pass the filter");
    let toasts: Vec<_> = all.iter().filter_map(|p| p["toasts"].as_array()).flatten().collect();
    assert!(toasts.iter().any(|t| t["tone"] == "new"), "{all:?}");
    let heard = bed.site.discovery.by_ip([10, 9, 0, 2].into()).expect("is a device").0;
    let woken = ada.post(&format!("/api/v1/devices/{heard}/wake"), &[]).await.expect(204);
    assert!(woken.body.is_empty());
    stop.send_replace(true);
    room.await.expect("no panic").expect("no failure");
}

#[test]
fn a_device_that_is_heard_appears_on_an_open_page_within_a_second() {
    in_namespace(a_heard_device_appears);
}

async fn a_flood_is_told_of() {
    let (bed, mut ada) = seeded([]).await;
    let options = LanOptions { interfaces: vec!["lan0".to_owned()], ..LanOptions::default() };
    let (stop, stopped) = watch::channel(false);
    let listening = bed.site.discovery.clone();
    let room = tokio::spawn(async move { listening.run(options, stopped).await });
    until_listening(&bed).await;
    let calm = ada.get("/devices").await.expect(200).body;
    assert!(!calm.contains("than can be true"), "{calm}");
    // Frames get lost where the engine falls behind: as many as it takes.
    let mut number = 0_u32;
    while bed.site.discovery.tally().refused == 0 {
        let frames: Vec<Vec<u8>> = (0..100)
            .map(|_| {
                number += 1;
                let mut frame = announcement(2);
                frame[8..12].copy_from_slice(&number.to_be_bytes());
                frame[24..28].copy_from_slice(&number.to_be_bytes());
                frame
            })
            .collect();
        prober::send_once(host_index(), &frames).expect("sent");
        tokio::time::sleep(Duration::from_millis(5)).await;
        assert!(number < 1_000_000, "{:?}", bed.site.discovery.tally());
    }
    let page = ada.get("/devices").await.expect(200).body;
    assert!(page.contains("More new devices appear than can be true"), "{page}");
    let about = ada.get("/about").await.expect(200).body;
    assert!(about.contains("New devices not taken in"), "{about}");
    stop.send_replace(true);
    room.await.expect("no panic").expect("no failure");
}

#[test]
fn a_flood_of_made_up_devices_is_told_of_on_the_pages() {
    in_namespace(a_flood_is_told_of);
}

fn host_index() -> u32 {
    ip("-o link show host0").split(':').next().and_then(|n| n.parse().ok()).expect("an index")
}

async fn until_listening(bed: &Bed) {
    for _ in 0..500 {
        if !bed.site.discovery.segments().is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the interface is not known");
}

/// Runs a test with a pair of interfaces in a network namespace of its own, which goes away with
/// its last socket.
fn in_namespace<T: Future<Output = ()>>(test: impl FnOnce() -> T + Send + 'static) {
    if std::env::var("PANOPTIKON_NO_NETNS").is_ok_and(|value| value == "1") {
        eprintln!("skipped: PANOPTIKON_NO_NETNS=1");
        return;
    }
    let run = std::thread::spawn(|| {
        nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET)
            .expect("a new network namespace: run as root, or set PANOPTIKON_NO_NETNS=1");
        ip("link set lo up");
        ip("link add lan0 type veth peer name host0");
        ip("addr add 10.9.0.1/24 dev lan0");
        ip("link set lan0 up");
        ip("link set host0 up");
        // Threads made from here on are in the namespace too.
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime.worker_threads(2).enable_all().build().expect("a runtime");
        runtime.block_on(test());
    });
    if let Err(panic) = run.join() {
        std::panic::resume_unwind(panic);
    }
}
