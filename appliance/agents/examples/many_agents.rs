//! Many agents in one process, for measurements: enrols them with the tokens on standard input, one
//! a line, links them, and sends reports at an interval or events as fast as they are acknowledged.
//!
//! usage: `many_agents ADDRESS reports INTERVAL_S SECONDS` or `many_agents ADDRESS events SECONDS`
//!
//! When all are linked it prints `linked N`, and at the end `sent N acked N seconds S`.

#![allow(missing_docs)]

#[path = "../tests/common/client.rs"]
mod client;

use std::io::BufRead as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use client::{Identity, Link, enrol, now_ms};
use tokio::sync::Barrier;
use wire::{EventItem, EventKind, Events, FromAgent};

/// Events of one message, and messages that may wait for their acknowledgement.
const EVENTS: usize = 100;
const AHEAD: u64 = 10;

#[derive(Clone, Copy)]
enum Work {
    Reports(Duration),
    Events,
}

#[derive(Default)]
struct Done {
    sent: AtomicU64,
    acked: AtomicU64,
}

fn usage() -> ! {
    eprintln!("usage: many_agents ADDRESS reports INTERVAL_S SECONDS | ADDRESS events SECONDS");
    std::process::exit(2);
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let number = |text: &str| text.parse::<u64>().unwrap_or_else(|_| usage());
    let (address, work, seconds) = match &words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [address, "reports", interval, seconds] => {
            (*address, Work::Reports(Duration::from_secs(number(interval))), number(seconds))
        }
        [address, "events", seconds] => (*address, Work::Events, number(seconds)),
        _ => usage(),
    };
    let address: SocketAddr = address.parse().unwrap_or_else(|_| usage());
    let mut identities = Vec::new();
    for (number, token) in std::io::stdin().lock().lines().map_while(Result::ok).enumerate() {
        match enrol(address, token.trim(), &format!("host{number}")).await {
            Ok(identity) => identities.push(identity),
            Err((status, answer)) => {
                eprintln!("host{number} was not enrolled: {status} {answer}");
                std::process::exit(1);
            }
        }
    }
    let count = identities.len();
    let (done, ready) = (Arc::<Done>::default(), Arc::new(Barrier::new(count + 1)));
    let mut tasks = Vec::new();
    for (number, mut identity) in identities.into_iter().enumerate() {
        // One after the other, as far as the limit of strangers of an address wants it.
        let link = join(&mut identity, address).await;
        let (done, ready) = (Arc::clone(&done), Arc::clone(&ready));
        tasks.push(tokio::spawn(async move {
            ready.wait().await;
            let until = Instant::now() + Duration::from_secs(seconds);
            match work {
                Work::Reports(every) => {
                    let first = every.mul_f64(number as f64 / count as f64);
                    reports(link, first, every, until, &done).await;
                }
                Work::Events => events(link, until, &done).await,
            }
        }));
    }
    println!("linked {count}");
    ready.wait().await;
    let began = Instant::now();
    for task in tasks {
        if let Err(error) = task.await {
            eprintln!("an agent failed: {error}");
            std::process::exit(1);
        }
    }
    let (sent, acked) = (done.sent.load(Ordering::Relaxed), done.acked.load(Ordering::Relaxed));
    println!("sent {sent} acked {acked} seconds {:.2}", began.elapsed().as_secs_f64());
}

async fn join(identity: &mut Identity, address: SocketAddr) -> Link {
    for _ in 0..20 {
        if let Ok((link, _)) = identity.link(address).await {
            return link;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    eprintln!("an agent was not let in");
    std::process::exit(1);
}

async fn reports(mut link: Link, first: Duration, every: Duration, until: Instant, done: &Done) {
    let mut next = Instant::now() + first;
    let mut seq = 0;
    while next < until {
        // What comes is heard meanwhile, so that pings are answered.
        while let Ok(Ok(message)) = tokio::time::timeout_at(next.into(), link.hear()).await {
            if let wire::FromAppliance::Ack(acked) = message {
                link.acked = acked;
            }
        }
        seq += 1;
        link.report(seq, (seq % 100) as f32).await;
        done.sent.fetch_add(1, Ordering::Relaxed);
        next += every;
    }
    let last = tokio::time::timeout(Duration::from_secs(10), link.acked(seq)).await;
    drop(last);
    done.acked.fetch_add(link.acked, Ordering::Relaxed);
}

async fn events(mut link: Link, until: Instant, done: &Done) {
    let item = |seq: u64, number: usize| EventItem {
        at: now_ms(),
        kind: EventKind::Log,
        severity: "info".into(),
        message: format!("message {seq}.{number} of a service that says a lot"),
        ..EventItem::default()
    };
    let mut seq = 0;
    while Instant::now() < until {
        if seq >= link.acked + AHEAD && link.acked(seq + 1 - AHEAD).await.is_err() {
            break;
        }
        seq += 1;
        let list = (0..EVENTS).map(|number| item(seq, number)).collect();
        link.say(&FromAgent::Events(Events { seq, list })).await;
        done.sent.fetch_add(EVENTS as u64, Ordering::Relaxed);
    }
    let last = tokio::time::timeout(Duration::from_secs(10), link.acked(seq)).await;
    drop(last);
    done.acked.fetch_add(link.acked * EVENTS as u64, Ordering::Relaxed);
}
