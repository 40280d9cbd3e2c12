//! The router's pages.

mod change;
mod config;
mod dhcp;
mod dns;
mod interfaces;
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
pub use interfaces::{CounterLine, InterfaceForm, InterfacePage, InterfaceRow, InterfacesPage};
pub use routes::{HopFields, RouteRow, RoutesPage, StaticRoutePage, StaticRoutesPage, StaticRow};
pub use services::{
    ContainerRow, ContainersPage, HttpsPage, ImageRow, NtpPage, ServiceRow, ServicesPage, SshPage,
};
