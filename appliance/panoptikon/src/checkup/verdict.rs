//! From what was seen to yes or no. Pure.

use serde::Serialize;
use serde_json::Value;

/// Parts without which nothing is kept or shown. What the others lack is said, but restarting or
/// going back to an older release would not help.
const ESSENTIAL: [&str; 2] = ["store", "web"];

/// What was seen.
#[derive(Debug, Clone)]
pub struct Reading {
    /// What the control socket says; None where it may not be asked.
    pub status: Result<Option<Value>, String>,
    /// Whether the front door answers.
    pub door: Result<(), String>,
}

/// Whether it is well, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// It does what it is there for.
    pub healthy: bool,
    /// Why, on one line.
    pub line: String,
    /// The version that answered.
    pub version: Option<String>,
    /// The process that answered, and since when: another one is another start.
    pub started: Option<String>,
    /// Parts that failed and were started again.
    pub failing: Vec<String>,
}

impl Verdict {
    /// It is not well.
    pub fn ill(line: impl Into<String>) -> Self {
        let (version, started, failing) = (None, None, Vec::new());
        Self { healthy: false, line: line.into(), version, started, failing }
    }
}

/// Judges what was seen.
pub fn judge(reading: &Reading) -> Verdict {
    let status = match &reading.status {
        Ok(status) => status.as_ref(),
        Err(why) => return Verdict::ill(why.clone()),
    };
    let mut verdict = status.map_or_else(
        || Verdict { healthy: true, ..Verdict::ill("the front door answers") },
        inside,
    );
    if let (true, Err(why)) = (verdict.healthy, &reading.door) {
        verdict.healthy = false;
        verdict.line.clone_from(why);
    }
    verdict
}

/// What the appliance says of itself.
fn inside(status: &Value) -> Verdict {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let named = |wanted: &str| -> Vec<&Value> {
        let parts = status["components"].as_array().into_iter().flatten();
        parts.filter(|part| part["status"] == wanted).collect()
    };
    let described = |parts: &[&Value]| -> Vec<String> {
        let words = |part: &&Value| match part["message"].as_str() {
            Some(message) => format!("{} ({message})", text(&part["name"])),
            None => text(&part["name"]),
        };
        parts.iter().map(words).collect()
    };
    let degraded = named("degraded");
    let broken: Vec<&Value> = degraded
        .iter()
        .copied()
        .filter(|part| ESSENTIAL.iter().any(|name| part["name"] == *name))
        .collect();
    let starting = named("starting");
    let side = text(&status["async_side"]);
    let version = text(&status["version"]);
    let (healthy, line) = if side != "running" {
        (false, format!("the async side is {side}"))
    } else if !broken.is_empty() {
        (false, described(&broken).join("; "))
    } else if status["status"] == "starting" || !starting.is_empty() {
        (false, format!("starting: {}", described(&starting).join(", ")))
    } else if degraded.is_empty() {
        (true, format!("panoptikon {version} is well"))
    } else {
        (
            true,
            format!("panoptikon {version} serves; degraded: {}", described(&degraded).join("; ")),
        )
    };
    let failing = degraded
        .iter()
        .filter(|part| part["restarts"].as_u64().is_some_and(|times| times > 0))
        .map(|part| text(&part["name"]))
        .collect();
    Verdict {
        healthy,
        line: one_line(&line),
        version: Some(version),
        started: Some(format!("{} {}", status["pid"], status["started"])),
        failing,
    }
}

/// Messages of parts may quote what the network said.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn status(parts: &[(&str, &str, u32)]) -> Value {
        let components: Vec<Value> = parts
            .iter()
            .map(|(name, status, restarts)| {
                let message = (*status == "degraded").then_some("it\nhurts");
                json!({ "name": name, "status": status, "message": message, "restarts": restarts })
            })
            .collect();
        let worst = if components.is_empty() { "starting" } else { "ok" };
        json!({ "status": worst, "version": "1.2.3", "async_side": "running", "pid": 7,
                "started": 5, "components": components })
    }

    fn verdict(status: Value, door: Result<(), &str>) -> Verdict {
        let door = door.map_err(ToOwned::to_owned);
        judge(&Reading { status: Ok(Some(status)), door })
    }

    #[test]
    fn an_appliance_that_serves_is_well() {
        let seen = verdict(status(&[("store", "ok", 0), ("web", "ok", 0)]), Ok(()));
        assert!(seen.healthy);
        assert_eq!(seen.line, "panoptikon 1.2.3 is well");
        assert_eq!(seen.started.as_deref(), Some("7 5"));
    }

    #[test]
    fn one_that_lacks_something_serves_and_says_what() {
        let parts = [("store", "ok", 0), ("web", "ok", 0), ("router", "degraded", 2)];
        let seen = verdict(status(&parts), Ok(()));
        assert!(seen.healthy);
        assert_eq!(seen.line, "panoptikon 1.2.3 serves; degraded: router (it hurts)");
        assert_eq!(seen.failing, ["router"]);
    }

    #[test]
    fn one_without_database_or_pages_is_not_well() {
        for essential in ESSENTIAL {
            let seen = verdict(status(&[(essential, "degraded", 0), ("x", "ok", 0)]), Ok(()));
            assert!(!seen.healthy);
            assert_eq!(seen.line, format!("{essential} (it hurts)"));
        }
    }

    #[test]
    fn one_that_starts_or_is_stuck_is_not_well() {
        assert!(!verdict(status(&[]), Ok(())).healthy);
        let seen = verdict(status(&[("store", "ok", 0), ("web", "starting", 0)]), Ok(()));
        assert_eq!((seen.healthy, seen.line.as_str()), (false, "starting: web"));
        let mut stuck = status(&[("store", "ok", 0)]);
        stuck["async_side"] = json!("stuck for 7 s");
        let seen = verdict(stuck, Ok(()));
        assert_eq!((seen.healthy, seen.line.as_str()), (false, "the async side is stuck for 7 s"));
    }

    #[test]
    fn what_is_said_inside_does_not_help_when_the_door_is_shut() {
        let seen = verdict(status(&[("store", "ok", 0), ("web", "ok", 0)]), Err("nobody opens"));
        assert_eq!((seen.healthy, seen.line.as_str()), (false, "nobody opens"));
    }

    #[test]
    fn without_permission_for_the_socket_the_door_alone_counts() {
        let reading = |door| Reading { status: Ok(None), door };
        assert!(judge(&reading(Ok(()))).healthy);
        assert!(!judge(&reading(Err("nobody opens".to_owned()))).healthy);
    }

    #[test]
    fn an_appliance_that_is_not_running_is_not_well() {
        let reading = Reading { status: Err("it is not running".to_owned()), door: Ok(()) };
        assert_eq!(judge(&reading), Verdict::ill("it is not running"));
    }
}
