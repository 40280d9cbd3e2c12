//! The API's own description (`OpenAPI` 3.1), written from the table of routes.

use axum::http::Method;
use serde_json::{Map, Value, json};

use crate::http::{Declared, Entry, Schema};

/// The document of the routes that programs use.
pub(crate) fn document(routes: &[Declared], schemas: &[(&'static str, Schema)]) -> Value {
    let mut paths = Map::new();
    for route in routes.iter().filter(|r| for_programs(r.path)) {
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.method.as_str().to_ascii_lowercase()] = operation(route);
    }
    let mut named: Map<String, Value> =
        schemas.iter().map(|(name, schema)| ((*name).to_owned(), schema.0.clone())).collect();
    let error = Schema::object(&[
        ("code", Schema::value("string", "A stable word for programs, such as `not_found`.")),
        ("message", Schema::value("string", "What failed, on what, and what to do.")),
    ]);
    named.insert("Error".to_owned(), error.0);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Panoptikon",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "All that the pages show. Errors are `{code,message}`; lists are paged by \
                cursor. Send an API key as `Authorization: Bearer pnk_…`. Within v1, fields and \
                routes are added but neither renamed nor removed; what is to go answers with a \
                `Deprecation` header for a release before."
        },
        "paths": paths,
        "components": {
            "schemas": named,
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "bearerFormat": "pnk_…"},
                "session": {"type": "apiKey", "in": "cookie", "name": crate::http::SESSION_COOKIE}
            }
        }
    })
}

/// Whether programs are meant to use this path.
pub(crate) fn for_programs(path: &str) -> bool {
    path.starts_with("/api/") || matches!(path, "/health" | "/metrics")
}

fn operation(route: &Declared) -> Value {
    let names = route.path.split('{').skip(1).filter_map(|p| p.split('}').next());
    let mut parameters: Vec<Value> = names
        .map(|name| {
            let name = name.trim_start_matches('*');
            json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}})
        })
        .collect();
    parameters.extend(route.query.iter().map(|p| {
        json!({"name": p.name, "in": "query", "description": p.about, "schema": {"type": p.kind}})
    }));
    let good = match &route.gives {
        Some(schema) => json!({
            "description": "Done.",
            "content": {"application/json": {"schema": schema.0}}
        }),
        None => json!({"description": "Done."}),
    };
    let bad = json!({
        "description": "What failed and what to do.",
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    });
    let mut operation = json!({
        "summary": route.summary,
        "operationId": operation_id(&route.method, route.path),
        "parameters": parameters,
        "responses": {"2XX": good, "4XX": bad, "5XX": bad},
    });
    if let Some(deprecated) = route.deprecated {
        operation["deprecated"] = json!(true);
        operation["summary"] = json!(format!("{}; use {}", route.summary, deprecated.instead));
    }
    if let Some(schema) = &route.takes {
        operation["requestBody"] = json!({
            "required": true,
            "content": {"application/json": {"schema": schema.0}}
        });
    }
    let both = json!([{"key": []}, {"session": []}]);
    match route.entry {
        Entry::Public => {}
        Entry::Needs(permission) => {
            operation["security"] = both;
            operation["description"] = json!(format!("Needs {permission}."));
        }
        Entry::ScrapersOr(permission) => {
            operation["security"] = json!([{}, {"key": []}, {"session": []}]);
            let text =
                format!("From addresses allowed to scrape; from others it needs {permission}.");
            operation["description"] = json!(text);
        }
    }
    operation
}

/// Such as `get_devices_id` for `GET /api/v1/devices/{id}`.
fn operation_id(method: &Method, path: &str) -> String {
    let words = path.trim_start_matches("/api/v1").split(|c: char| !c.is_ascii_alphanumeric());
    let words: Vec<_> = words.filter(|w| !w.is_empty()).collect();
    format!("{}_{}", method.as_str().to_ascii_lowercase(), words.join("_"))
}
