//! The health score: discovery's formula, over the facts that it and this site know.

use discovery::health::{FORMULA, health};
use model::Timestamp;
use store::{ClockGuard, ClockVerdict};

use crate::site::Site;
use crate::view::{RingPart, Tone};

/// The parts of the score, and the formula in words.
pub(super) async fn parts(site: &Site, now: Timestamp) -> (Vec<RingPart>, String) {
    let asked = site.clone();
    // Both read files.
    let looked =
        tokio::task::spawn_blocking(move || (asked.discovery.health_facts(), asked.store.sizes()));
    let (mut facts, sizes) = match looked.await {
        Ok((facts, sizes)) => (facts, Some(sizes)),
        Err(_) => (site.discovery.health_facts(), None),
    };
    if let (Some(storage), Some(sizes)) = (&mut facts.storage, sizes.filter(|s| s.disk > 0)) {
        storage.free = Some(sizes.free as f64 / sizes.disk as f64);
    }
    let guard = ClockGuard {
        built: site.store.options().built,
        last_run: None,
        running_for: now.since(site.facts.started),
    };
    // A clock behind the program's own build is surely wrong; whether another is right is not known.
    if guard.judge(now) == ClockVerdict::Behind {
        facts.clock = Some(false);
    }
    let parts = health(&facts).parts.into_iter().map(|part| RingPart {
        label: part.name.to_owned(),
        weight: f64::from(part.weight),
        reached: part.score,
        detail: part.detail,
        tone: match part.score {
            s if s > 0.8 => Tone::Ok,
            s if s > 0.6 => Tone::Warn,
            _ => Tone::Bad,
        },
        href: href(part.name).to_owned(),
    });
    (parts.collect(), FORMULA.to_owned())
}

fn href(part: &str) -> &'static str {
    match part {
        "Devices that matter" => "/devices?status=offline",
        "Storage" => "/settings#storage",
        _ => "/about",
    }
}
