//! The front door: what every request meets first and every answer last.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use access::{Limiter, Rate, Verdict, address_group};
use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{CONNECTION, HOST, ORIGIN, TRANSFER_ENCODING};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Version};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use model::{Explained, Timestamp};

use super::client::{Network, Peer, Proxies};
use super::failure::{Failure, bare_page};
use super::guard::{bearer, changes};
use super::{Hosts, headers, origin};
use crate::metrics::{Families, Family, Histogram, Kind, Metrics};

/// Addresses whose rate is remembered at a time.
const REMEMBERED: usize = 4096;

/// What the front door needs to know.
pub struct FrontOptions {
    /// Who may come in.
    pub access: access::Access,
    /// The names it answers to.
    pub hosts: Arc<Hosts>,
    /// Whose word about the client counts.
    pub proxies: Arc<Proxies>,
    /// Who may read `/metrics` without a key.
    pub scrapers: Vec<Network>,
    /// Requests a minute for each client; zero lifts the limit. Programs on the router itself that
    /// come through the plain listener are never limited; those for whom they speak are.
    pub requests_per_minute: u32,
    /// Whether the certificate is the operator's own, as [`crate::tls::Tls::trusted`] says.
    pub trusted_certificate: Arc<AtomicBool>,
    /// Renders the error page; without it a bare one is sent.
    pub error_page: Option<fn(&Failure) -> String>,
}

/// The front door. Clones are the same door.
#[derive(Clone)]
pub struct Front(Arc<Inner>);

struct Inner {
    access: access::Access,
    hosts: Arc<Hosts>,
    proxies: Arc<Proxies>,
    scrapers: RwLock<Vec<Network>>,
    rate: Option<Mutex<Limiter<IpAddr>>>,
    trusted_certificate: Arc<AtomicBool>,
    error_page: fn(&Failure) -> String,
    requests: Arc<Requests>,
}

impl Front {
    /// Puts the door together.
    pub fn new(options: FrontOptions) -> Self {
        let per_minute = options.requests_per_minute;
        let rate = (per_minute > 0).then(|| {
            let every = Duration::from_secs(60) / per_minute;
            Mutex::new(Limiter::new(Rate { burst: per_minute, every }, REMEMBERED))
        });
        Self(Arc::new(Inner {
            access: options.access,
            hosts: options.hosts,
            proxies: options.proxies,
            scrapers: RwLock::new(options.scrapers),
            rate,
            trusted_certificate: options.trusted_certificate,
            error_page: options.error_page.unwrap_or(bare_page),
            requests: Arc::default(),
        }))
    }

    /// Numbers of requests and how long they took.
    pub fn metrics(&self) -> Arc<dyn Metrics> {
        Arc::clone(&self.0.requests) as Arc<dyn Metrics>
    }

    /// The names that it answers to.
    pub fn hosts(&self) -> Arc<Hosts> {
        Arc::clone(&self.0.hosts)
    }

    pub(crate) fn access(&self) -> &access::Access {
        &self.0.access
    }

    pub(crate) fn may_scrape(&self, address: IpAddr) -> bool {
        let scrapers = self.0.scrapers.read().unwrap_or_else(PoisonError::into_inner);
        scrapers.iter().any(|n| n.contains(address))
    }

    /// Lets these read `/metrics` without a key from now on, and no others.
    pub fn set_scrapers(&self, networks: Vec<Network>) {
        *self.0.scrapers.write().unwrap_or_else(PoisonError::into_inner) = networks;
    }

    /// Puts the door around a router; `inside` wraps it first, its answers to unknown paths too.
    pub(crate) fn around(&self, router: Router, inside: impl FnOnce(Router) -> Router) -> Router {
        let whole = router
            .fallback(async || StatusCode::NOT_FOUND)
            .method_not_allowed_fallback(async || StatusCode::METHOD_NOT_ALLOWED);
        inside(whole).layer(from_fn_with_state(self.clone(), pass))
    }

    /// The checks that need no handler's leave, cheapest first.
    fn enter(&self, request: &mut Request) -> Result<(), Failure> {
        let door = &*self.0;
        framed(request)?;
        let peer = request.extensions().get::<Peer>().copied();
        let peer = peer.ok_or_else(|| Failure::bad_request("The connection has no peer."))?;
        let client = door.proxies.client(peer, request.headers());
        request.extensions_mut().insert(client);
        let headers = request.headers();
        let text = |name| headers.get(name).and_then(|v: &HeaderValue| v.to_str().ok());
        let host = text(HOST).unwrap_or_default();
        if !door.hosts.allows(host) {
            return Err(misdirected(&door.hosts));
        }
        let local = !peer.tls && client.address.is_loopback();
        if let Some(rate) = door.rate.as_ref().filter(|_| !local) {
            let mut rate = rate.lock().unwrap_or_else(PoisonError::into_inner);
            let verdict = rate.take(&address_group(client.address), Timestamp::now());
            if let Verdict::Refused { retry_after, .. } = verdict {
                return Err(Failure::too_many(retry_after));
            }
        }
        if changes(request.method(), headers) && bearer(headers).is_none() {
            let from = origin::From {
                host,
                secure: client.secure,
                origin: headers.get(ORIGIN).map(|v| v.to_str().unwrap_or("")),
                fetch_site: headers.get("sec-fetch-site").map(|v| v.to_str().unwrap_or("")),
            };
            if !origin::is_ours(from) {
                return Err(Failure::forbidden(
                    "This request did not come from this site's own pages. Scripts send an API key \
                     as `Authorization: Bearer pnk_…`.",
                ));
            }
        }
        Ok(())
    }
}

