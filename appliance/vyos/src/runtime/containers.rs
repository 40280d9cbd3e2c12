//! Containers as they run, from `podman ps -a --format json`.

use serde::Serialize;
use serde_json::Value;

use super::RuntimeError;

/// A container as it runs, or as it has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunningContainer {
    /// As it is configured.
    pub name: String,
    /// What it runs.
    pub image: String,
    /// `running`, `exited`, `created`, `paused` …
    pub state: String,
    /// In podman's words, such as `Up 3 hours`.
    pub status: String,
    /// When it last began, in seconds since 1970.
    pub started: Option<i64>,
    /// How it ended.
    pub exit_code: Option<i64>,
}

impl RunningContainer {
    /// It runs.
    pub fn is_running(&self) -> bool {
        self.state == "running"
    }
}

/// The things of one of podman's lists. Without any, old releases write nothing, others `null`.
fn list(text: &str, what: &'static str) -> Result<Vec<Value>, RuntimeError> {
    let failed = |problem: String| RuntimeError::Form { what, problem };
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    match serde_json::from_str(text).map_err(|error| failed(error.to_string()))? {
        Value::Null => Ok(Vec::new()),
        Value::Array(all) => Ok(all),
        _ => Err(failed("it is no list".to_owned())),
    }
}

/// Reads podman's JSON.
pub fn parse_podman(text: &str) -> Result<Vec<RunningContainer>, RuntimeError> {
    let container = |one: &Value| {
        let text = |name: &str| one[name].as_str().unwrap_or_default().to_owned();
        let state = text("State").to_ascii_lowercase();
        RunningContainer {
            name: one["Names"][0].as_str().or(one["Names"].as_str()).unwrap_or_default().to_owned(),
            image: text("Image"),
            status: text("Status"),
            started: one["StartedAt"].as_i64().filter(|at| *at > 0),
            exit_code: one["ExitCode"].as_i64().filter(|_| state == "exited"),
            state,
        }
    };
    Ok(list(text, "podman's list")?.iter().map(container).collect())
}

/// An image that containers can run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ContainerImage {
    /// Its names with their tags; none where a newer one took them.
    pub names: Vec<String>,
    /// In bytes.
    pub size: Option<u64>,
}

/// Reads podman's JSON of images.
pub fn parse_podman_images(text: &str) -> Result<Vec<ContainerImage>, RuntimeError> {
    let image = |one: &Value| {
        let names = one["Names"].as_array().into_iter().flatten();
        ContainerImage {
            names: names.filter_map(Value::as_str).map(str::to_owned).collect(),
            size: one["Size"].as_u64(),
        }
    };
    Ok(list(text, "podman's images")?.iter().map(image).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_have_names_or_none() {
        let text = r#"[{"Id":"a","Names":["docker.io/library/alpine:3.20"],"Size":8083000},
            {"Id":"b","Names":null,"Size":12}]"#;
        let images = parse_podman_images(text).unwrap();
        assert_eq!(images[0].names, ["docker.io/library/alpine:3.20"]);
        assert_eq!(images[0].size, Some(8_083_000));
        assert!(images[1].names.is_empty());
        assert!(parse_podman_images("null").unwrap().is_empty());
        assert!(parse_podman_images("{}").is_err());
    }
}
