//! The whole room on a real cable: frames go in, rows and events come out.

#[path = "namespace/mod.rs"]
mod namespace;

use std::net::Ipv4Addr;
use std::path::Path;
use std::time::{Duration, Instant};

use events::{EventQuery, Events};
use model::{Mac, Timestamp};
use namespace::{Responder, in_namespace, index, ip, send_from, until};
use panoptikon_discovery::decode::{Fact, ethernet};
use panoptikon_discovery::edit::{DevicePatch, EnrichmentPatch};
use panoptikon_discovery::list::{DeviceFilter, State};
use panoptikon_discovery::sweep::frames::{self, Sender};
use panoptikon_discovery::{Discovery, DiscoveryError, LanOptions, ROOM};
use ring::{Instruction, PacketSocket};
use store::{Options, Store};
use tokio::runtime::Runtime;
use tokio::sync::watch;

/// A cable from the router's `lan0` to `far0`, on which the hosts are.
fn cable() {
    ip("link add lan0 address 02:00:00:00:00:01 type veth peer name far0");
    ip("address add 10.9.0.1/24 dev lan0");
    ip("link set lan0 up");
    ip("link set far0 up");
}

fn open(dir: &Path) -> (Store, Discovery) {
    let store = Store::open(Options {
        dir: dir.to_owned(),
        rooms: vec![events::ROOM, ROOM],
        built: Timestamp(0),
        max_bytes: 64 << 20,
        keep_backups: 1,
    })
    .expect("opens");
    let events = Events::new(store.clone());
    let discovery = Discovery::open(store.clone(), events, Timestamp::now()).expect("opens");
    (store, discovery)
}

struct Running {
    stop: watch::Sender<bool>,
    task: tokio::task::JoinHandle<()>,
}

fn start(runtime: &Runtime, discovery: &Discovery) -> Running {
    let (stop, stopped) = watch::channel(false);
    let discovery = discovery.clone();
    let task = runtime.spawn(async move {
        discovery.run(LanOptions::default(), stopped).await.expect("runs");
    });
    Running { stop, task }
}

impl Running {
    fn end(self, runtime: &Runtime) {
        self.stop.send_replace(true);
        runtime.block_on(self.task).expect("ends");
    }
}

fn host(n: u8) -> Sender<Ipv4Addr> {
    Sender { mac: Mac([0x3c, 0x06, 0x30, 0, 0, n]), ip: Ipv4Addr::new(10, 9, 0, n) }
}

fn runtime() -> Runtime {
    // Threads of the runtime start in the namespace of the thread that makes it.
    Runtime::new().expect("a runtime")
}

#[test]
fn a_first_frame_is_a_stored_device_within_a_second() {
    in_namespace(|| {
        cable();
        let (dir, runtime) = (tempfile::tempdir().expect("a folder"), runtime());
        let (store, discovery) = open(dir.path());
        let running = start(&runtime, &discovery);
        let far = index("far0");
        until("the room hears", || {
            send_from(far, &frames::arp_request(host(200), Ipv4Addr::new(10, 9, 0, 1), None));
            discovery.tally().devices == 1
        });
        let sent = Instant::now();
        send_from(far, &frames::arp_request(host(7), Ipv4Addr::new(10, 9, 0, 1), None));
        let online = DeviceFilter { state: State::Online, limit: 10, ..DeviceFilter::default() };
        until("the row is there", || {
            let page = runtime.block_on(discovery.list(online.clone(), Timestamp::now()));
            page.expect("lists").ids.len() == 2
        });
        assert!(sent.elapsed() < Duration::from_secs(1), "{:?}", sent.elapsed());
        let events = Events::new(store.clone());
        let kinds = vec!["new_device".to_owned()];
        let query = EventQuery { kinds, limit: 10, ..EventQuery::default() };
        let told = || runtime.block_on(events.list(query.clone())).expect("lists").events;
        until("both are told of", || told().len() == 2);
        assert_eq!(told()[0].data["mac"], host(7).mac.to_string());
        running.end(&runtime);
        store.close();
    });
}

#[test]
fn a_scan_finds_who_only_answers_and_what_people_said_survives_a_restart() {
    in_namespace(|| {
        cable();
        let (dir, runtime) = (tempfile::tempdir().expect("a folder"), runtime());
        let (store, discovery) = open(dir.path());
        let running = start(&runtime, &discovery);
        until("the interface is known", || !discovery.segments().is_empty());
        let address = Ipv4Addr::new(10, 9, 0, 77);
        let answerer = Responder::start(index("far0"), [address].into());
        let report = runtime.block_on(discovery.scan_now()).expect("scans");
        assert!(report.answered >= 1, "{report:?}");
        let device = discovery.by_mac(Responder::mac(address)).expect("is a device");
        drop(answerer);
        until("it is stored", || {
            let counts = runtime.block_on(discovery.counts(Timestamp::now())).expect("counts");
            counts.all >= 1
        });
        let name = DevicePatch { name: Some("Kitchen".into()), ..DevicePatch::default() };
        runtime.block_on(discovery.edit(device.id, name, |_| Ok(()))).expect("edits");
        let correction =
            EnrichmentPatch { device_type: Some("speaker".into()), ..EnrichmentPatch::default() };
        runtime.block_on(discovery.correct(device.id, correction, |_| Ok(()))).expect("corrects");
        running.end(&runtime);
        store.close();

        let (store, discovery) = open(dir.path());
        let again = discovery.by_mac(Responder::mac(address)).expect("is known");
        assert_eq!((again.id, again.name().as_str()), (device.id, "Kitchen"));
        assert_eq!(
            again.device_type().map(panoptikon_discovery::enrich::DeviceType::as_str),
            Some("speaker")
        );
        store.close();
    });
}

