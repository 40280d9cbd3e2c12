//! What is sent to devices: scans of the network, of one device's ports, wake-up calls.

use access::Permission as P;
use access::audit::Entry as Line;
use axum::extract::{Path, State};
use axum::http::Method;
use axum::response::Response;
use discovery::{Device, DiscoveryError};
use model::{DeviceId, Timestamp};

use crate::api::{answer, done};
use crate::http::{Entry, Failure, Route, Routes, Schema, Visitor};
use crate::pages::deeds;
use crate::site::Site;

pub(super) fn routes() -> Routes<Site> {
    let (read, scan) = (Entry::Needs(P::DevicesRead), Entry::Needs(P::DevicesScan));
    let wake = Entry::Needs(P::DevicesWake);
    let (get, post) = (Method::GET, Method::POST);
    Routes::new()
        .add(
            Route::new(
                get.clone(),
                "/api/v1/devices/{id}/scan",
                read,
                last_scan,
                "The last scan of a device's ports",
            )
            .gives(Schema::named("PortScan")),
        )
        .add(
            Route::new(
                post.clone(),
                "/api/v1/devices/{id}/scan",
                scan,
                scan_ports,
                "Scan a device's ports, which takes some seconds",
            )
            .gives(Schema::named("PortScan")),
        )
        .add(Route::new(
            post.clone(),
            "/api/v1/devices/{id}/wake",
            wake,
            wake_up,
            "Send a device the magic packet",
        ))
        .add(
            Route::new(
                post,
                "/api/v1/scanner/trigger",
                scan,
                trigger,
                "Ask every address of the local networks; answers after the scan",
            )
            .patient(),
        )
        .add(
            Route::new(get, "/api/v1/scanner/status", read, status, "How discovery is doing")
                .gives(Schema::named("Scanner")),
        )
}

async fn last_scan(
    State(site): State<Site>,
    Path(id): Path<DeviceId>,
) -> Result<Response, Failure> {
    site.discovery.with(id, |_: &Device| ()).ok_or(DiscoveryError::NotFound(id))?;
    match site.discovery.port_scan(id).await? {
        Some(scan) => answer(&scan),
        None => Err(Failure::not_found(
            "The ports of this device were never scanned. POST to this address does.",
        )),
    }
}

async fn scan_ports(
    State(site): State<Site>,
    visitor: Visitor,
    Path(id): Path<DeviceId>,
) -> Result<Response, Failure> {
    answer(&deeds::scan_ports(&site, &visitor.caller, id, Timestamp::now()).await?)
}

async fn wake_up(
    State(site): State<Site>,
    visitor: Visitor,
    Path(id): Path<DeviceId>,
) -> Result<Response, Failure> {
    deeds::wake(&site, &visitor.caller, id, Timestamp::now()).await?;
    Ok(done())
}

async fn trigger(State(site): State<Site>, visitor: Visitor) -> Result<Response, Failure> {
    visitor.caller.require(P::DevicesScan)?;
    let line = Line::new(&visitor.caller, "device.scan", "", Timestamp::now());
    site.access.audit().append(line).await?;
    site.discovery.scan_now().await?;
    Ok(done())
}

async fn status(State(site): State<Site>) -> Result<Response, Failure> {
    let status = site.discovery.status().borrow().clone();
    answer(&status)
}
