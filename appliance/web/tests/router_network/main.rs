//! Interfaces, routes, DHCP, DNS, services and containers of the router, over a stand-in for it.
#![allow(clippy::unwrap_used)]

#[path = "../bed/mod.rs"]
mod bed;
mod containers;
mod dhcp;
mod dns;
mod interfaces;
#[path = "../bed/router.rs"]
mod router;
mod routes;
mod services;

/// A text that attacks and that a router may hold all the same.
const HOSTILE: &str = "<script>alert(1)</script>&amp;{{7*7}}";

/// Holds that the text is on the page, and is only text.
#[track_caller]
fn is_inert(page: &bed::Answer) {
    assert!(!page.body.contains("<script>alert"), "markup got through");
    page.says("&#60;script&#62;alert(1)");
}
