//! The one table of routes. A route is declared once, with what it needs and what it is for; the
//! axum router, the permission check, the list of public addresses and the `OpenAPI` document are
//! all built from it, so a route without a declaration cannot exist.

use std::collections::BTreeSet;
use std::sync::Arc;

use access::Permission;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::Method;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodFilter, on};
use model::Timestamp;
use serde_json::{Value, json};

use super::front::Front;
use super::guard;
use super::handler::{By, Erased, Handles, Shared};

/// Longest body of a request when its route does not say otherwise.
pub(crate) const USUAL_BODY: usize = 64 * 1024;

/// Who may use a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// Anybody. Kept few; a test holds the list (CMD-49).
    Public,
    /// Whoever may do this.
    Needs(Permission),
    /// Addresses that the settings let scrape, and whoever may do this.
    ScrapersOr(Permission),
}

/// A parameter of the path or the query, for the API's document.
#[derive(Debug, Clone, Copy)]
pub struct Param {
    /// Its name.
    pub name: &'static str,
    /// JSON type: `string`, `integer`, `boolean`.
    pub kind: &'static str,
    /// What it means.
    pub about: &'static str,
}

/// A JSON schema, for the API's document.
#[derive(Debug, Clone)]
pub struct Schema(pub(crate) Value);

impl Schema {
    /// An object with these fields; a name that ends in `?` is optional.
    pub fn object(fields: &[(&str, Schema)]) -> Self {
        let name = |n: &str| n.trim_end_matches('?').to_owned();
        let properties: serde_json::Map<String, Value> =
            fields.iter().map(|(n, s)| (name(n), s.0.clone())).collect();
        let required: Vec<String> =
            fields.iter().filter(|(n, _)| !n.ends_with('?')).map(|(n, _)| name(n)).collect();
        let mut schema = json!({"type": "object", "properties": properties});
        if !required.is_empty() {
            schema["required"] = json!(required);
        }
        Self(schema)
    }

    /// A value of one JSON type, with what it means.
    pub fn value(kind: &str, about: &str) -> Self {
        Self(json!({"type": kind, "description": about}))
    }

    /// A list.
    pub fn list(items: Self) -> Self {
        Self(json!({"type": "array", "items": items.0}))
    }

    /// One page of a list, as [`super::Page`] writes it.
    pub fn page(items: Self) -> Self {
        Self::object(&[
            ("items", Self::list(items)),
            ("next?", Self::value("string", "Cursor of the next page; absent on the last one.")),
        ])
    }

    /// One of the schemas by name, given to [`Routes::schema`].
    pub fn named(name: &str) -> Self {
        Self(json!({"$ref": format!("#/components/schemas/{name}")}))
    }
}

/// What is known of a route besides its handler.
#[derive(Debug, Clone)]
pub struct Declared {
    /// The method.
    pub method: Method,
    /// The path, with `{names}` for its parameters.
    pub path: &'static str,
    /// Who may use it.
    pub entry: Entry,
    /// What it does, in a few words.
    pub summary: &'static str,
    /// Query parameters.
    pub query: Vec<Param>,
    /// The JSON body that it takes.
    pub takes: Option<Schema>,
    /// The JSON body of a good answer.
    pub gives: Option<Schema>,
    /// Longest body in bytes.
    pub body_limit: usize,
    /// Whether the answer may take as long as it takes, as a long download may.
    pub patient: bool,
    /// Since when programs should no longer use it, and what they should use.
    pub deprecated: Option<Deprecated>,
}

/// A route that is to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deprecated {
    /// Since when this is known.
    pub since: Timestamp,
    /// The path to use in its place.
    pub instead: &'static str,
}

/// A route: its declaration and its handler.
pub struct Route<S> {
    // Boxed, as each word about a route hands it on.
    declared: Box<Declared>,
    handler: Arc<dyn Erased<S>>,
}

