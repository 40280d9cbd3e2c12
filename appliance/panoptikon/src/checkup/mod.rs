//! Whether the appliance on this machine does what it is there for: one line and yes or no.
//!
//! For a container's health check, for an update that must know whether it went well, and for
//! people. It needs neither root nor name resolution: the control socket is asked where it may be,
//! and the front door as a browser would. All within [`LIMIT`].

mod door;
mod verdict;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::config::Config;
use crate::control::{AskError, Request, ask_within};

pub use door::DoorError;
pub use verdict::{Reading, Verdict, judge};

/// The longest that an answer may take.
pub const LIMIT: Duration = Duration::from_secs(3);

/// What each question gets of that.
const PART: Duration = Duration::from_millis(1_400);

/// Looks at the appliance.
pub fn look(config: &Config) -> Verdict {
    let (sender, reading) = mpsc::sync_channel(1);
    let config = config.clone();
    let spawned = thread::Builder::new().name("checkup".to_owned()).spawn(move || {
        // Nobody waits for it any more when it took too long.
        let _ = sender.send(ask(&config));
    });
    if let Err(error) = spawned {
        return Verdict::ill(format!("looking at the appliance failed: {error}"));
    }
    match reading.recv_timeout(LIMIT) {
        Ok(reading) => judge(&reading),
        Err(_) => Verdict::ill(format!("no answer within {} s", LIMIT.as_secs())),
    }
}

fn ask(config: &Config) -> Reading {
    let status = match ask_within(&config.control_socket, &Request::Status, PART) {
        Ok(status) => Ok(Some(status)),
        // The socket is for the appliance's own user; others see no more than the pages.
        Err(AskError::NoPermission(_)) => Ok(None),
        Err(error) => Err(error.to_string()),
    };
    let door = match &status {
        Err(_) => Ok(()),
        Ok(status) => {
            // What it was started with may differ from what this command was.
            let told = status.as_ref().and_then(listens_at);
            let listen = told.as_ref().unwrap_or(&config.listen);
            door::knock(listen, PART).map_err(|error| error.to_string())
        }
    };
    Reading { status, door }
}

/// Where the appliance says that it listens.
fn listens_at(status: &Value) -> Option<Vec<SocketAddr>> {
    serde_json::from_value(status["facts"]["listen"].clone()).ok()
}

/// Where the running appliance keeps its data, which may differ from what this command was told.
pub fn data_dir(config: &Config) -> PathBuf {
    let status = ask_within(&config.control_socket, &Request::Status, PART).ok();
    let told = status.and_then(|status| status["facts"]["data_dir"].as_str().map(PathBuf::from));
    told.filter(|dir| dir.is_absolute()).unwrap_or_else(|| config.data_dir.clone())
}
