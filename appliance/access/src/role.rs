//! Roles and what each of them may do.
//!
//! Pure: a role and a permission in, yes or no out. Every route of the site and of the API asks
//! here; nothing else decides.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The text names no role or permission.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no {what}; one of {accepted}")]
pub struct UnknownWord {
    /// What was being read.
    pub what: &'static str,
    /// The text as given.
    pub text: String,
    /// The accepted words, separated by commas.
    pub accepted: String,
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $what:literal { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$variant_doc])* #[serde(rename = $word)] $variant,)+
        }

        impl $name {
            /// All of them, in the order in which pages show them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word that tables, the API and pages use.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;

            fn from_str(text: &str) -> Result<Self, UnknownWord> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(UnknownWord {
                        what: $what,
                        text: text.chars().take(64).collect(),
                        accepted: [$($word),+].join(", "),
                    }),
                }
            }
        }
    };
}

words! {
    /// What a person is here to do.
    Role, "role" {
        /// Everything.
        Administrator = "administrator",
        /// Looks into what happens, corrects what is known about devices, handles alerts.
        Analyst = "analyst",
        /// An analyst who also acts on devices.
        Responder = "responder",
        /// Looks, changes nothing.
        Viewer = "viewer",
        /// Looks, and checks what others did.
        Auditor = "auditor",
    }
}

words! {
    /// One thing that can be done, as `resource:action`.
    Permission, "permission" {
        /// See devices, their addresses, presence, ports and notes.
        DevicesRead = "devices:read",
        /// Correct names, types, notes and identity.
        DevicesEdit = "devices:edit",
        /// Send sweeps and port scans.
        DevicesScan = "devices:scan",
        /// Send Wake-on-LAN.
        DevicesWake = "devices:wake",
        /// Forget a device with its history.
        DevicesForget = "devices:forget",
        /// See the map of the network.
        TopologyRead = "topology:read",
        /// Move things on the map.
        TopologyEdit = "topology:edit",
        /// See events and search them.
        EventsRead = "events:read",
        /// See who talked to whom, how much and when.
        FlowsRead = "flows:read",
        /// See alerts.
        AlertsRead = "alerts:read",
        /// Acknowledge, close and silence alerts.
        AlertsManage = "alerts:manage",
        /// See settings, without secrets.
        SettingsRead = "settings:read",
        /// Change settings, notification channels and rules.
        SettingsEdit = "settings:edit",
        /// See who has an account.
        PeopleRead = "people:read",
        /// Add and remove people, change roles, end their sessions, revoke their keys.
        PeopleManage = "people:manage",
        /// See and verify the audit log.
        AuditRead = "audit:read",
        /// Take the audit log away as a file.
        AuditExport = "audit:export",
        /// Make a backup.
        BackupCreate = "backup:create",
        /// Put a backup back.
        BackupRestore = "backup:restore",
        /// Run maintenance of the database.
        MaintenanceRun = "maintenance:run",
        /// Make and revoke API keys of one's own.
        ApiKeysOwn = "api_keys:own",
        /// Change one's own password and preferences, end one's own sessions.
        AccountOwn = "account:own",
        /// Scrape metrics.
        MetricsRead = "metrics:read",
        /// See how the appliance and the router are.
        SystemRead = "system:read",
        /// See the router's configuration and state, without secrets.
        RouterRead = "router:read",
        /// Change the router, keep and undo changes, see secrets of its configuration.
        RouterChange = "router:change",
        /// Send pings and other probes from the router.
        RouterTools = "router:tools",
        /// Start, stop and restart the router's services.
        ServicesManage = "services:manage",
        /// Read the logs of the router and of the appliance, which may name anybody.
        LogsRead = "logs:read",
        /// See the hosts that agents watch, and how they are.
        AgentsRead = "agents:read",
        /// Add and remove hosts, change what they report and when to warn.
        AgentsManage = "agents:manage",
        /// Read logs on a host.
        AgentsLogs = "agents:logs",
        /// List the processes of a host.
        AgentsProcesses = "agents:processes",
        /// Send pings and other probes from a host.
        AgentsProbe = "agents:probe",
        /// Measure throughput between hosts.
        AgentsThroughput = "agents:throughput",
        /// Scan networks from a host.
        AgentsScan = "agents:scan",
        /// Update and restart agents.
        AgentsUpdate = "agents:update",
    }
}

