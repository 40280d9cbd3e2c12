//! The files that are made, and that commands typed by people lead to the right program.

use std::collections::BTreeMap;

use vyos_definitions::{
    CONFIG_MODE, Definition, File, OP_MODE, commands, files, op_cache, page, read, xml_ref,
};

fn op() -> Vec<Definition> {
    read(OP_MODE).expect("the operational mode is read")
}

fn config() -> Vec<Definition> {
    read(CONFIG_MODE).expect("the configuration mode is read")
}

fn tree(op: &[Definition], config: &[Definition]) -> BTreeMap<String, File> {
    let files = files(op, config).expect("the files are made");
    let count = files.len();
    let tree: BTreeMap<_, _> = files.into_iter().map(|file| (file.path.clone(), file)).collect();
    assert_eq!(tree.len(), count, "no file is made twice");
    tree
}

const OP_TREE: &str = "opt/vyatta/share/vyatta-op/templates";
const CONFIG_TREE: &str = "opt/vyatta/share/vyatta-cfg/templates";

/// Follows typed words through the templates as `VyOS`'s shell does, and fills in what it runs.
fn resolve(tree: &BTreeMap<String, File>, words: &[&str]) -> Option<String> {
    let mut folder = format!("{OP_TREE}/{}", words.first()?);
    for word in &words[1..] {
        let below = format!("{folder}/{word}");
        let tag = format!("{folder}/node.tag");
        folder = if tree.contains_key(&format!("{below}/node.def")) {
            below
        } else if tree.contains_key(&format!("{tag}/node.def")) {
            tag
        } else {
            return None;
        };
    }
    let node = &tree.get(&format!("{folder}/node.def"))?.text;
    let mut run = node.lines().find_map(|line| line.strip_prefix("run: "))?.to_owned();
    for (n, word) in words.iter().enumerate() {
        run = run.replace(&format!("\"${}\"", n + 1), &format!("'{word}'"));
    }
    Some(run)
}

#[test]
fn typed_commands_lead_to_the_program() {
    let tree = tree(&op(), &config());
    let program = "sudo ${vyos_op_scripts_dir}/panoptikon";
    for (typed, run) in [
        ("show panoptikon", format!("{program} show status")),
        ("show panoptikon devices json", format!("{program} show devices json")),
        ("show panoptikon device nas", format!("{program} show device 'nas'")),
        ("show panoptikon device 10.0.0.5 json", format!("{program} show device '10.0.0.5' json")),
        ("monitor panoptikon events", format!("{program} monitor events")),
        ("force panoptikon scan", format!("{program} force scan")),
        (
            "force panoptikon scan interface eth1.20",
            format!("{program} force scan interface 'eth1.20'"),
        ),
        ("restart panoptikon", "sudo systemctl restart panoptikon.service".to_owned()),
        ("reset panoptikon auth", "sudo /usr/bin/panoptikon reset-auth".to_owned()),
        (
            "generate panoptikon support-bundle folder /config",
            "sudo /usr/bin/panoptikon support-bundle '/config'".to_owned(),
        ),
    ] {
        let words: Vec<&str> = typed.split(' ').collect();
        assert_eq!(resolve(&tree, &words), Some(run), "{typed}");
    }
    for wrong in
        ["show panoptikon device", "show panoptikon flows", "reset panoptikon", "add panoptikon"]
    {
        let words: Vec<&str> = wrong.split(' ').collect();
        assert_eq!(resolve(&tree, &words), None, "{wrong}");
    }
}

#[test]
fn every_value_is_quoted_and_named_by_its_own_place() {
    for command in commands(&op()) {
        let values = command.words.iter().enumerate().filter(|(_, word)| word.starts_with('<'));
        let mut left = command.run.clone();
        for (n, _) in values {
            let place = format!("\"${}\"", n + 1);
            assert!(left.contains(&place), "{:?} lacks {place}", command.words);
            left = left.replace(&place, "");
        }
        assert!(!left.replace("${vyos_op_scripts_dir}", "").contains(['$', ';', '|', '&', '`']));
    }
}

#[test]
fn nothing_of_vyos_is_overwritten() {
    for path in tree(&op(), &config()).keys() {
        let is_ours = path.contains("/panoptikon/")
            || path.ends_with("/panoptikon")
            || path.ends_with("/panoptikon_cache.py")
            || path.ends_with("/service_panoptikon.py");
        assert!(is_ours, "{path}");
    }
}

#[test]
fn operators_get_no_command_that_takes_something_away() {
    let shown: Vec<String> = commands(&op())
        .into_iter()
        .filter(|command| !command.operators)
        .map(|command| command.words.join(" "))
        .collect();
    let expected = [
        "show panoptikon setup-token",
        "restart panoptikon",
        "reset panoptikon auth",
        "generate panoptikon support-bundle",
        "generate panoptikon support-bundle folder <folder>",
    ];
    assert_eq!(shown, expected);

    let cache = op_cache(&op());
    let verbs: Vec<&String> = cache.as_object().expect("verbs").keys().collect();
    assert_eq!(verbs, ["force", "monitor", "show"]);
    assert!(cache["show"]["panoptikon"].get("setup-token").is_none());
    assert!(!cache.to_string().contains("sudo /usr/bin"), "no program of administrators");
}

