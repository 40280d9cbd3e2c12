//! What was built, from what, and when.

/// The version in Cargo.toml.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The commit that was built, twelve digits, or "unknown" when built from an archive.
pub const GIT_HASH: &str = env!("BUILD_GIT_HASH");

/// The day of the build in UTC, `YYYY-MM-DD`; that of `SOURCE_DATE_EPOCH` if it was set.
pub const BUILD_DATE: &str = env!("BUILD_DATE");

/// All three on one line, as `panoptikon --version` prints them after the name.
pub const LINE: &str =
    concat!(env!("CARGO_PKG_VERSION"), " (", env!("BUILD_GIT_HASH"), " ", env!("BUILD_DATE"), ")");
