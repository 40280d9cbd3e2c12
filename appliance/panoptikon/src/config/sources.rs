//! From files, environment and flags to one configuration, with every mistake and its place.

use std::fmt;

use serde::Serialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::definitions::{DEFINITIONS, Definition, Shape, definition};
use super::near::nearest;
use super::{Config, FILE_VARIABLE, VARIABLE_PREFIX, VYOS_FILE_VARIABLE};

/// A configuration file that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileText {
    /// Its name, for messages.
    pub name: String,
    /// What it holds.
    pub text: String,
}

/// All that was given, in order of growing precedence.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sources {
    /// The file, if there is one.
    pub file: Option<FileText>,
    /// What `set service panoptikon` says on `VyOS`, if it says anything.
    pub vyos: Option<FileText>,
    /// Environment variables; those without our prefix are passed over.
    pub environment: Vec<(String, String)>,
    /// Flags: key and value.
    pub flags: Vec<(&'static str, String)>,
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// Nobody gave one.
    Default,
    /// A line of the file, counted from 1.
    File {
        /// The file's name.
        name: String,
        /// The line.
        line: usize,
    },
    /// A line of what `service panoptikon` says on `VyOS`, counted from 1.
    Vyos {
        /// The file's name.
        name: String,
        /// The line.
        line: usize,
    },
    /// An environment variable.
    Environment(String),
    /// A flag.
    Flag(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { name, line } => write!(f, "{name}:{line}"),
            Self::Vyos { name, line } => write!(f, "service panoptikon ({name}:{line})"),
            Self::Environment(variable) => f.write_str(variable),
            Self::Flag(flag) => write!(f, "--{flag}"),
        }
    }
}

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where it is.
    pub place: Place,
    /// What is wrong and what would be right.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

/// Everything that is wrong with what was given, one line each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, problem) in self.0.iter().enumerate() {
            let newline = if n == 0 { "" } else { "\n" };
            write!(f, "{newline}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// A setting as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// Its key.
    pub key: &'static str,
    /// Its value, written as in a variable.
    pub value: String,
    /// Where the value comes from.
    pub place: Place,
}

/// A checked configuration, and where each part of it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// The settings for the program.
    pub config: Config,
    /// The same for people, in the order of [`DEFINITIONS`].
    pub settings: Vec<Setting>,
}

/// A value with its place, split into list entries.
struct Given {
    definition: &'static Definition,
    values: Vec<String>,
    place: Place,
}

/// Puts the sources together. Refuses with all mistakes at once, those of overruled values too.
pub fn resolve(sources: &Sources) -> Result<Resolved, Problems> {
    let mut problems = Vec::new();
    let mut given: Vec<Given> = DEFINITIONS
        .iter()
        .map(|d| Given { definition: d, values: split(d, d.default), place: Place::Default })
        .collect();
    if let Some(file) = &sources.file {
        let place = |line| Place::File { name: file.name.clone(), line };
        from_file(file, &place, &mut given, &mut problems);
    }
    if let Some(file) = &sources.vyos {
        let place = |line| Place::Vyos { name: file.name.clone(), line };
        from_file(file, &place, &mut given, &mut problems);
    }
    from_environment(&sources.environment, &mut given, &mut problems);
    for (key, text) in &sources.flags {
        if let Some(d) = definition(key) {
            let place = Place::Flag(d.flag.to_owned());
            given.push(Given { definition: d, values: split(d, text), place });
        }
    }

    let mut config = Config::default();
    let mut settings: Vec<Setting> = Vec::with_capacity(DEFINITIONS.len());
    for Given { definition, values, place } in given {
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        match (definition.set)(&mut config, &values) {
            Ok(()) => {
                let setting = Setting { key: definition.key, value: values.join(","), place };
                match settings.iter_mut().find(|s| s.key == definition.key) {
                    Some(earlier) => *earlier = setting,
                    None => settings.push(setting),
                }
            }
            Err(refusal) => {
                problems.push(Problem { place, message: refused(definition, &refusal) });
            }
        }
    }
    check_together(&config, &settings, &mut problems);
    if problems.is_empty() { Ok(Resolved { config, settings }) } else { Err(Problems(problems)) }
}

/// Rules that hold between settings.
fn check_together(config: &Config, settings: &[Setting], problems: &mut Vec<Problem>) {
    let place = |key| settings.iter().find(|s| s.key == key).map(|s| s.place.clone());
    let missing = match (&config.tls_certificate, &config.tls_key) {
        (Some(_), None) => Some(("tls_certificate", "tls_key")),
        (None, Some(_)) => Some(("tls_key", "tls_certificate")),
        _ => None,
    };
    if let Some((given, missing)) = missing {
        problems.push(Problem {
            place: place(given).unwrap_or(Place::Default),
            message: format!("{given} is given, which needs {missing} as well"),
        });
    }
}

