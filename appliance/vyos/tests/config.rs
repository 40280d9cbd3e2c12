//! Configurations in all their forms.

use std::collections::BTreeMap;

use panoptikon_vyos::config::{Children, Command, Document, Kind, Node, commands, diff};
use proptest::prelude::*;

const HOME: &str = include_str!("files/home.boot");

fn home() -> Document {
    Document::parse(HOME).expect("a configuration")
}

#[test]
fn a_file_comes_back_as_it_was() {
    let document = home();
    assert_eq!(document.print(), HOME);
    assert_eq!(document.release(), Some("1.5-rolling"));
}

#[test]
fn a_file_is_read_whatever_its_blanks_and_quotes() {
    let odd = "interfaces{ethernet 'eth0'{\n\taddress dhcp\r\n\n disable\n}\nethernet eth1 { }}";
    let root = Document::parse(odd).unwrap().root;
    let lines: Vec<String> = root.commands().iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            "set interfaces ethernet eth0 address dhcp",
            "set interfaces ethernet eth0 disable",
            "set interfaces ethernet eth1",
        ]
    );
}

#[test]
fn files_of_vyatta_days_are_read_with_their_footer() {
    let old = "system {\n    host-name old\n}\n\n\n/* Warning: Do not remove the following line. */\n\
               /* === vyatta-config-version: \"nat@3:system@6\" === */\n/* Release version: VC6.5 */\n";
    let document = Document::parse(old).unwrap();
    assert_eq!(document.release(), Some("VC6.5"));
    assert_eq!(document.footer.len(), 3);
    assert_eq!(document.root.value_at(["system", "host-name"]), Some("old"));
}

#[test]
fn mistakes_are_told_with_their_place() {
    for (text, wanted) in [
        (
            "system {\n    host-name \"gw\n}\n",
            "line 2, column 15: this text does not end: \" is missing",
        ),
        ("system {\n", "line 2, column 1: the file ends within a group: `}` is missing"),
        ("}\n", "line 1, column 1: `}` where a name should be"),
        ("a b c\n", "line 1, column 5: `c` behind a value: put it in quotes"),
        ("/* a\n", "line 1, column 1: this remark does not end: `*/` is missing"),
        (
            "a 1\na {\n}\n",
            "line 2, column 1: `a` stands here twice, and not as the same kind of thing",
        ),
        (
            "a b {\n}\na b {\n}\n",
            "line 3, column 1: `a b` stands here twice, and not as the same kind of thing",
        ),
    ] {
        assert_eq!(Document::parse(text).unwrap_err().to_string(), wanted, "{text}");
    }
    let deep = "a {\n".repeat(1_000);
    assert!(Document::parse(&deep).unwrap_err().to_string().contains("without end"));
}

#[test]
fn the_json_is_that_of_the_api() {
    let json = home().root.to_json();
    assert_eq!(json["system"]["host-name"], "gw");
    assert_eq!(json["system"]["name-server"], serde_json::json!(["9.9.9.9", "1.1.1.1"]));
    assert_eq!(json["interfaces"]["loopback"], serde_json::json!({ "lo": {} }));
    assert_eq!(
        json["firewall"]["ipv4"]["forward"]["filter"]["rule"]["9"]["disable"],
        serde_json::json!({})
    );
    let back = Node::from_json(&json).unwrap();
    assert_eq!(back.to_json(), json);
    assert!(Node::from_json(&serde_json::json!({ "a": null })).is_err());
    assert!(Node::from_json(&serde_json::json!({ "a": [["b"]] })).is_err());
}

#[test]
fn set_lines_are_what_a_shell_reads_back() {
    let lines: Vec<String> = home().root.commands().iter().map(ToString::to_string).collect();
    assert!(lines.contains(&"set interfaces ethernet eth0 vif 7 address 192.0.2.2/30".to_owned()));
    assert!(lines.contains(&"comment firewall 'The house in Gartenweg'".to_owned()));
    assert_eq!(commands::parse(&lines.join("\n")).unwrap(), home().root.commands());
    assert!(commands::parse("set a 'b").unwrap_err().to_string().contains("quote"));
    assert!(
        commands::parse("\nshow x")
            .unwrap_err()
            .to_string()
            .starts_with("line 2: `show` is no command")
    );
}

#[test]
fn a_diff_says_no_more_than_what_changed() {
    let changed = HOME
        .replace("host-name \"gw\"", "host-name \"edge\"")
        .replace("                    disable\n", "")
        .replace("    loopback lo {\n    }\n", "")
        .replace(
            "        vif 7 {\n            address \"192.0.2.2/30\"\n        }\n",
            "        vif 8 {\n        }\n",
        )
        .replace("Tablets at night", "Tablets and phones");
    let to = Document::parse(&changed).unwrap();
    let lines: Vec<String> = diff(&home().root, &to.root).iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            "delete firewall ipv4 forward filter rule 9 disable",
            "delete interfaces ethernet eth0 vif 7",
            "delete interfaces loopback",
            "delete system host-name gw",
            "comment firewall ipv4 forward filter rule 10 'Tablets and phones'",
            "set interfaces ethernet eth0 vif 8",
            "set system host-name edge",
        ]
    );
    assert_eq!(diff(&to.root, &to.root), []);
}

