//! What must hold of the buffer, however it is cut off.

use proptest::prelude::*;
use tempfile::TempDir;
use wire::Taken;
use wire::{FromAgent, Inbox};

use super::*;

const MIB: u64 = 1 << 20;

struct Host {
    folder: TempDir,
    limit: u64,
}

impl Host {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), limit: 64 * MIB }
    }

    fn start(&self) -> Outbox {
        let book = Book::open(&self.folder.path().join("state.json")).unwrap();
        Outbox::open(&self.folder.path().join("buffer"), book, self.limit).unwrap()
    }

    fn files(&self) -> Vec<PathBuf> {
        let folder = self.folder.path().join("buffer");
        let mut paths: Vec<PathBuf> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths
    }
}

fn fill(outbox: &mut Outbox, from: u64, to: u64) {
    for at in from..=to {
        outbox.push(Kind::Report, format!("{{\"at\":{at}}}"), 0);
    }
}

/// Number and time of reports; number and 0 of what is lost.
fn sent(outbox: &mut Outbox) -> Vec<(u64, i64)> {
    let frames = outbox.take(usize::MAX, usize::MAX);
    frames
        .iter()
        .map(|(seq, text)| match FromAgent::decode(text).unwrap().unwrap() {
            FromAgent::Report(report) => {
                assert_eq!(report.seq, *seq);
                (*seq, report.at)
            }
            FromAgent::Lost(lost) => {
                assert_eq!(lost.to, *seq);
                (*seq, 0)
            }
            other => panic!("{other:?}"),
        })
        .collect()
}

#[test]
fn nothing_is_sent_before_the_first_welcome_gives_numbers() {
    let host = Host::new();
    let mut outbox = host.start();
    fill(&mut outbox, 1, 2);
    assert_eq!(sent(&mut outbox), []);
    outbox.welcome(40).unwrap();
    assert_eq!(sent(&mut outbox), [(41, 1), (42, 2)]);
    assert_eq!(sent(&mut outbox), []);
}

#[test]
fn while_acknowledged_nothing_touches_the_disk() {
    let host = Host::new();
    let mut outbox = host.start();
    outbox.welcome(0).unwrap();
    for at in 1..=50 {
        outbox.push(Kind::Report, "{}".into(), at * 10_000);
        outbox.settle(at * 10_000, true);
        outbox.take(1, 1000);
        outbox.settle(at * 10_000 + 1999, true);
        outbox.ack(at);
    }
    assert_eq!(host.files(), Vec::<PathBuf>::new());
    outbox.push(Kind::Report, "{}".into(), 900_000);
    outbox.settle(902_000, true);
    assert_eq!(host.files().len(), 1);
    outbox.ack(51);
    assert_eq!(host.files().len(), 0);
}

#[test]
fn what_was_made_without_a_link_is_there_after_a_kill_and_comes_once() {
    let host = Host::new();
    let mut first = host.start();
    first.welcome(0).unwrap();
    fill(&mut first, 1, 3);
    assert_eq!(sent(&mut first).len(), 3);
    first.settle(0, false);
    // Killed: nothing is closed. The appliance has two of them.
    let mut second = host.start();
    fill(&mut second, 4, 5);
    second.settle(0, false);
    let mut third = host.start();
    fill(&mut third, 6, 6);
    third.welcome(2).unwrap();
    assert_eq!(sent(&mut third), [(3, 3), (4, 4), (5, 5), (6, 6)]);
    // Killed before any acknowledgement: the same numbers again.
    third.settle(0, false);
    let mut fourth = host.start();
    fourth.welcome(3).unwrap();
    fill(&mut fourth, 7, 7);
    assert_eq!(sent(&mut fourth), [(4, 4), (5, 5), (6, 6), (7, 7)]);
    fourth.ack(7);
    assert_eq!(host.files().len(), 0);
}

