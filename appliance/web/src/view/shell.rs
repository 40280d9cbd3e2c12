//! What surrounds every page: navigation, header, footer.

use super::{Flash, Moment, Tab, Tone};

/// Everything around a page's own content. One is built for each request.
#[derive(Debug, Clone)]
pub struct Shell {
    /// The page's name, for the browser's tab.
    pub title: String,
    /// Which entry of the navigation is current.
    pub here: Option<Place>,
    /// The pages of a place that has several, as tabs.
    pub areas: Vec<Tab>,
    /// The colours chosen by cookie.
    pub theme: Theme,
    /// The token of this session that every form sends back.
    pub csrf: String,
    /// Who is signed in; nobody on the sign-in and setup pages.
    pub person: Option<Whom>,
    /// What that person may do; pages hide what they may not.
    pub can: Can,
    /// The alert bell.
    pub bell: Bell,
    /// Messages about what just happened.
    pub flash: Vec<Flash>,
    /// Changes of the router that are not settled or not saved.
    pub waiting: Waiting,
    /// What stands in the search box.
    pub search: String,
    /// This page's path and query, for `back` fields.
    pub path: String,
    /// The server's clock in milliseconds, so that relative times do not trust the browser's.
    pub now: i64,
    /// When this session ends unless extended, in milliseconds; the script warns 60 s before.
    pub expires: Option<i64>,
    /// Whether the page has live parts.
    pub live: bool,
    /// It answers a form: loaded anew it would not be the same, and what it shows once be lost.
    pub answers_form: bool,
    /// Seconds after which it is loaded anew where there is no live channel.
    pub refresh: Option<u16>,
    /// The router's name.
    pub site: String,
    /// Which build this is.
    pub build: Build,
}

impl Shell {
    /// The navigation for this person.
    pub fn nav(&self) -> impl Iterator<Item = NavItem> + '_ {
        Place::ALL.into_iter().filter(|place| self.can.see(*place)).map(|place| NavItem {
            label: place.label(),
            icon: place.icon(),
            href: place.href(),
            current: self.here == Some(place),
            badge: match place {
                Place::Alerts => self.bell.unread,
                _ => 0,
            },
        })
    }

    /// The role's name, for "your role may not".
    pub fn role(&self) -> &str {
        self.person.as_ref().map_or("nobody", |whom| whom.role.as_str())
    }
}

/// What of the router's configuration is not for good yet; shown on every page.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Waiting {
    /// Changes that will be undone, or are being undone.
    pub changes: Vec<WaitingChange>,
    /// Whether the router runs something that it would not start with.
    pub unsaved: bool,
}

/// A change that is not settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingChange {
    /// Its number.
    pub number: i64,
    /// What for.
    pub why: String,
    /// Who made it.
    pub actor: String,
    /// Milliseconds since 1970 when it is undone; none while it is being undone.
    pub deadline: Option<i64>,
    /// How long that is from now, such as `1:40`.
    pub left: String,
    /// Why undoing has not worked so far.
    pub problem: String,
}

/// Who is signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whom {
    /// The name they sign in with.
    pub name: String,
    /// Their role, such as `administrator`.
    pub role: String,
}

impl Whom {
    /// The first letter of the name, for the badge.
    pub fn initial(&self) -> String {
        self.name.chars().next().map(|c| c.to_uppercase().collect()).unwrap_or_default()
    }
}

/// What the signed-in person may do on the pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(clippy::struct_excessive_bools)] // one permission each
pub struct Can {
    /// Change, add and merge devices.
    pub change_devices: bool,
    /// Forget devices.
    pub forget_devices: bool,
    /// Wake devices.
    pub wake_devices: bool,
    /// Start discovery and port scans.
    pub scan: bool,
    /// Acknowledge, assign, resolve, mute and delete alerts.
    pub handle_alerts: bool,
    /// See the settings.
    pub see_settings: bool,
    /// Change the settings.
    pub change_settings: bool,
    /// Manage people.
    pub manage_people: bool,
    /// Read the audit log.
    pub read_audit: bool,
    /// Change the router.
    pub change_router: bool,
    /// Send probes from the router.
    pub use_tools: bool,
    /// Read logs.
    pub read_logs: bool,
}

impl Can {
    /// Everything, as an administrator.
    pub const fn everything() -> Self {
        Self {
            change_devices: true,
            forget_devices: true,
            wake_devices: true,
            scan: true,
            handle_alerts: true,
            see_settings: true,
            change_settings: true,
            manage_people: true,
            read_audit: true,
            change_router: true,
            use_tools: true,
            read_logs: true,
        }
    }

    /// Whether the navigation offers a place.
    pub const fn see(self, place: Place) -> bool {
        match place {
            Place::Settings => self.see_settings,
            Place::Audit => self.read_audit,
            _ => true,
        }
    }
}

