//! What a configuration says, in typed views for pages and checks. Each view is a function of the
//! whole configuration; all of them keep what they do not know in `other`, in the configuration's
//! words, so that nothing is hidden. Private keys, passwords and their like are in none of them.

pub mod containers;
pub mod dhcp;
pub mod dns;
pub mod firewall;
pub mod forwards;
pub mod groups;
pub mod interfaces;
pub mod matches;
pub mod nat;
pub mod net;
mod peers;
pub mod policy;
pub mod read;
pub mod routes;
pub mod services;
pub mod system;
pub mod vpn;
pub mod wireguard;
pub mod zones;

pub use containers::{Container, ContainerNetwork, container_networks, containers};
pub use dhcp::{DhcpOptions, DhcpServer, SharedNetwork, StaticMapping, Subnet, dhcp_server};
pub use dns::{DnsForwarding, HostMapping, dns_forwarding, host_mappings};
pub use firewall::{Chain, ChainFamily, ChainId, Firewall, Hook, Rule, firewall};
pub use forwards::{Passage, PortForward, RuleRef, port_forwards};
pub use groups::{Group, GroupKind, groups};
pub use interfaces::{Interface, interfaces};
pub use matches::{GroupMatch, InterfaceMatch, Matches, Side};
pub use nat::{Nat, NatRule, NatTable, nat};
pub use peers::{VpnPeer, vpn_peers};
pub use policy::{PolicyRoute, PolicyRule, policy_routes};
pub use routes::{Family, Hop, StaticRoute, Table, static_routes};
pub use services::{Service, service_of, services};
pub use system::{System, Vrf, system, vrfs};
pub use vpn::{Vpn, vpn};
pub use wireguard::{Peer, WireGuard, wireguard};
pub use zones::{Zone, ZoneCell, ZoneMatrix, zones};