impl Role {
    /// Whether this role may do this.
    pub const fn may(self, permission: Permission) -> bool {
        use Permission as P;
        match permission {
            P::DevicesRead
            | P::TopologyRead
            | P::EventsRead
            | P::FlowsRead
            | P::AlertsRead
            | P::AccountOwn
            | P::MetricsRead
            | P::SystemRead
            | P::RouterRead
            | P::AgentsRead => true,
            P::SettingsRead | P::LogsRead => !matches!(self, Self::Viewer),
            P::DevicesEdit
            | P::DevicesScan
            | P::TopologyEdit
            | P::AlertsManage
            | P::ApiKeysOwn
            | P::RouterTools
            | P::AgentsLogs
            | P::AgentsProcesses
            | P::AgentsProbe
            | P::AgentsScan => {
                matches!(self, Self::Administrator | Self::Analyst | Self::Responder)
            }
            P::DevicesWake | P::AgentsThroughput => {
                matches!(self, Self::Administrator | Self::Responder)
            }
            P::PeopleRead | P::AuditRead | P::AuditExport => {
                matches!(self, Self::Administrator | Self::Auditor)
            }
            P::DevicesForget
            | P::SettingsEdit
            | P::PeopleManage
            | P::BackupCreate
            | P::BackupRestore
            | P::MaintenanceRun
            | P::RouterChange
            | P::ServicesManage
            | P::AgentsManage
            | P::AgentsUpdate => matches!(self, Self::Administrator),
        }
    }

    /// Whether this role may do all that the other may: nobody hands out more than they have.
    pub fn covers(self, other: Self) -> bool {
        Permission::ALL.iter().all(|p| self.may(*p) || !other.may(*p))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Columns in the order of `Role::ALL`; one row a permission, in the order of `ALL`.
    const TABLE: &str = "
        devices:read      x x x x x
        devices:edit      x x x . .
        devices:scan      x x x . .
        devices:wake      x . x . .
        devices:forget    x . . . .
        topology:read     x x x x x
        topology:edit     x x x . .
        events:read       x x x x x
        flows:read        x x x x x
        alerts:read       x x x x x
        alerts:manage     x x x . .
        settings:read     x x x . x
        settings:edit     x . . . .
        people:read       x . . . x
        people:manage     x . . . .
        audit:read        x . . . x
        audit:export      x . . . x
        backup:create     x . . . .
        backup:restore    x . . . .
        maintenance:run   x . . . .
        api_keys:own      x x x . .
        account:own       x x x x x
        metrics:read      x x x x x
        system:read       x x x x x
        router:read       x x x x x
        router:change     x . . . .
        router:tools      x x x . .
        services:manage   x . . . .
        logs:read         x x x . x
        agents:read       x x x x x
        agents:manage     x . . . .
        agents:logs       x x x . .
        agents:processes  x x x . .
        agents:probe      x x x . .
        agents:throughput x . x . .
        agents:scan       x x x . .
        agents:update     x . . . .";

    #[test]
    fn every_role_may_exactly_what_the_table_says() {
        let rows: Vec<&str> = TABLE.lines().map(str::trim).filter(|l| !l.is_empty()).collect();
        assert_eq!(rows.len(), Permission::ALL.len(), "one row a permission");
        for (row, permission) in rows.iter().zip(Permission::ALL) {
            let mut cells = row.split_whitespace();
            assert_eq!(cells.next(), Some(permission.as_str()));
            for role in Role::ALL {
                assert_eq!(
                    Some(role.may(*permission)),
                    cells.next().map(|c| c == "x"),
                    "{role} {row}"
                );
            }
            assert_eq!(cells.next(), None);
        }
    }

    #[test]
    fn words_return_to_what_they_name() {
        for role in Role::ALL {
            assert_eq!(role.as_str().parse(), Ok(*role));
        }
        for permission in Permission::ALL {
            assert_eq!(permission.as_str().parse(), Ok(*permission));
            assert_eq!(permission.as_str().split(':').count(), 2);
        }
        assert!("root".parse::<Role>().unwrap_err().to_string().contains("viewer, auditor"));
    }

    #[test]
    fn only_the_administrator_covers_all_roles() {
        for role in Role::ALL {
            assert!(Role::Administrator.covers(*role));
            assert!(role.covers(Role::Viewer));
            assert_eq!(role.covers(Role::Administrator), *role == Role::Administrator);
        }
        assert!(Role::Responder.covers(Role::Analyst));
        assert!(!Role::Analyst.covers(Role::Auditor));
    }
}