#[test]
fn a_kill_while_all_was_acknowledged_leaves_no_gap_and_uses_no_number_twice() {
    let host = Host::new();
    let mut first = host.start();
    first.welcome(0).unwrap();
    fill(&mut first, 1, 500);
    sent(&mut first);
    first.ack(500);
    // Killed; then the router is away for a while.
    let mut second = host.start();
    fill(&mut second, 501, 503);
    second.settle(0, false);
    assert_eq!(sent(&mut second), []);
    second.welcome(500).unwrap();
    assert_eq!(sent(&mut second), [(501, 501), (502, 502), (503, 503)]);
}

#[test]
fn a_torn_end_costs_only_what_is_torn() {
    let host = Host::new();
    let mut first = host.start();
    first.welcome(0).unwrap();
    fill(&mut first, 1, 4);
    first.settle(0, false);
    drop(first);
    let file = host.files().remove(0);
    let whole = fs::read(&file).unwrap();
    let record = (whole.len() - 28) / 4;
    for cut in 0..whole.len() {
        fs::write(&file, &whole[..cut]).unwrap();
        let mut next = host.start();
        next.welcome(0).unwrap();
        let left = cut.saturating_sub(28) / record;
        let expected: Vec<(u64, i64)> = (1..=left as u64).map(|n| (n, n as i64)).collect();
        assert_eq!(sent(&mut next), expected, "cut at {cut}");
        drop(next);
        fs::write(&file, &whole).unwrap();
        for other in host.files().into_iter().filter(|other| *other != file) {
            fs::remove_file(other).unwrap();
        }
    }
}

#[test]
fn a_flipped_octet_is_noticed_and_what_is_before_it_stays() {
    let host = Host::new();
    let mut first = host.start();
    first.welcome(0).unwrap();
    fill(&mut first, 1, 4);
    first.settle(0, false);
    drop(first);
    let mut second = host.start();
    fill(&mut second, 5, 5);
    second.settle(0, false);
    drop(second);
    let file = host.files().remove(0);
    let mut octets = fs::read(&file).unwrap();
    let at = octets.len() - 25;
    octets[at] ^= 1;
    fs::write(&file, octets).unwrap();
    let mut third = host.start();
    third.welcome(0).unwrap();
    // Three and four are gone; nobody can know how many the file held.
    assert_eq!(sent(&mut third), [(1, 1), (2, 2), (3, 5)]);
}

#[test]
fn a_full_buffer_drops_the_oldest_and_says_how_many() {
    let mut host = Host::new();
    host.limit = MIB;
    let mut outbox = host.start();
    let body = |at: u64| format!("{{\"at\":{at},\"x\":\"{}\"}}", "y".repeat(1000));
    for at in 1..=5000 {
        outbox.push(Kind::Report, body(at), 0);
        outbox.settle(0, false);
    }
    assert!(outbox.octets() <= MIB && outbox.octets() > MIB * 3 / 4, "{}", outbox.octets());
    drop(outbox);
    let mut outbox = host.start();
    outbox.welcome(10).unwrap();
    let frames = sent(&mut outbox);
    let kept = frames.len() as u64 - 1;
    assert_eq!(frames[0], (5010 - kept, 0));
    assert_eq!(frames[1], (5011 - kept, 5001 - kept as i64));
    assert_eq!(frames.last(), Some(&(5010, 5000)));
}

#[test]
fn an_appliance_that_went_back_in_time_is_told_what_is_gone() {
    let host = Host::new();
    let mut outbox = host.start();
    outbox.welcome(0).unwrap();
    fill(&mut outbox, 1, 9);
    sent(&mut outbox);
    outbox.ack(9);
    outbox.welcome(4).unwrap();
    fill(&mut outbox, 10, 10);
    assert_eq!(sent(&mut outbox), [(9, 0), (10, 10)]);
}

