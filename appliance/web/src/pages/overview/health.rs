//! The health score: discovery's formula, as a ring with reasons.

use discovery::health::FORMULA;
use model::Timestamp;

use crate::site::Site;
use crate::view::{RingPart, Tone};

/// The parts of the score, and the formula in words.
pub(super) async fn parts(site: &Site, now: Timestamp) -> (Vec<RingPart>, String) {
    let parts = site.discovery.health(now).await.parts.into_iter().map(|part| RingPart {
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
