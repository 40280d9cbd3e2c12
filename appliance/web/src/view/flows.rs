//! Traffic: the overview, the explorer, single flows, who talked to whom, places, a device's share.

use askama::Template;

use super::{
    Choice, DeviceRow, Empty, Field, Link, Moment, Pager, Shell, Stack, Tab, Tone, WorldMap,
};

/// Somebody or something with a name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Who {
    /// The name, or what stands for one.
    pub label: String,
    /// What else is known, such as the address behind the name.
    pub note: String,
    /// Where to look closer; empty for nowhere.
    pub href: String,
}

/// One row of a ranking.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rank {
    /// Who or what.
    pub who: Who,
    /// The amount that is ranked by.
    pub amount: String,
    /// Other figures, as the head says.
    pub more: Vec<String>,
    /// The share of all, 0 to 100.
    pub share: u8,
    /// Where its flows are listed; empty for nowhere.
    pub flows: String,
}

/// A ranking.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ranking {
    /// What is ranked.
    pub title: String,
    /// The heads of the amount and of the other figures.
    pub head: Vec<&'static str>,
    /// The rows, the largest first.
    pub rows: Vec<Rank>,
    /// What is to be said of it; empty for nothing.
    pub note: String,
    /// Where there is more; empty for nowhere.
    pub href: String,
}

/// How fast somebody sends and receives just now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TalkerLine {
    /// Who.
    pub who: Who,
    /// Sent.
    pub up: String,
    /// Received.
    pub down: String,
}

/// A stretch of time, as tabs and as a form.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Span {
    /// The usual ones.
    pub tabs: Vec<Tab>,
    /// Where one was chosen: from when.
    pub from: Field,
    /// Until when.
    pub to: Field,
    /// In words, such as `2026-11-21 14:00 to 15:00`.
    pub text: String,
}

/// A filter as it was typed, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FilterField {
    /// The text, and the error in words.
    pub field: Field,
    /// The text again with a mark under the column; empty where nothing is wrong.
    pub pointer: String,
}

/// An exporter, and how well it is heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExporterLine {
    /// Who.
    pub who: Who,
    /// `NetFlow` 9 for instance.
    pub speaks: String,
    /// When it was last heard.
    pub heard: Moment,
    /// How many flows it told of.
    pub flows: String,
    /// How much of what it sent never came.
    pub lost: String,
    /// All packets, or one in so many.
    pub sampling: String,
    /// What is odd.
    pub notes: String,
}

/// What a sensor told of, or two networks between which it saw something pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SensorLine {
    /// Who told.
    pub who: Who,
    /// At which interface it was seen.
    pub interface: String,
    /// The sender's network and the receiver's; empty for a sensor as a whole.
    pub between: (String, String),
    /// Packets.
    pub packets: String,
    /// Octets.
    pub bytes: String,
    /// Flows of two networks; networks and pairs of a sensor.
    pub counts: String,
    /// First seen.
    pub first: Moment,
    /// Last seen.
    pub last: Moment,
}