#[test]
fn an_appliance_that_has_more_than_was_sent_gets_higher_numbers() {
    let host = Host::new();
    let mut outbox = host.start();
    outbox.welcome(0).unwrap();
    fill(&mut outbox, 1, 3);
    sent(&mut outbox);
    outbox.welcome(100).unwrap();
    fill(&mut outbox, 4, 4);
    assert_eq!(sent(&mut outbox), [(101, 4)]);
    assert_eq!(outbox.first_and_next(), (102, 102));
}

#[test]
fn a_disk_that_takes_nothing_leaves_the_newest_in_memory() {
    let host = Host::new();
    let mut outbox = host.start();
    outbox.welcome(0).unwrap();
    // Even root cannot make a file in a folder that is gone.
    fs::remove_dir(host.folder.path().join("buffer")).unwrap();
    let body = format!("{{\"x\":\"{}\"}}", "y".repeat(10_000));
    for _ in 0..200 {
        outbox.push(Kind::Report, body.clone(), 0);
        outbox.settle(0, false);
    }
    let frames = sent_kinds(&mut outbox);
    assert_eq!(frames.first(), Some(&"lost"));
    assert!(frames.len() > 40 && frames.len() < 60, "{}", frames.len());
}

fn sent_kinds(outbox: &mut Outbox) -> Vec<&'static str> {
    let frames = outbox.take(usize::MAX, usize::MAX);
    let lost = |text: &String| if text.starts_with("{\"t\":\"lost") { "lost" } else { "other" };
    frames.iter().map(|(_, text)| lost(text)).collect()
}

#[derive(Debug, Clone)]
enum Step {
    Make(u64),
    Send(usize),
    /// So many of those that arrived are committed and acknowledged.
    Commit(u64, bool),
    Cut,
    Kill,
    Close,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (1_u64..20).prop_map(Step::Make),
        (1_usize..30).prop_map(Step::Send),
        (0_u64..30, any::<bool>()).prop_map(|(n, told)| Step::Commit(n, told)),
        Just(Step::Cut),
        Just(Step::Kill),
        Just(Step::Close),
    ];
    prop::collection::vec(step, 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is cut, killed or not acknowledged: once the link holds, what was made and on disk
    /// when a kill came lies in the tables once and in order.
    #[test]
    fn each_message_arrives_once_and_in_order(steps in steps()) {
        let host = Host::new();
        let mut outbox = host.start();
        let mut linked = false;
        let mut made = 0;
        let mut inbox = Inbox::new(0);
        let mut arrived: Vec<i64> = Vec::new();
        for step in steps.into_iter().chain([Step::Cut, Step::Send(usize::MAX)]) {
            match step {
                Step::Make(n) => {
                    fill(&mut outbox, made + 1, made + n);
                    made += n;
                    outbox.settle(if linked { 2000 } else { 0 }, linked);
                }
                Step::Send(n) => {
                    if !linked {
                        inbox.roll_back();
                        arrived.truncate(inbox.committed() as usize);
                        outbox.welcome(inbox.committed()).unwrap();
                        linked = true;
                    }
                    for (seq, text) in outbox.take(n, usize::MAX) {
                        prop_assert_eq!(inbox.take(seq), Taken::New);
                        let Ok(Some(FromAgent::Report(report))) = FromAgent::decode(&text) else {
                            panic!("{text}")
                        };
                        arrived.push(report.at);
                    }
                }
                Step::Commit(n, told) => {
                    inbox.commit(inbox.committed() + n);
                    if told && linked {
                        outbox.ack(inbox.committed());
                    }
                }
                Step::Cut => {
                    linked = false;
                    outbox.settle(0, false);
                }
                Step::Kill | Step::Close => {
                    if matches!(step, Step::Close) {
                        outbox.close().unwrap();
                    }
                    linked = false;
                    outbox = host.start();
                }
            }
        }
        let all: Vec<i64> = (1..=made as i64).collect();
        prop_assert_eq!(arrived, all);
    }
}
