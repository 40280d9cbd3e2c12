//! What only the running router knows: counters of rules, peers of VPNs, DHCP leases, containers,
//! lines of the firewall's log. Each module reads a program's or file's text; the few functions
//! here that fetch such a text block and are not for an async worker.

pub mod containers;
mod fetch;
pub mod fwlog;
pub mod journal;
pub mod leases;
pub mod nft;
pub mod vpn;
pub mod wireguard;

pub use containers::{ContainerImage, RunningContainer, parse_podman, parse_podman_images};
pub use fetch::{
    RuntimeError, fetch_containers, fetch_counters, fetch_images, fetch_ipsec, fetch_leases,
    fetch_openvpn, fetch_wireguard,
};
pub use fwlog::{LogAction, LogLine, parse_log_line};
pub use journal::{LogEntry, fetch_firewall_log, parse_firewall_log};
pub use leases::{Lease, LeaseState, PoolUsage, pool_usage};
pub use nft::{Counter, Counters, parse_nft};
pub use vpn::{IpsecSa, OpenVpnClient, parse_openvpn_status, parse_swanctl_sas};
pub use wireguard::{WgInterface, WgPeer, parse_wg_dump};
