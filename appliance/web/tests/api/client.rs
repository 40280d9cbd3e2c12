//! Programs that call the API.
#![allow(unreachable_pub)] // a module of a test program

use access::Role;
use axum::body::Body;
use axum::http::{Method, header};
use serde_json::{Value, json};

use crate::bed::{Answer, Bed, Browser};
use crate::lan::{Seed, seeded};

/// A script with an API key and no cookies.
pub struct Script {
    browser: Browser,
    key: String,
}

impl Script {
    pub async fn send(&mut self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        let mut request = self
            .browser
            .request(method, path)
            .header(header::AUTHORIZATION, format!("Bearer {}", self.key));
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let body = body.map_or_else(Body::empty, |b| Body::from(b.to_string()));
        self.browser.send(request.body(body).unwrap()).await
    }

    pub async fn get(&mut self, path: &str) -> Answer {
        self.send(Method::GET, path, None).await
    }

    pub async fn post(&mut self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, Some(&body)).await
    }

    pub async fn patch(&mut self, path: &str, body: Value) -> Answer {
        self.send(Method::PATCH, path, Some(&body)).await
    }

    pub async fn put(&mut self, path: &str, body: Value) -> Answer {
        self.send(Method::PUT, path, Some(&body)).await
    }

    pub async fn delete(&mut self, path: &str) -> Answer {
        self.send(Method::DELETE, path, None).await
    }

    /// Sends a body as it is.
    pub async fn raw(&mut self, method: Method, path: &str, kind: &str, body: String) -> Answer {
        let request = self
            .browser
            .request(method, path)
            .header(header::AUTHORIZATION, format!("Bearer {}", self.key))
            .header(header::CONTENT_TYPE, kind)
            .body(Body::from(body));
        self.browser.send(request.unwrap()).await
    }
}

/// A key of this role for somebody who is signed in.
pub async fn script(bed: &Bed, owner: &mut Browser, role: Role) -> Script {
    let new = json!({ "name": format!("{role} script"), "role": role });
    let made = owner.json(Method::POST, "/api/v1/api-keys", &new).await.expect(201).json();
    Script { browser: bed.browser(), key: made["key"].as_str().unwrap().to_owned() }
}

/// A site with three devices, its administrator's browser, and a script that may do all.
pub async fn site() -> (Bed, Browser, Script) {
    site_with((1..=3).map(Seed::number).collect()).await
}

/// The same with these devices.
pub async fn site_with(seeds: Vec<Seed>) -> (Bed, Browser, Script) {
    let (bed, mut ada) = seeded(seeds).await;
    let script = script(&bed, &mut ada, Role::Administrator).await;
    (bed, ada, script)
}

/// A path with something in place of its parameters.
pub fn filled(path: &str, value: &str) -> String {
    let part = |part: &str| {
        if part.starts_with('{') { value.to_owned() } else { part.to_owned() }
    };
    path.split('/').map(part).collect::<Vec<_>>().join("/")
}

/// Checks that an error has the shape of all errors; its code.
#[track_caller]
pub fn refused(answer: &Answer, status: u16) -> String {
    assert_eq!(answer.status.as_u16(), status, "{}", answer.body);
    assert_eq!(answer.header("content-type"), "application/json", "{}", answer.body);
    let error = answer.json();
    let fields: Vec<&String> = error.as_object().unwrap().keys().collect();
    assert_eq!(fields, ["code", "message"], "{error}");
    assert!(error["message"].as_str().is_some_and(|m| m.len() > 8), "{error}");
    error["code"].as_str().unwrap().to_owned()
}
