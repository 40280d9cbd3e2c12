//! The router's pages.

mod change;
mod config;
mod firewall;
mod form;
mod nat;
mod policy;

pub use change::{
    ChangePage, ChangeRow, ChangesPage, CommandLine, PlanPage, RiskLine, TroublePage,
};
pub use config::{
    CommandsPage, ConfigLine, ConfigPage, DiffPage, RawPage, SnapshotRow, SnapshotsPage,
};
pub use firewall::{
    ChainCard, FirewallLogPage, FirewallPage, FlowtableLine, GroupLine, GroupPage, GroupsPage,
    LogRow, RuleLine, ServicePortLine, ServicesPage, UnusedFilter, ZoneLine, ZoneWay, ZonesPage,
};
pub use form::{Control, Deed, Fieldset, FormPage, Input, Select, Tick, Ticks};
pub use nat::{ForwardLine, NatLine, NatList, NatPage};
pub use policy::{PolicyPage, SteeringLine};
