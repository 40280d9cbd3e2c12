//! What a request says, as the router's server takes it apart: forms and JSON, the key, and the
//! fields of each endpoint with the errors that echo what was sent.

use crate::Release;
use crate::form;
use crate::json::{Json, repr};
use crate::reply::Reply;

const ABOUT: &str = "https://errors.pydantic.dev/2.7/v/";

/// A request's fields, and what is said instead of the framework's own words where they are wrong.
pub(super) struct Request {
    pub(super) json: Json,
    said: Option<(u16, String)>,
}

/// What a field may hold.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Field {
    Text,
    Path,
    PathNotEmpty,
    Object,
    Commands(&'static [(&'static str, Field, bool)]),
}

type Fields = &'static [(&'static str, Field, bool)];

const PLAIN: Fields = &[("op", Field::Text, true), ("path", Field::Path, true)];
const RETRIEVE: Fields =
    &[("op", Field::Text, true), ("path", Field::Path, true), ("configFormat", Field::Text, false)];
const FILE: Fields = &[("op", Field::Text, true), ("file", Field::Text, false)];
const IMAGE: Fields =
    &[("op", Field::Text, true), ("url", Field::Text, false), ("name", Field::Text, false)];
const CHANGE: Fields = &[
    ("op", Field::Text, true),
    ("path", Field::PathNotEmpty, true),
    ("value", Field::Text, false),
];
const SECTION: Fields = &[
    ("op", Field::Text, true),
    ("path", Field::PathNotEmpty, true),
    ("section", Field::Object, true),
];
const TREE: Fields =
    &[("op", Field::Text, true), ("mask", Field::Object, true), ("config", Field::Object, true)];
const CHANGES: Fields = &[("commands", Field::Commands(CHANGE), true)];
const SECTIONS: Fields = &[("commands", Field::Commands(SECTION), true)];

impl Request {
    /// Takes a body apart and checks its key.
    pub(super) fn read(
        endpoint: &str,
        kind: &str,
        body: &[u8],
        keys: &[(String, String)],
        release: Release,
    ) -> Result<Self, Reply> {
        let fail = |status, text: &str| Reply::failure(release, status, text);
        let fields = form::fields(kind, body);
        let (json, said) = if fields.is_empty() {
            (read_json(body).map_err(|error| fail(400, &error))?, None)
        } else {
            match from_form(endpoint, &fields) {
                (Some(json), said) => (json, said),
                (None, Some((status, text))) => return Err(fail(status, &text)),
                (None, None) => {
                    return Err(Reply::detail(400, "There was an error parsing the body"));
                }
            }
        };
        let request = Self { json, said };
        let wrong = |error: String| request.refuse(&error, release);
        let key = match &request.json {
            Json::Null => Err(error("missing", "'body',", "Field required", &Json::Null)),
            Json::Object(_) => field(&request.json, ("key", Field::Text, true), "'body', "),
            other => {
                let said = "Input should be a valid dictionary or object to extract fields from";
                Err(error("model_attributes_type", "'body',", said, other))
            }
        };
        key.map_err(wrong)?;
        let key = request.json.get("key").and_then(Json::as_text).unwrap_or_default();
        if !keys.iter().any(|(_, known)| known == key) {
            return Err(fail(401, "Valid API key is required"));
        }
        Ok(request)
    }

    fn refuse(&self, error: &str, release: Release) -> Reply {
        match &self.said {
            Some((status, text)) => Reply::failure(release, *status, text),
            None => Reply::failure(release, 400, error),
        }
    }

