//! The front door for people and programs: pages, REST API and live updates over HTTPS.
//!
//! [`server`] takes connections, [`tls`] has the certificates, [`http`] checks every request and
//! builds the router from one table of routes, [`live`] pushes to open pages, [`assets`] are the
//! files packed into the binary, [`metrics`] writes for Prometheus. What comes in is untrusted
//! until [`http`] has let it through; what goes out carries the same headers everywhere.

pub mod api;
pub mod assets;
pub mod http;
pub mod live;
pub mod metrics;
mod monitor;
mod openapi;
pub mod pages;
pub mod rooms_metrics;
mod routes;
pub mod server;
pub mod site;
pub mod tls;
pub mod view;

pub use pages::push;
pub use routes::{router, routes};