#[test]
fn a_remark_goes_with_its_last_trace() {
    let read = |text: &str| Document::parse(text).unwrap().root;
    let (empty, full) = (read("/* old */\na {\n}\n"), read("a {\n    b 1\n}\n"));
    let lines = |from: &Node, to: &Node| -> Vec<String> {
        diff(from, to).iter().map(ToString::to_string).collect()
    };
    assert_eq!(lines(&empty, &full), ["set a b 1", "comment a ''"]);
    assert_eq!(lines(&full, &empty), ["delete a", "set a", "comment a 'old'"]);
    assert_eq!(lines(&read("a\n"), &full), ["set a b 1"]);
    assert_eq!(lines(&full, &read("")), ["delete a"]);
}

#[test]
fn the_order_of_values_counts() {
    let servers = |all: &[&str]| {
        let mut system = Children::new();
        system.insert("server", Node::leaf(all.iter().copied()));
        Node { comment: None, kind: Kind::Inner(system) }
    };
    let lines = |from: &[&str], to: &[&str]| -> Vec<String> {
        diff(&servers(from), &servers(to)).iter().map(ToString::to_string).collect()
    };
    assert_eq!(lines(&["a", "b"], &["a", "b", "c"]), ["set server c"]);
    assert_eq!(lines(&["a", "b"], &["b", "c"]), ["delete server a", "set server c"]);
    assert_eq!(lines(&["a", "b"], &["b", "a"]), ["delete server", "set server b", "set server a"]);
}

/// What a session of `VyOS` makes of commands: a value is a node below its setting.
#[derive(Debug, Clone, Default, PartialEq)]
struct Session {
    below: BTreeMap<String, Session>,
    comment: String,
}

impl Session {
    fn of(node: &Node) -> Self {
        let mut session = Self::default();
        for command in node.commands() {
            session.take(&command);
        }
        session
    }

    fn at(&mut self, path: &[String]) -> &mut Self {
        path.iter().fold(self, |node, word| node.below.entry(word.clone()).or_default())
    }

    fn take(&mut self, command: &Command) {
        match command {
            Command::Set(path) => drop(self.at(path)),
            Command::Comment(path, text) => self.at(path).comment.clone_from(text),
            Command::Delete(path) => {
                let (last, above) = path.split_last().expect("a path");
                assert!(self.at(above).below.remove(last).is_some(), "{command} deletes nothing");
            }
        }
    }
}

fn node() -> impl Strategy<Value = Node> {
    let comment = prop::option::weighted(0.3, "[a-z]{1,4}");
    let leaf = prop::collection::btree_set("[ -~äß]{1,6}", 0..4).prop_map(|values| {
        Kind::Leaf(values.into_iter().filter(|v| !v.trim().is_empty()).collect())
    });
    let leaf = (comment.clone(), leaf).prop_map(|(comment, kind)| Node { comment, kind });
    leaf.prop_recursive(4, 40, 5, move |inner| {
        let named = prop::collection::btree_map("[a-c0-9]{1,2}", inner.clone(), 0..5);
        let tagged = prop::collection::btree_map("[ -~]{1,3}", inner, 1..4);
        let group = |all: BTreeMap<String, Node>| {
            let mut children = Children::new();
            for (name, node) in all {
                children.insert(&name, node);
            }
            children
        };
        let instance = |node: Node| match node.kind {
            Kind::Inner(_) => node,
            _ => Node { comment: node.comment, kind: Kind::default() },
        };
        prop_oneof![
            3 => (comment.clone(), named).prop_map(move |(comment, all)| Node {
                comment,
                kind: Kind::Inner(group(all)),
            }),
            1 => tagged.prop_map(move |all| Node {
                comment: None,
                kind: Kind::Tag(group(all.into_iter().map(|(n, i)| (n, instance(i))).collect())),
            }),
        ]
    })
}

fn root() -> impl Strategy<Value = Node> {
    node().prop_map(|node| match node.kind {
        kind @ Kind::Inner(_) => Node { comment: None, kind },
        _ => Node::default(),
    })
}

proptest! {
    #[test]
    fn every_configuration_comes_back_from_its_file(root in root()) {
        let document = Document { root, footer: vec!["// Release version: 1.4".to_owned()] };
        let text = document.print();
        let back = Document::parse(&text).expect("what was printed");
        prop_assert!(back.root.means_the_same(&document.root), "{}", text);
        prop_assert_eq!(back.print(), text);
        prop_assert_eq!(back.footer, document.footer);
    }

    #[test]
    fn every_configuration_comes_back_from_its_lines(root in root()) {
        let lines: Vec<String> = root.commands().iter().map(ToString::to_string).collect();
        prop_assert_eq!(commands::parse(&lines.join("\n")).expect("what was printed"), root.commands());
    }

    #[test]
    fn a_diff_makes_the_other_configuration(from in root(), to in root()) {
        let mut session = Session::of(&from);
        for command in diff(&from, &to) {
            session.take(&command);
        }
        prop_assert_eq!(session, Session::of(&to));
    }

    #[test]
    fn no_text_breaks_the_reader(text in "[a-c{}\"'/*\\\\ \n]{0,60}") {
        if let Ok(document) = Document::parse(&text) {
            let again = Document::parse(&document.print()).expect("what was printed");
            prop_assert!(again.root.means_the_same(&document.root));
        }
    }
}