fn refused(definition: &Definition, refusal: &str) -> String {
    format!("{}: {refusal}; accepted: {}", definition.key, definition.accepts)
}

/// Text of a variable or flag as list entries.
fn split(definition: &Definition, text: &str) -> Vec<String> {
    match definition.shape {
        Shape::Text | Shape::Number | Shape::Switch => vec![text.trim().to_owned()],
        Shape::List => {
            text.split(',').map(str::trim).filter(|s| !s.is_empty()).map(str::to_owned).collect()
        }
    }
}

fn from_environment(
    environment: &[(String, String)],
    given: &mut Vec<Given>,
    problems: &mut Vec<Problem>,
) {
    for (name, text) in environment {
        if !name.starts_with(VARIABLE_PREFIX)
            || [FILE_VARIABLE, VYOS_FILE_VARIABLE].contains(&name.as_str())
        {
            continue;
        }
        let place = Place::Environment(name.clone());
        if let Some(d) = DEFINITIONS.iter().find(|d| d.variable == name) {
            given.push(Given { definition: d, values: split(d, text), place });
        } else {
            let known =
                DEFINITIONS.iter().map(|d| d.variable).chain([FILE_VARIABLE, VYOS_FILE_VARIABLE]);
            problems.push(Problem { place, message: unknown("variable", name, known) });
        }
    }
}

/// `unknown key `lisen`; did you mean `listen`? Known: …`.
fn unknown<'k>(what: &str, name: &str, known: impl Iterator<Item = &'k str> + Clone) -> String {
    let hint = nearest(name, known.clone())
        .map_or_else(String::new, |near| format!(" did you mean `{near}`?"));
    let all: Vec<&str> = known.collect();
    format!("unknown {what} `{name}`;{hint} accepted: {}", all.join(", "))
}

fn from_file(
    file: &FileText,
    place: &dyn Fn(usize) -> Place,
    given: &mut Vec<Given>,
    problems: &mut Vec<Problem>,
) {
    let place = |offset: usize| place(line_of(&file.text, offset));
    let table = match DeTable::parse(&file.text) {
        Ok(table) => table,
        Err(error) => {
            let offset = error.span().map_or(0, |span| span.start);
            let why = error.message().replace('\n', ", ");
            let twice = error.span().filter(|_| why.contains("duplicate key"));
            let key = twice.and_then(|span| file.text.get(span));
            let message = match key {
                Some(key) => format!("`{key}` is given a second time; keep one of the two lines"),
                None => format!("this is no TOML: {why}"),
            };
            problems.push(Problem { place: place(offset), message });
            return;
        }
    };
    let mut entries: Vec<_> = table.get_ref().iter().collect();
    model::sort_by_key(&mut entries, |(key, _)| key.span().start);
    for (key, value) in entries {
        let name: &str = key.get_ref();
        let Some(definition) = definition(name) else {
            let message = unknown("key", name, DEFINITIONS.iter().map(|d| d.key));
            problems.push(Problem { place: place(key.span().start), message });
            continue;
        };
        let place = place(value.span().start);
        match from_toml(definition, value) {
            Ok(values) => given.push(Given { definition, values, place }),
            Err(refusal) => {
                problems.push(Problem { place, message: refused(definition, &refusal) });
            }
        }
    }
}

/// A TOML value as list entries, if it has the setting's shape.
fn from_toml(definition: &Definition, value: &Spanned<DeValue<'_>>) -> Result<Vec<String>, String> {
    match (definition.shape, value.get_ref()) {
        (Shape::Switch, DeValue::Boolean(on)) => Ok(vec![on.to_string()]),
        (Shape::Text | Shape::List | Shape::Switch, DeValue::String(text)) => {
            Ok(split(definition, text))
        }
        (Shape::Number, DeValue::Integer(n)) => Ok(i64::from_str_radix(n.as_str(), n.radix())
            .map_or_else(|_| vec![n.as_str().to_owned()], |n| vec![n.to_string()])),
        (Shape::List, DeValue::Array(entries)) => entries
            .iter()
            .map(|entry| match entry.get_ref() {
                DeValue::String(text) => Ok(text.trim().to_owned()),
                other => Err(format!("an entry is {}, not a string", kind(other))),
            })
            .collect(),
        (Shape::Text, other) => Err(format!("is {}, not a string in quotes", kind(other))),
        (Shape::Switch, other) => Err(format!("is {}, not true or false", kind(other))),
        (Shape::Number, other) => Err(format!("is {}, not a number", kind(other))),
        (Shape::List, other) => Err(format!("is {}, not a list of strings", kind(other))),
    }
}

fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a number",
        DeValue::Float(_) => "a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|b| *b == b'\n').count() + 1
}
