//! The agent: one file on a host that tells a Panoptikon appliance how the host is, keeps what the
//! appliance cannot take yet, and does the few things that the host allows.

mod book;
mod buffer;
mod collect;
mod commands;
mod config;
mod der;
mod enrol;
mod files;
mod http;
mod identity;
mod link;
mod log;
mod places;
mod run;
mod setup;
mod tls;
mod watch;

use std::io::{BufRead as _, IsTerminal as _, Read as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use crate::collect::{Collector, Tree};
use crate::commands::update::{self, Shelf, VERSION};
use crate::config::Config;
use crate::identity::Identity;
use crate::places::Places;
use crate::run::End;

/// Set when the installed program has handed over, to the installed program's path.
const LAUNCHED: &str = "PANOPTIKON_AGENT_LAUNCHED";
const TOKEN: &str = "PANOPTIKON_TOKEN";

const HELP: &str = "\
usage: panoptikon-agent COMMAND

  enrol --server ADDRESS[:PORT]...   makes this host known to the appliance, as root for the whole
                                     host; asks for the token, or takes it from PANOPTIKON_TOKEN
                                     or standard input, and never as an argument
  run                                reports until it is told to end
  status                             whether it is enrolled, runs and is linked
  check                              whether agent.toml and the identity can be used
  report                             prints one report, as the appliance gets it
  rotate                             makes a new key at the next link
  install                            puts this program, its user and its service in place
  uninstall                          removes all of that, and everything that it kept
  verify FILE SIGNATURE              whether FILE comes from who built this program
  version, help

agent.toml (in /etc/panoptikon-agent, or in ~/.config/panoptikon-agent for one person):
  servers = [\"192.0.2.1:8444\"]       addresses of the appliance, tried in this order
  allow = [\"tail\", \"ping\"]           what the appliance may ask for; without it everything
  passive = false                    true: no ping, trace, latency, throughput, jitter or scan
  fastest_s = 1                      the least interval of reports that the appliance may set
  buffer_mb = 64                     how much is kept on disk while the appliance is away
  folders = [\"/srv/app/log\"]         folders beside /var/log whose files may be shown
  containers = true                  ask docker and podman, where their socket can be opened
  programs = [\"smartctl\"]            programs that may be run: smartctl, zpool, nvidia-smi
  watch_auth = false                 true: tell of sign-ins even if the appliance does not ask
  watch_files = [\"/etc\"]             tell of changes of these files
  watch_processes = false            true: tell of processes, with their command lines, if the
                                     appliance asks for it
";

type Outcome = Result<ExitCode, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let places = Places::find();
    let outcome = match words.as_slice() {
        // Whoever asks for help changes nothing, whichever command stands before it.
        words if words.iter().any(|word| matches!(*word, "--help" | "-h")) => Ok(help()),
        ["run"] => work(places),
        ["enrol", rest @ ..] => enrol(&places, rest),
        ["status"] => status(&places),
        ["check"] => check(&places),
        ["report"] => report(&places),
        ["rotate"] => rotate(&places),
        ["install"] => install(&places),
        ["uninstall"] => Ok(uninstall(&places)),
        ["verify", file, signature] => verify(Path::new(file), Path::new(signature)),
        ["version" | "--version" | "-V"] => {
            println!("panoptikon-agent {VERSION} ({})", run::BUILD);
            Ok(ExitCode::SUCCESS)
        }
        [] | ["help"] => Ok(help()),
        _ => {
            eprintln!("panoptikon-agent: these words are not understood\n\n{HELP}");
            Ok(ExitCode::from(2))
        }
    };
    outcome.unwrap_or_else(|error| {
        log::warn(format!("panoptikon-agent: {error}"));
        ExitCode::FAILURE
    })
}

fn help() -> ExitCode {
    print!("{HELP}");
    ExitCode::SUCCESS
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(4).build()
}

fn work(places: Places) -> Outcome {
    // The installed program hands over to a newer one that it trusts.
    let installed = std::env::var_os(LAUNCHED).map(PathBuf::from);
    if installed.is_none()
        && let Some(newer) = Shelf::new(&places.programs()).choose()
    {
        let own = std::env::current_exe()?;
        let error = Command::new(&newer).arg("run").env(LAUNCHED, own).exec();
        log::warn(format!("{} does not start: {error}", newer.display()));
    }
    let end = runtime()?.block_on(run::run(places))?;
    if end == End::Stop {
        return Ok(ExitCode::SUCCESS);
    }
    let program = installed.map_or_else(std::env::current_exe, Ok)?;
    log::info("beginning anew");
    Err(Command::new(program).arg("run").env_remove(LAUNCHED).exec().into())
}

fn enrol(places: &Places, words: &[&str]) -> Outcome {
    let mut servers = Vec::new();
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        let server = match *word {
            "--server" => rest.next().copied().ok_or("--server needs an address")?,
            _ => word.strip_prefix("--server=").ok_or_else(|| format!("{word}: not understood"))?,
        };
        for server in server.split([',', ' ']).filter(|server| !server.is_empty()) {
            let (host, port) = config::split_server(server)
                .ok_or_else(|| format!("{server:?} is no address with a port"))?;
            let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
            servers.push(format!("{host}:{port}"));
        }
    }
    if servers.is_empty() {
        return Err("where is the appliance? panoptikon-agent enrol --server ADDRESS".into());
    }
    let token: wire::Token = read_token()?.parse()?;
    files::private_folder(&places.state)?;
    files::private_folder(&places.config)?;
    // What the owner wrote stays, but for where the appliance is.
    let config = match Config::load(&places.config_file()) {
        Ok(config) => config,
        Err(config::ConfigError::Missing(_)) => Config::default(),
        Err(error) => return Err(error.into()),
    };
    let mut tree = Tree::new(Path::new("/"));
    let hello = run::hello(&mut tree, &config);
    let identity = runtime()?.block_on(enrol::enrol(&servers, &token, hello))?;
    // A new identity counts its messages from 1; what an old one kept was meant for another.
    forget(&places.buffer())?;
    forget(&places.book())?;
    identity.save(&places.identity())?;
    if config.servers.is_empty() {
        files::replace(&places.config_file(), config::first_text(&servers).as_bytes(), 0o644)?;
    } else if config.servers != servers {
        println!("{} names other servers; it is left as it is", places.config_file().display());
    }
    setup::give(places)?;
    println!("enrolled as {}", identity.agent);
    Ok(ExitCode::SUCCESS)
}

fn forget(path: &Path) -> std::io::Result<()> {
    let gone =
        if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
    match gone {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The token never stands among the arguments, which everybody on the host can read.
fn read_token() -> Result<String, Box<dyn std::error::Error>> {
    if let Ok(token) = std::env::var(TOKEN) {
        return Ok(token);
    }
    let input = std::io::stdin();
    if input.is_terminal() {
        eprintln!("token, as the appliance's page shows it:");
    }
    let mut line = String::new();
    input.lock().take(1024).read_line(&mut line)?;
    Ok(line)
}

fn status(places: &Places) -> Outcome {
    let identity = match Identity::load(&places.identity()) {
        Ok(identity) => identity,
        Err(error) => {
            println!("{error}");
            return Ok(ExitCode::FAILURE);
        }
    };
    println!("agent {}", identity.agent);
    if let Some((_, until)) = identity.validity() {
        let now = std::time::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs() as i64);
        println!("certificate for {} more days", (until - now).div_euclid(86_400));
    }
    let Some(pulse) = run::pulse(places)? else {
        println!("not running");
        return Ok(ExitCode::FAILURE);
    };
    println!("running, version {}, process {}", pulse.version, pulse.pid);
    if !pulse.linked {
        println!("no link{}{}", if pulse.why.is_empty() { "" } else { ": " }, pulse.why);
        return Ok(ExitCode::FAILURE);
    }
    println!("linked to {} as {:?}", pulse.server, pulse.name);
    Ok(ExitCode::SUCCESS)
}

fn check(places: &Places) -> Outcome {
    let config = Config::load(&places.config_file())?;
    let identity = Identity::load(&places.identity())?;
    tls::enrolled(identity.credentials()?)?;
    println!("{}: good, servers {}", places.config_file().display(), config.servers.join(", "));
    Ok(ExitCode::SUCCESS)
}

fn report(places: &Places) -> Outcome {
    let config = Config::load(&places.config_file()).unwrap_or_default();
    let mut collector = Collector::new(Path::new("/"), config.containers, config.programs, 0);
    let asked = collector.question(0, false).map(|question| question.ask());
    std::thread::sleep(std::time::Duration::from_millis(500));
    if let Some(asked) = asked {
        collector.answered(asked);
    }
    let at = std::time::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_millis() as i64);
    let report = collector.report(500, at, true);
    println!("{}", serde_json::to_string_pretty(&report)?);
    Ok(ExitCode::SUCCESS)
}

fn rotate(places: &Places) -> Outcome {
    Identity::load(&places.identity())?;
    // Renamed into place, so that root writes through no link of the agent's user.
    files::replace(&places.state.join("rotate"), b"", 0o600)?;
    println!("a new key is made at the next link; restart the agent to have it now");
    Ok(ExitCode::SUCCESS)
}

fn install(places: &Places) -> Outcome {
    let mut done = setup::install(places)?;
    if Identity::load(&places.identity()).is_ok() {
        done.extend(setup::start(places)?);
    } else {
        done.push("not started: enrol this host, then install once more".into());
    }
    for line in done {
        println!("{line}");
    }
    Ok(ExitCode::SUCCESS)
}

fn uninstall(places: &Places) -> ExitCode {
    let (done, failed) = setup::uninstall(places);
    for line in &done {
        println!("removed: {line}");
    }
    for line in &failed {
        log::warn(line);
    }
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn verify(file: &Path, signature: &Path) -> Outcome {
    match update::verify_file(file, signature) {
        Ok(version) => {
            println!("genuine, version {version}");
            Ok(ExitCode::SUCCESS)
        }
        // Not wrong, but not proven either.
        Err(update::UpdateError::NoKey) => {
            println!("this program was built without a release key: nothing can be verified");
            Ok(ExitCode::from(3))
        }
        Err(error) => Err(error.into()),
    }
}
