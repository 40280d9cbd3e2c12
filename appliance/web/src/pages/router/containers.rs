//! Containers: as they are configured beside what podman says of them; on and off.

use axum::http::Method;
use axum::response::Response;
use vyos::edit::Draft;
use vyos::facts::{Container, container_networks, containers};
use vyos::runtime::{ContainerImage, RunningContainer, fetch_containers, fetch_images};

use super::{CHANGE, LOOK, propose};
use crate::http::{Failure, Route, Routes};
use crate::pages::errors::sentence;
use crate::pages::{Ask, Form};
use crate::site::Site;
use crate::view::router::{ContainerRow, ContainersPage, ImageRow};
use crate::view::{Empty, Tone, bytes};

const HERE: &str = "/router/containers";

pub(super) fn routes() -> Routes<Site> {
    Routes::new().add(Route::new(Method::GET, HERE, LOOK, show, "The router's containers")).add(
        Route::new(
            Method::POST,
            "/router/containers/switch",
            CHANGE,
            switch,
            "Plan to switch a container on or off",
        ),
    )
}

async fn show(ask: Ask) -> Result<Response, Failure> {
    let config = ask.config("Containers").await?;
    let configured = containers(&config);
    let read = tokio::task::spawn_blocking(|| Ok((fetch_containers()?, fetch_images()?))).await;
    let mut missing = String::new();
    let (running, images) = match read {
        Ok(Ok((running, images))) => (Some(running), images),
        Ok(Err(error)) => {
            let error: vyos::runtime::RuntimeError = error;
            missing = format!("What runs is not known: {}", sentence(&error.to_string()));
            (None, Vec::new())
        }
        Err(_) => (None, Vec::new()),
    };
    let mut rows: Vec<ContainerRow> =
        configured.iter().map(|one| row(one, running.as_deref())).collect();
    for other in running.iter().flatten() {
        if !configured.iter().any(|one| one.name == other.name) {
            rows.push(ContainerRow {
                name: other.name.clone(),
                description: "Not configured: somebody started it by hand.".to_owned(),
                state: other.status.clone(),
                tone: if other.is_running() { Tone::Info } else { Tone::Quiet },
                image: other.image.clone(),
                facts: Vec::new(),
                other: Vec::new(),
                disabled: None,
            });
        }
    }
    let empty = rows.is_empty().then(|| {
        if !configured.is_empty() || running.is_some() {
            missing.clear();
        }
        Empty::new("router", "No containers", "None is configured on this router.")
    });
    if configured.is_empty() && running.is_none() {
        // Without podman there is nothing that could run.
        missing.clear();
    }
    let networks = container_networks(&config).into_iter();
    let page = ContainersPage {
        shell: ask.router_shell("Containers").await,
        rows,
        images: images.iter().map(|image| image_row(image, &configured)).collect(),
        networks: networks.map(|network| (network.name, network.prefixes.join(", "))).collect(),
        missing,
        empty,
    };
    ask.page(&page)
}

fn row(one: &Container, running: Option<&[RunningContainer]>) -> ContainerRow {
    let live = running.map(|all| all.iter().find(|live| live.name == one.name));
    let (state, tone) = match live {
        _ if one.disabled => ("switched off".to_owned(), Tone::Quiet),
        None => ("not known".to_owned(), Tone::Quiet),
        Some(None) => ("not there".to_owned(), Tone::Bad),
        Some(Some(live)) if live.is_running() => (live.status.clone(), Tone::Ok),
        Some(Some(live)) => (live.status.clone(), Tone::Bad),
    };
    let mut facts = Vec::new();
    if one.host_network {
        facts.push("uses the router's own network".to_owned());
    }
    for (network, addresses) in &one.networks {
        facts.push(format!("{} in {network}", addresses.join(", ")).trim_start().to_owned());
    }
    for port in &one.ports {
        let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "?".to_owned());
        let transport = port.protocol.as_deref().unwrap_or("tcp");
        let on = if port.listen_addresses.is_empty() {
            String::new()
        } else {
            format!(" on {}", port.listen_addresses.join(", "))
        };
        facts.push(format!("{}/{transport} → {}{on}", text(&port.source), text(&port.destination)));
    }
    for volume in &one.volumes {
        let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "?".to_owned());
        let mode = volume.mode.as_deref().map(|mode| format!(" ({mode})")).unwrap_or_default();
        facts.push(format!("{} as {}{mode}", text(&volume.source), text(&volume.destination)));
    }
    facts.push(match one.memory_mb {
        Some(0) => "memory without a limit".to_owned(),
        Some(mb) => format!("at most {mb} MB of memory"),
        None => "at most 512 MB of memory (usual)".to_owned(),
    });
    if !one.capabilities.is_empty() {
        facts.push(format!("may {}", one.capabilities.join(", ")));
    }
    if !one.environment.is_empty() {
        facts.push(format!("is told {}", one.environment.join(", ")));
    }
    ContainerRow {
        name: one.name.clone(),
        description: one.description.clone().unwrap_or_default(),
        state,
        tone,
        image: one.image.clone().unwrap_or_default(),
        facts,
        other: one.other.clone(),
        disabled: Some(one.disabled),
    }
}

fn image_row(image: &ContainerImage, configured: &[Container]) -> ImageRow {
    let runs = |one: &&Container| {
        one.image
            .as_ref()
            .is_some_and(|wanted| image.names.iter().any(|name| is_same(name, wanted)))
    };
    ImageRow {
        name: if image.names.is_empty() {
            "without a name".to_owned()
        } else {
            image.names.join(", ")
        },
        size: image.size.map(bytes).unwrap_or_default(),
        used: configured.iter().filter(runs).map(|one| one.name.clone()).collect(),
    }
}

/// Whether an image's whole name is that of a shorter one: `docker.io/library/alpine:latest` is
/// `alpine`.
fn is_same(whole: &str, wanted: &str) -> bool {
    let last = wanted.rsplit('/').next().unwrap_or_default();
    let tagged = if last.contains(':') { wanted.to_owned() } else { format!("{wanted}:latest") };
    whole == tagged || whole.ends_with(&format!("/{tagged}"))
}

async fn switch(ask: Ask, form: Form) -> Result<Response, Failure> {
    let config = ask.config("Containers").await?;
    let (name, on) = (form.get("name"), form.ticked("on"));
    let dialect = ask.dialect(&config).await;
    let mut draft = Draft::new(&config, &dialect);
    draft
        .enable_container(name, on)
        .map_err(|error| Failure::not_found(sentence(&error.to_string())))?;
    let why = format!("Switch the container {name} {}", if on { "on" } else { "off" });
    propose(&ask, &form, HERE, why, draft.commands()).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_names_of_images_are_the_long_ones() {
        assert!(is_same("docker.io/library/alpine:latest", "alpine"));
        assert!(is_same("docker.io/library/alpine:3.20", "alpine:3.20"));
        assert!(is_same("ghcr.io/a/b:1", "ghcr.io/a/b:1"));
        assert!(!is_same("ghcr.io/a/notb:1", "b:1"));
    }
}
