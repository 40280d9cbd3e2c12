//! VPNs: `WireGuard` is shown and changed, and clients are made for it; others are shown.

mod client;
mod keys;
mod openvpn;
mod peer;
mod show;
mod wireguard;

use access::Permission as P;
use axum::http::Method;

use super::{CHANGE, LOOK};
use crate::http::{Entry, Route, Routes};
use crate::site::Site;
use crate::view::Query;

const HERE: &str = "/router/vpn";
const INTERFACE: &str = "/router/vpn/interface";
const PEER: &str = "/router/vpn/peer";
const CLIENT: &str = "/router/vpn/client";

pub(super) fn routes() -> Routes<Site> {
    let (get, post) = (|| Method::GET, || Method::POST);
    let form = |path, what| {
        let route = match path {
            INTERFACE => Route::new(get(), path, CHANGE, wireguard::show, what),
            PEER => Route::new(get(), path, CHANGE, peer::show, what),
            _ => Route::new(get(), path, CHANGE, client::show, what),
        };
        route.query("interface", "string", "A WireGuard interface.")
    };
    Routes::new()
        .add(Route::new(get(), HERE, LOOK, show::show, "VPNs of the router"))
        .add(Route::new(
            get(),
            openvpn::OPENVPN,
            CHANGE,
            openvpn::show,
            "A new client of an OpenVPN server",
        ))
        .add(
            Route::new(
                post(),
                openvpn::OPENVPN,
                CHANGE,
                openvpn::set,
                "Plan a client of an OpenVPN server by its file",
            )
            .body_limit(openvpn::LONGEST_FORM)
            .patient(),
        )
        .add(
            Route::new(
                post(),
                "/router/vpn/openvpn/switch",
                CHANGE,
                openvpn::switch,
                "Plan to connect or disconnect an OpenVPN interface",
            )
            .patient(),
        )
        .add(
            Route::new(
                post(),
                "/router/vpn/openvpn/delete",
                CHANGE,
                openvpn::delete,
                "Plan to delete a client of an OpenVPN server",
            )
            .patient(),
        )
        .add(form(INTERFACE, "A WireGuard interface"))
        .add(form(PEER, "A WireGuard peer").query("peer", "string", "Its name."))
        .add(form(CLIENT, "A new WireGuard client"))
        .add(Route::new(post(), INTERFACE, CHANGE, wireguard::set, "Plan an interface").patient())
        .add(
            Route::new(
                post(),
                "/router/vpn/interface/delete",
                CHANGE,
                wireguard::delete,
                "Plan to delete an interface",
            )
            .patient(),
        )
        .add(Route::new(post(), PEER, CHANGE, peer::set, "Plan a peer").patient())
        .add(
            Route::new(
                post(),
                "/router/vpn/peer/delete",
                CHANGE,
                peer::delete,
                "Plan to delete a peer",
            )
            .patient(),
        )
        .add(Route::new(post(), CLIENT, CHANGE, client::set, "Plan a client").patient())
        .add(Route::new(
            post(),
            "/router/vpn/client/file",
            Entry::Needs(P::RouterChange),
            client::file,
            "Give a client's configuration back as a file",
        ))
}

/// A page of this area about an interface.
fn about(path: &str, interface: &str) -> Query {
    Query::new(path).with("interface", interface)
}
