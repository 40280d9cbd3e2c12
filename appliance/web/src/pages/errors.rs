//! The rooms' refusals as answers, and the page that explains one.

use access::AccessError;
use agents::AgentsError;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use detect::AlertError;
use discovery::DiscoveryError;
use model::{Explained, Timestamp};
use store::StoreError;

use super::shell::Ask;
use crate::http::{Class, Client, Failure, SESSION_COOKIE, Visitor, cookie};
use crate::site::Site;
use crate::view::{Bell, Build, Can, Link, Problem, Shell, Theme};

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        if error.is_full() {
            tracing::warn!(%error, "refused a change: the disk is full");
            let message = "The disk is full, so nothing was changed. Make room under Settings, \
                           Storage, or on the router; the appliance goes on by itself then.";
            let explained = Explained::new("disk_full", message);
            return Self::new(StatusCode::INSUFFICIENT_STORAGE, explained);
        }
        match error {
            StoreError::Closed => Self::unavailable("The appliance is stopping."),
            other => Self::internal("Using the database", other),
        }
    }
}

impl From<AccessError> for Failure {
    fn from(error: AccessError) -> Self {
        use AccessError as E;
        let status = match error {
            E::Store(inner) => return inner.into(),
            E::Kept { .. } | E::Random(_) | E::Hashing(_) | E::TokenFile { .. } => {
                return Self::internal("Checking access", error);
            }
            E::Forbidden { .. } | E::NeedsPerson | E::OwnPassword | E::RoleTooHigh { .. } => {
                StatusCode::FORBIDDEN
            }
            E::WrongCredentials => StatusCode::UNAUTHORIZED,
            E::TooManyAttempts { .. } => StatusCode::TOO_MANY_REQUESTS,
            E::Busy => StatusCode::SERVICE_UNAVAILABLE,
            E::NoSuchPerson(_) | E::NoSuchSession(_) | E::NoSuchKey(_) => StatusCode::NOT_FOUND,
            E::AlreadySetUp | E::NameTaken { .. } | E::LastAdministrator { .. } => {
                StatusCode::CONFLICT
            }
            E::WrongPassword
            | E::WrongSetupToken
            | E::Password(_)
            | E::Name(_)
            | E::TooMany { .. }
            | E::BadValue { .. } => StatusCode::UNPROCESSABLE_ENTITY,
        };
        let explained = Explained::new(error.code(), sentence(&error.to_string()));
        let mut failure = Self::new(status, explained);
        failure.retry_after = error.retry_after();
        failure
    }
}