    /// Checks the fields of an endpoint.
    pub(super) fn check(&self, endpoint: &str, release: Release) -> Result<(), Reply> {
        let one = |fields| check(&self.json, fields, "'body', ");
        // The first shape that fits counts; the errors told are those of the first shape.
        let any = |shapes: &[(&str, Fields)]| {
            let mut first = Ok(());
            for (place, (name, fields)) in shapes.iter().enumerate() {
                match check(&self.json, fields, &format!("'body', '{name}', ")) {
                    Ok(()) => return Ok(()),
                    Err(error) if place == 0 => first = Err(error),
                    Err(_) => {}
                }
            }
            first
        };
        let result = match endpoint {
            "/retrieve" => one(RETRIEVE),
            "/configure" if self.op() == "confirm" && release == Release::Newer => Ok(()),
            "/configure" => any(&[("ConfigureModel", CHANGE), ("ConfigureListModel", CHANGES)]),
            "/configure-section" => any(&[
                ("ConfigSectionModel", SECTION),
                ("ConfigSectionListModel", SECTIONS),
                ("ConfigSectionTreeModel", TREE),
            ]),
            "/config-file" | "/container-image" => one(FILE),
            "/image" => one(IMAGE).and_then(|()| self.image(release)),
            _ => one(PLAIN),
        };
        result.map_err(|error| self.refuse(&error, release))
    }

    /// Newer servers check an image's fields before anything else.
    fn image(&self, release: Release) -> Result<(), String> {
        const OPS: &str = "'add', 'delete', 'show' or 'set_default'";
        if release == Release::Sagitta {
            return Ok(());
        }
        let needed = match self.op() {
            "add" => "url",
            "delete" | "set_default" => "name",
            "show" => return Ok(()),
            other => {
                return Err(format!(
                    "{{'type': 'enum', 'loc': ('body', 'op'), 'msg': \"Input should be {OPS}\", \
                     'input': {}, 'ctx': {{'expected': \"{OPS}\"}}, 'url': '{ABOUT}enum'}}",
                    repr(other)
                ));
            }
        };
        if !self.text(needed).is_empty() {
            return Ok(());
        }
        let said = format!("Missing required field \"{needed}\"");
        Err(value_error(&said, "'body',", &self.json))
    }

    /// The operation.
    pub(super) fn op(&self) -> &str {
        self.text("op")
    }

    /// A field's text; empty where it is absent.
    pub(super) fn text(&self, field: &str) -> &str {
        self.json.get(field).and_then(Json::as_text).unwrap_or_default()
    }

    /// The words of the path.
    pub(super) fn path(&self) -> Vec<String> {
        path(&self.json)
    }
}

/// The words of a command's path.
pub(super) fn path(command: &Json) -> Vec<String> {
    let words = command.get("path").and_then(Json::as_list).unwrap_or_default();
    words.iter().filter_map(Json::as_text).map(str::to_owned).collect()
}

fn read_json(body: &[u8]) -> Result<Json, String> {
    if body.is_empty() {
        return Ok(Json::Null);
    }
    Json::parse(&String::from_utf8_lossy(body)).map_err(|error| {
        format!(
            "{{'type': 'json_invalid', 'loc': ('body', {}), 'msg': 'JSON decode error', 'input': \
             {{}}, 'ctx': {{'error': {}}}}}",
            error.at,
            repr(error.message)
        )
    })
}

