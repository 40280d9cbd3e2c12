//! The router's pages.

mod change;
mod config;
mod overview;
mod tools;
mod vpn;

pub use change::{
    ChangePage, ChangeRow, ChangesPage, CommandLine, PlanPage, RiskLine, TroublePage,
};
pub use config::{
    CommandsPage, ConfigLine, ConfigPage, DiffPage, RawPage, SnapshotRow, SnapshotsPage,
};
pub use overview::{
    Gauge, LinkView, OverviewPage, QualityForm, QualityPage, SpeedPage, SpeedRow, TargetLine,
    WanView,
};
pub use tools::{ConnectionRow, ConnectionsPage, EndView, ToolForm, ToolsPage};
pub use vpn::{
    ClientForm, ClientPage, ClientReadyPage, OtherVpn, PeerPage, PeerView, VpnPage, WgPage, WgView,
};
