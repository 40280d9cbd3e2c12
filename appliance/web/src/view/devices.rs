//! Devices: the list, one device, adding one by hand.

use askama::Template;

use super::{
    Choice, Column, Empty, Field, Filter, Link, Moment, Pager, Query, Shell, Strip, Tab, Tone,
};

/// Whether a device is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// Seen within the grace time.
    Online,
    /// Not seen for longer.
    Offline,
    /// Never seen on the network, such as one added by hand.
    Unknown,
}

impl Presence {
    /// The word shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Online => "Online",
            Self::Offline => "Offline",
            Self::Unknown => "Unknown",
        }
    }

    /// Its colour.
    pub const fn tone(self) -> Tone {
        match self {
            Self::Online => Tone::Ok,
            Self::Offline | Self::Unknown => Tone::Quiet,
        }
    }
}

impl std::fmt::Display for Presence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// `GET /devices`.
#[derive(Debug, Clone, Template)]
#[template(path = "devices/list.html")]
pub struct DevicesPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// This page's own query; filters, sort links and exports are made from it.
    pub query: Query,
    /// All, online, offline, unknown, new, with counts.
    pub tabs: Vec<Tab>,
    /// Type, interface, vendor.
    pub filters: Vec<Filter>,
    /// The heads of the table, in the order of the row template: device, address, type, interface,
    /// last 24 h, last seen.
    pub columns: Vec<Column>,
    /// The rows.
    pub rows: Vec<DeviceRow>,
    /// What to say instead of rows.
    pub empty: Option<Empty>,
    /// The neighbouring pages.
    pub pager: Pager,
    /// Whether to show cards instead of a table (`view=cards`).
    pub cards: bool,
    /// A scan that is running now, such as `192.168.1.0/24, 40 %`; empty when none is.
    pub scanning: String,
}

impl DevicesPage {
    /// The link to the table or the cards.
    fn view_href(&self, view: &str) -> String {
        self.query.with("view", view).href()
    }

    /// The link to the same selection as a file.
    fn export_href(&self, format: &str) -> String {
        self.query.without("view").without("before").with("format", format).href().replacen(
            "/devices",
            "/devices/export",
            1,
        )
    }

    /// Whether anything narrows the list besides the tab.
    fn filtered(&self) -> bool {
        self.query
            .pairs()
            .iter()
            .any(|(key, _)| !matches!(key.as_str(), "view" | "sort" | "status" | "before"))
    }

    /// The page without search and filters.
    fn clear_href(&self) -> String {
        ["q", "type", "interface", "vendor", "before"]
            .into_iter()
            .fold(self.query.clone(), |query, key| query.without(key))
            .href()
    }

    /// Nothing was ever found, and no scan is running.
    pub fn nothing_yet() -> Empty {
        Empty::new(
            "devices",
            "No device seen yet",
            "Devices appear here by themselves as soon as they send anything on a watched \
             interface. A scan finds the quiet ones too.",
        )
        .with_action("Which interfaces are watched?", "/settings#scanning")
    }

    /// A first scan is running and has found nothing so far.
    pub fn first_scan() -> Empty {
        Empty::new(
            "scan",
            "Looking around",
            "The first scan is running. Devices appear here as they answer.",
        )
    }
}

/// One device in the list, as a table row or a card.
#[derive(Debug, Clone)]
pub struct DeviceRow {
    /// The device's number.
    pub id: i64,
    /// The best name known: given, host name, model, vendor, or the address.
    pub name: String,
    /// The icon of the sprite: `phone`, `laptop`, `tv` … or `device`.
    pub icon: String,
    /// Whether it is there.
    pub presence: Presence,
    /// First seen lately and not marked known.
    pub new: bool,
    /// Marked as a favourite.
    pub favourite: bool,
    /// Uses a made-up hardware address.
    pub randomised: bool,
    /// The current main address; empty when it has none.
    pub address: String,
    /// How many further current addresses it has.
    pub more_addresses: u32,
    /// The hardware address.
    pub mac: String,
    /// Who made it; empty when unknown.
    pub vendor: String,
    /// What it is, such as `Phone`; empty when unknown.
    pub kind: String,
    /// The interface it was last seen on, such as `eth1.20`.
    pub interface: String,
    /// Presence over the last 24 hours.
    pub strip: Strip,
    /// When it was last seen; none when never.
    pub seen: Option<Moment>,
}

