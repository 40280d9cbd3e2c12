//! What a device is, from the traces it leaves.
//!
//! In: [`Evidence`], all that is known of one device. Out: an [`Identity`] (operating system, type,
//! brand, model) in which every field names its source and every conclusion its reason. Beside it:
//! [`names`], the name a device is shown under, and [`same_device`], whether a randomised address
//! belongs to a device that is known already. All of it is pure; the knowledge is in
//! `data/fingerprints.csv` and `data/apple-models.csv`, which are our own.

mod apple;
mod evidence;
mod identity;
mod judge;
pub mod names;
mod pattern;
mod rules;
pub mod same_device;

pub use apple::{AppleModel, apple_model};
pub use evidence::{Dhcp, Evidence, Link, Mdns, Ssdp};
pub use identity::{DeviceType, Finding, Identity, Source, UnknownDeviceType};
pub use judge::{identify, identify_with};
pub use names::{Names, clean_hostname, display_name};
pub use rules::{Rule, RuleError, Rules};
pub use same_device::{Candidate, Merge, Trace, same_device};

#[cfg(test)]
mod tests;
