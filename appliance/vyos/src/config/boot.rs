//! The file in which `VyOS` keeps a configuration, `config.boot`.
//!
//! ```text
//! /* Uplink */
//! ethernet eth0 {
//!     address "dhcp"
//!     disable
//! }
//! // vyos-config-version: "…"
//! ```
//!
//! A line break ends a setting and means nothing elsewhere. A name and a word before a brace are
//! one of many things of a kind. Settings of the same name are one with many values. The remarks
//! behind the last node say which release wrote the file.

use std::fmt::Write as _;

use super::{Children, DEEPEST, Kind, Node};

/// What a file holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Document {
    /// The configuration.
    pub root: Node,
    /// The remarks at the end, line by line as they stand.
    pub footer: Vec<String>,
}

/// Why a text is no configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {problem}")]
pub struct SyntaxError {
    /// Counted from 1.
    pub line: usize,
    /// In characters, counted from 1.
    pub column: usize,
    /// What is wrong.
    pub problem: String,
}

impl Document {
    /// Reads a file's text.
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        let mut parser = Parser { lexer: Lexer { text, at: 0 }, next: None, remarks: Vec::new() };
        let mut root = Children::new();
        parser.nodes(&mut root, 0)?;
        let footer = std::mem::take(&mut parser.remarks);
        let footer = footer.into_iter().map(|(_, written)| written.to_owned()).collect();
        Ok(Self { root: Node { comment: None, kind: Kind::Inner(root) }, footer })
    }

    /// The release that wrote the file, by its own words.
    pub fn release(&self) -> Option<&str> {
        let line = self.footer.iter().find_map(|line| line.split_once("Release version:"));
        line.map(|(_, release)| release.trim_end_matches("*/").trim())
    }

    /// The file's text.
    pub fn print(&self) -> String {
        let mut out = String::new();
        if let Some(children) = self.root.children() {
            print(children, 0, &mut out);
        }
        if !self.footer.is_empty() {
            out.push('\n');
        }
        for line in &self.footer {
            out.push_str(line);
            out.push('\n');
        }
        out
    }
}

fn print(children: &Children, depth: usize, out: &mut String) {
    for (name, node) in children.iter() {
        match &node.kind {
            Kind::Tag(instances) => {
                for (instance, inner) in instances.iter() {
                    remark(inner, depth, out);
                    indent(depth, out);
                    let _ = write!(out, "{name} {} ", Word(instance));
                    block(inner, depth, out);
                }
                if instances.is_empty() {
                    group(name, node, depth, out);
                }
            }
            Kind::Inner(_) => group(name, node, depth, out),
            Kind::Leaf(values) => {
                remark(node, depth, out);
                if values.is_empty() {
                    indent(depth, out);
                    let _ = writeln!(out, "{name}");
                }
                for value in values {
                    indent(depth, out);
                    let _ = writeln!(out, "{name} {}", Quoted(value));
                }
            }
        }
    }
}

fn group(name: &str, node: &Node, depth: usize, out: &mut String) {
    remark(node, depth, out);
    indent(depth, out);
    let _ = write!(out, "{name} ");
    block(node, depth, out);
}

fn block(node: &Node, depth: usize, out: &mut String) {
    out.push_str("{\n");
    match &node.kind {
        Kind::Inner(children) | Kind::Tag(children) => print(children, depth + 1, out),
        Kind::Leaf(_) => {}
    }
    indent(depth, out);
    out.push_str("}\n");
}

fn remark(node: &Node, depth: usize, out: &mut String) {
    if let Some(comment) = &node.comment {
        indent(depth, out);
        let _ = writeln!(out, "/* {comment} */");
    }
}

fn indent(depth: usize, out: &mut String) {
    out.extend(std::iter::repeat_n("    ", depth));
}

/// A value as files have it.
struct Quoted<'a>(&'a str);

impl std::fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_char('"')?;
        for c in self.0.chars() {
            match c {
                '"' => f.write_str("\\\"")?,
                '\\' => f.write_str("\\\\")?,
                c => f.write_char(c)?,
            }
        }
        f.write_char('"')
    }
}

/// A thing's name as files have it: quoted only where it must be.
struct Word<'a>(&'a str);

