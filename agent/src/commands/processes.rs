//! The processes that use most.

use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::{Failure, Job};
use crate::collect::Collector;

#[derive(Deserialize)]
struct Arguments {
    #[serde(default = "some")]
    n: usize,
}

fn some() -> usize {
    20
}

/// Two looks, a second apart.
pub(super) fn processes(job: &Job) -> Result<Value, Failure> {
    let arguments: Arguments = job.arguments()?;
    let apart = Duration::from_secs(1);
    let mut collector = Collector::new(Path::new("/"), false, Vec::new(), 0);
    job.pause(apart)?;
    let processes = collector.walk(apart.as_millis() as u64, arguments.n.clamp(1, 500));
    serde_json::to_value(processes).map_err(|error| Failure::failed(error.to_string()))
}
