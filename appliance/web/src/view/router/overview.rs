//! The router at a glance, and how good its lines to the Internet are.

use askama::Template;

use super::ChangeRow;
use crate::view::{Empty, Field, Lines, Moment, Shell, Sparkline, Tab, Tone};

/// How the API stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LinkView {
    /// Its colour.
    pub tone: Tone,
    /// The state in a few words.
    pub state: String,
    /// What is the matter and what to do; empty while it answers.
    pub text: String,
    /// What it offers.
    pub abilities: Vec<String>,
}

/// A figure with a bar or a line.
#[derive(Debug, Clone, PartialEq)]
pub struct Gauge {
    /// What it measures.
    pub title: String,
    /// The element's name for live patches.
    pub id: String,
    /// The figure.
    pub value: String,
    /// What belongs to it.
    pub note: String,
    /// Its colour.
    pub tone: Tone,
    /// How full it is, 0 to 100; none where that makes no sense.
    pub percent: Option<u8>,
    /// The last hour.
    pub spark: Option<Sparkline>,
}

/// How the way to one target is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetLine {
    /// `Gateway`, or the address.
    pub name: String,
    /// Its address.
    pub ip: String,
    /// Round-trip time.
    pub delay: String,
    /// Its variation.
    pub jitter: String,
    /// Loss.
    pub loss: String,
    /// The colour of the loss.
    pub tone: Tone,
    /// Why nothing could be sent; empty if something could.
    pub failure: String,
}

/// A line to the Internet.
#[derive(Debug, Clone, PartialEq)]
pub struct WanView {
    /// Its interface.
    pub name: String,
    /// What somebody called it.
    pub description: String,
    /// Its colour.
    pub tone: Tone,
    /// How it is, in words.
    pub state: String,
    /// Since when.
    pub since: Option<Moment>,
    /// Its addresses.
    pub addresses: Vec<String>,
    /// The routers behind it.
    pub gateways: Vec<String>,
    /// Received now.
    pub rx: String,
    /// Sent now.
    pub tx: String,
    /// Whom it is measured by.
    pub targets: Vec<TargetLine>,
    /// Its traffic, and the delay.
    pub charts: Vec<Lines>,
    /// Its history.
    pub href: String,
}

/// `GET /router`.
#[derive(Debug, Clone, Template)]
#[template(path = "router/overview.html")]
pub struct OverviewPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// The router's name.
    pub name: String,
    /// How long it has run.
    pub uptime: String,
    /// What the kernel could not tell; empty if nothing.
    pub missing: String,
    /// The API.
    pub link: LinkView,
    /// How busy it is.
    pub gauges: Vec<Gauge>,
    /// The last ten minutes of it, unless longer is shown.
    pub minutes: Vec<Lines>,
    /// Its lines to the Internet.
    pub wans: Vec<WanView>,
    /// What stands there if there are none.
    pub no_wans: Option<Empty>,
    /// From an hour to a year.
    pub ranges: Vec<Tab>,
    /// How busy it was in that time, beside the last ten minutes only values of people's own.
    pub past: Vec<Lines>,
    /// What it is.
    pub facts: Vec<(String, String)>,
    /// The last changes.
    pub changes: Vec<ChangeRow>,
    /// Whether what runs is saved; none where that is not known.
    pub saved: Option<bool>,
}

/// The form for how lines are watched.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct QualityForm {
    /// Whether they are.
    pub enabled: bool,
    /// Whom to ask.
    pub targets: Field,
    /// Seconds between rounds.
    pub interval: Field,
    /// Requests of a round.
    pub pings: Field,
    /// Loss that is too much.
    pub loss: Field,
    /// Delay that is too much.
    pub rtt: Field,
}

/// `GET /router/quality`.
#[derive(Debug, Clone, Template)]
#[template(path = "router/quality.html")]
pub struct QualityPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// Hour, day, week, month.
    pub ranges: Vec<Tab>,
    /// The lines, where there are several.
    pub lines: Vec<Tab>,
    /// The line shown.
    pub name: String,
    /// How it is now; none where it is gone.
    pub now: Option<WanView>,
    /// Delay, jitter, loss, traffic.
    pub charts: Vec<Lines>,
    /// What stands there if nothing was measured.
    pub empty: Option<Empty>,
    /// How lines are watched.
    pub form: QualityForm,
}

/// `GET /router/tools/speed`.
#[derive(Debug, Clone, Template)]
#[template(path = "router/speed.html")]
pub struct SpeedPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// The tools.
    pub tools: Vec<Tab>,
    /// The last test.
    pub last: Option<SpeedRow>,
    /// Rates over time.
    pub chart: Option<Lines>,
    /// All tests, newest first.
    pub rows: Vec<SpeedRow>,
    /// What stands there if there are none.
    pub empty: Option<Empty>,
    /// Where much can be got.
    pub download: Field,
    /// Where much can be sent to.
    pub upload: Field,
    /// Where little can be got.
    pub latency: Field,
    /// Streams at a time.
    pub streams: Field,
    /// Seconds of each direction.
    pub seconds: Field,
    /// The host that is tested against.
    pub server: String,
}

/// `GET /router/tools/device`.
#[derive(Debug, Clone, Template)]
#[template(path = "router/device.html")]
pub struct DevicePage {
    /// What surrounds the page.
    pub shell: Shell,
    /// The tools.
    pub tools: Vec<Tab>,
    /// Where bytes come from.
    pub stream: &'static str,
    /// Where bytes go to.
    pub sink: &'static str,
    /// The same without a browser.
    pub command: String,
}

/// `GET /router/tools/speed/{id}`.
#[derive(Debug, Clone, Template)]
#[template(path = "router/speed_test.html")]
pub struct SpeedTestPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// The test.
    pub row: SpeedRow,
    /// When, in full.
    pub time: String,
    /// It is about the line, and not a device.
    pub is_line: bool,
    /// Whose the line is; empty where it is not known.
    pub provider: String,
    /// What the line is called; empty where it is not known.
    pub line_name: String,
    /// The address that others see; empty where it is not known.
    pub seen_as: String,
}

/// A speed test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpeedRow {
    /// Its own page.
    pub href: String,
    /// When.
    pub at: Moment,
    /// Who.
    pub by: String,
    /// The server.
    pub server: String,
    /// From it.
    pub down: String,
    /// To it.
    pub up: String,
    /// Time until an answer.
    pub latency: String,
    /// Its variation.
    pub jitter: String,
    /// Loss.
    pub loss: String,
    /// Why it broke off; empty if it did not.
    pub failure: String,
}