/// A multicast DNS response of a host: answers of type, name in labels, and data.
fn dns_response(from: Sender<Ipv4Addr>, answers: &[(u16, &str, Vec<u8>)]) -> Vec<u8> {
    let mut message = vec![0, 0, 0x84, 0, 0, 0, 0, answers.len() as u8, 0, 0, 0, 0];
    for (kind, name, data) in answers {
        message.extend(dns_name(name));
        message.extend(kind.to_be_bytes());
        message.extend([0, 1, 0, 0, 0, 120]);
        message.extend((data.len() as u16).to_be_bytes());
        message.extend(data);
    }
    let asked = frames::services_query(Sender { mac: from.mac, ip: from.ip.into() });
    let mut frame = asked[..42].to_vec();
    frame[16..18].copy_from_slice(&(28 + message.len() as u16).to_be_bytes());
    frame[38..40].copy_from_slice(&(8 + message.len() as u16).to_be_bytes());
    // Neither checksum is looked at; zero says so for UDP.
    frame[40..42].fill(0);
    [frame, message].concat()
}

fn dns_name(dotted: &str) -> Vec<u8> {
    let labels = dotted.split('.').flat_map(|l| [&[l.len() as u8][..], l.as_bytes()].concat());
    labels.chain([0]).collect()
}

#[test]
fn who_tells_a_service_only_is_asked_for_its_name_until_it_says_one() {
    in_namespace(|| {
        cable();
        at_work(|_, discovery| {
            let (far, phone) = (index("far0"), host(31));
            let everything =
                [Instruction { code: 0x06, jump_true: 0, jump_false: 0, operand: 1_518 }];
            let socket = PacketSocket::open(far, &everything).expect("a packet socket");
            let service = "_companion-link._tcp.local";
            let types = [(12, "_services._dns-sd._udp.local", dns_name(service))];
            send_from(far, &frames::arp_request(phone, Ipv4Addr::new(10, 9, 0, 1), None));
            until("it is a device", || discovery.by_mac(phone.mac).is_some());
            send_from(far, &dns_response(phone, &types));
            let (mut asked, mut buffer) = (0, [0; 1_518]);
            until("it is known by its name", || {
                while let Ok(Some(length)) = socket.receive(&mut buffer, Duration::from_millis(5)) {
                    let Ok(Fact::Mdns(query)) = ethernet(&buffer[..length]).map(|h| h.fact) else {
                        continue;
                    };
                    if query.response || !query.questions.iter().any(|q| q.name == service) {
                        continue;
                    }
                    asked += 1;
                    // The first answer is lost, as Wi-Fi loses multicast.
                    if asked > 1 {
                        let ip = phone.ip.octets().to_vec();
                        send_from(far, &dns_response(phone, &[(1, "Bens-iPhone.local", ip)]));
                    }
                }
                discovery.by_mac(phone.mac).is_some_and(|d| d.hostname() == Some("Bens-iPhone"))
            });
            assert!(asked >= 2, "{asked}");
        });
    });
}

/// With the room at work on the cable.
fn at_work(body: impl FnOnce(&Runtime, &Discovery)) {
    let (dir, runtime) = (tempfile::tempdir().expect("a folder"), runtime());
    let (store, discovery) = open(dir.path());
    let running = start(&runtime, &discovery);
    until("the interface is known", || !discovery.segments().is_empty());
    body(&runtime, &discovery);
    running.end(&runtime);
    store.close();
}

#[test]
fn the_way_out_is_no_lan_even_if_its_route_comes_after_its_address() {
    in_namespace(|| {
        cable();
        ip("link add wan0 type veth peer name isp0");
        ip("address add 192.168.100.2/24 dev wan0");
        ip("link set wan0 up");
        ip("link set isp0 up");
        at_work(|_, discovery| {
            let watched = || {
                discovery.segments().iter().map(|s| s.name.clone()).collect::<Vec<_>>().join(" ")
            };
            until("both look alike", || watched() == "lan0 wan0");
            ip("route add default via 192.168.100.1");
            until("one of them leads out", || watched() == "lan0");
        });
    });
}

#[test]
fn one_scan_at_a_time_and_the_next_when_it_is_over() {
    in_namespace(|| {
        cable();
        at_work(|runtime, discovery| {
            let outcomes = runtime.block_on(async {
                futures_util::future::join_all((0..6).map(|_| discovery.scan_now())).await
            });
            let done = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
            let told = outcomes.iter().filter(|o| matches!(o, Err(DiscoveryError::TooSoon { .. })));
            assert_eq!((done, told.count()), (1, 5));
            runtime.block_on(discovery.scan_now()).expect("scans again");
        });
    });
}
