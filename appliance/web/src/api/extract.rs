//! Bodies and queries by type, refused in the shape of all errors.

use axum::Json;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use model::Explained;
use serde::de::DeserializeOwned;

use crate::http::Failure;

/// A JSON body. Types must deny unknown fields.
#[derive(Debug)]
pub(crate) struct Body<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        let Json(value) = Json::from_request(request, state)
            .await
            .map_err(|e| refused(e.status(), &e.body_text()))?;
        Ok(Self(value))
    }
}

/// The query string. Types must deny unknown fields.
#[derive(Debug)]
pub(crate) struct Params<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let Query(value) = Query::from_request_parts(parts, state)
            .await
            .map_err(|e| refused(StatusCode::UNPROCESSABLE_ENTITY, &e.body_text()))?;
        Ok(Self(value))
    }
}

fn refused(status: StatusCode, text: &str) -> Failure {
    let code = match status {
        StatusCode::PAYLOAD_TOO_LARGE => "too_large",
        StatusCode::UNSUPPORTED_MEDIA_TYPE => "unsupported_media_type",
        StatusCode::UNPROCESSABLE_ENTITY => "invalid",
        _ => "bad_request",
    };
    // What the parser was about is of no use to the caller; what it found is.
    let known = [
        "Failed to deserialize the JSON body into the target type: ",
        "Failed to deserialize query string: ",
    ];
    let found = known.iter().find_map(|k| text.strip_prefix(k)).unwrap_or(text);
    let message = match status {
        StatusCode::PAYLOAD_TOO_LARGE => "The body is longer than this takes.".to_owned(),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            "Send the body as JSON, with `Content-Type: application/json`.".to_owned()
        }
        _ => format!("{}.", found.trim_end_matches('.')),
    };
    Failure::new(status, Explained::new(code, message))
}
