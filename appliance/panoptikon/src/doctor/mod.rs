//! What the appliance needs of the machine: what is there, what is missing, and how to get it.
//!
//! `probe` asks the system, `judge` turns each answer into a [`Check`]; nothing is changed, and
//! nothing is sent.

mod judge;
mod probe;
mod rights;
mod traffic;

use flows::collect::Source;
use rights::Rights;
use serde::Serialize;

use crate::config::Config;

/// How much of a capability is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// All of it.
    Ok,
    /// The appliance works, with less.
    Degraded,
    /// Something that it is made for does not work.
    Missing,
}

/// One capability.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What it is, such as `raw sockets`.
    pub name: &'static str,
    /// How much of it is there.
    pub state: State,
    /// What was found.
    pub found: String,
    /// What follows from that, where it is not all well.
    pub means: Option<String>,
    /// What to do about it, as a command where there is one.
    pub remedy: Option<String>,
}

impl Check {
    fn ok(name: &'static str, found: impl Into<String>) -> Self {
        Self { name, state: State::Ok, found: found.into(), means: None, remedy: None }
    }

    fn short(
        name: &'static str,
        state: State,
        found: impl Into<String>,
        means: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        let (means, remedy) = (Some(means.into()), Some(remedy.into()));
        Self { name, state, found: found.into(), means, remedy }
    }
}

/// How things stand with the router's API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouterApi {
    /// Where it is.
    pub at: String,
    /// The version that it says, if it does; or why it does not answer.
    pub answer: Result<Option<String>, String>,
}

impl RouterApi {
    /// Asks it, with what the appliance asks it with.
    pub fn ask(config: &Config) -> Self {
        let answer = probe::api(&crate::serve::router_settings(config));
        Self { at: config.router_api.0.to_string(), answer }
    }

    /// What the running appliance knows of it.
    pub fn known(config: &Config, status: &vyos::Status) -> Self {
        let version = status.abilities.as_ref().and_then(|abilities| abilities.version.clone());
        let answer = match &status.link {
            vyos::Link::Up => Ok(version),
            vyos::Link::Down(trouble) => Err(trouble.text.clone()),
            vyos::Link::Asking => Err("it was not asked yet".to_owned()),
        };
        Self { at: config.router_api.0.to_string(), answer }
    }
}

/// Looks at everything; at the rights of the running appliance, if one runs.
pub fn examine(config: &Config, router: &RouterApi) -> Vec<Check> {
    let program = std::env::current_exe()
        .map_or_else(|_| "panoptikon".to_owned(), |path| path.display().to_string());
    let running = probe::answers(&config.control_socket);
    let service = Rights::of_running(&config.control_socket);
    let rights = service.unwrap_or_else(Rights::own);
    let mut checks = vec![
        judge::raw_sockets(service.map_or_else(probe::raw_socket, Rights::packets), &program),
        rights::administration(rights),
        judge::neighbours(probe::neighbour_socket()),
        judge::interfaces(config, &probe::interfaces()),
        judge::vyos(probe::release().as_deref(), router),
        judge::directory("data directory", &config.data_dir, &probe::directory(&config.data_dir)),
        judge::directory(
            "configuration directory",
            &config.config_dir,
            &probe::directory(&config.config_dir),
        ),
        judge::disk(config, probe::disk(&config.data_dir)),
        judge::clock(&probe::clock()),
    ];
    let endpoints = config.listen.iter().chain(&config.plain_listen);
    checks
        .extend(endpoints.map(|endpoint| judge::port(*endpoint, probe::port(*endpoint), running)));
    checks.extend(
        config.agents_listen.iter().map(|at| judge::agents_port(*at, probe::port(*at), running)),
    );
    checks.extend(traffic::accounting(config.flows_source, flows::is_accounting()));
    if config.flows_source != Source::Off && !config.flows_listen.is_empty() {
        checks.push(traffic::queue(rights.may_exceed_queues(), probe::largest_queue()));
    }
    checks.push(judge::open_files(probe::open_files()));
    checks.push(judge::memory(probe::memory()));
    checks.extend(rights::containers(rights));
    checks.extend(rights::services(rights));
    checks
}

/// What `serve` says at its start when it may not listen on the wire, if that is so.
pub fn missing_capability() -> Option<Check> {
    let program = std::env::current_exe()
        .map_or_else(|_| "panoptikon".to_owned(), |path| path.display().to_string());
    let check = judge::raw_sockets(probe::raw_socket(), &program);
    (check.state != State::Ok).then_some(check)
}

/// The VyOS release that this runs on, if it is one.
pub fn vyos_version() -> Option<String> {
    probe::release()
}

/// The worst of the states.
pub fn verdict(checks: &[Check]) -> State {
    checks.iter().map(|check| check.state).max().unwrap_or(State::Ok)
}
