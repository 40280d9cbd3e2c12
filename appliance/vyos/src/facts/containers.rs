//! Containers as they are configured. Values of environment variables stay where they are, as many
//! are passwords.

use serde::Serialize;

use super::read::Reader;
use crate::config::Node;

/// A container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Container {
    /// Its name.
    pub name: String,
    /// What somebody said of it.
    pub description: Option<String>,
    /// Switched off.
    pub disabled: bool,
    /// What it runs.
    pub image: Option<String>,
    /// It uses the router's own network.
    pub host_network: bool,
    /// Networks that it is in, with its addresses there.
    pub networks: Vec<(String, Vec<String>)>,
    /// Ports that lead into it.
    pub ports: Vec<ContainerPort>,
    /// Folders that it sees.
    pub volumes: Vec<Volume>,
    /// Names of environment variables.
    pub environment: Vec<String>,
    /// In MB; 512 where none is configured, 0 without a limit.
    pub memory_mb: Option<u32>,
    /// `no`, `on-failure` (also where none is configured) or `always`.
    pub restart: Option<String>,
    /// What it may do to the router.
    pub capabilities: Vec<String>,
    /// All else, in the configuration's words.
    pub other: Vec<String>,
}

/// A port that leads into a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ContainerPort {
    /// Its name.
    pub name: String,
    /// Of the router.
    pub source: Option<String>,
    /// Of the container.
    pub destination: Option<String>,
    /// `tcp` (also where none is configured) or `udp`.
    pub protocol: Option<String>,
    /// Addresses of the router.
    pub listen_addresses: Vec<String>,
}

/// A folder that a container sees.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Volume {
    /// Its name.
    pub name: String,
    /// On the router.
    pub source: Option<String>,
    /// In the container.
    pub destination: Option<String>,
    /// `rw` (also where none is configured) or `ro`.
    pub mode: Option<String>,
}

/// A network of containers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ContainerNetwork {
    /// Its name.
    pub name: String,
    /// What somebody said of it.
    pub description: Option<String>,
    /// Its prefixes.
    pub prefixes: Vec<String>,
    /// All else, in the configuration's words.
    pub other: Vec<String>,
}

/// All containers.
pub fn containers(root: &Node) -> Vec<Container> {
    Reader::of(root.at(["container"])).each("name").into_iter().map(container).collect()
}

/// All networks of containers.
pub fn container_networks(root: &Node) -> Vec<ContainerNetwork> {
    let network = |(name, mut reader): (String, Reader<'_>)| ContainerNetwork {
        name,
        description: reader.text("description"),
        prefixes: reader.texts("prefix"),
        other: reader.rest(),
    };
    Reader::of(root.at(["container"])).each("network").into_iter().map(network).collect()
}

fn container((name, mut reader): (String, Reader<'_>)) -> Container {
    let mut other = Vec::new();
    let mut networks = Vec::new();
    for (network, mut options) in reader.each("network") {
        let addresses = options.texts("address");
        options.rest_in(&format!("network {network}"), &mut other);
        networks.push((network, addresses));
    }
    let mut ports = Vec::new();
    for (port, mut options) in reader.each("port") {
        ports.push(ContainerPort {
            source: options.text("source"),
            destination: options.text("destination"),
            protocol: options.text("protocol"),
            listen_addresses: options.texts("listen-address"),
            name: port.clone(),
        });
        options.rest_in(&format!("port {port}"), &mut other);
    }
    let mut volumes = Vec::new();
    for (volume, mut options) in reader.each("volume") {
        volumes.push(Volume {
            source: options.text("source"),
            destination: options.text("destination"),
            mode: options.text("mode"),
            name: volume.clone(),
        });
        options.rest_in(&format!("volume {volume}"), &mut other);
    }
    let environment = reader.each("environment").into_iter().map(|(name, _)| name).collect();
    let mut found = Container {
        name,
        description: reader.text("description"),
        disabled: reader.flag("disable"),
        image: reader.text("image"),
        host_network: reader.flag("allow-host-networks"),
        networks,
        ports,
        volumes,
        environment,
        memory_mb: reader.number("memory"),
        restart: reader.text("restart"),
        // 1.4 GA and later; before, `cap-add`.
        capabilities: [reader.texts("capability"), reader.texts("cap-add")].concat(),
        other,
    };
    found.other.extend(reader.rest());
    found
}
