//! The headers that every answer carries.

use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, REFERRER_POLICY,
    STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, StatusCode};

/// Nothing from elsewhere, nothing inline. `connect-src 'self'` covers the WebSocket of the same
/// host and port (CSP level 3, section 6.7.2.8: `wss` matches an `https` self).
pub(crate) const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// `no-referrer` would make browsers send `Origin: null` with our own forms (Fetch standard,
/// "append a request Origin header"), and the origin check would refuse them.
const REFERRER: &str = "same-origin";

const PERMISSIONS: &str = "accelerometer=(), camera=(), display-capture=(), geolocation=(), \
    gyroscope=(), magnetometer=(), microphone=(), midi=(), payment=(), usb=()";

/// For this host only, a year. Sent only with a certificate that the operator supplied: with the
/// appliance's own one, a browser that has once trusted its CA would for a year refuse to let the
/// person click through after that CA was replaced or removed, and the page is the place to fix it.
const HSTS: &str = "max-age=31536000";

const FIXED: [(HeaderName, &str); 7] = [
    (CONTENT_SECURITY_POLICY, POLICY),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (REFERRER_POLICY, REFERRER),
    (HeaderName::from_static("permissions-policy"), PERMISSIONS),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Puts them on; a handler's own `Cache-Control` stays.
pub(crate) fn secure(headers: &mut HeaderMap, status: StatusCode, hsts: bool) {
    headers.reserve(FIXED.len() + 2);
    for (name, value) in FIXED {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if hsts {
        headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(HSTS));
    }
    let failed = status.is_client_error() || status.is_server_error();
    if failed || !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}
