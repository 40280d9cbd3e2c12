//! Whether a browser sent a changing request from our own pages. Pure: headers in, verdict out.

/// What the request says about where it comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct From<'a> {
    /// The `Host` header.
    pub(crate) host: &'a str,
    /// Whether the browser's side is HTTPS, if known.
    pub(crate) secure: Option<bool>,
    /// The `Origin` header.
    pub(crate) origin: Option<&'a str>,
    /// The `Sec-Fetch-Site` header.
    pub(crate) fetch_site: Option<&'a str>,
}

/// True when the request comes from our own origin.
///
/// `Origin: null` and a missing `Origin` need the browser's own word, `Sec-Fetch-Site`; without
/// either header the sender is no browser of today, and must use an API key.
pub(crate) fn is_ours(from: From<'_>) -> bool {
    let ours = match from.origin {
        None => return matches!(from.fetch_site, Some("same-origin" | "none")),
        Some("null") => return from.fetch_site == Some("same-origin"),
        Some(origin) => match (origin.split_once("://"), from.secure) {
            (Some(("https", host)), Some(true) | None)
            | (Some(("http", host)), Some(false) | None) => host.eq_ignore_ascii_case(from.host),
            _ => false,
        },
    };
    ours && !matches!(from.fetch_site, Some("cross-site" | "same-site"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: &str = "router.lan:8443";

    fn verdict(origin: Option<&str>, fetch_site: Option<&str>) -> bool {
        is_ours(From { host: HOST, secure: Some(true), origin, fetch_site })
    }

    #[test]
    fn our_own_pages_pass() {
        assert!(verdict(Some("https://router.lan:8443"), Some("same-origin")));
        assert!(verdict(Some("https://ROUTER.lan:8443"), None));
        assert!(verdict(None, Some("same-origin")));
        assert!(verdict(None, Some("none")), "typed by the person");
        assert!(verdict(Some("null"), Some("same-origin")));
    }

    #[test]
    fn everything_else_does_not() {
        assert!(!verdict(None, None));
        assert!(!verdict(Some("null"), None));
        assert!(!verdict(Some("null"), Some("none")), "a sandboxed frame");
        assert!(!verdict(Some("https://evil.example"), Some("same-origin")));
        assert!(!verdict(Some("https://evil.example"), None));
        assert!(!verdict(Some("http://router.lan:8443"), None), "another scheme");
        assert!(!verdict(Some("https://router.lan"), Some("same-site")), "another port");
        assert!(!verdict(Some("https://router.lan:8443"), Some("cross-site")));
        assert!(!verdict(Some("https://router.lan:8443.evil.example"), None));
        assert!(!verdict(Some(""), Some("same-origin")));
        assert!(!verdict(None, Some("cross-site")));
    }

    #[test]
    fn a_proxy_that_does_not_tell_the_scheme_leaves_the_host_to_decide() {
        let from = |origin| From { host: HOST, secure: None, origin, fetch_site: None };
        assert!(is_ours(from(Some("https://router.lan:8443"))));
        assert!(!is_ours(from(Some("https://evil.example"))));
    }
}
