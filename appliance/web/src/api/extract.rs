//! Bodies and queries by type, refused in the shape of all errors.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use model::Explained;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use crate::http::Failure;

/// A JSON object as body. Types must deny unknown fields.
#[derive(Debug)]
pub(crate) struct Body<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        let kind = request.headers().get(CONTENT_TYPE).and_then(|v| v.to_str().ok());
        if !kind.is_some_and(|k| k.starts_with("application/json")) {
            let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            let message = "Send the body as JSON, with `Content-Type: application/json`.";
            return Err(Failure::new(status, Explained::new("unsupported_media_type", message)));
        }
        let bytes = Bytes::from_request(request, state).await.map_err(|e| match e.status() {
            StatusCode::PAYLOAD_TOO_LARGE => {
                Failure::too_large("The body is longer than this takes.")
            }
            _ => Failure::bad_request("The request ended too early."),
        })?;
        // Lists would pass as objects whose fields come in order.
        if bytes.trim_ascii_start().first() != Some(&b'{') {
            return Err(Failure::invalid("Send a JSON object."));
        }
        let value = serde_json::from_slice(&bytes).map_err(|e| match e.classify() {
            Category::Data => Failure::invalid(format!("{e}.")),
            _ => Failure::bad_request(format!("The body is no JSON: {e}.")),
        })?;
        Ok(Self(value))
    }
}

/// The query string. Types must deny unknown fields.
#[derive(Debug)]
pub(crate) struct Params<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let found = Query::from_request_parts(parts, state).await;
        let Query(value) = found.map_err(|e| {
            // What the parser was about is of no use to the caller; what it found is.
            let text = e.body_text();
            let found = text.strip_prefix("Failed to deserialize query string: ");
            Failure::invalid(format!("{}.", found.unwrap_or(&text)))
        })?;
        Ok(Self(value))
    }
}