/// Requests must say their length up front. No browser sends a chunked request over HTTP/1.1, and
/// a second way to say where a request ends is how requests are smuggled past a proxy
/// (RFC 9112, section 6.1); hyper hides a `Content-Length` that came along, so the pair cannot be
/// told apart from chunked alone, and both are refused.
fn framed(request: &Request) -> Result<(), Failure> {
    if request.headers().contains_key(TRANSFER_ENCODING) {
        let message = "Requests must carry Content-Length; Transfer-Encoding is not taken.";
        let explained = Explained::new("length_required", message);
        return Err(Failure::new(StatusCode::LENGTH_REQUIRED, explained));
    }
    if request.headers().get_all(HOST).iter().count() > 1 || request.version() < Version::HTTP_10 {
        return Err(Failure::bad_request("The request names more than one host."));
    }
    Ok(())
}

fn misdirected(hosts: &Hosts) -> Failure {
    let names = hosts.names().join(", ");
    let message = format!(
        "This appliance does not answer to that name. Use its address or one of: {names}. To \
         use another, set `hostname` in the configuration."
    );
    Failure::new(StatusCode::MISDIRECTED_REQUEST, Explained::new("misdirected", message))
}

async fn pass(State(front): State<Front>, mut request: Request, next: Next) -> Response {
    let start = Instant::now();
    let class = Class::of(request.uri().path());
    let tls = request.extensions().get::<Peer>().is_some_and(|p| p.tls);
    let (response, entered) = match front.enter(&mut request) {
        Ok(()) => (next.run(request).await, true),
        Err(failure) => (failure.into_response(), false),
    };
    let mut response = match Failure::of(response).await {
        Ok(failure) if class == Class::Page => failure.page(front.0.error_page),
        Ok(failure) => failure.json(),
        Err(response) => response,
    };
    let hsts = tls && front.0.trusted_certificate.load(Ordering::Relaxed);
    let status = response.status();
    headers::secure(response.headers_mut(), status, hsts);
    if !entered {
        close(response.headers_mut());
    }
    front.0.requests.count(class, status, start.elapsed());
    response
}

/// What was refused at the door may still have a body under way; nobody will read it.
fn close(headers: &mut HeaderMap) {
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
}

/// Kinds of routes, few enough to be a metric's label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    Page,
    Api,
    Asset,
    Live,
    Health,
    Metrics,
}

impl Class {
    const ALL: [Self; 6] =
        [Self::Page, Self::Api, Self::Asset, Self::Live, Self::Health, Self::Metrics];

    pub(crate) fn of(path: &str) -> Self {
        match path {
            "/live" => Self::Live,
            "/health" => Self::Health,
            "/metrics" => Self::Metrics,
            p if p == "/api" || p.starts_with("/api/") => Self::Api,
            p if p.starts_with("/assets/") => Self::Asset,
            _ => Self::Page,
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::Api => "api",
            Self::Asset => "asset",
            Self::Live => "live",
            Self::Health => "health",
            Self::Metrics => "metrics",
        }
    }
}

/// Counts requests by kind of route and of answer.
#[derive(Debug, Default)]
pub struct Requests {
    times: [Histogram; Class::ALL.len()],
    statuses: [[std::sync::atomic::AtomicU64; STATUSES.len()]; Class::ALL.len()],
}

const STATUSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

impl Requests {
    fn count(&self, class: Class, status: StatusCode, took: Duration) {
        let class = class as usize;
        self.times[class].observe(took);
        let kind = usize::from(status.as_u16() / 100).clamp(1, STATUSES.len()) - 1;
        self.statuses[class][kind].fetch_add(1, Ordering::Relaxed);
    }
}

impl Metrics for Requests {
    fn collect(&self) -> Families<'_> {
        let mut times = Family::new(
            "panoptikon_http_request_duration_seconds",
            Kind::Histogram,
            "Time from a request's headers to the start of its answer.",
        );
        let mut counts = Family::new(
            "panoptikon_http_requests_total",
            Kind::Counter,
            "Requests answered, by kind of route and of answer.",
        );
        for class in Class::ALL {
            times = times.histogram(&[("class", class.as_str())], &self.times[class as usize]);
            for (status, count) in STATUSES.iter().zip(&self.statuses[class as usize]) {
                let labels = [("class", class.as_str()), ("status", *status)];
                counts = counts.sample(&labels, count.load(Ordering::Relaxed) as f64);
            }
        }
        Box::pin(async move { vec![times, counts] })
    }
}
