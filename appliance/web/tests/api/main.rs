//! The REST API, asked by everybody for everything.
#![allow(clippy::unwrap_used)] // helpers of tests, outside of #[test]

#[path = "../../../agents/tests/common/client.rs"]
mod agent;
#[path = "../bed/mod.rs"]
mod bed;
#[path = "../hosts/mod.rs"]
mod hosts;
#[path = "../lan/mod.rs"]
mod lan;
#[path = "../bed/router.rs"]
mod stand_in;

mod agents;
mod alerts;
mod client;
mod devices;
mod document;
mod flows;
mod house;
mod numbers;
mod refusals;
mod router;
