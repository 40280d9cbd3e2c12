//! The REST API, asked by everybody for everything.
#![allow(clippy::unwrap_used)] // helpers of tests, outside of #[test]

#[path = "../bed/mod.rs"]
mod bed;
#[path = "../lan/mod.rs"]
mod lan;
#[path = "../bed/router.rs"]
mod stand_in;

mod alerts;
mod client;
mod devices;
mod document;
mod flows;
mod house;
mod numbers;
mod refusals;
mod router;