impl<S: Send + Sync + 'static> Route<S> {
    /// Declares a route.
    pub fn new<H: Handles<S, A>, A: 'static>(
        method: Method,
        path: &'static str,
        entry: Entry,
        handler: H,
        summary: &'static str,
    ) -> Self {
        Self::declare(method, path, entry, Box::new(By::new(handler)), summary)
    }

    fn declare(
        method: Method,
        path: &'static str,
        entry: Entry,
        handler: Box<dyn Erased<S>>,
        summary: &'static str,
    ) -> Self {
        let declared = Declared {
            method,
            path,
            entry,
            summary,
            query: Vec::new(),
            takes: None,
            gives: None,
            body_limit: USUAL_BODY,
            patient: false,
            deprecated: None,
        };
        Self { declared: Box::new(declared), handler: handler.into() }
    }

    /// Names a query parameter.
    #[must_use]
    pub fn query(mut self, name: &'static str, kind: &'static str, about: &'static str) -> Self {
        self.declared.query.push(Param { name, kind, about });
        self
    }

    /// Names the query parameters of a paged list.
    #[must_use]
    pub fn paged(self) -> Self {
        self.query("limit", "integer", "Rows of a page, 1 to 200; 50 if absent.").query(
            "cursor",
            "string",
            "Where the last page ended, as its `next` said.",
        )
    }

    /// Says what JSON it takes.
    #[must_use]
    pub fn takes(mut self, schema: Schema) -> Self {
        self.declared.takes = Some(schema);
        self
    }

    /// Says what JSON it gives.
    #[must_use]
    pub fn gives(mut self, schema: Schema) -> Self {
        self.declared.gives = Some(schema);
        self
    }

    /// Says that it is to go: its answers then carry `Deprecation` (RFC 9745) and a link to what to
    /// use instead, and the `OpenAPI` document says so.
    #[must_use]
    pub fn deprecated(mut self, since: Timestamp, instead: &'static str) -> Self {
        self.declared.deprecated = Some(Deprecated { since, instead });
        self
    }

    /// Takes bodies up to this many bytes instead of 64 KiB.
    #[must_use]
    pub fn body_limit(mut self, bytes: usize) -> Self {
        self.declared.body_limit = bytes;
        self
    }

    /// Lifts the time limit of requests.
    #[must_use]
    pub fn patient(mut self) -> Self {
        self.declared.patient = true;
        self
    }
}

/// The table.
pub struct Routes<S> {
    routes: Vec<Route<S>>,
    schemas: Vec<(&'static str, Schema)>,
}

impl<S> Default for Routes<S> {
    fn default() -> Self {
        Self { routes: Vec::new(), schemas: Vec::new() }
    }
}

impl<S: Clone + Send + Sync + 'static> Routes<S> {
    /// An empty table.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a route.
    #[must_use]
    #[allow(clippy::should_implement_trait)] // a table of routes is no number
    pub fn add(mut self, route: Route<S>) -> Self {
        self.routes.push(route);
        self
    }

    /// Adds another table's routes.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        self.routes.extend(other.routes);
        self.schemas.extend(other.schemas);
        self
    }

    /// Names a schema for [`Schema::named`].
    #[must_use]
    pub fn schema(mut self, name: &'static str, schema: Schema) -> Self {
        self.schemas.push((name, schema));
        self
    }

    /// All declarations, in order.
    pub fn declared(&self) -> Vec<Declared> {
        self.routes.iter().map(|r| Declared::clone(&r.declared)).collect()
    }

    /// The `OpenAPI` document of the routes under `/api`, and of `/health` and `/metrics`.
    pub fn openapi(&self) -> Value {
        crate::openapi::document(&self.declared(), &self.schemas)
    }

    /// The addresses that answer without sign-in, as `GET /path`.
    pub fn public(&self) -> BTreeSet<String> {
        let public = self.routes.iter().filter(|r| r.declared.entry == Entry::Public);
        public.map(|r| format!("{} {}", r.declared.method, r.declared.path)).collect()
    }

    /// The router, behind the front door.
    ///
    /// # Panics
    /// When a method and path are declared twice, and on a method that cannot be routed (CONNECT, or
    /// one that HTTP does not define).
    pub fn build(self, state: S, front: &Front) -> Router {
        self.build_within(state, front, |router| router)
    }

    /// The same with something between the door and the routes.
    pub(crate) fn build_within(
        self,
        state: S,
        front: &Front,
        inside: impl FnOnce(Router) -> Router,
    ) -> Router {
        let mut router = Router::new();
        for Route { declared, handler } in self.routes {
            let Ok(method) = MethodFilter::try_from(declared.method.clone()) else {
                panic!("{} {}: not a method that can be routed", declared.method, declared.path)
            };
            let limit = DefaultBodyLimit::max(declared.body_limit);
            let rule = guard::Rule::new(&declared, front.clone());
            let handler = on(method, Shared(handler))
                .route_layer(limit)
                .route_layer(from_fn_with_state(rule, guard::check));
            router = router.route(declared.path, handler);
        }
        front.around(router.with_state(state), inside)
    }
}
