//! The REST API, asked by everybody for everything.

#[path = "../bed/mod.rs"]
mod bed;
#[path = "../lan/mod.rs"]
mod lan;

mod alerts;
mod client;
mod devices;
mod document;
mod house;
mod numbers;
mod refusals;