/// A table row alone, for the live channel: goes into the list `devices`.
#[derive(Debug, Template)]
#[template(path = "devices/row.html")]
pub struct DeviceRowFragment<'a> {
    /// The row.
    pub d: &'a DeviceRow,
}

/// A card alone, for the live channel: goes into the list `devices` when it shows cards.
#[derive(Debug, Template)]
#[template(path = "devices/card.html")]
pub struct DeviceCardFragment<'a> {
    /// The row.
    pub d: &'a DeviceRow,
}

/// `GET /devices/{id}`.
#[derive(Debug, Clone, Template)]
#[template(path = "devices/detail.html")]
pub struct DeviceDetailPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// The facts that the list shows too.
    pub device: DeviceRow,
    /// When it was first seen; none when never.
    pub first_seen: Option<Moment>,
    /// What it is thought to be, and why: name, type, operating system, brand, model.
    pub identity: Vec<Evidence>,
    /// Whether a person's word replaces the automatic identity.
    pub corrected: bool,
    /// All addresses, current ones first.
    pub addresses: Vec<AddressLine>,
    /// Presence over the chosen range.
    pub presence: PresenceView,
    /// What it announces by mDNS, SSDP and the like.
    pub services: Vec<ServiceLine>,
    /// Open ports and how risky they are.
    pub ports: PortScan,
    /// Notes as written, for reading.
    pub notes: String,
    /// Tags as shown.
    pub tags: Vec<String>,
    /// `low`, `normal`, `high` or `critical` importance, as a word.
    pub criticality: String,
    /// What happened to it, newest first.
    pub story: Vec<StoryLine>,
    /// The form to correct it.
    pub form: DeviceForm,
    /// What its agent says, if it has one.
    pub agent: Option<crate::view::AgentPanel>,
    /// Other devices that it could be merged into; the likeliest first.
    pub merge_choices: Vec<Choice>,
}

impl DeviceDetailPage {
    /// Whether the form came back with an error, and so should be open.
    fn form_refused(&self) -> bool {
        let form = &self.form;
        [&form.name, &form.os, &form.brand, &form.model, &form.tags, &form.notes]
            .iter()
            .any(|field| !field.error.is_empty())
    }
}

/// One thing thought about a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// What it is about, such as `Operating system`.
    pub label: String,
    /// What is thought.
    pub value: String,
    /// Why, such as `DHCP vendor class "android-dhcp-14"`.
    pub reason: String,
    /// How sure, as a word such as `sure`, `likely` or `guess`.
    pub confidence: String,
    /// Whether a person said so.
    pub by_person: bool,
}

/// One address of a device.
#[derive(Debug, Clone)]
pub struct AddressLine {
    /// The address.
    pub address: String,
    /// `IPv4`, `IPv6`, `link-local`, `privacy` …
    pub kind: String,
    /// The subnet it is in.
    pub subnet: String,
    /// Where it was seen.
    pub interface: String,
    /// Whether the device has it now.
    pub current: bool,
    /// First seen.
    pub since: Moment,
    /// Last seen.
    pub seen: Moment,
}

/// The presence timeline over one range.
#[derive(Debug, Clone)]
pub struct PresenceView {
    /// 24 h, 7 d, 30 d, as links.
    pub ranges: Vec<TimelineRange>,
    /// The bar.
    pub strip: Strip,
    /// Share of the watched time that it was there, such as `96 %`; counted since first seen.
    pub uptime: String,
    /// How many times it came and went, such as `12 times`.
    pub changes: String,
    /// Words under the bar from left to right, such as `24 h ago`, `12 h`, `now`.
    pub ticks: Vec<String>,
    /// The table twin: since when, what, how long.
    pub spells: Vec<(Moment, Presence, String)>,
}

