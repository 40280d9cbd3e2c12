//! A configuration as the `set` lines that make it, as `show configuration commands` prints them.

use std::fmt;

use super::{DEEPEST, Kind, Node};

/// One change of a configuration.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Command {
    /// Makes a node, or gives a setting a value: the last word.
    Set(Vec<String>),
    /// Takes a node with all below it, or one value of a setting.
    Delete(Vec<String>),
    /// Notes something about a node; nothing to take the note away.
    Comment(Vec<String>, String),
}

/// Why a line is no command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct CommandError {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong.
    pub problem: String,
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (verb, path) = match self {
            Self::Set(path) => ("set", path),
            Self::Delete(path) => ("delete", path),
            Self::Comment(path, _) => ("comment", path),
        };
        f.write_str(verb)?;
        for word in path {
            write!(f, " {}", Word(word))?;
        }
        match self {
            Self::Comment(_, text) => write!(f, " {}", Quoted(text)),
            Self::Set(_) | Self::Delete(_) => Ok(()),
        }
    }
}

impl Node {
    /// The commands that make all below this node in an empty configuration.
    pub fn commands(&self) -> Vec<Command> {
        self.commands_at(&[])
    }

    /// The commands that make this node and all below it at a path.
    pub(crate) fn commands_at(&self, path: &[String]) -> Vec<Command> {
        let mut commands = Vec::new();
        list(self, &mut path.to_vec(), &mut commands);
        commands
    }
}

fn list(node: &Node, path: &mut Vec<String>, into: &mut Vec<Command>) {
    match &node.kind {
        Kind::Leaf(values) if !values.is_empty() => {
            into.extend(
                values
                    .iter()
                    .map(|value| Command::Set(path.iter().chain([value]).cloned().collect())),
            );
        }
        Kind::Inner(children) | Kind::Tag(children) if !children.is_empty() => {
            for (name, child) in children.iter() {
                path.push(name.to_owned());
                list(child, path, into);
                path.pop();
            }
        }
        _ if path.is_empty() => {}
        _ => into.push(Command::Set(path.clone())),
    }
    if let Some(comment) = &node.comment {
        into.push(Command::Comment(path.clone(), comment.clone()));
    }
}

/// Reads lines of commands; empty ones and those that begin with `#` are passed over.
pub fn parse(text: &str) -> Result<Vec<Command>, CommandError> {
    let mut commands = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let failed = |problem: &str| CommandError { line: number + 1, problem: problem.to_owned() };
        let mut words = words(line).ok_or_else(|| failed("a quote is not closed"))?.into_iter();
        let Some(verb) = words.next().filter(|verb| !verb.starts_with('#')) else { continue };
        let mut path: Vec<String> = words.collect();
        if path.is_empty() || path.len() > DEEPEST {
            return Err(failed("the path is missing, or longer than any"));
        }
        commands.push(match verb.as_str() {
            "set" => Command::Set(path),
            "delete" => Command::Delete(path),
            "comment" if path.len() > 1 => {
                let text = path.pop().unwrap_or_default();
                Command::Comment(path, text)
            }
            "comment" => return Err(failed("the text of the comment is missing")),
            other => {
                let problem = format!("`{other}` is no command: give set, delete or comment");
                return Err(failed(&problem));
            }
        });
    }
    Ok(commands)
}

/// The words of a line as a shell takes them; none where a quote is not closed.
fn words(line: &str) -> Option<Vec<String>> {
    let (mut words, mut word) = (Vec::new(), None::<String>);
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next()? {
                        '\'' => break,
                        c => word.push(c),
                    }
                }
            }
            '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next()? {
                        '"' => break,
                        '\\' => word.push(chars.next()?),
                        c => word.push(c),
                    }
                }
            }
            '\\' => word.get_or_insert_default().push(chars.next()?),
            c if c.is_ascii_whitespace() => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Some(words)
}

/// A word of a path: quoted only where a shell would take it for something else.
struct Word<'a>(&'a str);

impl fmt::Display for Word<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = |c: char| c.is_ascii_alphanumeric() || "_-.:/,+@%=".contains(c);
        if !self.0.is_empty() && self.0.chars().all(plain) {
            f.write_str(self.0)
        } else {
            Quoted(self.0).fmt(f)
        }
    }
}

struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}'", self.0.replace('\'', r"'\''"))
    }
}
