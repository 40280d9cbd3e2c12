//! placeholder
pub mod decode;
pub mod enrich;
pub mod vendor;
