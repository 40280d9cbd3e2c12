//! The router's pages.

mod change;
mod config;
mod dhcp;
mod dns;
mod interfaces;
mod overview;
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
    NetworkView, PoolPage, SubnetView,
};
pub use dns::{DnsDomainPage, DnsForwarderPage, DnsHostPage, DnsPage, DnsRow, RecordRow};
pub use interfaces::{CounterLine, InterfaceForm, InterfacePage, InterfaceRow, InterfacesPage};
pub use overview::{
    Gauge, LinkView, OverviewPage, QualityForm, QualityPage, SpeedPage, SpeedRow, TargetLine,
    WanView,
};
pub use routes::{HopFields, RouteRow, RoutesPage, StaticRoutePage, StaticRoutesPage, StaticRow};
pub use services::{
    ContainerRow, ContainersPage, HttpsPage, ImageRow, NtpPage, ServiceRow, ServicesPage, SshPage,
};
pub use tools::{ConnectionRow, ConnectionsPage, EndView, ToolForm, ToolsPage};
pub use vpn::{
    ClientForm, ClientPage, ClientReadyPage, OtherVpn, PeerPage, PeerView, VpnPage, WgPage, WgView,
};