impl std::fmt::Display for Word<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let plain = |c: char| !c.is_whitespace() && !"{}\"'\\".contains(c);
        let remark = self.0.starts_with("//") || self.0.starts_with("/*");
        if self.0.is_empty() || remark || !self.0.chars().all(plain) {
            Quoted(self.0).fmt(f)
        } else {
            f.write_str(self.0)
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token<'a> {
    Word(&'a str),
    Text(String),
    Open,
    Close,
    Break,
    End,
    /// A remark: what it says, and how it is written.
    Remark(&'a str, &'a str),
}

impl Token<'_> {
    fn shown(&self) -> String {
        match self {
            Self::Word(word) => format!("`{word}`"),
            Self::Text(text) => format!("the text {:?}", text.chars().take(20).collect::<String>()),
            Self::Open => "`{`".to_owned(),
            Self::Close => "`}`".to_owned(),
            Self::Break => "the end of the line".to_owned(),
            Self::End => "the end of the file".to_owned(),
            Self::Remark(..) => "a remark".to_owned(),
        }
    }
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Lexer<'a> {
    /// The next token and where it begins.
    fn token(&mut self) -> Result<(usize, Token<'a>), SyntaxError> {
        let blank = |c: char| matches!(c, ' ' | '\t' | '\r');
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start_matches(blank).len();
        let (from, rest) = (self.at, &self.text[self.at..]);
        let token = match rest.chars().next() {
            None => return Ok((from, Token::End)),
            Some('\n') => self.take(1, Token::Break),
            Some('{') => self.take(1, Token::Open),
            Some('}') => self.take(1, Token::Close),
            Some(quote @ ('"' | '\'')) => self.quoted(quote)?,
            Some(_) if rest.starts_with("/*") => {
                let Some(end) = rest[2..].find("*/") else {
                    return Err(self.error(from, "this remark does not end: `*/` is missing"));
                };
                self.take(end + 4, Token::Remark(rest[2..end + 2].trim(), &rest[..end + 4]))
            }
            Some(_) if rest.starts_with("//") => {
                let line = rest.find('\n').map_or(rest, |end| &rest[..end]);
                let written = line.trim_end();
                self.take(line.len(), Token::Remark(written[2..].trim(), written))
            }
            Some(_) => {
                let ends = |c: char| c.is_ascii_whitespace() || "{}\"'".contains(c);
                let end = rest.find(ends).unwrap_or(rest.len());
                self.take(end, Token::Word(&rest[..end]))
            }
        };
        Ok((from, token))
    }

    fn take(&mut self, bytes: usize, token: Token<'a>) -> Token<'a> {
        self.at += bytes;
        token
    }

    fn quoted(&mut self, quote: char) -> Result<Token<'a>, SyntaxError> {
        let from = self.at;
        let mut text = String::new();
        let mut chars = self.text[from..].char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            match c {
                '\\' => match chars.next() {
                    Some((_, c @ ('/' | '\\' | '\'' | '"'))) => text.push(c),
                    Some((_, 'n')) => text.push('\n'),
                    Some((_, 'r')) => text.push('\r'),
                    Some((_, 't')) => text.push('\t'),
                    Some((_, 'b')) => text.push('\u{8}'),
                    Some((_, 'f')) => text.push('\u{c}'),
                    // Old releases wrote backslashes as they are.
                    Some((_, other)) => text.extend(['\\', other]),
                    None => break,
                },
                c if c == quote => {
                    self.at = from + at + 1;
                    return Ok(Token::Text(text));
                }
                c => text.push(c),
            }
        }
        Err(self.error(from, &format!("this text does not end: {quote} is missing")))
    }

    fn error(&self, at: usize, problem: &str) -> SyntaxError {
        let before = &self.text[..at];
        let line = before.rfind('\n').map_or(before, |end| &before[end + 1..]);
        SyntaxError {
            line: before.matches('\n').count() + 1,
            column: line.chars().count() + 1,
            problem: problem.to_owned(),
        }
    }
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    next: Option<(usize, Token<'a>)>,
    /// What was said since the last node, and how it is written.
    remarks: Vec<(&'a str, &'a str)>,
}

impl<'a> Parser<'a> {
    fn token(&mut self) -> Result<(usize, Token<'a>), SyntaxError> {
        self.next.take().map_or_else(|| self.lexer.token(), Ok)
    }

