//! What the XML says, as values. Only what our own definitions use is known; anything else is an
//! error, so that nothing is lost on the way to `VyOS` in silence.

use roxmltree::{Document, Node};

/// Why a definition is refused.
#[derive(Debug, thiserror::Error)]
pub enum DefinitionError {
    /// It is no XML.
    #[error("reading the definition: {0}")]
    Xml(#[from] roxmltree::Error),
    /// An element that is not known, or not there.
    #[error("the definition of `{node}`: {what}")]
    Wrong {
        /// The node, by its path.
        node: String,
        /// What is wrong.
        what: String,
    },
}

/// The kind of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Has children.
    Node,
    /// Takes a value by which its children are told apart.
    Tag,
    /// Ends a path; in the configuration it has a value.
    Leaf,
}

/// Where the words come from that are offered for completion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Completion {
    /// Fixed words.
    List(String),
    /// The names below a node of the configuration.
    Path(String),
    /// What a program prints.
    Script(String),
}

/// What a value must be; of several it must be one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Constraint {
    /// Matched as a whole.
    Regex(String),
    /// One of `VyOS`'s programs, with its arguments.
    Validator(String, String),
}

/// One node of the commands or of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    /// Its kind.
    pub kind: Kind,
    /// Its word.
    pub name: String,
    /// The program that owns it in the configuration.
    pub owner: Option<String>,
    /// When its owner runs in a commit.
    pub priority: Option<String>,
    /// One line for people.
    pub help: Option<String>,
    /// What is offered for completion.
    pub completion: Vec<Completion>,
    /// What values look like, and what each means.
    pub value_help: Vec<(String, String)>,
    /// What its value must be.
    pub constraint: Vec<Constraint>,
    /// What is said otherwise.
    pub constraint_error: Option<String>,
    /// The value when none is set.
    pub default: Option<String>,
    /// May have several values.
    pub multi: bool,
    /// What is run.
    pub command: Option<String>,
    /// What is below it.
    pub children: Vec<Definition>,
}

/// VyOS breaks longer ones.
const LONGEST_HELP: usize = 64;

/// Reads the nodes at the top of a definition.
pub fn read(xml: &str) -> Result<Vec<Definition>, DefinitionError> {
    let document = Document::parse(xml)?;
    let root = document.root_element();
    if root.tag_name().name() != "interfaceDefinition" {
        return Err(wrong(&[], "the root is no interfaceDefinition"));
    }
    root.children().filter(Node::is_element).map(|node| definition(node, &[])).collect()
}

fn wrong(path: &[&str], what: impl Into<String>) -> DefinitionError {
    DefinitionError::Wrong { node: path.join(" "), what: what.into() }
}

fn definition(node: Node<'_, '_>, above: &[&str]) -> Result<Definition, DefinitionError> {
    let name = node.attribute("name").ok_or_else(|| wrong(above, "a child has no name"))?;
    let path = [above, &[name]].concat();
    let kind = match node.tag_name().name() {
        "node" => Kind::Node,
        "tagNode" => Kind::Tag,
        "leafNode" => Kind::Leaf,
        other => return Err(wrong(&path, format!("`{other}` is no kind of node"))),
    };
    let mut made = Definition {
        kind,
        name: name.to_owned(),
        owner: node.attribute("owner").map(str::to_owned),
        priority: None,
        help: None,
        completion: Vec::new(),
        value_help: Vec::new(),
        constraint: Vec::new(),
        constraint_error: None,
        default: None,
        multi: false,
        command: None,
        children: Vec::new(),
    };
    for element in node.children().filter(Node::is_element) {
        match element.tag_name().name() {
            "properties" => properties(element, &path, &mut made)?,
            "command" => made.command = Some(text(element, &path)?),
            "defaultValue" => made.default = Some(text(element, &path)?),
            "children" => {
                for child in element.children().filter(Node::is_element) {
                    made.children.push(definition(child, &path)?);
                }
            }
            other => return Err(wrong(&path, format!("`{other}` is not known here"))),
        }
    }
    check(&made, &path)?;
    // VyOS's own generators go through children in this order.
    made.children.sort_by(|a, b| (a.kind as u8, &a.name).cmp(&(b.kind as u8, &b.name)));
    Ok(made)
}

