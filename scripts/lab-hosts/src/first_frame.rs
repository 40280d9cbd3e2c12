//! When did a new host first speak? Watches a port and prints the instant, for the measurement
//! "from first frame to row on the page".

use std::io::Write as _;
use std::os::fd::AsFd;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Result, bail};
use model::Mac;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::link::Link;

/// What `lab-hosts first-frame` is told.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The switch port of the host.
    #[arg(long)]
    interface: String,
    /// The host's MAC.
    #[arg(long)]
    source: Mac,
    /// How long to wait.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
}

/// Prints `listening`, then the instant of the first frame from the host in milliseconds since 1970.
pub(crate) fn run(options: &Options) -> Result<()> {
    let link = Link::open(&options.interface, &[])?;
    println!("listening");
    std::io::stdout().flush()?;
    let deadline = Instant::now() + Duration::from_secs(options.seconds);
    let mut buffer = [0; 2048];
    while Instant::now() < deadline {
        let mut fds = [PollFd::new(link.as_fd(), PollFlags::POLLIN)];
        poll(&mut fds, PollTimeout::from(100_u16))?;
        while let Some(frame) = link.receive(&mut buffer)? {
            if frame.get(6..12) == Some(&options.source.0[..]) {
                println!("{}", SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis());
                return Ok(());
            }
        }
    }
    bail!("no frame from {} on {} within {} s", options.source, options.interface, options.seconds)
}
