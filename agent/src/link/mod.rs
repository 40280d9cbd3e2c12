//! The way to the appliance: when to dial, what to say, and the socket that it passes through.

pub(crate) mod backoff;
pub(crate) mod session;
pub(crate) mod socket;
#[cfg(test)]
mod tests;
