//! Our commands in the caches of `VyOS`: put in, put in again, taken out.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use panoptikon::vyos_register::{register, unregister};
use serde_json::{Value, json};
use tempfile::TempDir;

const THEIRS: &str = "usr/share/vyos/op_cache.json";
const XML_REF: &str = "usr/lib/python3/dist-packages/vyos/xml_ref";

fn verb(name: &str) -> Value {
    json!({
        "__node_data": { "name": name, "node_type": "node", "path": [name], "help_text": "x",
                         "children": [["version", "node"]] },
        "version": { "__node_data": { "name": "version", "command": "show_version {{x}}" } },
    })
}

fn theirs() -> Value {
    json!({ "show": verb("show"), "monitor": verb("monitor"), "force": verb("force"),
            "odd": [1, 2.5, null] })
}

/// A router with our package in place.
fn router() -> TempDir {
    let root = tempfile::tempdir().expect("a folder");
    let op = vyos_definitions::read(vyos_definitions::OP_MODE).expect("read");
    let config = vyos_definitions::read(vyos_definitions::CONFIG_MODE).expect("read");
    let files = vyos_definitions::files(&op, &config).expect("made");
    vyos_definitions::write(root.path(), &files).expect("written");
    root
}

fn put(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().expect("a parent")).expect("made");
    fs::write(path, text).expect("written");
}

fn cache(root: &Path) -> Value {
    serde_json::from_slice(&fs::read(root.join(THEIRS)).expect("read")).expect("JSON")
}

#[test]
fn commands_are_put_in_once_and_come_out_without_a_trace() {
    let root = router();
    put(root.path(), THEIRS, &theirs().to_string());
    let file = root.path().join(THEIRS);
    fs::set_permissions(&file, Permissions::from_mode(0o640)).expect("set");

    let done = register(root.path()).expect("registered");
    assert_eq!(done.len(), 1, "{done:?}");
    let first = cache(root.path());
    assert_eq!(
        first["show"]["panoptikon"]["devices"]["__node_data"]["command"],
        "/usr/libexec/vyos/op_mode/panoptikon show devices"
    );
    assert_eq!(
        first["show"]["__node_data"]["children"],
        json!([["version", "node"], ["panoptikon", "node"]])
    );
    assert_eq!(first["show"]["version"], theirs()["show"]["version"], "everything else stays");
    assert!(first["force"]["panoptikon"]["scan"].is_object());
    let mode = file.metadata().expect("there").permissions().mode() & 0o7777;
    assert_eq!(mode, 0o640, "so does the mode");

    assert_eq!(register(root.path()).expect("again"), Vec::<String>::new(), "nothing to do");
    assert_eq!(cache(root.path()), first);

    unregister(root.path()).expect("taken out");
    assert_eq!(cache(root.path()), theirs());
    assert_eq!(unregister(root.path()).expect("again"), Vec::<String>::new());
    let left: Vec<_> = fs::read_dir(file.parent().expect("a folder")).expect("listed").collect();
    assert_eq!(left.len(), 1, "no file is left beside it");
}

#[test]
fn a_release_without_the_caches_is_fine() {
    let root = router();
    assert_eq!(register(root.path()).expect("fine"), Vec::<String>::new());
    assert_eq!(unregister(root.path()).expect("fine"), Vec::<String>::new());
    let nothing = tempfile::tempdir().expect("a folder");
    assert_eq!(register(nothing.path()).expect("fine"), Vec::<String>::new());
}

#[test]
fn a_cache_that_is_no_json_stays_as_it_is() {
    let root = router();
    put(root.path(), THEIRS, "[1, 2");
    let error = register(root.path()).expect_err("refused").to_string();
    assert!(error.contains("op_cache.json is not as expected, and stays as it is"), "{error}");
    assert_eq!(fs::read_to_string(root.path().join(THEIRS)).expect("read"), "[1, 2");
}

#[test]
fn the_python_library_is_told_and_told_again_without_ours() {
    let root = router();
    // As VyOS's own: puts together whatever lies in the folder of packages.
    let update = "import os, sys\nhere = os.path.dirname(os.path.abspath(__file__))\n\
                  sys.path.append(os.path.join(here, 'pkg_cache'))\n\
                  names = sorted(n for n in os.listdir(os.path.join(here, 'pkg_cache')) if n.endswith('_cache.py'))\n\
                  for n in names:\n    reference = __import__(n[:-3]).reference\n\
                  open(os.path.join(here, 'cache.py'), 'w').write(str(names))\n";
    put(root.path(), &format!("{XML_REF}/update_cache.py"), update);
    put(root.path(), &format!("{XML_REF}/pkg_cache/vyos_1x_cache.py"), "reference = {}\n");
    let told = || fs::read_to_string(root.path().join(XML_REF).join("cache.py")).expect("written");

    register(root.path()).expect("registered");
    assert_eq!(told(), "['panoptikon_cache.py', 'vyos_1x_cache.py']");
    unregister(root.path()).expect("taken out");
    assert_eq!(told(), "['vyos_1x_cache.py']");

    put(root.path(), &format!("{XML_REF}/pkg_cache/panoptikon_cache.py"), "this is no python");
    let error = register(root.path()).expect_err("refused").to_string();
    assert!(error.contains("update_cache.py failed: SyntaxError"), "{error}");
}