/// `GET /flows/sources`
#[derive(Debug, Clone, Template)]
#[template(path = "flows/sources.html")]
pub struct SourcesPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// What a person should know and do.
    pub troubles: Vec<String>,
    /// The router can be made to count, by whoever looks.
    pub can_account: bool,
    /// Anything is collected.
    pub runs: bool,
    /// Of the kernel's connections: label and value.
    pub kernel: Vec<(&'static str, String)>,
    /// Who exports.
    pub exporters: Vec<ExporterLine>,
    /// Of export traffic: label and value.
    pub udp: Vec<(&'static str, String)>,
    /// Of what is kept: label and value.
    pub kept: Vec<(&'static str, String)>,
    /// How far back sensors are looked at.
    pub span: Span,
    /// Who told of how much, the busiest first.
    pub sensors: Vec<SensorLine>,
    /// Between which networks, the busiest first.
    pub sightings: Vec<SensorLine>,
    /// What is to be said of them; empty for nothing.
    pub note: String,
    /// Where all are shown; empty where they are.
    pub all: String,
}

/// `GET /flows`
#[derive(Debug, Clone, Template)]
#[template(path = "flows/overview.html")]
pub struct TrafficPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// When.
    pub span: Span,
    /// Between whom.
    pub scopes: Vec<Tab>,
    /// Label and value.
    pub figures: Vec<(&'static str, String)>,
    /// By device.
    pub chart: Option<Stack>,
    /// Sent and received.
    pub ways: Option<Stack>,
    /// Just now; none where nobody counts that.
    pub talkers: Option<Vec<TalkerLine>>,
    /// Who and what had the most.
    pub rankings: Vec<Ranking>,
    /// Why countries are not shown; empty where they are.
    pub places: String,
    /// What is to be said; empty for nothing.
    pub note: String,
    /// Why nothing can be shown.
    pub empty: Option<Empty>,
}

/// `GET /flows/explore`
#[derive(Debug, Clone, Template)]
#[template(path = "flows/explore.html")]
pub struct ExplorePage {
    /// What surrounds the page.
    pub shell: Shell,
    /// When.
    pub span: Span,
    /// Which flows.
    pub filter: FilterField,
    /// Grouped by what.
    pub by: Vec<Choice>,
    /// Ranked by what.
    pub measure: Vec<Choice>,
    /// Parameters that the form keeps.
    pub keep: Vec<(String, String)>,
    /// All that the filter lets through, over time.
    pub chart: Option<Stack>,
    /// Label and value.
    pub figures: Vec<(&'static str, String)>,
    /// The groups.
    pub ranking: Ranking,
    /// The single flows, and files of them.
    pub links: Vec<Link>,
    /// Why nothing can be shown.
    pub empty: Option<Empty>,
}

/// A flow of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowLine {
    /// When it began.
    pub at: Moment,
    /// How long it lasted.
    pub lasted: String,
    /// Who sent.
    pub source: Who,
    /// Who received.
    pub destination: Who,
    /// Protocol and ports.
    pub service: String,
    /// Octets.
    pub bytes: String,
    /// Packets.
    pub packets: String,
    /// Interfaces, flags, translation.
    pub notes: String,
}

/// `GET /flows/list`
#[derive(Debug, Clone, Template)]
#[template(path = "flows/list.html")]
pub struct FlowListPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// When.
    pub span: Span,
    /// Which flows.
    pub filter: FilterField,
    /// Parameters that the form keeps.
    pub keep: Vec<(String, String)>,
    /// The flows, the latest first.
    pub flows: Vec<FlowLine>,
    /// Links to the neighbouring pages.
    pub pager: Pager,
    /// The explorer, and files of the flows.
    pub links: Vec<Link>,
    /// Why nothing can be shown.
    pub empty: Option<Empty>,
}

/// `GET /flows/search`
#[derive(Debug, Clone, Template)]
#[template(path = "flows/search.html")]
pub struct FlowSearchPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// When.
    pub span: Span,
    /// One address.
    pub one: Field,
    /// The other; empty for anybody.
    pub other: Field,
    /// Parameters that the form keeps.
    pub keep: Vec<(String, String)>,
    /// What was found; none where nothing was asked.
    pub found: Option<FoundView>,
    /// Why nothing can be shown.
    pub empty: Option<Empty>,
}

/// An address or a pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundView {
    /// Yes or no, in a sentence.
    pub verdict: String,
    /// Its colour.
    pub tone: Tone,
    /// How sure that is, and why.
    pub confidence: String,
    /// Who the addresses are.
    pub who: Vec<Who>,
    /// Label and value.
    pub figures: Vec<(&'static str, String)>,
    /// Whom it talked to, and by what.
    pub rankings: Vec<Ranking>,
    /// The single flows.
    pub links: Vec<Link>,
}

