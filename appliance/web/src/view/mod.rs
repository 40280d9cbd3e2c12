//! What pages show: one struct a page, of plain strings, numbers and other view types, rendered by
//! the template of the same name under `templates/`.
//!
//! Handlers fill these structs and call [`askama::Template::render`]; nothing here reads a clock, a
//! database or a request. Text is escaped by the templates. A few small types, such as [`Moment`]
//! and [`Chart`], render themselves through a template of their own and are marked
//! [`askama::filters::HtmlSafe`]; no template says `|safe`.
//!
//! # Where forms go
//!
//! Every form carries a hidden `csrf` field, and `back` where the answer is a redirect to the page
//! it came from. A link to a destructive action is a `GET` that answers with [`ConfirmPage`]; that
//! page's form posts to the same address.
//!
//! | method and path | fields |
//! |---|---|
//! | `POST /setup` | `token`, `name`, `password`, `again` |
//! | `POST /sign-in` | `name`, `password`, `next` |
//! | `POST /sign-out` | |
//! | `POST /session/extend` | answers `{"expires": ms}` to the script, a redirect to a form |
//! | `POST /theme` | `theme` (`dark`, `light`, `auto`), `back` |
//! | `POST /scan` | `back` |
//! | `POST /devices/new` | `mac`, `name`, `type`, `icon`, `notes`, `known` |
//! | `POST /devices/mark` | `id` (repeated), `known` (`1` or `0`), `back` |
//! | `POST /devices/{id}` | `name`, `icon`, `type`, `os`, `brand`, `model`, `tags`, `criticality`, `notes`, `known`, `favourite` |
//! | `POST /devices/{id}/ports` | starts a port scan |
//! | `POST /devices/{id}/wake` | |
//! | `GET`, `POST /devices/{id}/merge` | `into` (a device's number) |
//! | `GET`, `POST /devices/{id}/forget` | |
//! | `POST /topology/reset` | |
//! | `PUT /api/v1/topology/positions/{key}` | JSON `{"x":1.5,"y":2}` with header `x-csrf` |
//! | `POST /alerts/read` | `id` (absent: all), `back` |
//! | `GET /alerts/{id}` | one alert, [`AlertPage`] |
//! | `POST /alerts/{id}/acknowledge` | `note`, `back` |
//! | `POST /alerts/{id}/assign` | `person` (empty: nobody), `back` |
//! | `POST /alerts/{id}/resolve` | `back` |
//! | `GET`, `POST /alerts/{id}/delete` | |
//! | `GET`, `POST /alerts/delete` | all that the filter shows |
//! | `POST /alerts/mute` | `device` (empty: everything), `hours`, `back` |
//! | `POST /alerts/unmute` | `id`, `back` |
//! | `POST /settings/{section}` | `scanning`, `presence`, `alerts`, `retention`, `sessions` |
//! | `GET /settings/ca.crt`, `GET /settings/ca.mobileconfig` | |
//! | `POST /settings/vacuum`, `POST /settings/backup` | |
//! | `POST /settings/people` | `name`, `role`, `password` |
//! | `POST /settings/people/{id}/role` | `role` |
//! | `POST /settings/people/{id}/enable`, `/disable` | |
//! | `GET`, `POST /settings/people/{id}/remove`, `/reset` | |
//! | `POST /account/password` | `current`, `password`, `again` |
//! | `POST /account/sessions/{id}/revoke`, `/account/sessions/revoke-others` | |
//! | `POST /account/keys` | `name`, `scope`, `days` |
//! | `GET`, `POST /account/keys/{id}/revoke` | |
//! | `POST /account/preferences` | `theme`, `refresh`, `rows` |
//! | `POST /audit/verify` | |
//! | `POST /flows/locations` | `id` (empty: a new one), `name`, `networks`, `latitude`, `longitude`, `description` |
//! | `GET`, `POST /flows/locations/{id}/delete` | |
//! | `POST /agents/new` | `name`, `note`, `lasts` (minutes) |
//! | `POST /agents/delete` | `id` (repeated) or `pattern`; `sure` |
//! | `POST /agents/mesh/round` | |
//! | `POST /agents/mesh/trial` | `kind` (`throughput`, `jitter`), `from`, `to` (a host or `router`), `seconds` |
//! | `POST /agents/mesh/settings` | `enabled`, `every` (minutes) |
//! | `POST /agents/tokens/revoke` | `id` |
//! | `POST /agents/{id}/settings` | `name`, `note`, `interval`, `passive`, `auth`, `files`, `units`, `logs`, `processes`, `cpu`, `memory`, `disk`, `temperature`, `duration`, `offline`, `failed_units` |
//! | `POST /agents/{id}/ask` | `command`, `target`; to the script, lines as they come |
//! | `POST /agents/{id}/mute` | `hours` (0: no longer) |
//! | `POST /agents/{id}/trust`, `/rotate`, `/enrol` | |
//! | `GET`, `POST /agents/{id}/revoke`, `/delete` | |
//! | `POST /router/quality` | `enabled`, `targets`, `interval`, `pings`, `loss`, `rtt` |
//! | `POST /router/vpn/interface` | `interface` (empty: a new one), `name`, `description`, `addresses`, `port`, `mtu`, `enabled`; of a new one also its first client's |
//! | `POST /router/vpn/client` | `interface`, `client`, `client_addresses`, `client_key`, `client_endpoint`, `client_routes`, `client_dns`, `client_keepalive` |
//! | `POST /router/vpn/client/file` | `name`, `config`; answers the same as a file |
//! | `POST /router/vpn/peer` | `interface`, `peer` (empty: a new one), `name`, `description`, `public_key`, `allowed_ips`, `endpoint_address`, `endpoint_port`, `keepalive`, `enabled` |
//! | `POST /router/vpn/interface/delete`, `/router/vpn/peer/delete` | `interface`, `peer` |
//! | `POST /router/tools` | `tool`, `target` and what that tool takes; to the script, lines as they come |
//! | `POST /router/tools/speed` | |
//! | `POST /router/tools/speed/settings` | `download_url`, `upload_url`, `latency_url`, `streams`, `seconds` |

