//! The router's pages.

mod change;
mod config;
mod overview;

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
