//! The endpoints that change the configuration: `/configure`, `/configure-section`, `/import-pki`
//! and `/config-file`.

use std::fmt::Write as _;

use crate::json::Json;
use crate::reply::{After, Reply};
use crate::router::{Router, SAVED, Shared};
use crate::schema::Wrong;
use crate::{Release, tree, words};

use super::body::{Request, path};

const LATER: &str = "Requested HTTP API server configuration change; commit will be called in the \
                     background";

/// Why a change was not taken.
enum Refused {
    /// The router's own words.
    Said(String),
    /// A program of the server fell over.
    Broken,
}

/// What a session answers.
type Taken = Result<(), Refused>;

/// `/configure` and `/configure-section`.
pub(super) async fn configure(shared: &Shared, request: &Request) -> (Reply, After) {
    let _one_at_a_time = shared.changes.lock().await;
    let release = shared.router().release;
    let newer = release == Release::Newer;
    if newer && request.op() == "confirm" {
        let mut router = shared.router();
        let text = match (router.confirm(), router.confirm_action()) {
            (false, _) => "No confirm pending\n",
            (true, "reload") => "Reload timer stopped\n",
            (true, _) => "Reboot timer stopped\n",
        };
        return (Reply::success(Json::text(text)), After::Nothing);
    }
    let single = [request.json.clone()];
    // One command beside a list wins over the list.
    let one = request.json.get("path").is_some() || request.json.get("config").is_some();
    let listed = request.json.get("commands").and_then(Json::as_list).filter(|_| !one);
    let commands = listed.unwrap_or(&single);
    let (taken, https, before) = {
        let mut router = shared.router();
        // Asked of the configuration as it was before the request.
        let asked = router.working.clone();
        let taken =
            commands.iter().try_for_each(|command| one_command(&mut router, command, &asked));
        if taken.is_err() {
            router.discard();
        }
        (taken, router.https_changed(), router.running.clone())
    };
    match taken {
        Err(Refused::Said(said)) => return (Reply::failure(release, 400, &said), After::Nothing),
        Err(Refused::Broken) => return (Reply::broken(release), After::Nothing),
        Ok(()) if https => return (Reply::success(Json::text(LATER)), After::Commit),
        Ok(()) => {}
    }
    match shared.commit().await {
        Ok(mut said) => {
            let minutes = match request.json.get("confirm_time") {
                Some(Json::Number(minutes)) if newer => minutes.parse::<u32>().ok(),
                _ => None,
            };
            if let Some(minutes) = minutes.filter(|minutes| *minutes > 0) {
                // Refused too late: the commit stands.
                if !shared.router().confirm_within(minutes, before) {
                    return (
                        Reply::failure(release, 400, "Another confirm is pending\n"),
                        After::Nothing,
                    );
                }
                said.push_str("\nInitialized commit-confirm; ");
                let action = shared.router().confirm_action();
                let _ = writeln!(said, "{minutes} minutes to confirm before {action}");
            }
            let silent = said.is_empty() || release == Release::Sagitta;
            let data = if silent { Json::Null } else { Json::Text(said) };
            (Reply::success(data), After::Nothing)
        }
        Err(said) => {
            shared.router().discard();
            (Reply::failure(release, 400, &said), After::Nothing)
        }
    }
}

fn one_command(router: &mut Router, command: &Json, asked: &vyos::config::Node) -> Taken {
    let op = command.get("op").and_then(Json::as_text).unwrap_or_default();
    let path = path(command);
    let unknown = || Refused::Said(format!("'{op}' is not a valid operation"));
    if let Some(config) = command.get("config") {
        if op == "load" {
            for path in paths(command.get("mask").unwrap_or(&Json::Null))? {
                delete(router, &path)?;
            }
        } else if op != "set" {
            return Err(unknown());
        }
        return paths(config)?.iter().try_for_each(|path| set(router, path));
    }
    if let Some(section) = command.get("section") {
        match op {
            "load" => delete(router, &path)?,
            "set" => {}
            _ => return Err(unknown()),
        }
        for below in paths(section)? {
            set(router, &path.iter().cloned().chain(below).collect::<Vec<_>>())?;
        }
        return Ok(());
    }
    let value = command.get("value").and_then(Json::as_text).unwrap_or_default();
    let mut full = path.clone();
    full.extend((!value.is_empty()).then(|| value.to_owned()));
    match op {
        "set" => set(router, &full),
        "delete" => {
            let joined = full.join(" ");
            if router.server.strict && !super::exists(asked, &joined) {
                let said = format!("Cannot delete [{}]: path/value does not exist", joined.trim());
                return Err(Refused::Said(said));
            }
            delete(router, &full)
        }
        "comment" => comment(router, &path, value),
        _ => Err(unknown()),
    }
}

/// The paths of all that an object holds.
fn paths(json: &Json) -> Result<Vec<Vec<String>>, Refused> {
    let wrong = || Refused::Said("object is not a dict of strings/list of strings".to_owned());
    let Json::Object(fields) = json else { return Err(wrong()) };
    let mut found = Vec::new();
    for (name, value) in fields {
        match value {
            Json::Text(text) => found.push(vec![name.clone(), text.clone()]),
            Json::List(values) => {
                for value in values {
                    let text = value.as_text().ok_or_else(wrong)?;
                    found.push(vec![name.clone(), text.to_owned()]);
                }
            }
            Json::Object(below) if below.is_empty() => found.push(vec![name.clone()]),
            Json::Object(_) => {
                for below in paths(value)? {
                    found.push([name.clone()].into_iter().chain(below).collect());
                }
            }
            _ => return Err(wrong()),
        }
    }
    Ok(found)
}