/// `GET /devices/{id}/traffic` and `GET /flows/peers/{id}`
#[derive(Debug, Clone, Template)]
#[template(path = "flows/device.html")]
pub struct DeviceTrafficPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// Whose it is.
    pub title: String,
    /// Which device; none for a peer of a VPN.
    pub device: Option<DeviceRow>,
    /// When.
    pub span: Span,
    /// Label and value.
    pub figures: Vec<(&'static str, String)>,
    /// Sent and received.
    pub chart: Option<Stack>,
    /// With whom, and by what.
    pub rankings: Vec<Ranking>,
    /// What is to be said; empty for nothing.
    pub note: String,
    /// Why nothing can be shown.
    pub empty: Option<Empty>,
}

/// `GET /flows/filters`
#[derive(Debug, Clone, Template)]
#[template(path = "flows/filters.html")]
pub struct FilterWordsPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// The words.
    pub words: Vec<&'static flows::filter::Word>,
}

/// Two places and what passed between them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PairLine {
    /// Who sent.
    pub from: Who,
    /// The class of its colour; empty for none.
    pub from_colour: &'static str,
    /// Who received.
    pub to: Who,
    /// The class of its colour; empty for none.
    pub to_colour: &'static str,
    /// Octets.
    pub bytes: String,
    /// Packets.
    pub packets: String,
    /// Networks of both that were seen.
    pub networks: String,
    /// First seen.
    pub first: Moment,
    /// Last seen.
    pub last: Moment,
}

/// A network of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkLine {
    /// Which.
    pub network: Who,
    /// Addresses that were seen.
    pub hosts: String,
    /// By which interface it sends.
    pub interface: String,
    /// Octets sent.
    pub sent: String,
    /// Octets received.
    pub received: String,
    /// First seen.
    pub first: Moment,
    /// Last seen.
    pub last: Moment,
}

/// Two places and what passed between them in a month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MonthLine {
    /// The month.
    pub month: String,
    /// The one that is ours.
    pub local: Who,
    /// The class of its colour; empty for none.
    pub local_colour: &'static str,
    /// The other.
    pub remote: Who,
    /// The class of its colour; empty for none.
    pub remote_colour: &'static str,
    /// Octets of both directions.
    pub bytes: String,
    /// Packets of both directions.
    pub packets: String,
    /// Networks of both that were seen.
    pub networks: String,
    /// Pairs of such networks.
    pub mappings: String,
}

/// `GET /flows/map`
#[derive(Debug, Clone, Template)]
#[template(path = "flows/map.html")]
pub struct MapPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// When.
    pub span: Span,
    /// What is to be said; empty for nothing.
    pub note: String,
    /// The picture; none where no place is known.
    pub world: Option<WorldMap>,
    /// Pairs of places, the largest first.
    pub pairs: Vec<PairLine>,
    /// That there are more pairs; empty where there are not.
    pub more: String,
    /// Networks of ours.
    pub networks: Vec<NetworkLine>,
    /// Pairs of places by month, the latest first; whatever time is shown.
    pub months: Vec<MonthLine>,
    /// Why nothing can be shown.
    pub empty: Option<Empty>,
}

/// A named place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocationLine {
    /// Its number.
    pub id: u32,
    /// Its name.
    pub name: String,
    /// Its networks.
    pub networks: String,
    /// Where it is on the map; empty for nowhere.
    pub at: String,
    /// What it is.
    pub description: String,
    /// The class of its colour; empty for none.
    pub colour: &'static str,
}

/// `GET /flows/locations`
#[derive(Debug, Clone, Template)]
#[template(path = "flows/locations.html")]
pub struct LocationsPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// All of them.
    pub locations: Vec<LocationLine>,
    /// The number of the one that is changed; empty for a new one.
    pub id: String,
    /// Its name.
    pub name: Field,
    /// Its networks, one a line.
    pub networks: Field,
    /// Latitude in degrees.
    pub latitude: Field,
    /// Longitude in degrees.
    pub longitude: Field,
    /// What it is.
    pub description: Field,
    /// Colours to choose from.
    pub colours: Vec<Choice>,
}
