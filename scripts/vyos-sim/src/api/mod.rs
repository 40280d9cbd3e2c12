//! The endpoints, and what nginx before them answers by itself. In: a request. Out: an answer, and
//! what goes on behind it.

mod body;
mod change;

use std::sync::Arc;

use vyos::config::Node;

use crate::json::Json;
use crate::reply::{After, Reply};
use crate::router::Shared;
use crate::show::{self, Unshown};
use crate::{Release, opmode};

use body::Request;

/// What nginx takes before it looks at more.
const LARGEST: usize = 1024 * 1024;

/// A request as it stands on the wire.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) kind: String,
    pub(crate) body: Vec<u8>,
    /// nginx stands before the server.
    pub(crate) fronted: bool,
}

fn endpoints(release: Release) -> Vec<&'static str> {
    let mut all = vec![
        "/config-file",
        "/configure",
        "/configure-section",
        "/container-image",
        "/generate",
        "/image",
        "/poweroff",
        "/reboot",
        "/reset",
        "/retrieve",
        "/show",
    ];
    if release != Release::Sagitta {
        all.push("/import-pki");
    }
    if release == Release::Newer {
        all.extend(["/info", "/traceroute"]);
    }
    all.sort_unstable();
    all
}

/// What a request is answered with; none where the server goes away without a word.
pub(crate) async fn answer(shared: &Arc<Shared>, asked: Asked) -> Option<Reply> {
    let (release, down, api) = {
        let router = shared.router();
        (router.release, router.server.down_until.is_some(), router.server.present)
    };
    if asked.fronted {
        if asked.body.len() > LARGEST {
            return Some(Reply::nginx(413));
        }
        let documents = ["/docs", "/openapi.json", "/redoc", "/graphql"];
        let mut known = endpoints(release).into_iter().chain(documents);
        if !known.any(|name| asked.path.starts_with(name)) {
            return Some(Reply::nginx(404));
        }
    }
    if !api || down {
        let status = if api { 502 } else { 503 };
        return asked.fronted.then(|| Reply::nginx(status));
    }
    // Whatever runs in the server's loop holds everything else up.
    drop(shared.event_loop.lock().await);
    let Some((reply, after)) = serve(shared, &asked, release).await else {
        return asked.fronted.then(|| Reply::nginx(502));
    };
    if after == After::Commit {
        let shared = Arc::clone(shared);
        shared.router().behind += 1;
        tokio::spawn(async move {
            let committed = shared.commit().await;
            let mut router = shared.router();
            if committed.is_err() {
                router.discard();
            }
            router.behind -= 1;
        });
    }
    Some(reply)
}

async fn serve(shared: &Arc<Shared>, asked: &Asked, release: Release) -> Option<(Reply, After)> {
    let plain = |reply| Some((reply, After::Nothing));
    let all = endpoints(release);
    let path = asked.path.as_str();
    let rest = shared.router().server.rest;
    match (path, asked.method.as_str()) {
        ("/docs" | "/redoc", "GET") => return plain(Reply::docs()),
        ("/openapi.json", "GET") => return plain(openapi(release, rest)),
        _ => {}
    }
    if !rest {
        return plain(Reply::detail(404, "Not Found"));
    }
    if path.ends_with('/') && all.contains(&path.trim_end_matches('/')) {
        return plain(Reply::elsewhere(path.trim_end_matches('/').to_owned()));
    }
    if !all.contains(&path) {
        return plain(Reply::detail(404, "Not Found"));
    }
    if path == "/info" && asked.method == "GET" {
        return plain(info(shared, &asked.query));
    }
    if asked.method != "POST" || path == "/info" {
        return plain(Reply::detail(405, "Method Not Allowed"));
    }
    let keys = shared.router().server.keys.clone();
    let request = match Request::read(path, &asked.kind, &asked.body, &keys, release) {
        Ok(request) => request,
        Err(reply) => return plain(reply),
    };
    if path == "/traceroute" {
        let text = "traceroute: command not found in this stand-in\n";
        return plain(Reply::success(Json::text(text)));
    }
    if let Err(reply) = request.check(path, release) {
        return plain(reply);
    }
    match path {
        "/configure" | "/configure-section" => Some(change::configure(shared, &request).await),
        "/config-file" => Some(change::config_file(shared, &request).await),
        "/retrieve" => plain(retrieve(shared, &request).await?),
        _ if request.op() != &path[1..] && !path.ends_with("image") => {
            let said = format!("'{}' is not a valid operation", request.op());
            plain(Reply::failure(release, 400, &said))
        }
        "/import-pki" => Some(change::import_pki(shared, &request).await),
        "/image" => plain(image(&request, release)),
        "/container-image" => plain(container_image(shared, &request, release)),
        verb => plain(op_mode(shared, verb.trim_start_matches('/'), &request.path(), release)),
    }
}