/// A NUL ends a word for the router's programs, so that none can be started with it.
fn startable(path: &[String]) -> Taken {
    let nul = path.iter().any(|word| word.contains('\0'));
    if nul { Err(Refused::Broken) } else { Ok(()) }
}

fn set(router: &mut Router, path: &[String]) -> Taken {
    startable(path)?;
    let failed = |said: String| Err(Refused::Said(format!("{said}Set failed\n")));
    for word in path {
        let refused = [('"', "double quote (\")"), ('\'', "single quote (')"), ('\n', "newline")];
        if let Some((_, what)) = refused.into_iter().find(|(c, _)| word.contains(*c)) {
            return failed(format!(
                "Cannot use the {what} character in a value string\nValue validation failed\n"
            ));
        }
    }
    let mut path = path.to_vec();
    if let Some(last) = path.last_mut() {
        *last = last.trim_start().to_owned();
    }
    let joined = path.join(" ");
    match tree::set(&mut router.working, router.def, &path) {
        Ok(()) => Ok(()),
        Err(Wrong::Path) => failed(format!("Configuration path: [{joined}] is not valid\n\n")),
        Err(Wrong::NoValue) => failed(format!("Configuration path: [{joined}] requires a value\n")),
        Err(Wrong::Value(said)) => failed(format!("{said}Value validation failed\n")),
    }
}

fn delete(router: &mut Router, path: &[String]) -> Taken {
    startable(path)?;
    tree::delete(&mut router.working, router.def, path).map_err(|_| {
        let joined = path.join(" ");
        Refused::Said(format!("Configuration path: [{joined}] is not valid\n\nDelete failed\n"))
    })
}

fn comment(router: &mut Router, path: &[String], text: &str) -> Taken {
    startable(path)?;
    let failed = |said: &str| Err(Refused::Said(format!("{said}\nComment failed\n")));
    if text.contains('*') {
        return failed("Cannot use the '*' character in a comment");
    }
    let text = (!text.is_empty()).then_some(text);
    if tree::comment(&mut router.working, path, text) {
        return Ok(());
    }
    failed("The specified config node does not exist")
}

/// `/config-file`.
pub(super) async fn config_file(shared: &Shared, request: &Request) -> (Reply, After) {
    let release = shared.router().release;
    let fail = |said: &str| (Reply::failure(release, 400, said), After::Nothing);
    let file = request.text("file");
    match request.op() {
        "save" => match save(&shared.router(), if file.is_empty() { SAVED } else { file }) {
            Ok(()) => (Reply::success(Json::text("")), After::Nothing),
            Err(said) => fail(&said),
        },
        "load" if file.is_empty() => fail("Missing required field \"file\""),
        "load" => {
            // No lock is taken, and what was loaded stays in the session whatever comes of it.
            let https = {
                let mut router = shared.router();
                if let Err(said) = router.load(file) {
                    return fail(&said);
                }
                router.https_changed() && !router.is_committing()
            };
            if https {
                return (Reply::success(Json::text(LATER)), After::Commit);
            }
            match shared.commit().await {
                Ok(_) => (Reply::success(Json::Null), After::Nothing),
                Err(said) => fail(&said),
            }
        }
        op => fail(&format!("'{op}' is not a valid operation")),
    }
}

fn save(router: &Router, file: &str) -> Result<(), String> {
    let make = router.release != Release::Sagitta;
    router.files.write(file, &router.boot_text(), make).map_err(|_| {
        format!(
            "Traceback (most recent call last):\n  File \"/usr/libexec/vyos/vyos-save-config.py\", \
             line 1, in <module>\n    with open(write_file, 'w') as f:\n         \
             ^^^^^^^^^^^^^^^^^^^^^\n{}Error: [Errno 2] No such file or directory: '{file}'\n",
            if make { "Value" } else { "FileNotFound" }
        )
    })
}

/// `/import-pki`: a file of the router becomes a part of the configuration.
pub(super) async fn import_pki(shared: &Shared, request: &Request) -> (Reply, After) {
    let _one_at_a_time = shared.changes.lock().await;
    let release = shared.router().release;
    let fail = |said: &str| (Reply::failure(release, 400, said), After::Nothing);
    let path = request.path();
    let words_of: Vec<_> = path.iter().map(String::as_str).collect();
    let ["pki", kind @ ("ca" | "certificate"), name, what @ ("file" | "key-file"), file] =
        words_of.as_slice()
    else {
        let word = path.iter().find(|word| *word != "pki").cloned().unwrap_or_default();
        return fail(&format!("\n  Invalid command: import [{word}]\n\n"));
    };
    let taken = {
        let mut router = shared.router();
        let Some(text) = router.files.read(file) else {
            return fail(&format!("File not found: {file}\n"));
        };
        let value: String = text.lines().filter(|line| !line.starts_with("-----")).collect();
        let leaf = if *what == "file" { "certificate" } else { "private key" };
        let mut full: Vec<_> = ["pki", kind, name].into_iter().map(str::to_owned).collect();
        full.extend(words(leaf));
        full.push(value);
        set(&mut router, &full)
    };
    if let Err(refused) = taken {
        shared.router().discard();
        return match refused {
            Refused::Said(said) => fail(&said),
            Refused::Broken => (Reply::broken(release), After::Nothing),
        };
    }
    match shared.commit().await {
        Ok(_) => (Reply::success(Json::text("1 value(s) installed")), After::Nothing),
        Err(said) => {
            shared.router().discard();
            fail(&said)
        }
    }
}
