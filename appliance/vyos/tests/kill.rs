//! The appliance is killed with SIGKILL at any moment of a change, or the router restarts under it:
//! in the end the router runs all of the change or nothing of it, and what was kept stays.
//!
//! `ROUTER_KILLS` says how often; a few times are enough for every day.
#![allow(clippy::unwrap_used)]

#[path = "live/bed.rs"]
#[allow(dead_code)]
mod bed;

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use bed::{House, options, person, plan, until};
use vyos_sim::{Release, Sim};

const COUNTDOWN: Duration = Duration::from_secs(1);
/// How late undoing may begin; the commit itself takes what it takes.
const LATE: Duration = Duration::from_secs(1);

/// Two areas of the configuration: half of it would be seen.
const CHANGE: &str = "set system host-name edge\n\
    set firewall group address-group GUESTS address 192.168.1.77\n\
    delete system name-server 9.9.9.9\nset system name-server 1.1.1.1";

/// The appliance of this test, in a process of its own: started by the test below.
#[tokio::test]
#[ignore = "a part of the test below"]
async fn appliance() {
    let Ok(dir) = std::env::var("ROUTER_KILL_DIR") else { return };
    let deed = std::env::var("ROUTER_KILL_DEED").unwrap_or_default();
    let house = House::open(Path::new(&dir)).await;
    println!("open");
    if !deed.is_empty() {
        let plan = plan(&house.router, CHANGE, &person("ana")).await;
        match house.router.apply(&plan, COUNTDOWN, &person("ana")).await {
            Ok(number) => {
                println!("applied");
                if deed == "keep" && house.router.keep(number, &person("ana")).await.is_ok() {
                    println!("kept");
                }
            }
            Err(error) => println!("refused {error}"),
        }
    }
    until("the end of all changes", async || house.router.unsettled().is_empty()).await;
    println!("settled");
    std::future::pending::<()>().await;
}

/// A child of ours and what it says.
struct Appliance {
    child: Child,
    said: Receiver<(Instant, String)>,
}

impl Appliance {
    fn start(dir: &Path, deed: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "appliance", "--ignored", "--nocapture"])
            .env("ROUTER_KILL_DIR", dir)
            .env("ROUTER_KILL_DEED", deed)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        let (say, said) = channel();
        std::thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                if say.send((Instant::now(), line)).is_err() {
                    return;
                }
            }
        });
        Self { child, said }
    }

    fn kill(mut self) -> Vec<(Instant, String)> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.said.iter().collect()
    }
}

/// Numbers without a pattern, the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % most
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_dies_the_router_ends_in_one_of_two_states() {
    let rounds = std::env::var("ROUTER_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(6_u64);
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let mut latest = Duration::ZERO;
    let mut ends = [0_u64; 2];
    for round in 0..rounds {
        let dir = tempfile::tempdir().unwrap();
        let mut options = options(Release::Current, dir.path());
        options.timing.commit = Duration::from_millis(40 + dice.below(160));
        let sim = Sim::start(options).await.unwrap();
        let before = sim.running();
        let mut after = before.clone();
        after.apply(&bed::list(CHANGE)).unwrap();

        let keeps = round % 2 == 1;
        let appliance = Appliance::start(dir.path(), if keeps { "keep" } else { "undo" });
        tokio::time::sleep(Duration::from_millis(dice.below(1_500))).await;
        if round % 3 == 2 {
            sim.reboot().await;
        }
        let said = appliance.kill();
        let heard = |word: &str| said.iter().find(|(_, line)| line.contains(word));
        let kept = heard("kept").is_some();
        let deadline = heard("applied").map(|(at, _)| *at + COUNTDOWN);

        // Any number of times more, at any moment of putting it right.
        for _ in 0..dice.below(3) {
            let again = Appliance::start(dir.path(), "");
            tokio::time::sleep(Duration::from_millis(dice.below(600))).await;
            again.kill();
        }
        let last = Appliance::start(dir.path(), "");
        let mut opened = None;
        let settled = loop {
            let (at, line) = last.said.recv_timeout(Duration::from_secs(60)).unwrap();
            if line.contains("open") {
                opened = Some(at);
            }
            if line.contains("settled") {
                break at;
            }
        };
        let running = sim.running();
        let is_after = running.means_the_same(&after);
        assert!(is_after || running.means_the_same(&before), "round {round}: half a change runs");
        assert!(!kept || is_after, "round {round}: what was kept is gone");
        if kept {
            assert!(sim.saved().means_the_same(&after), "round {round}: kept, but not saved");
        }
        if let (false, Some(deadline), Some(opened)) = (is_after, deadline, opened) {
            let commits = Duration::from_secs(1);
            let late = settled.saturating_duration_since(deadline.max(opened));
            latest = latest.max(late);
            assert!(late < LATE + commits, "round {round}: undone {late:?} after its time");
        }
        ends[usize::from(is_after)] += 1;
        last.kill();
        sim.stop().await;
    }
    println!(
        "{rounds} rounds: {} ended as before, {} as wanted; undone at most {latest:?} after the \
         deadline or the start",
        ends[0], ends[1]
    );
}