#[test]
fn the_runner_for_operators_finds_each_command_and_its_value() {
    let cache = op_cache(&op());
    let device = &cache["show"]["panoptikon"]["device"];
    let data = &device["__node_data"];
    assert_eq!(data["node_type"], "tagNode");
    assert_eq!(
        data["command"],
        "/usr/libexec/vyos/op_mode/panoptikon show device {{device-tag_value}}"
    );
    assert_eq!(
        data["path"],
        serde_json::json!(["show", "panoptikon", "device", "device-tag_value"])
    );
    assert_eq!(data["children"], serde_json::json!([["json", "leafNode"]]));
    assert_eq!(
        device["json"]["__node_data"]["command"],
        "/usr/libexec/vyos/op_mode/panoptikon show device {{device-tag_value}} json"
    );
    assert!(cache["show"].get("__node_data").is_none(), "the verb's own data is VyOS's");
}

#[test]
fn a_node_of_the_configuration_is_written_as_the_backend_reads_it() {
    let tree = tree(&op(), &config());
    let node =
        |name: &str| tree[&format!("{CONFIG_TREE}/service/panoptikon{name}/node.def")].text.clone();
    assert_eq!(
        node(""),
        "priority: 1010\n\
         help: Panoptikon, which sees and shows what is on the network\n\
         end: sudo sh -c \"${vyshim} ${vyos_conf_scripts_dir}/service_panoptikon.py\"\n"
    );
    assert_eq!(
        node("/port"),
        "type: txt\n\
         help: Port to serve the pages at (default: 8443)\n\
         val_help: u32:1024-65535; TCP port\n\
         syntax:expression: exec \"${vyos_libexec_dir}/validate-value  --exec \
         \\\"${vyos_validators_dir}/numeric --range 1-65535\\\"  --value \\'$VAR(@)\\'\"; \
         \"Must be a port\"\n"
    );
    let client = node("/allow-client/address");
    assert!(client.starts_with("multi:\ntype: txt\n"), "{client}");
    assert!(
        client.contains(
            "val_help: private; Private addresses and the networks of the LAN (default)\n"
        )
    );
    assert!(
        client.contains(
            "--regex \\'(private|any)\\' --exec \\\"${vyos_validators_dir}/ip-address \\\""
        )
    );
    assert!(
        node("/certificate").contains("allowed: /bin/cli-shell-api listNodes pki certificate\n")
    );
}

#[test]
fn the_python_cache_knows_what_has_several_values_and_what_the_default_is() {
    let python = xml_ref(&config());
    assert!(python.starts_with("reference = {'node_data': {'node_type': 'other'"), "{python}");
    assert!(python.ends_with("'component_version': {}}"));
    for part in [
        "'listen-address': {'node_data': {'node_type': 'leaf', 'multi': True, 'valueless': False, \
         'default_value': None, 'owner': None, 'priority': None}}",
        "'port': {'node_data': {'node_type': 'leaf', 'multi': False, 'valueless': False, \
         'default_value': '8443', 'owner': None, 'priority': None}}",
        "'owner': '${vyos_conf_scripts_dir}/service_panoptikon.py', 'priority': '1010'}",
    ] {
        assert!(python.contains(part), "{part}");
    }
}

#[test]
fn a_definition_that_would_be_lost_on_the_way_is_refused() {
    for (wrong, why) in [
        ("<node name='a'><properties><valueless/></properties></node>", "`valueless` is not known"),
        ("<node name='a' owner='x.py'/>", "an owner needs a priority"),
        (
            "<leafNode name='a'><properties><help>x\ny</help></properties></leafNode>",
            "more than one line",
        ),
        ("<node/>", "a child has no name"),
        ("<thing name='a'/>", "`thing` is no kind of node"),
        (
            "<leafNode name='a'><properties><constraint><regex>\\d</regex></constraint></properties></leafNode>",
            "needs quoting",
        ),
        (
            "<node name='a'><children><leafNode name='b'/><node name='b'/></children></node>",
            "`b` is there twice",
        ),
    ] {
        let xml = format!("<interfaceDefinition>{wrong}</interfaceDefinition>");
        let error = read(&xml).expect_err(wrong).to_string();
        assert!(error.contains(why), "{wrong}: {error}");
    }
    assert!(read("<other/>").is_err());
    assert!(read("no xml").is_err());
}

#[test]
fn the_tree_is_written_with_programs_that_can_be_run() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let files = files(&op(), &config()).expect("made");
    for _ in 0..2 {
        vyos_definitions::write(folder.path(), &files).expect("written, and again");
    }
    let mode =
        |path: &str| folder.path().join(path).metadata().expect(path).permissions().mode() & 0o7777;
    assert_eq!(mode("usr/libexec/vyos/op_mode/panoptikon"), 0o755);
    assert_eq!(mode("usr/libexec/vyos/conf_mode/service_panoptikon.py"), 0o755);
    assert_eq!(mode("usr/share/panoptikon/op_cache.json"), 0o644);
}

#[test]
fn the_page_of_commands_is_current() {
    let kept = include_str!("../../../docs/vyos-commands.md");
    assert_eq!(
        kept,
        page(&op(), &config()),
        "run: cargo run -p panoptikon-vyos-definitions -- --page > docs/vyos-commands.md"
    );
}
