//! Many hosts on one interface: questions arrive as frames, answers leave when their delay is over.

pub(crate) mod chatter;
pub(crate) mod model;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::Ipv4Addr;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use ::model::Mac;
use anyhow::{Context, Result};
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::time::TimeSpec;
use socket2::SockFilter;

use crate::frame::{self, Question};
use crate::link::Link;
use crate::net::Net;
use chatter::Chatter;
use model::{Hosts, Manner, Outcome};

/// What `lab-hosts respond` is told.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Interface on which the hosts live.
    #[arg(long)]
    interface: String,
    /// Their network, such as 10.77.0.0/22.
    #[arg(long)]
    net: Net,
    /// How many hosts.
    #[arg(long)]
    hosts: usize,
    /// Address that no host may take; may be given more than once.
    #[arg(long)]
    exclude: Vec<Ipv4Addr>,
    /// Answer as on a lossy wireless LAN instead of a clean wired one.
    #[arg(long)]
    wifi: bool,
    /// Decides addresses, MACs, delays and losses.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Frames of ordinary LAN chatter to send each second.
    #[arg(long, default_value_t = 0)]
    chatter: u32,
    /// Print address and MAC of each host, and end.
    #[arg(long)]
    list: bool,
}

/// What was seen and done; printed at the end.
#[derive(Debug, Default)]
struct Counters {
    questions: u64,
    for_nobody: u64,
    answered: u64,
    questions_lost: u64,
    answers_lost: u64,
    asleep: u64,
    chatter: u64,
    send_failed: u64,
}

/// Runs until SIGTERM or SIGINT, then prints the counters.
pub(crate) fn run(options: &Options) -> Result<()> {
    let manner = if options.wifi { Manner::WIFI } else { Manner::CLEAN };
    let mut hosts =
        Hosts::settle(options.net, options.hosts, &options.exclude, manner, options.seed);
    if options.list {
        for index in 0..hosts.len() {
            println!("{} {}", hosts.get(index).address, hosts.get(index).mac);
        }
        return Ok(());
    }
    let signals = end_signals()?;
    let link = Link::open(&options.interface, &questions_only())?;
    let mut chatter = Chatter::new(options.seed, options.exclude.first().copied(), options.chatter);
    println!(
        "ready: {} hosts on {} ({})",
        hosts.len(),
        options.interface,
        if options.wifi { "wifi" } else { "clean" }
    );

    let began = Instant::now();
    let micros = || began.elapsed().as_micros() as u64;
    let mut counters = Counters::default();
    let mut queue: BinaryHeap<Reverse<(u64, u64, Vec<u8>)>> = BinaryHeap::new();
    let mut serial = 0;
    let mut buffer = vec![0; 2048];
    loop {
        let now = micros();
        while let Some(Reverse((due, ..))) = queue.peek()
            && *due <= now
        {
            if let Some(Reverse((.., frame))) = queue.pop() {
                count(link.send(&frame), &mut counters.answered, &mut counters.send_failed);
            }
        }
        for frame in chatter.due(now, &hosts) {
            count(link.send(&frame), &mut counters.chatter, &mut counters.send_failed);
        }
        let next =
            queue.peek().map(|Reverse((due, ..))| *due).into_iter().chain(chatter.next()).min();
        if wait(&link, &signals, next.map(|due| due.saturating_sub(micros())))? {
            break;
        }
        // Bounded, so that answers leave in time during a flood of questions.
        for _ in 0..64 {
            let Some(bytes) = link.receive(&mut buffer)? else {
                break;
            };
            let now = micros();
            if let Some((delay, answer)) = answer(&mut hosts, bytes, now, &mut counters) {
                serial += 1;
                queue.push(Reverse((now + delay, serial, answer)));
            }
        }
    }
    println!("{counters:?}");
    Ok(())
}

/// The answer to a frame and its delay in microseconds, when there is one.
fn answer(
    hosts: &mut Hosts,
    bytes: &[u8],
    now: u64,
    counters: &mut Counters,
) -> Option<(u64, Vec<u8>)> {
    let question = frame::question(bytes)?;
    counters.questions += 1;
    let found = match question {
        Question::Arp { target, to, .. } | Question::Echo { target, to, .. } => {
            hosts.at(target).filter(|index| to == Mac::BROADCAST || to == hosts.get(*index).mac)
        }
        Question::Neighbour { target, .. } => hosts.at_link_local(target),
    };
    let Some(index) = found else {
        counters.for_nobody += 1;
        return None;
    };
    let delay = match hosts.ask(index, now) {
        Outcome::Answers(delay) => delay,
        Outcome::QuestionLost => {
            counters.questions_lost += 1;
            return None;
        }
        Outcome::Asleep => {
            counters.asleep += 1;
            return None;
        }
        Outcome::AnswerLost => {
            counters.answers_lost += 1;
            return None;
        }
    };
    let host = hosts.get(index);
    let me = (host.mac, host.address);
    let frame = match question {
        Question::Arp { asker, asker_ip, .. } => frame::arp_reply(me, (asker, asker_ip)),
        Question::Echo { asker, asker_ip, message, .. } => {
            frame::echo_reply(me, (asker, asker_ip), host.ttl, message)
        }
        Question::Neighbour { asker, asker_ip, target } => {
            frame::advertisement(host.mac, target, (asker, asker_ip))
        }
    };
    Some((delay, frame))
}

fn count(sent: bool, done: &mut u64, failed: &mut u64) {
    *(if sent { done } else { failed }) += 1;
}

/// Waits for a frame, or for at most `micros`; true when it is time to end.
fn wait(link: &Link, signals: &SignalFd, micros: Option<u64>) -> Result<bool> {
    let mut fds = [
        PollFd::new(link.as_fd(), PollFlags::POLLIN),
        PollFd::new(signals.as_fd(), PollFlags::POLLIN),
    ];
    let timeout = micros.map(|n| TimeSpec::from_duration(Duration::from_micros(n)));
    match ppoll(&mut fds, timeout, None) {
        Ok(_) | Err(nix::errno::Errno::EINTR) => {}
        Err(e) => return Err(e).context("wait for a frame"),
    }
    Ok(fds[1].any().unwrap_or(false))
}

/// SIGTERM and SIGINT as a file descriptor.
pub(crate) fn end_signals() -> Result<SignalFd> {
    let mut set = SigSet::empty();
    set.add(Signal::SIGTERM);
    set.add(Signal::SIGINT);
    set.thread_block().context("block SIGTERM and SIGINT")?;
    SignalFd::with_flags(&set, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)
        .context("make a signal descriptor")
}

/// Keeps all but ARP, ICMP and `ICMPv6` out in the kernel.
fn questions_only() -> Vec<SockFilter> {
    const LOAD_HALF: u16 = 0x28;
    const LOAD_BYTE: u16 = 0x30;
    const JUMP_EQUAL: u16 = 0x15;
    const RETURN: u16 = 0x06;
    let op = |code, k, jt, jf| SockFilter::new(code, jt, jf, k);
    vec![
        op(LOAD_HALF, 12, 0, 0),
        op(JUMP_EQUAL, 0x0806, 6, 0),
        op(JUMP_EQUAL, 0x0800, 0, 2),
        op(LOAD_BYTE, 23, 0, 0),
        op(JUMP_EQUAL, 1, 3, 4),
        op(JUMP_EQUAL, 0x86dd, 0, 3),
        op(LOAD_BYTE, 20, 0, 0),
        op(JUMP_EQUAL, 58, 0, 1),
        op(RETURN, 0xffff, 0, 0),
        op(RETURN, 0, 0, 0),
    ]
}