impl From<DiscoveryError> for Failure {
    fn from(error: DiscoveryError) -> Self {
        use DiscoveryError as E;
        let mut retry_after = None;
        let status = match &error {
            E::NotFound(_) => StatusCode::NOT_FOUND,
            E::Taken { .. } | E::NoAddress(_) => StatusCode::CONFLICT,
            E::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            E::TooSoon { seconds, .. } => {
                retry_after = Some(std::time::Duration::from_secs(*seconds));
                StatusCode::TOO_MANY_REQUESTS
            }
            E::Network { .. } => StatusCode::SERVICE_UNAVAILABLE,
            E::Store(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        if let E::Store(inner) = error {
            return inner.into();
        }
        let Explained { code, message } = error.explain();
        let mut failure = Self::new(status, Explained::new(code, sentence(&message)));
        failure.retry_after = retry_after;
        failure
    }
}

impl From<AgentsError> for Failure {
    fn from(error: AgentsError) -> Self {
        use AgentsError as E;
        let status = match error {
            E::Store(inner) => return inner.into(),
            E::Access(inner) => return inner.into(),
            // It begins with the name of a field.
            E::Invalid(invalid) => return Self::invalid(format!("{invalid}.")),
            E::Authority(_) | E::Random(_) | E::Tls(_) | E::Listen { .. } => {
                return Self::internal("Working with agents", error);
            }
            E::NotFound(_) | E::NoToken(_) => StatusCode::NOT_FOUND,
            E::Offline(_) | E::Revoked(_) | E::TooMany(_) | E::NotAllowed { .. } => {
                StatusCode::CONFLICT
            }
            E::Busy(_) | E::Measuring => StatusCode::SERVICE_UNAVAILABLE,
            E::Failed { .. } => StatusCode::BAD_GATEWAY,
        };
        let Explained { code, message } = error.explain();
        Self::new(status, Explained::new(code, sentence(&message)))
    }
}

impl From<AlertError> for Failure {
    fn from(error: AlertError) -> Self {
        let status = match error {
            AlertError::Store(inner) => return inner.into(),
            _ => match error.code() {
                "not_found" => StatusCode::NOT_FOUND,
                "conflict" => StatusCode::CONFLICT,
                _ => StatusCode::UNPROCESSABLE_ENTITY,
            },
        };
        Self::new(status, Explained::from(&error))
    }
}

/// An error's text as a sentence: with a capital and a full stop.
pub(crate) fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first: String = chars.next().into_iter().flat_map(char::to_uppercase).collect();
    let end = if text.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{first}{}{end}", chars.as_str())
}

fn problem(failure: &Failure) -> Problem {
    let status = failure.status.as_u16();
    let mut problem = Problem::of(status, &failure.explained.message);
    if status == 507 {
        "The disk is full".clone_into(&mut problem.title);
        problem.links =
            vec![Link { label: "Storage".to_owned(), href: "/settings#storage".to_owned() }];
    }
    problem
}

/// Gives failures of pages a page inside the site for who is signed in, who keeps the navigation.
/// Others get [`error_page`].
pub(crate) async fn explain(State(site): State<Site>, request: Request, next: Next) -> Response {
    if Class::of(request.uri().path()) != Class::Page {
        return next.run(request).await;
    }
    let (mut head, ()) = Request::new(()).into_parts();
    head.uri.clone_from(request.uri());
    head.headers.clone_from(request.headers());
    head.extensions.clone_from(request.extensions());
    let mut failure = match Failure::of(next.run(request).await).await {
        Ok(failure) => failure,
        Err(response) => return response,
    };
    if failure.instead.is_none() {
        // On the heap, for it is large and rare.
        failure.page = Box::pin(housed(&site, head, &failure)).await;
    }
    failure.into_response()
}

async fn housed(site: &Site, mut head: Parts, failure: &Failure) -> Option<String> {
    let session =
        site.access.peek_session(cookie(&head.headers, SESSION_COOKIE)?, Timestamp::now());
    let client = head.extensions.get::<Client>()?;
    head.extensions.insert(Visitor::by_session(session?, client.address));
    let ask = Ask::from_request_parts(&mut head, site).await.ok()?;
    problem(failure).page(ask.silent_shell("", None).await).ok()
}

/// The page that explains a failure, for [`crate::http::FrontOptions::error_page`]. It knows
/// nobody: the front door refuses before it is clear who asks.
pub fn error_page(failure: &Failure) -> String {
    let shell = Shell {
        title: String::new(),
        areas: Vec::new(),
        here: None,
        theme: Theme::Auto,
        csrf: String::new(),
        person: None,
        can: Can::default(),
        bell: Bell::default(),
        flash: Vec::new(),
        waiting: crate::view::Waiting::default(),
        search: String::new(),
        path: "/".to_owned(),
        now: Timestamp::now().0,
        expires: None,
        live: false,
        answers_form: false,
        refresh: None,
        site: String::new(),
        build: Build::default(),
    };
    problem(failure).page(shell).unwrap_or_else(|_| format!("{}\n", failure.status))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_speaks_in_sentences() {
        assert_eq!(sentence("the disk is full"), "The disk is full.");
        assert_eq!(sentence("Done."), "Done.");
        assert_eq!(sentence(""), ".");
    }

    #[test]
    fn the_error_page_escapes_what_it_repeats_and_offers_a_way_on() {
        let page = error_page(&Failure::not_found("<script>alert(1)</script>"));
        assert!(page.contains("&#60;script&#62;") || page.contains("&lt;script&gt;"));
        assert!(!page.contains("<script>alert"));
        assert!(page.contains("href=\"/search\""));
    }
}
