//! A small appliance on its own: enrols, links, acknowledges. For measurements and for trying the
//! agent without an appliance.
//!
//! usage: `stand [ADDRESS [INTERVAL_S]]`. It prints `server ADDRESS` and `token TOKEN`; to each line
//! on its standard input it answers `links N reports N octets N gaps N lost N`, and ends
//! with it.

#[path = "../tests/stand/mod.rs"]
mod stand;

use std::io::BufRead as _;
use std::sync::atomic::Ordering;

use stand::Stand;

fn main() -> std::io::Result<()> {
    let mut words = std::env::args().skip(1);
    let address = words.next().unwrap_or_else(|| "127.0.0.1:0".into());
    let interval = words.next().and_then(|word| word.parse().ok()).unwrap_or(10);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let stand = runtime.block_on(Stand::start(&address));
    stand.interval_s.store(interval, Ordering::Relaxed);
    println!("server {}", stand.address);
    println!("token {}", stand.token());
    for line in std::io::stdin().lock().lines() {
        line?;
        let Ok(tables) = stand.tables.lock() else { break };
        println!(
            "links {} reports {} octets {} gaps {} lost {}",
            tables.hellos.len(),
            tables.reports.len(),
            tables.octets,
            tables.gaps.len(),
            tables.lost.len()
        );
    }
    Ok(())
}
