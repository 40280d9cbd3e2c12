//! This room's tables: metrics and the outcomes of speed tests.

use store::{Retention, Room};

use crate::metrics;

/// This room's tables.
pub const ROOM: Room = Room {
    name: "system",
    migrations: &[metrics::MIGRATION],
    day_kinds: &[metrics::KIND],
    retention: &[
        metrics::RETENTION,
        Retention {
            table: "speed_tests",
            column: "at",
            only: "1",
            setting: "retention.speed_tests_days",
            default_days: 1_096,
        },
    ],
};