/// One selectable range of the timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimelineRange {
    /// Such as `24 h`.
    pub label: &'static str,
    /// Where it is.
    pub href: String,
    /// Whether it is shown.
    pub current: bool,
}

impl TimelineRange {
    /// The three ranges of `/devices/{id}?range=`; `now` is the one shown.
    pub fn all(id: i64, now: &str) -> Vec<Self> {
        [("24h", "24 h"), ("7d", "7 d"), ("30d", "30 d")]
            .into_iter()
            .map(|(key, label)| Self {
                label,
                href: format!("/devices/{id}?range={key}#presence"),
                current: key == now,
            })
            .collect()
    }
}

/// A service that a device announced.
#[derive(Debug, Clone)]
pub struct ServiceLine {
    /// Such as `_airplay._tcp`.
    pub service: String,
    /// What that means to people, such as `AirPlay`; empty when unknown.
    pub meaning: String,
    /// The instance or server text.
    pub detail: String,
    /// Heard by: `mDNS`, `SSDP`, `LLMNR` …
    pub via: String,
    /// Heard last.
    pub seen: Moment,
}

/// The last port scan of a device.
#[derive(Debug, Clone, Default)]
pub struct PortScan {
    /// When it was; none when never.
    pub at: Option<Moment>,
    /// A scan running now, such as `412 of 1 000 ports`; empty when none is.
    pub running: String,
    /// Why no scan may start now, such as `Wait 40 s between scans.`; empty when it may.
    pub wait: String,
    /// Open ports.
    pub lines: Vec<PortLine>,
    /// The overall risk as a word, such as `Medium`; empty when never scanned.
    pub risk: String,
    /// Its colour.
    pub tone: Tone,
    /// Why, one reason a line.
    pub reasons: Vec<String>,
}

/// One open port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortLine {
    /// Such as `22/tcp`.
    pub port: String,
    /// Such as `ssh`.
    pub service: String,
    /// The banner or version; empty when it said nothing.
    pub version: String,
    /// The risk as a word.
    pub risk: String,
    /// Its colour.
    pub tone: Tone,
    /// Why; empty when it is harmless.
    pub reason: String,
}

/// One line of a device's story.
#[derive(Debug, Clone)]
pub struct StoryLine {
    /// When.
    pub at: Moment,
    /// One sentence.
    pub text: String,
    /// What kind of event, as an icon of the sprite.
    pub icon: String,
    /// Its colour.
    pub tone: Tone,
    /// The event in full; empty for nowhere.
    pub href: String,
}

/// The form that corrects a device. Empty fields are left to automation.
#[derive(Debug, Clone, Default)]
pub struct DeviceForm {
    /// The given name; the placeholder is the automatic one.
    pub name: Field,
    /// What automation calls it.
    pub automatic_name: String,
    /// Icons to choose from.
    pub icons: Vec<Choice>,
    /// Types to choose from, "automatic" first.
    pub kinds: Vec<Choice>,
    /// Operating system.
    pub os: Field,
    /// Brand.
    pub brand: Field,
    /// Model.
    pub model: Field,
    /// Tags, separated by commas.
    pub tags: Field,
    /// How important it is.
    pub criticality: Vec<Choice>,
    /// Free text.
    pub notes: Field,
    /// Marked as known.
    pub known: bool,
    /// Marked as a favourite.
    pub favourite: bool,
}

/// `GET /devices/new`: adding a device by hand.
#[derive(Debug, Clone, Template)]
#[template(path = "devices/new.html")]
pub struct DeviceNewPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// The hardware address.
    pub mac: Field,
    /// The name.
    pub name: Field,
    /// Types to choose from.
    pub kinds: Vec<Choice>,
    /// Notes.
    pub notes: Field,
    /// When the address belongs to a known device: the way to it.
    pub existing: Option<Link>,
}
