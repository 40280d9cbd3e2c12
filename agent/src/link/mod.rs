//! The way to the appliance.

pub(crate) mod backoff;
pub(crate) mod session;
#[cfg(test)]
mod tests;
