//! The document that describes the API, served by the API.

use std::sync::{Arc, OnceLock};

use access::Permission as P;
use axum::http::Method;
use axum::response::Response;
use bytes::Bytes;

use super::{answer, json};
use crate::http::{Entry, Failure, Route, Routes, Schema};
use crate::site::Site;

/// Adds the route that serves the `OpenAPI` document of the whole table, itself included.
pub(crate) fn described(table: Routes<Site>) -> Routes<Site> {
    let written = Arc::new(OnceLock::<Bytes>::new());
    let document = Arc::clone(&written);
    let read = move || {
        let answer: Result<Response, Failure> = match document.get() {
            Some(bytes) => Ok(json(bytes.to_vec())),
            None => answer(&serde_json::json!({})),
        };
        std::future::ready(answer)
    };
    let table = table.add(
        Route::new(
            Method::GET,
            "/api/v1/openapi.json",
            Entry::Needs(P::SystemRead),
            read,
            "This document",
        )
        .gives(Schema::value("object", "OpenAPI 3.1.")),
    );
    let text = serde_json::to_vec(&table.openapi()).unwrap_or_default();
    // Set once, here.
    let _ = written.set(text.into());
    table
}
