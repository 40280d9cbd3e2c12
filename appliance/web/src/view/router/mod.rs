//! The router's pages.

mod change;
mod config;
mod dhcp;
mod dns;
mod firewall;
mod form;
mod interfaces;
mod nat;
mod policy;
mod routes;
mod services;

pub use change::{
    ChangePage, ChangeRow, ChangesPage, CommandLine, PlanPage, RiskLine, TroublePage,
};
pub use config::{
    ArchivePage, ArchiveRow, CommandsPage, ConfigLine, ConfigPage, DiffPage, RawPage, SnapshotPage,
    SnapshotRow, SnapshotsPage,
};
pub use dhcp::{
    DhcpPage, DhcpServerView, FixedEditPage, FixedPage, FixedRow, LeaseRow, LeasesPage,
    NetworkView, PoolPage, SubnetView,
};
pub use dns::{DnsDomainPage, DnsForwarderPage, DnsHostPage, DnsPage, DnsRow, RecordRow};
pub use firewall::{
    ChainCard, FirewallLogPage, FirewallPage, FlowtableLine, GroupLine, GroupPage, GroupsPage,
    LogRow, OpeningsPage, RuleLine, ServiceLine, UnusedFilter, ZoneLine, ZoneWay, ZonesPage,
};
pub use form::{Control, Deed, Fieldset, FormPage, Input, Select, Tick, Ticks};
pub use interfaces::{CounterLine, InterfaceForm, InterfacePage, InterfaceRow, InterfacesPage};
pub use nat::{ForwardLine, NatLine, NatList, NatPage};
pub use policy::{PolicyPage, SteeringLine};
pub use routes::{HopFields, RouteRow, RoutesPage, StaticRoutePage, StaticRoutesPage, StaticRow};
pub use services::{
    ContainerRow, ContainersPage, HttpsPage, ImageRow, NtpPage, ServiceRow, ServicesPage, SshPage,
};