fn check(made: &Definition, path: &[&str]) -> Result<(), DefinitionError> {
    if made.owner.is_some() && made.priority.is_none() {
        return Err(wrong(path, "an owner needs a priority"));
    }
    if made.kind == Kind::Leaf && !made.children.is_empty() {
        return Err(wrong(path, "a leaf has no children"));
    }
    if made.multi && made.kind != Kind::Leaf {
        return Err(wrong(path, "only a leaf may have several values"));
    }
    if made.help_with_default().is_some_and(|help| help.chars().count() > LONGEST_HELP) {
        return Err(wrong(path, format!("the help is longer than {LONGEST_HELP} characters")));
    }
    for (n, child) in made.children.iter().enumerate() {
        if made.children[..n].iter().any(|earlier| earlier.name == child.name) {
            return Err(wrong(path, format!("`{}` is there twice", child.name)));
        }
    }
    Ok(())
}

impl Definition {
    /// The help as configuration mode shows it.
    pub(crate) fn help_with_default(&self) -> Option<String> {
        let help = self.help.as_ref()?;
        Some(match &self.default {
            Some(default) => format!("{help} (default: {default})"),
            None => help.clone(),
        })
    }
}

fn text(element: Node<'_, '_>, path: &[&str]) -> Result<String, DefinitionError> {
    let name = element.tag_name().name();
    let text = element.text().map(str::trim).filter(|text| !text.is_empty());
    let text = text.ok_or_else(|| wrong(path, format!("`{name}` is empty")))?;
    // In a node.def a new line begins a new field.
    if text.contains('\n') {
        return Err(wrong(path, format!("`{name}` has more than one line")));
    }
    Ok(text.to_owned())
}

fn properties(
    element: Node<'_, '_>,
    path: &[&str],
    made: &mut Definition,
) -> Result<(), DefinitionError> {
    for property in element.children().filter(Node::is_element) {
        match property.tag_name().name() {
            "help" => made.help = Some(text(property, path)?),
            "priority" => made.priority = Some(text(property, path)?),
            "multi" => made.multi = true,
            "constraintErrorMessage" => made.constraint_error = Some(text(property, path)?),
            "completionHelp" => {
                for source in property.children().filter(Node::is_element) {
                    let words = text(source, path)?;
                    made.completion.push(match source.tag_name().name() {
                        "list" => Completion::List(words),
                        "path" => Completion::Path(words),
                        "script" => Completion::Script(words),
                        other => return Err(wrong(path, format!("`{other}` completes nothing"))),
                    });
                }
            }
            "valueHelp" => {
                let part = |name: &str| {
                    let found = property.children().find(|child| child.has_tag_name(name));
                    found
                        .ok_or_else(|| wrong(path, format!("valueHelp without {name}")))
                        .and_then(|found| text(found, path))
                };
                made.value_help.push((part("format")?, part("description")?));
            }
            "constraint" => {
                for rule in property.children().filter(Node::is_element) {
                    made.constraint.push(constraint(rule, path)?);
                }
            }
            other => return Err(wrong(path, format!("the property `{other}` is not known"))),
        }
    }
    Ok(())
}

fn constraint(rule: Node<'_, '_>, path: &[&str]) -> Result<Constraint, DefinitionError> {
    match rule.tag_name().name() {
        "regex" => {
            let regex = text(rule, path)?;
            // It is quoted three times over on its way to the validator.
            if regex.contains(['\\', '\'', '"', '$', '`']) {
                return Err(wrong(path, format!("the regex {regex} needs quoting")));
            }
            Ok(Constraint::Regex(regex))
        }
        "validator" => {
            let name = rule.attribute("name").ok_or_else(|| wrong(path, "a nameless validator"))?;
            let argument = rule.attribute("argument").unwrap_or_default();
            Ok(Constraint::Validator(name.to_owned(), argument.to_owned()))
        }
        other => Err(wrong(path, format!("`{other}` constrains nothing"))),
    }
}