fn openapi(release: Release, rest: bool) -> Reply {
    let object = |fields: Vec<(&str, Json)>| {
        Json::Object(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    };
    let paths = endpoints(release).into_iter().filter(|_| rest);
    let paths = paths.map(|path| {
        let method = if path == "/info" { "get" } else { "post" };
        (path, object(vec![(method, object(Vec::new()))]))
    });
    let info = object(vec![("title", Json::text("VyOS API")), ("version", Json::text("0.1.0"))]);
    let paths = object(paths.collect());
    let mut all = vec![("openapi", Json::text("3.1.0")), ("info", info), ("paths", paths)];
    if release == Release::Newer {
        // The models of the bodies are described by their fields.
        let time = object(vec![("type", Json::text("integer"))]);
        let fields = object(vec![("confirm_time", time)]);
        let model = object(vec![("properties", fields)]);
        let models = object(vec![("ConfigureModel", model)]);
        all.push(("components", object(vec![("schemas", models)])));
    }
    Reply::json(&object(all))
}

/// `GET /info`, which asks for no key.
fn info(shared: &Shared, query: &str) -> Reply {
    let router = shared.router();
    let wanted = |name: &str| {
        let no = ["false", "0", "no", "off"].map(|no| format!("{name}={no}"));
        !query.split('&').any(|pair| no.iter().any(|no| no == pair))
    };
    let banner = router.running.value_at(["system", "login", "banner", "pre-login"]);
    let name = router.running.value_at(["system", "host-name"]);
    let show =
        |name: &str, text: String| Json::text(if wanted(name) { text } else { String::new() });
    let fields = [
        ("version", show("version", opmode::version_name(router.release))),
        ("hostname", show("hostname", name.unwrap_or("vyos").to_owned())),
        ("banner", Json::text(banner.unwrap_or("Welcome to VyOS"))),
    ];
    Reply::success(Json::Object(fields.map(|(name, value)| (name.to_owned(), value)).into()))
}

async fn retrieve(shared: &Shared, request: &Request) -> Option<Reply> {
    let event_loop = shared.event_loop.lock().await;
    let takes = shared.router().timing.retrieve;
    tokio::time::sleep(takes).await;
    drop(event_loop);
    let mut router = shared.router();
    let release = router.release;
    let path = request.path();
    let joined = path.join(" ");
    let parts: Vec<_> = joined.split_whitespace().collect();
    let node = router.working.at(parts.iter().copied());
    let kept = |node: &Node| {
        let values = node.values().iter().filter(|value| !show::is_lost(value));
        values.cloned().collect::<Vec<_>>()
    };
    Some(match request.op() {
        "returnValue" => {
            let first =
                node.filter(|_| !parts.is_empty()).and_then(|node| kept(node).into_iter().next());
            Reply::success(first.map_or(Json::Null, Json::Text))
        }
        "returnValues" => Reply::success(Json::texts(&node.map(kept).unwrap_or_default())),
        "exists" if parts.is_empty() => {
            // The library that is asked falls over, and the server with it.
            let restart = router.timing.restart;
            router.stop_server(restart);
            return None;
        }
        "exists" => Reply::success(Json::Bool(exists(&router.working, &joined))),
        "showConfig" => {
            if joined.contains('\0') {
                return Some(Reply::broken(release));
            }
            let fail = |said: &str| Reply::failure(release, 400, said);
            let unshown = |why| match why {
                Unshown::Empty => fail("Configuration under specified path is empty\n"),
                Unshown::Broken => Reply::broken(release),
            };
            if router.def.steps(&path, false).is_err() {
                return Some(fail("Specified configuration path is not valid\n"));
            }
            let (running, working) = (&router.running, &router.working);
            let raw = show::raw(running, working, &path);
            let shown = match request.text("configFormat") {
                _ if raw.is_err() => raw.map(Json::Text),
                "raw" => raw.map(Json::Text),
                "" | "json" => show::json(running, working, &path),
                "json_ast" => show::ast(running, working, &path, release),
                other => return Some(fail(&format!("'{other}' is not a valid config format"))),
            };
            shown.map_or_else(unshown, Reply::success)
        }
        op => Reply::failure(release, 400, &format!("'{op}' is not a valid operation")),
    })
}

/// Whether a path is there, or a value: the path is taken apart at every blank.
fn exists(root: &Node, joined: &str) -> bool {
    let parts: Vec<_> = joined.split_whitespace().collect();
    if root.at(parts.iter().copied()).is_some() {
        return true;
    }
    let Some((value, above)) = parts.split_last() else { return false };
    let node = root.at(above.iter().copied());
    node.is_some_and(|node| node.values().iter().any(|known| known == value))
}

fn op_mode(shared: &Shared, verb: &str, path: &[String], release: Release) -> Reply {
    if path.iter().any(|word| word.contains('\0')) {
        return Reply::broken(release);
    }
    let mut router = shared.router();
    match opmode::run(&mut router, verb, path) {
        Ok(text) => Reply::success(Json::Text(text)),
        Err(said) => Reply::failure(release, 400, &said),
    }
}

/// Images are not installed: the answers are those of the recorded server, whose installer was a
/// stub, too.
fn image(request: &Request, release: Release) -> Reply {
    let (url, name) = (request.text("url"), request.text("name"));
    let fail = |said: &str| Reply::failure(release, 400, said);
    let done = |said: String| Reply::success(Json::Text(said));
    match request.op() {
        "add" if url.is_empty() => fail("Missing required field \"url\""),
        "add" => {
            let said =
                format!("TESTBED: image_installer --action add --no-prompt --image-path {url}\n");
            if url.contains("://") { done(said) } else { fail(&format!("{said}Image not found\n")) }
        }
        "delete" if name.is_empty() => fail("Missing required field \"name\""),
        "delete" => done(format!(
            "TESTBED: image_manager --action delete --no-prompt --image-name {name}\n"
        )),
        "show" if release != Release::Sagitta => {
            done("Name    Default boot    Running\n------  --------------  ---------\n".to_owned())
        }
        "set_default" if release != Release::Sagitta => {
            done(format!("TESTBED: image_manager --action set --no-prompt --image-name {name}\n"))
        }
        op => fail(&format!("'{op}' is not a valid operation")),
    }
}

fn container_image(shared: &Shared, request: &Request, release: Release) -> Reply {
    let fail = |said: &str| Reply::failure(release, 400, said);
    match request.op() {
        "add" | "delete" if request.text("name").is_empty() => {
            fail("Missing required field \"name\"")
        }
        "add" | "delete" => Reply::success(Json::text("/bin/sh: 1: podman: not found\n")),
        "show" => op_mode(shared, "show", &crate::words("container image"), release),
        op => fail(&format!("'{op}' is not a valid operation")),
    }
}