/// A form's `data` and `key` as one JSON object. What is wrong with it is kept: the first thing
/// found is told if, and only if, the request fails for whatever reason. Nothing at all comes back
/// where the server's own code falls over.
fn from_form(endpoint: &str, fields: &[(String, String)]) -> (Option<Json>, Option<(u16, String)>) {
    let get = |name: &str| fields.iter().rev().find(|(known, _)| known == name).map(|(_, v)| v);
    let Some(data) = get("data") else {
        return (None, Some((422, "Non-empty data field is required".to_owned())));
    };
    let mut merged = match Json::parse(data) {
        Ok(list @ Json::List(_)) => Json::Object(vec![("commands".to_owned(), list)]),
        Ok(other) => other,
        Err(error) => return (None, Some((400, format!("Failed to parse JSON: {error}")))),
    };
    let commands: Vec<Json> = match (&merged, merged.get("commands")) {
        (Json::Null | Json::Bool(_) | Json::Number(_), _) => return (None, None),
        (_, Some(Json::List(commands))) => commands.clone(),
        (_, Some(_)) => return (None, None),
        (one, None) => vec![one.clone()],
    };
    let mut said: Option<(u16, String)> = None;
    let mut say = |status, text: String| {
        if said.is_none() {
            said = Some((status, text));
        }
    };
    for command in &commands {
        let malformed = |what: &str| {
            // A text stands in the message as it is, anything else in Python's notation.
            let shown = command.as_text().map_or_else(|| command.repr(), str::to_owned);
            format!("Malformed command '{shown}': {what}")
        };
        let Json::Object(_) = command else {
            say(400, malformed("any command must be JSON of dict"));
            return (None, said);
        };
        if command.get("op").is_none() {
            say(400, malformed("missing 'op' field"));
        }
        let path = command.get("path");
        if !["/config-file", "/container-image", "/image", "/configure-section"].contains(&endpoint)
        {
            match path {
                None => say(400, malformed("missing 'path' field")),
                Some(Json::List(words)) => {
                    if words.iter().any(|word| word.as_text().is_none()) {
                        let text = "Malformed command '0': 'path' field must be a list of strings";
                        say(400, text.to_owned());
                    }
                }
                Some(_) => say(400, malformed("'path' field must be a list")),
            }
        }
        if endpoint == "/configure" {
            match path {
                None => return (None, said),
                Some(Json::List(words)) if words.is_empty() => {
                    say(400, malformed("'path' list must be non-empty"));
                }
                Some(_) => {}
            }
            if command.get("value").is_some_and(|value| value.as_text().is_none()) {
                say(400, malformed("'value' field must be a string"));
            }
        }
        // The server looks for this endpoint's name within the longer one and finds it.
        if endpoint.starts_with("/configure")
            && command.get("section").is_none()
            && command.get("config").is_none()
        {
            say(400, malformed("missing 'section' or 'config' field"));
        }
    }
    let key = get("key");
    match (&mut merged, key) {
        (Json::Object(fields), Some(key)) if !fields.iter().any(|(name, _)| name == "key") => {
            fields.push(("key".to_owned(), Json::text(key.as_str())));
        }
        (Json::Object(fields), None) if !fields.iter().any(|(name, _)| name == "key") => {
            say(401, "Valid API key is required".to_owned());
        }
        _ => {}
    }
    (Some(merged), said)
}

fn check(json: &Json, fields: Fields, at: &str) -> Result<(), String> {
    fields.iter().try_for_each(|one| field(json, *one, at))
}

fn field(json: &Json, (name, kind, needed): (&str, Field, bool), at: &str) -> Result<(), String> {
    let at = format!("{at}'{name}'");
    let Some(value) = json.get(name) else {
        if needed {
            return Err(error("missing", &at, "Field required", json));
        }
        return Ok(());
    };
    let text = |value: &Json, at: &str| match value {
        Json::Text(_) => Ok(()),
        other => Err(error("string_type", at, "Input should be a valid string", other)),
    };
    match kind {
        Field::Text => text(value, &at),
        Field::Path | Field::PathNotEmpty => {
            let Json::List(words) = value else {
                return Err(error("list_type", &at, "Input should be a valid list", value));
            };
            for (place, word) in words.iter().enumerate() {
                text(word, &format!("{at}, {place}"))?;
            }
            if words.is_empty() && kind == Field::PathNotEmpty {
                return Err(value_error("path must be non-empty", &at, value));
            }
            Ok(())
        }
        Field::Object => match value {
            Json::Object(_) => Ok(()),
            other => Err(error("dict_type", &at, "Input should be a valid dictionary", other)),
        },
        Field::Commands(fields) => {
            let Json::List(commands) = value else {
                return Err(error("list_type", &at, "Input should be a valid list", value));
            };
            for (place, command) in commands.iter().enumerate() {
                check(command, fields, &format!("{at}, {place}, "))?;
            }
            Ok(())
        }
    }
}

fn error(kind: &str, at: &str, said: &str, input: &Json) -> String {
    let input = input.repr();
    format!(
        "{{'type': '{kind}', 'loc': ({at}), 'msg': '{said}', 'input': {input}, 'url': '{ABOUT}{kind}'}}"
    )
}

fn value_error(said: &str, at: &str, input: &Json) -> String {
    let (text, input) = (repr(&format!("Value error, {said}")), input.repr());
    let inner = repr(said);
    format!(
        "{{'type': 'value_error', 'loc': ({at}), 'msg': {text}, 'input': {input}, 'ctx': {{'error': \
         ValueError({inner})}}, 'url': '{ABOUT}value_error'}}"
    )
}
