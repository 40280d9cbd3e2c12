//! Reads the counters of all interfaces once a second for so many seconds, as the appliance does
//! while somebody watches, and prints what that cost. For `scripts/bench interface-counters`.

use std::io;
use std::thread::sleep;
use std::time::{Duration, Instant};

use panoptikon_system::interfaces::{SLOT, Sampler};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let seconds: u32 = match std::env::args().nth(1) {
        Some(text) => text.parse()?,
        None => return Err("usage: count-interfaces SECONDS".into()),
    };
    let mut sampler = Sampler::open()?;
    sampler.refresh()?;
    let (began, before) = (Instant::now(), processor_time()?);
    let mut interfaces = 0;
    for second in 1..=seconds {
        if second.is_multiple_of(SLOT.as_secs() as u32) {
            sampler.refresh()?;
        }
        interfaces = sampler.sample()?.len();
        sleep((began + Duration::from_secs(1) * second).saturating_duration_since(Instant::now()));
    }
    let used = processor_time()?.saturating_sub(before);
    let percent = 100.0 * used.as_secs_f64() / began.elapsed().as_secs_f64();
    println!("interfaces {interfaces}");
    println!("percent {percent:.3}");
    Ok(())
}

/// User and system time of this process, to the nanosecond.
fn processor_time() -> io::Result<Duration> {
    let time = nix::time::clock_gettime(nix::time::ClockId::CLOCK_PROCESS_CPUTIME_ID)?;
    Ok(Duration::from(time))
}
