//! Watches this machine for so many seconds as the appliance does while somebody looks at the router's
//! page, every three seconds, its services every nine, and prints what that cost. For
//! `scripts/bench monitoring`.

use std::fs;
use std::io;
use std::time::{Duration, Instant};

use events::Events;
use model::Timestamp;
use panoptikon_system::{Options, ROOM, System};
use store::Store;
use tokio::sync::watch;
use tokio::time::{interval, timeout};

/// How often the page of services asks.
const BOARD: Duration = Duration::from_secs(9);
/// Clock ticks a second in `/proc` (proc(5)), fixed for programs.
const TICKS: f64 = 100.0;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let seconds: u64 = match std::env::args().nth(1) {
        Some(text) => text.parse()?,
        None => return Err("usage: watch-router SECONDS".into()),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(run(Duration::from_secs(seconds)))
}

async fn run(length: Duration) -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::temp_dir().join(format!("pnk-watch-{}", std::process::id()));
    let store = Store::open(store::Options {
        dir: folder.clone(),
        rooms: vec![events::ROOM, ROOM],
        built: Timestamp(0),
        max_bytes: 1 << 30,
        keep_backups: 1,
    })?;
    let before = memory()?;
    let events = Events::new(store.clone());
    let system = System::open(store.clone(), events, Options::default())?;
    let (end, ended) = watch::channel(false);
    let room = system.clone();
    let running = tokio::spawn(async move { room.run(ended).await });
    let mut seen = system.watch();
    seen.changed().await?;
    let (began, spent) = (Instant::now(), spent()?);
    let (mut readings, mut boards) = (0, 0);
    let mut board = interval(BOARD);
    while began.elapsed() < length {
        tokio::select! {
            _ = board.tick() => {
                // Without systemd there are none, which costs less than it would on a router.
                if let Ok(services) = system.services().await {
                    boards += 1;
                    for unit in &services.units {
                        unit.main_pid.and_then(|pid| system.process(pid));
                    }
                }
                system.sockets().await?;
            }
            changed = timeout(length, seen.changed()) => {
                changed??;
                seen.borrow_and_update();
                readings += 1;
            }
        }
    }
    let used = self::spent()? - spent;
    println!("readings {readings}");
    println!("boards {boards}");
    println!("percent {:.3}", 100.0 * used / began.elapsed().as_secs_f64());
    println!("memory_kib {}", memory()?.saturating_sub(before));
    end.send_replace(true);
    running.await??;
    store.close();
    fs::remove_dir_all(folder)?;
    Ok(())
}

/// Seconds of processor time of this process and of the programs that it ran.
fn spent() -> io::Result<f64> {
    let own = nix::time::clock_gettime(nix::time::ClockId::CLOCK_PROCESS_CPUTIME_ID)?;
    let stat = fs::read_to_string("/proc/self/stat")?;
    let rest = stat.rsplit_once(')').map(|(_, rest)| rest).unwrap_or_default();
    let field = |number: usize| -> f64 {
        let word = rest.split_whitespace().nth(number - 3);
        word.and_then(|word| word.parse().ok()).unwrap_or(0.0)
    };
    Ok(Duration::from(own).as_secs_f64() + (field(16) + field(17)) / TICKS)
}

/// Resident memory in KiB.
fn memory() -> io::Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    Ok(line.split_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or(0))
}
