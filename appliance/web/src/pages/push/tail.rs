//! Logs that open pages follow: a reader for each while somebody looks, told in pieces.
//!
//! A tab that follows a log hears of the topic `log:` and its service. The reader begins with the
//! first such tab and ends, its program with it, with the last one.

use std::collections::HashMap;
use std::time::Duration;

use access::Permission as P;
use serde_json::{Value, json};
use system::logs::{Following, LogLine, source};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use crate::live::{Audience, Patch};
use crate::pages::logs;
use crate::site::Site;

/// What topics of logs begin with.
const TOPIC: &str = "log:";
/// How often it is looked who follows what.
const LOOK: Duration = Duration::from_millis(500);
/// Lines that come together go together.
const GATHER: Duration = Duration::from_millis(250);
/// The most lines of a piece; of more, the last ones are told and how many were left out.
const MOST_LINES: usize = 100;
/// Logs that are followed at a time; each takes a process.
const MOST: usize = 4;
/// From the end of a reader to the next attempt.
const REST: Duration = Duration::from_secs(10);

/// Follows what open pages follow, for ever.
pub(super) async fn run(site: &Site) {
    let mut tick = interval(LOOK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // Dropped with this function, and with it all readers.
    let mut readers = JoinSet::new();
    let mut running: HashMap<String, AbortHandle> = HashMap::new();
    let mut rested: HashMap<String, Instant> = HashMap::new();
    loop {
        tick.tick().await;
        while readers.try_join_next().is_some() {}
        let wanted = site.live.heard(TOPIC);
        running.retain(|topic, reader| {
            if reader.is_finished() {
                rested.insert(topic.clone(), Instant::now() + REST);
                return false;
            }
            let is_wanted = wanted.contains(topic);
            if !is_wanted {
                reader.abort();
            }
            is_wanted
        });
        rested.retain(|topic, until| wanted.contains(topic) && Instant::now() < *until);
        for topic in wanted {
            if running.len() >= MOST || running.contains_key(&topic) || rested.contains_key(&topic)
            {
                continue;
            }
            // Names that nobody watches are nobody's.
            let Some(source) = topic.strip_prefix(TOPIC).and_then(|name| source(name, None)) else {
                continue;
            };
            match site.system.follow(&source) {
                Ok(following) => {
                    let reader = tell(site.clone(), topic.clone(), following);
                    running.insert(topic, readers.spawn(reader));
                }
                Err(error) => {
                    tracing::warn!(%error, "a log cannot be followed");
                    rested.insert(topic, Instant::now() + REST);
                }
            }
        }
    }
}

async fn tell(site: Site, topic: String, mut following: Following) {
    while let Some(first) = following.next().await {
        let (mut lines, mut left_out) = (vec![first], 0_u64);
        let until = Instant::now() + GATHER;
        let is_over = loop {
            tokio::select! {
                () = sleep_until(until) => break false,
                next = following.next() => match next {
                    Some(line) => lines.push(line),
                    None => break true,
                },
            }
            if lines.len() > MOST_LINES {
                lines.remove(0);
                left_out += 1;
            }
        };
        let json = piece(&lines, left_out).to_string();
        let audience = Audience::Permission(P::LogsRead);
        site.live.publish(Patch { audience, topic: topic.clone().into(), json: json.into() });
        if is_over {
            break;
        }
    }
}

fn piece(lines: &[LogLine], left_out: u64) -> Value {
    let row = |line: &LogLine| {
        let row = logs::row(line);
        json!({ "at": row.at, "tone": row.tone, "program": row.program, "text": row.text })
    };
    let mut all: Vec<Value> = Vec::new();
    if left_out > 0 {
        let text = format!("({left_out} lines came too fast to be shown)");
        all.push(json!({ "at": "", "tone": "quiet", "program": "", "text": text }));
    }
    all.extend(lines.iter().map(row));
    json!({ "v": 1, "log": all })
}
