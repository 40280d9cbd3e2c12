//! What the server and nginx before it answer, as values: status, type and text.

use crate::Release;
use crate::json::Json;

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) kind: &'static str,
    pub(crate) body: String,
    /// More headers.
    pub(crate) headers: Vec<(&'static str, String)>,
}

/// What goes on behind an answer that has already been given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum After {
    /// Nothing.
    Nothing,
    /// The session is committed.
    Commit,
}

impl Reply {
    fn new(status: u16, kind: &'static str, body: String) -> Self {
        Self { status, kind, body, headers: Vec::new() }
    }

    /// The envelope of success.
    pub(crate) fn success(data: Json) -> Self {
        let fields = [("success", Json::Bool(true)), ("data", data), ("error", Json::Null)];
        Self::envelope(200, fields)
    }

    /// The envelope of failure; newer servers write its text for HTML.
    pub(crate) fn failure(release: Release, status: u16, error: &str) -> Self {
        let error = match release {
            Release::Sagitta => error.to_owned(),
            _ => error.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;"),
        };
        let fields =
            [("success", Json::Bool(false)), ("error", Json::Text(error)), ("data", Json::Null)];
        Self::envelope(status, fields)
    }

    /// What the server answers when a program of its own fell over.
    pub(crate) fn broken(release: Release) -> Self {
        Self::failure(release, 500, "An internal error occured. Check the logs for details.")
    }

    fn envelope(status: u16, fields: [(&str, Json); 3]) -> Self {
        let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Self::new(status, "text/html; charset=utf-8", Json::Object(fields).dump())
    }

    /// What the web framework answers by itself.
    pub(crate) fn detail(status: u16, text: &str) -> Self {
        let mut reply = Self::new(status, "application/json", format!("{{\"detail\":\"{text}\"}}"));
        if status == 405 {
            reply.headers.push(("allow", "POST".to_owned()));
        }
        reply
    }

    /// JSON outside the envelope.
    pub(crate) fn json(json: &Json) -> Self {
        Self::new(200, "application/json", json.dump())
    }

    /// The page with the documentation of the API.
    pub(crate) fn docs() -> Self {
        let page = "<!DOCTYPE html>\n<html>\n<head>\n<title>VyOS API - Swagger UI</title>\n</head>\n\
                    <body>\n</body>\n</html>\n";
        Self::new(200, "text/html; charset=utf-8", page.to_owned())
    }

    /// Another address.
    pub(crate) fn elsewhere(location: String) -> Self {
        let mut reply = Self::new(307, "", String::new());
        reply.headers.push(("location", location));
        reply
    }

    /// A page of nginx.
    pub(crate) fn nginx(status: u16) -> Self {
        let title = match status {
            301 => "301 Moved Permanently",
            404 => "404 Not Found",
            413 => "413 Request Entity Too Large",
            502 => "502 Bad Gateway",
            _ => "503 Service Temporarily Unavailable",
        };
        let page = format!(
            "<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1>\
             </center>\r\n<hr><center>nginx/1.22.1</center>\r\n</body>\r\n</html>\r\n"
        );
        Self::new(status, "text/html", page)
    }
}
