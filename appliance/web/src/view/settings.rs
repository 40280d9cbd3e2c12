//! Settings and people.

use askama::Template;

use super::{Choice, Field, InterfaceLine, Moment, Shell, Tone};

/// `GET /settings`. When a form is refused the same page comes back with the errors in its fields.
#[derive(Debug, Clone, Template)]
#[template(path = "settings/settings.html")]
pub struct SettingsPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// Where and how to look for devices.
    pub scanning: ScanningForm,
    /// Seconds without a sighting until a device counts as offline.
    pub grace: Field,
    /// What becomes an alert.
    pub alerts: AlertsForm,
    /// How long things are kept.
    pub retention: RetentionForm,
    /// What the disk holds.
    pub storage: StorageView,
    /// How long people stay signed in.
    pub sessions: SessionsForm,
    /// The router's names and certificate.
    pub names: NamesView,
}

/// `POST /settings/scanning`: `enabled`, `subnets`, `interval`, `rate`, `sweep`, `services`, `names`.
#[derive(Debug, Clone, Default)]
#[allow(clippy::struct_excessive_bools)] // one tick box each
pub struct ScanningForm {
    /// Whether to ask every address; what devices say by themselves is always heard.
    pub enabled: bool,
    /// Subnets, one a line; empty for all of the LAN interfaces.
    pub subnets: Field,
    /// What an empty list means just now, such as `192.168.1.0/24 on eth1`.
    pub automatic: String,
    /// Seconds between scans.
    pub interval: Field,
    /// ARP requests a second.
    pub rate: Field,
    /// Whether to send ICMP echo too.
    pub sweep: bool,
    /// Whether to ask for services by mDNS and SSDP.
    pub services: bool,
    /// Whether to ask the resolver for names.
    pub names: bool,
    /// The interfaces and whether they are watched.
    pub interfaces: Vec<InterfaceLine>,
}

/// `POST /settings/alerts`: `offline`, `window`, `flapping`, `group`.
#[derive(Debug, Clone, Default)]
pub struct AlertsForm {
    /// Whose absence is an alert.
    pub offline: Vec<Choice>,
    /// Minutes within which a cause counts as the same one.
    pub window: Field,
    /// Changes an hour above which a device flaps.
    pub flapping: Field,
    /// Alerts of one kind in ten minutes above which they are told as one.
    pub group: Field,
}

/// `POST /settings/retention`: `events`, `presence`, `alerts`, `unanswered`, `mutes`, `habits`, `audit`,
/// `maintenance`.
#[derive(Debug, Clone, Default)]
pub struct RetentionForm {
    /// Days to keep events.
    pub events: Field,
    /// Days to keep presence.
    pub presence: Field,
    /// Days to keep alerts that somebody has seen to.
    pub alerts: Field,
    /// Days to keep alerts that nobody has seen to.
    pub unanswered: Field,
    /// Days to keep the audit log.
    pub audit: Field,
    /// Days to keep the log of maintenance.
    pub maintenance: Field,
    /// Days to keep mutes that are over.
    pub mutes: Field,
    /// Days to remember which devices come and go.
    pub habits: Field,
}

/// What the disk holds.
#[derive(Debug, Clone, Default)]
pub struct StorageView {
    /// The databases' size, such as `84 MiB`.
    pub size: String,
    /// Share of the cap used, 0 to 100.
    pub used: u8,
    /// Such as `84 MiB of 1.0 GiB`.
    pub of: String,
    /// Free on the disk.
    pub free: String,
    /// What takes the room, and when it was tidied last: words and numbers.
    pub kinds: Vec<(String, String)>,
    /// Where backups go.
    pub backup_dir: String,
    /// The backups, newest first.
    pub backups: Vec<BackupLine>,
}

/// One backup.
#[derive(Debug, Clone)]
pub struct BackupLine {
    /// The file's name.
    pub name: String,
    /// Its size.
    pub size: String,
    /// When it was made.
    pub at: Moment,
}

/// `POST /settings/sessions`: `idle`, `longest`.
#[derive(Debug, Clone, Default)]
pub struct SessionsForm {
    /// Hours without a request until a session ends.
    pub idle: Field,
    /// Days until a session ends in any case.
    pub longest: Field,
}

/// The router's names and its certificate; the names are set in the configuration file.
#[derive(Debug, Clone, Default)]
pub struct NamesView {
    /// The name by which browsers should call this site.
    pub name: String,
    /// All names and addresses in the certificate.
    pub covered: Vec<String>,
    /// The SHA-256 fingerprint of the appliance's own authority.
    pub fingerprint: String,
    /// When the certificate ends; none when it was not made here.
    pub expires: Option<Moment>,
    /// Where the authority's certificate can be downloaded; empty when there is none.
    pub ca_href: String,
    /// The same as a profile for Apple's systems.
    pub profile_href: String,
}

/// `GET /settings/people`.
#[derive(Debug, Clone, Template)]
#[template(path = "settings/people.html")]
pub struct PeoplePage {
    /// What surrounds the page.
    pub shell: Shell,
    /// Everybody.
    pub people: Vec<PersonLine>,
    /// The new person's name.
    pub name: Field,
    /// The roles to give.
    pub roles: Vec<Choice>,
    /// Why the password was refused; empty when it was not.
    pub password_error: String,
    /// The fewest characters of a password.
    pub password_min: u32,
    /// What each role may do: name and words.
    pub meanings: Vec<(String, String)>,
    /// A password just set by `reset`, shown once: for whom, and the password.
    pub fresh: Option<(String, String)>,
}

/// One person.
#[derive(Debug, Clone)]
pub struct PersonLine {
    /// The person's number.
    pub id: i64,
    /// Their name.
    pub name: String,
    /// The roles with theirs chosen.
    pub roles: Vec<Choice>,
    /// Whether they may sign in.
    pub enabled: bool,
    /// When they last did something.
    pub active: Option<Moment>,
    /// Open sessions.
    pub sessions: u64,
    /// Whether this is the one who looks at the page.
    pub me: bool,
    /// Whether this is the last administrator, who can be neither disabled nor removed.
    pub last_admin: bool,
}

impl PersonLine {
    /// The words and colour of their state.
    fn state(&self) -> (Tone, &'static str) {
        if self.enabled { (Tone::Ok, "May sign in") } else { (Tone::Quiet, "Disabled") }
    }
}
