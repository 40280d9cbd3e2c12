//! How much either side takes.

/// The longest text frame, octets.
pub const TEXT: usize = 256 * 1024;
/// The longest binary frame as it is sent, octets.
pub const BINARY: usize = 1024 * 1024;
/// The longest content of a binary frame, octets.
pub const UNPACKED: usize = 4 * 1024 * 1024;
/// Most messages in one binary frame.
pub const BATCH_MESSAGES: usize = 4096;
/// Most events in one `events` message.
pub const EVENTS: usize = 1024;
/// The longest body of `POST /enrol`, octets.
pub const ENROL: usize = 16 * 1024;
/// The longest certificate request or chain in PEM, octets.
pub const CERTIFICATE: usize = 16 * 1024;
/// The shortest and longest time between two reports, seconds.
pub const INTERVAL_S: std::ops::RangeInclusive<u32> = 1..=300;
/// The least time between two acknowledgements, milliseconds.
pub const ACK_EVERY_MS: u64 = 200;
/// The time between two pings from either side, seconds.
pub const PING_S: u64 = 20;
/// A link on which nothing is heard for so long is closed, seconds; never less than two intervals.
pub const SILENCE_S: u64 = 45;
