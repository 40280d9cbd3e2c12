//! The router's pages.

mod change;
mod config;
mod dhcp;
mod dns;
mod firewall;
mod form;
mod interfaces;
mod monitor;
mod nat;
mod overview;
mod policy;
mod routes;
mod services;
mod tools;
mod vpn;

pub use change::{
    ChangePage, ChangeRow, ChangesPage, CommandLine, PlanPage, RiskLine, TroublePage,
};
pub use config::{
    ArchivePage, ArchiveRow, CommandsPage, ConfigLine, ConfigPage, DiffPage, RawPage, SnapshotPage,
    SnapshotRow, SnapshotsPage,
};
pub use dhcp::{
    DhcpPage, DhcpServerView, FixedEditPage, FixedPage, FixedRow, LeaseRow, LeasesPage,
    NetworkView, NewPool, PoolFields, PoolPage, SubnetView,
};
pub use dns::{DnsDomainPage, DnsForwarderPage, DnsHostPage, DnsPage, DnsRow, RecordRow};
pub use firewall::{
    ChainCard, FirewallLogPage, FirewallPage, FlowtableLine, GroupLine, GroupPage, GroupsPage,
    LogRow, OpeningsPage, RuleLine, ServicePortLine, UnusedFilter, ZoneLine, ZoneWay, ZonesPage,
};
pub use form::{Control, Deed, Fieldset, FormPage, Input, Select, Tick, Ticks};
pub use interfaces::{CounterLine, InterfaceForm, InterfacePage, InterfaceRow, InterfacesPage};
pub use monitor::{
    BoardView, LogFilesPage, LogsPage, PortRow, ServicePage, TunnelRow, UnitDeed, UnitRow,
    WrittenLine,
};
pub use nat::{ForwardLine, NatLine, NatList, NatPage};
pub use overview::{
    DevicePage, Gauge, LinkView, OverviewPage, QualityForm, QualityPage, SpeedPage, SpeedRow,
    SpeedTestPage, TargetLine, WanView,
};
pub use policy::{PolicyPage, SteeringLine};
pub use routes::{HopFields, RouteRow, RoutesPage, StaticRoutePage, StaticRoutesPage, StaticRow};
pub use services::{
    ContainerRow, ContainersPage, HttpsPage, ImageRow, NtpPage, ServiceRow, ServicesPage, SshPage,
};
pub use tools::{ConnectionRow, ConnectionsPage, EndView, ToolForm, ToolsPage};
pub use vpn::{
    ClientForm, ClientPage, ClientReadyPage, FateLine, OpenVpnPage, OpenVpnReadPage, OtherVpn,
    PeerPage, PeerView, VpnPage, WgPage, WgView,
};