    /// The nodes up to the brace that closes them, or up to the end of the file at depth 0.
    fn nodes(&mut self, into: &mut Children, depth: usize) -> Result<(), SyntaxError> {
        loop {
            let (at, token) = self.token()?;
            match token {
                Token::Break => {}
                Token::Remark(said, written) => self.remarks.push((said, written)),
                Token::Word(name) => self.node(name, at, into, depth)?,
                // Of a node that was removed: nothing is left to say it about.
                Token::Close if depth > 0 => {
                    self.remarks.clear();
                    return Ok(());
                }
                Token::End if depth == 0 => return Ok(()),
                Token::End => {
                    return Err(self
                        .lexer
                        .error(at, "the file ends within a group: `}` is missing"));
                }
                other => {
                    let problem = format!("{} where a name should be", other.shown());
                    return Err(self.lexer.error(at, &problem));
                }
            }
        }
    }

    fn node(
        &mut self,
        name: &'a str,
        at: usize,
        into: &mut Children,
        depth: usize,
    ) -> Result<(), SyntaxError> {
        let comment = self.remarks.pop().map(|(said, _)| said.to_owned());
        self.remarks.clear();
        let (value_at, token) = self.token()?;
        match token {
            Token::Open => {
                let inner = || Node { comment: None, kind: Kind::default() };
                let (node, _) = into.entry(name, inner);
                node.comment = comment.or(node.comment.take());
                let Kind::Inner(children) = &mut node.kind else {
                    return Err(self.twice(at, name));
                };
                self.below(children, at, depth)
            }
            Token::Break | Token::End | Token::Close => {
                self.next = Some((value_at, token));
                self.setting(into, name, at, comment, None)
            }
            Token::Word(value) => self.valued(into, name, at, comment, value.to_owned(), depth),
            Token::Text(value) => self.valued(into, name, at, comment, value, depth),
            Token::Remark(..) => {
                Err(self.lexer.error(value_at, "a remark stands on a line of its own"))
            }
        }
    }

    /// A name with a word behind it: a setting, or one of many things of a kind.
    fn valued(
        &mut self,
        into: &mut Children,
        name: &str,
        at: usize,
        comment: Option<String>,
        value: String,
        depth: usize,
    ) -> Result<(), SyntaxError> {
        let (next_at, token) = self.token()?;
        match token {
            Token::Open => {
                let tag = || Node { comment: None, kind: Kind::Tag(Children::new()) };
                let (node, _) = into.entry(name, tag);
                let Kind::Tag(instances) = &mut node.kind else {
                    return Err(self.twice(at, name));
                };
                let (instance, is_new) = instances.entry(&value, Node::default);
                if !is_new {
                    return Err(self.twice(at, &format!("{name} {value}")));
                }
                instance.comment = comment;
                let Kind::Inner(children) = &mut instance.kind else {
                    return Err(self.twice(at, name));
                };
                self.below(children, at, depth)
            }
            Token::Break | Token::End | Token::Close => {
                self.next = Some((next_at, token));
                self.setting(into, name, at, comment, Some(value))
            }
            other => {
                let problem = format!("{} behind a value: put it in quotes", other.shown());
                Err(self.lexer.error(next_at, &problem))
            }
        }
    }

    fn setting(
        &mut self,
        into: &mut Children,
        name: &str,
        at: usize,
        comment: Option<String>,
        value: Option<String>,
    ) -> Result<(), SyntaxError> {
        let (node, _) = into.entry(name, || Node::leaf(Vec::<String>::new()));
        let Kind::Leaf(values) = &mut node.kind else {
            return Err(self.twice(at, name));
        };
        values.extend(value);
        node.comment = comment.or(node.comment.take());
        Ok(())
    }

    fn below(&mut self, into: &mut Children, at: usize, depth: usize) -> Result<(), SyntaxError> {
        if depth + 1 >= DEEPEST {
            return Err(self.lexer.error(at, "groups within groups without end"));
        }
        self.nodes(into, depth + 1)
    }

    fn twice(&self, at: usize, name: &str) -> SyntaxError {
        self.lexer
            .error(at, &format!("`{name}` stands here twice, and not as the same kind of thing"))
    }
}
