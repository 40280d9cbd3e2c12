//! A stand-in for the HTTP API of a `VyOS` router. Kill it and start it again on the same state
//! folder, and the router has rebooted.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Parser, ValueEnum};
use vyos_sim::{Options, Release, Sim, Timing};

/// A stand-in for the HTTP API of a VyOS router, for tests.
#[derive(Parser)]
#[command(name = "vyos-sim")]
struct Arguments {
    /// Whose behaviour is shown.
    #[arg(long)]
    release: Which,
    /// A `config.boot` to start with where the state folder holds none.
    #[arg(long)]
    config: PathBuf,
    /// The unix socket to listen on.
    #[arg(long)]
    socket: PathBuf,
    /// Also listen here, with TLS.
    #[arg(long)]
    listen: Option<SocketAddr>,
    /// The root of the router's files; what is saved is in config/config.boot below it.
    #[arg(long, default_value = "vyos-sim-state")]
    state: PathBuf,
    /// Write the server's state with its keys there.
    #[arg(long)]
    key_file: Option<PathBuf>,
    /// Take lines that turn knobs on this unix socket; send it `help`.
    #[arg(long)]
    control: Option<PathBuf>,
    /// No nginx before the unix socket.
    #[arg(long)]
    bare_socket: bool,
    /// Take as long as the recorded servers did.
    #[arg(long)]
    real_times: bool,
    /// How long a commit takes, in milliseconds.
    #[arg(long)]
    commit_takes: Option<u64>,
    /// Let `/reboot` with `now` reboot.
    #[arg(long)]
    obey_reboot: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Which {
    Sagitta,
    Current,
    Newer,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let release = match arguments.release {
        Which::Sagitta => Release::Sagitta,
        Which::Current => Release::Current,
        Which::Newer => Release::Newer,
    };
    let config = std::fs::read_to_string(&arguments.config)
        .with_context(|| format!("reading {}", arguments.config.display()))?;
    let mut options = Options::new(release, config, arguments.state);
    options.socket = Some(arguments.socket);
    options.listen = arguments.listen;
    options.key_file = arguments.key_file;
    options.bare_socket = arguments.bare_socket;
    if arguments.real_times {
        options.timing = Timing::measured();
    }
    if let Some(takes) = arguments.commit_takes {
        options.timing.commit = std::time::Duration::from_millis(takes);
    }
    let sim = Sim::start(options).await?;
    sim.obey_reboot(arguments.obey_reboot);
    if let Some(address) = sim.address() {
        println!("https://{address}");
    }
    println!("ready");
    let mut end = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    let control = async {
        match &arguments.control {
            Some(socket) => sim.obey(socket).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        ended = control => ended.context("the control socket")?,
        _ = end.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    sim.stop().await;
    Ok(())
}
