//! The tables of alerts.

use store::{Migration, Retention, Room};

/// This room's tables.
pub const ROOM: Room = Room {
    name: "detect",
    migrations: &[Migration { number: 1, name: "alerts", sql: include_str!("schema.sql") }],
    day_kinds: &[],
    retention: &[
        Retention {
            table: "alerts",
            column: "last_at",
            only: "status <> 'new'",
            setting: "retention.alerts_days",
            default_days: 90,
        },
        Retention {
            table: "alerts",
            column: "last_at",
            only: "1",
            setting: "retention.unanswered_alerts_days",
            default_days: 365,
        },
        Retention {
            table: "mutes",
            column: "until",
            only: "1",
            setting: "retention.mutes_days",
            default_days: 30,
        },
        Retention {
            table: "alert_presence",
            column: "last_at",
            only: "1",
            setting: "retention.alert_presence_days",
            default_days: 90,
        },
    ],
};