/// The entries of the navigation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// `/`
    Overview,
    /// `/devices`
    Devices,
    /// `/topology`
    Topology,
    /// `/agents`
    Hosts,
    /// `/flows`
    Flows,
    /// `/router`
    Router,
    /// `/events`
    Events,
    /// `/alerts`
    Alerts,
    /// `/audit`
    Audit,
    /// `/settings`
    Settings,
}

impl Place {
    /// All, in the order shown.
    pub const ALL: [Self; 10] = [
        Self::Overview,
        Self::Devices,
        Self::Topology,
        Self::Hosts,
        Self::Flows,
        Self::Router,
        Self::Events,
        Self::Alerts,
        Self::Audit,
        Self::Settings,
    ];

    /// What the person reads.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Devices => "Devices",
            Self::Topology => "Topology",
            Self::Hosts => "Hosts",
            Self::Flows => "Traffic",
            Self::Router => "Router",
            Self::Events => "Events",
            Self::Alerts => "Alerts",
            Self::Audit => "Audit",
            Self::Settings => "Settings",
        }
    }

    /// The icon of the sprite.
    pub const fn icon(self) -> &'static str {
        match self {
            Self::Overview => "overview",
            Self::Devices => "devices",
            Self::Topology => "topology",
            Self::Hosts => "server",
            Self::Flows => "traffic",
            Self::Router => "router",
            Self::Events => "events",
            Self::Alerts => "bell",
            Self::Audit => "audit",
            Self::Settings => "settings",
        }
    }

    /// Where it is.
    pub const fn href(self) -> &'static str {
        match self {
            Self::Overview => "/",
            Self::Devices => "/devices",
            Self::Topology => "/topology",
            Self::Hosts => "/agents",
            Self::Flows => "/flows",
            Self::Router => "/router",
            Self::Events => "/events",
            Self::Alerts => "/alerts",
            Self::Audit => "/audit",
            Self::Settings => "/settings",
        }
    }
}

/// One entry of the navigation as shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NavItem {
    /// What the person reads.
    pub label: &'static str,
    /// The icon of the sprite.
    pub icon: &'static str,
    /// Where it goes.
    pub href: &'static str,
    /// Whether this is the place shown.
    pub current: bool,
    /// A number beside it; zero shows none.
    pub badge: u64,
}

/// The colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Theme {
    /// Dark, whatever the system says.
    #[default]
    Dark,
    /// Light, whatever the system says.
    Light,
    /// As the system says.
    Auto,
}

impl Theme {
    /// All, in the order of the toggle.
    pub const ALL: [Self; 3] = [Self::Dark, Self::Light, Self::Auto];

    /// The word in the cookie and in `data-theme`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dark => "dark",
            Self::Light => "light",
            Self::Auto => "auto",
        }
    }

    /// From the cookie; anything unknown is dark.
    pub fn from_cookie(word: &str) -> Self {
        Self::ALL.into_iter().find(|theme| theme.as_str() == word).unwrap_or_default()
    }

    /// What the toggle turns to next.
    #[must_use]
    pub const fn next(self) -> Self {
        match self {
            Self::Dark => Self::Light,
            Self::Light => Self::Auto,
            Self::Auto => Self::Dark,
        }
    }
}

impl std::fmt::Display for Theme {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The alert bell of the header.
#[derive(Debug, Clone, Default)]
pub struct Bell {
    /// Unread alerts.
    pub unread: u64,
    /// The newest alerts, at most eight.
    pub items: Vec<BellItem>,
}

impl Bell {
    /// The number as the badge shows it: at most two digits.
    pub fn badge(&self) -> String {
        if self.unread > 99 { "99+".to_owned() } else { self.unread.to_string() }
    }
}

/// One alert in the bell menu.
#[derive(Debug, Clone)]
pub struct BellItem {
    /// Where it is shown in full.
    pub href: String,
    /// One sentence.
    pub title: String,
    /// The severity as a word.
    pub severity: String,
    /// Its colour.
    pub tone: Tone,
    /// When it was raised last.
    pub at: Moment,
    /// Whether nobody has read it.
    pub unread: bool,
}

/// Which build this is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Build {
    /// Such as `0.1.0`.
    pub version: String,
    /// The first characters of the commit.
    pub git: String,
    /// The day it was built.
    pub date: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_theme_toggle_goes_round_and_unknown_cookies_are_dark() {
        let mut theme = Theme::from_cookie("nonsense");
        assert_eq!(theme, Theme::Dark);
        for _ in 0..3 {
            theme = theme.next();
        }
        assert_eq!(theme, Theme::Dark);
    }

    #[test]
    fn the_bell_shows_at_most_two_digits() {
        assert_eq!(Bell { unread: 7, items: vec![] }.badge(), "7");
        assert_eq!(Bell { unread: 100, items: vec![] }.badge(), "99+");
    }

    #[test]
    fn a_viewer_is_not_offered_settings_or_audit() {
        let can = Can::default();
        assert!(can.see(Place::Devices) && !can.see(Place::Settings) && !can.see(Place::Audit));
    }
}
