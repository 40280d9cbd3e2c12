//! Style, script and pictures, packed into the binary by `build.rs`. Their addresses carry a hash
//! of their content, so browsers keep them for good and never show an old one.

use std::future::{Ready, ready};

use axum::body::Body;
use axum::extract::Path;
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;

use crate::http::Failure;

/// One file.
#[derive(Debug)]
struct Asset {
    name: &'static str,
    hash: &'static str,
    url: &'static str,
    plain: &'static [u8],
    gzip: Option<&'static [u8]>,
}

/// All files, sorted by name.
static ASSETS: &[Asset] = include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// The route's path; the name may hold slashes.
pub const PATH: &str = "/assets/{hash}/{*name}";

fn named(name: &str) -> Option<&'static Asset> {
    let at = ASSETS.binary_search_by(|a| a.name.cmp(name)).ok()?;
    ASSETS.get(at)
}

/// The address of a file under `assets/`, such as `app.css`. For a name that does not exist, an
/// address that answers 404; a test follows every address in the templates.
pub fn url(name: &str) -> &'static str {
    named(name).map_or("/assets/missing", |a| a.url)
}

/// The names of all files.
pub fn names() -> impl Iterator<Item = &'static str> {
    ASSETS.iter().map(|a| a.name)
}

/// Answers `GET /assets/{hash}/{name}`.
pub fn serve(
    Path((hash, name)): Path<(String, String)>,
    headers: HeaderMap,
) -> Ready<Result<Response, Failure>> {
    let asset = named(&name).filter(|a| a.hash == hash);
    let asset = asset.ok_or_else(|| Failure::not_found("There is no such file."));
    ready(asset.map(|a| answer(a, &headers)))
}

/// Answers for a file that browsers ask for at a fixed address, such as `/favicon.ico`.
pub fn at_fixed_address(name: &str, headers: &HeaderMap) -> Result<Response, Failure> {
    let asset = named(name).ok_or_else(|| Failure::not_found("There is no such file."))?;
    let mut response = answer(asset, headers);
    let day = HeaderValue::from_static("max-age=86400");
    response.headers_mut().insert(CACHE_CONTROL, day);
    Ok(response)
}

fn answer(asset: &Asset, headers: &HeaderMap) -> Response {
    let tag = format!("\"{}\"", asset.hash);
    let known = headers.get_all(IF_NONE_MATCH).iter().filter_map(|v| v.to_str().ok());
    let mut known = known.flat_map(|v| v.split(',')).map(|t| t.trim().trim_start_matches("W/"));
    let unchanged = known.any(|t| t == tag || t == "*");
    let zipped = asset.gzip.filter(|_| takes_gzip(headers));
    let mut response = if unchanged {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let body = Bytes::from_static(zipped.unwrap_or(asset.plain));
        let mut response = Response::new(Body::from(body));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type(asset.name)));
        if zipped.is_some() {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        response
    };
    let headers = response.headers_mut();
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(ETAG, tag);
    }
    if asset.gzip.is_some() {
        headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    }
    let for_good = HeaderValue::from_static("public, max-age=31536000, immutable");
    headers.insert(CACHE_CONTROL, for_good);
    response
}

fn takes_gzip(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|v| v.to_str().ok());
    lines.flat_map(|l| l.split(',')).any(|coding| {
        let mut parts = coding.split(';');
        let name = parts.next().unwrap_or_default().trim();
        let refused = parts.any(|p| {
            let q = p.trim().strip_prefix("q=");
            q.is_some_and(|q| q.trim().parse::<f32>().is_ok_and(|q| q <= 0.0))
        });
        (name.eq_ignore_ascii_case("gzip") || name == "*") && !refused
    })
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map_or("", |(_, ending)| ending) {
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "webmanifest" => "application/manifest+json",
        "txt" | "md" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: Asset = Asset {
        name: "a.css",
        hash: "0123456789abcdef",
        url: "/assets/0123456789abcdef/a.css",
        plain: b"body{}",
        gzip: Some(b"\x1f\x8b"),
    };

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        lines.iter().map(|(n, v)| (n.parse().unwrap(), HeaderValue::from_static(v))).collect()
    }

    #[test]
    fn compressed_bytes_go_to_those_who_take_them() {
        for (accept, gzip) in [
            ("gzip, br", true),
            ("br;q=1, GZIP;q=0.5", true),
            ("*", true),
            ("gzip;q=0", false),
            ("gzip; q=0.0", false),
            ("br", false),
            ("", false),
        ] {
            let response = answer(&SAMPLE, &headers(&[("accept-encoding", accept)]));
            assert_eq!(response.headers().contains_key(CONTENT_ENCODING), gzip, "{accept}");
            assert_eq!(response.headers()[VARY], "accept-encoding");
            assert_eq!(response.headers()[CONTENT_TYPE], "text/css; charset=utf-8");
        }
    }

    #[test]
    fn a_browser_that_has_the_file_gets_no_body() {
        let same = headers(&[("if-none-match", "\"x\", W/\"0123456789abcdef\"")]);
        assert_eq!(answer(&SAMPLE, &same).status(), StatusCode::NOT_MODIFIED);
        let other = headers(&[("if-none-match", "\"x\"")]);
        assert_eq!(answer(&SAMPLE, &other).status(), StatusCode::OK);
    }

    #[test]
    fn every_file_is_found_by_its_name_and_has_a_known_type() {
        for asset in ASSETS {
            assert_eq!(url(asset.name), asset.url);
            assert_ne!(content_type(asset.name), "application/octet-stream", "{}", asset.name);
        }
        assert_eq!(url("no/such/file"), "/assets/missing");
    }
}