mod account;
mod agents;
mod alerts;
mod chart;
mod devices;
mod enter;
pub mod flows;
mod frame;
mod home;
mod journal;
mod lines;
pub mod live;
pub mod mesh;
mod parts;
pub(crate) mod pieces;
mod plain;
mod qr;
mod query;
pub mod router;
mod settings;
mod shell;
mod stack;
mod topology;
mod words;
pub mod world;

pub use account::{AccountPage, KeyLine, SessionLine};
pub use agents::{
    AgentPanel, HostForm, HostPage, HostRow, HostTable, HostsPage, NewHostPage, TokenLine,
    TokenPage,
};
pub use alerts::{AlertPage, AlertRow, AlertRowFragment, AlertStatus, AlertsPage, MuteLine, Said};
pub use chart::{Chart, PortionRing, RingPart, Sparkline, Strip};
pub use devices::{
    AddressLine, DeviceCardFragment, DeviceDetailPage, DeviceForm, DeviceNewPage, DeviceRow,
    DeviceRowFragment, DevicesPage, Evidence, PortLine, PortScan, Presence, PresenceView,
    ServiceLine, StoryLine, TimelineRange,
};
pub use enter::{SetupPage, SignInPage};
pub use home::{HomePage, InterfaceLine, KindShare, SinceLast, StatCard};
pub use journal::{AuditPage, AuditRow, Chain, EventRow, EventRowFragment, EventsPage};
pub use lines::{Lines, Series};
pub use parts::{Choice, Column, Empty, Field, Filter, Flash, Link, Pager, Tab, Tone};
pub use plain::{
    AboutPage, CapabilityLine, ComponentLine, ConfirmPage, NumberRow, NumbersPage, Problem,
    SearchGroup, SearchHit, SearchPage,
};
pub use qr::Qr;
pub use query::Query;
pub use settings::{
    AlertsForm, BackupLine, NamesView, PeoplePage, PersonLine, RetentionForm, ScanningForm,
    SessionsForm, SettingsPage, StorageView,
};
pub use shell::{
    Bell, BellItem, Build, Can, NavItem, Place, Shell, Theme, Waiting, WaitingChange, Whom,
};
pub use stack::{Layer, Stack};
pub use topology::{Map, Spot, SpotGroup, TopologyPage, arrange};
pub use words::{Moment, bytes, count, percent, rate, span};
pub use world::{MapSpot, WorldMap};

/// A page or a part of one, of which only is known that it can be rendered.
pub trait Html {
    /// Its HTML.
    ///
    /// # Errors
    /// As [`askama::Template::render`].
    fn html(&self) -> askama::Result<String>;
}

impl<T: askama::Template> Html for T {
    fn html(&self) -> askama::Result<String> {
        self.render()
    }
}
