//! Commits of `service panoptikon`: what is refused, what is in force at once, and the owner script.

mod site;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use self::site::{PROGRAM, Running, Site, json, text};

/// Hands a node over as the owner script does.
fn commit(site: &Site, words: &[&str], node: &Value) -> Output {
    let mut command = site.command(&[&["vyos-commit"], words].concat());
    command.env("PATH", site.search_path()).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.stderr(Stdio::piped()).spawn().expect("the program runs");
    let mut input = child.stdin.take().expect("an input");
    input.write_all(node.to_string().as_bytes()).expect("written");
    drop(input);
    child.wait_with_output().expect("it ends")
}

fn committed(site: &Site, node: &Value) {
    let output = commit(site, &[], node);
    assert!(output.status.success(), "{}", text(&output.stderr));
}

fn refused(site: &Site, node: &Value) -> String {
    let output = commit(site, &["--check"], node);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stdout));
    text(&output.stderr)
}

/// Notes what `systemctl` is told; says that the unit has not failed.
fn fake_systemctl(site: &Site) {
    let notes = site.path("systemctl");
    let script =
        format!("case \"$*\" in *is-failed*) exit 1;; esac\necho \"$*\" >> {}", notes.display());
    site.fake("systemctl", &script);
}

fn told_systemctl(site: &Site) -> String {
    fs::read_to_string(site.path("systemctl")).unwrap_or_default()
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port").port()
}

/// A connection that stays open.
struct Kept(TcpStream);

impl Kept {
    fn to(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("connected");
        stream.set_read_timeout(Some(Duration::from_secs(10))).expect("set");
        Self(stream)
    }

    /// The status of an answer.
    fn get(&mut self, path: &str) -> u16 {
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        self.0.write_all(request.as_bytes()).expect("the connection is open");
        let (mut head, mut byte) = (Vec::new(), [0]);
        while !head.ends_with(b"\r\n\r\n") {
            self.0.read_exact(&mut byte).expect("an answer");
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).expect("a head").to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        if let Some(length) = length {
            let mut body = vec![0; length.trim().parse().expect("a length")];
            self.0.read_exact(&mut body).expect("a body");
        } else {
            self.skip_chunks();
        }
        head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status")
    }

    fn skip_chunks(&mut self) {
        loop {
            let (mut line, mut byte) = (Vec::new(), [0]);
            while !line.ends_with(b"\r\n") {
                self.0.read_exact(&mut byte).expect("a chunk");
                line.push(byte[0]);
            }
            let line = String::from_utf8(line).expect("a size");
            let size = usize::from_str_radix(line.trim(), 16).expect("a size");
            let mut chunk = vec![0; size + 2];
            self.0.read_exact(&mut chunk).expect("a chunk");
            if size == 0 {
                return;
            }
        }
    }
}

fn start(site: &Site, plain: u16) -> Running<'_> {
    site.start_with(|command| {
        command.env("PANOPTIKON_PLAIN_LISTEN", format!("127.0.0.1:{plain}"));
    })
}

#[test]
fn a_commit_is_in_force_at_once_and_open_connections_stay() {
    let (site, plain) = (Site::new(), free_port());
    fake_systemctl(&site);
    let running = start(&site, plain);
    let mut kept = Kept::to(plain);
    assert_eq!(kept.get("/metrics"), 200);

    let node = json!({ "metrics-access": "key", "log-level": "debug", "database-size": "64",
                       "host-name": "router.example", "backup-keep": "3",
                       "allow-client": { "address": ["private", "203.0.113.0/24"] },
                       "exclude-interface": "lo" });
    committed(&site, &node);
    assert_eq!(kept.get("/metrics"), 401, "the same connection, another answer");
    let shown = text(&site.run(&["check-config"]).stdout);
    let line = shown.lines().find(|line| line.starts_with("metrics_access")).expect("listed");
    assert!(line.contains("key") && line.contains("service panoptikon ("), "{line}");
    let log = fs::read_to_string(site.path("log")).expect("a log");
    let applied = "allow_clients,backup_keep,database_max_mb,exclude_interfaces,hostname,log_level,\
                   metrics_access";
    let told = log.lines().find(|line| line.contains("reloaded")).expect("it tells of it");
    let mut keys: Vec<&str> = told.split('"').nth(1).expect("a list").split(',').collect();
    keys.sort_unstable();
    assert_eq!(keys.join(","), applied, "{told}");
    let layer = site.path("run/vyos.toml");
    assert_eq!(layer.metadata().expect("written").permissions().mode() & 0o777, 0o600);

    committed(&site, &Value::Null);
    assert_eq!(kept.get("/metrics"), 200, "deleting the node returns to the defaults");
    assert!(!layer.exists());
    committed(&site, &Value::Null);
    assert_eq!(told_systemctl(&site), "", "nothing took a restart");
    drop(running);
}

#[test]
fn another_address_or_port_is_listened_at_at_once_and_open_connections_stay() {
    let (site, plain) = (Site::new(), free_port());
    fake_systemctl(&site);
    let (before, after) = (free_port(), free_port());
    let file = config_file(&site, &format!("listen = \"127.0.0.1:{before}\"\n"));
    // A variable would win over VyOS.
    let _running = site.start_with(|command| {
        command.args(["--config", &file]).env_remove("PANOPTIKON_LISTEN");
        command.env("PANOPTIKON_PLAIN_LISTEN", format!("127.0.0.1:{plain}"));
    });
    let mut kept = Kept::to(plain);
    assert_eq!(kept.get("/metrics"), 200);
    let is_open = |port: u16| TcpStream::connect(("127.0.0.1", port)).is_ok();
    assert!(is_open(before) && !is_open(after));

    let node = |port: u16| json!({ "port": port.to_string(), "listen-address": ["127.0.0.1"] });
    committed(&site, &node(after));
    assert!(is_open(after) && !is_open(before));
    assert_eq!(kept.get("/metrics"), 200);
    let status = json(&site.run(&["status", "--json"]));
    assert_eq!(status["facts"]["listen"], json!([format!("127.0.0.1:{after}")]));
    // The same port on all addresses takes up the place of the one on a single address.
    committed(&site, &json!({ "port": after.to_string() }));
    assert!(is_open(after));

    let held = TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = held.local_addr().expect("an address").port();
    let layer = fs::read_to_string(site.path("run/vyos.toml")).expect("written");
    let output = commit(&site, &[], &node(taken));
    assert_eq!(output.status.code(), Some(1), "somebody was faster than the commit");
    let why = text(&output.stderr);
    assert!(why.contains(&format!("cannot listen on 127.0.0.1:{taken}")), "{why}");
    assert!(is_open(after), "nobody is locked out");
    assert_eq!(fs::read_to_string(site.path("run/vyos.toml")).expect("there"), layer);

    committed(&site, &Value::Null);
    assert!(is_open(before) && !is_open(after));
    assert_eq!(told_systemctl(&site), "", "nothing took a restart");
}

#[test]
fn what_takes_a_restart_is_named_until_it_is_done() {
    let site = Site::new();
    let file = config_file(&site, "");
    let _running = site.start_with(|command| {
        command.args(["--config", &file]);
    });
    fs::write(&file, "threads = 3\nbackup_keep = 7\n").expect("written");
    let reload = || {
        let answer = json(&site.run(&["reload", "--json"]));
        (answer["applied"].clone(), answer["restart"].clone())
    };
    assert_eq!(reload(), (json!(["backup_keep"]), json!(["threads"])));
    assert_eq!(reload(), (json!([]), json!(["threads"])));
    let output = commit(&site, &[], &json!({}));
    assert!(text(&output.stdout).contains("WARNING: These take a restart: threads."));
}

fn config_file(site: &Site, content: &str) -> String {
    let file = site.path("panoptikon.toml");
    fs::write(&file, content).expect("written");
    file.display().to_string()
}

#[test]
fn a_service_that_does_not_run_reads_it_at_its_start_and_one_that_gave_up_is_started() {
    let site = Site::new();
    fake_systemctl(&site);
    committed(&site, &json!({ "backup-keep": "9" }));
    assert_eq!(told_systemctl(&site), "");
    assert!(text(&site.run(&["check-config"]).stdout).contains("service panoptikon ("));
    let script = format!("echo \"$*\" >> {}", site.path("systemctl").display());
    site.fake("systemctl", &script);
    committed(&site, &json!({ "backup-keep": "9" }));
    assert!(told_systemctl(&site).ends_with("--no-block restart panoptikon.service\n"));
}

#[test]
fn hanging_up_reloads_and_a_wrong_file_changes_nothing() {
    let (site, plain) = (Site::new(), free_port());
    let file = config_file(&site, "");
    let running = site.start_with(|command| {
        command
            .args(["--config", &file])
            .env("PANOPTIKON_PLAIN_LISTEN", format!("127.0.0.1:{plain}"));
    });
    let mut kept = Kept::to(plain);
    assert_eq!(kept.get("/metrics"), 200);
    fs::write(&file, "metrics_access = \"nobody\"\n").expect("written");
    let output = site.run(&["reload", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let complaint = text(&output.stderr);
    assert!(complaint.contains("nothing was changed"), "{complaint}");
    assert!(complaint.contains("panoptikon.toml:1: metrics_access"), "{complaint}");
    assert_eq!(kept.get("/metrics"), 200);

    fs::write(&file, "metrics_access = \"key\"\n").expect("written");
    running.signal(Signal::SIGHUP);
    let begun = Instant::now();
    while kept.get("/metrics") != 401 {
        assert!(begun.elapsed() < Duration::from_secs(10), "it does not reload");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn what_is_set_for_agents_logs_and_names_becomes_settings() {
    let site = Site::new();
    fake_systemctl(&site);
    let port = free_port().to_string();
    committed(
        &site,
        &json!({
            "agent": { "listen-address": ["127.0.0.1"], "port": port, "directory": "/config/agents" },
            "log-file": { "directory": "/tmp/panoptikon-log", "size": "64" },
            "dns-names": "false",
        }),
    );
    let layer = fs::read_to_string(site.path("run/vyos.toml")).expect("a layer");
    for line in [
        &format!("agents_listen = [\"127.0.0.1:{port}\"]"),
        "agents_dir = \"/config/agents\"",
        "log_dir = \"/tmp/panoptikon-log\"",
        "log_max_mb = 64",
        "dns_names = \"false\"",
    ] {
        assert!(layer.lines().any(|known| known == line), "{line} in {layer}");
    }
    let checked = text(&site.run(&["check-config"]).stdout);
    // Where agents are let in, a variable of these tests says before the node.
    for key in ["agents_dir", "log_dir", "log_max_mb", "dns_names"] {
        let line = checked.lines().find(|line| line.contains(key)).unwrap_or_default();
        assert!(line.contains("service panoptikon ("), "{key}: {checked}");
    }
    let other = free_port().to_string();
    let both = json!({ "port": other, "agent": { "port": other } });
    assert!(refused(&site, &both).contains("is where the pages are; set another"));
    let by_address = json!({ "agent": { "listen-address": "192.0.2.77" } });
    let warned = commit(&site, &["--check"], &by_address);
    let said = text(&warned.stdout);
    assert!(
        said.contains("192.0.2.77 is not assigned to this router; agents are let in"),
        "{said}"
    );
}

#[test]
fn what_cannot_be_is_refused_with_its_reason() {
    let site = Site::new();
    let held = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = held.local_addr().expect("an address").port().to_string();
    let why = refused(&site, &json!({ "port": port }));
    assert!(why.contains(&format!("port {port} is taken: ")), "{why}");
    assert!(why.contains(&format!("(process {})", std::process::id())), "{why}");
    let booting = commit(&site, &["--check", "--booting"], &json!({ "port": port }));
    assert!(booting.status.success(), "what may pass is no reason to lose the node");
    assert!(text(&booting.stdout).contains("WARNING: port"), "{}", text(&booting.stdout));

    for (node, expected) in [
        (json!({ "port": "443" }), "port 443 is that of VyOS's own web server"),
        (json!({ "port": "80" }), "port 80 is not open to the service"),
        (json!({ "port": "70000" }), "port: `70000` is no port"),
        (json!({ "lan-interface": ["eth99"] }), "there is no interface eth99"),
        (json!({ "log-level": "loud" }), "log-level: `loud` is not one of them"),
        (
            json!({ "allow-client": { "address": "everybody" } }),
            "allow-client address: `everybody`",
        ),
        (json!({ "listen-address": "here" }), "listen-address: `here` is no address"),
        (json!({ "agent": { "port": "443" } }), "agent port 443 is that of VyOS's own"),
        (json!({ "agent": { "port": "0" } }), "agent port: `0` is no port"),
        (json!({ "agent": { "port": "8443" } }), "agent port: 0.0.0.0:8443 is where the pages are"),
        (json!({ "port": "8444" }), "agent port: 0.0.0.0:8444 is where the pages are"),
        (
            json!({ "agent": { "listen-address": ["x"] } }),
            "agent listen-address: `x` is no address",
        ),
        (json!({ "agent": { "directory": "agents" } }), "agent directory: "),
        (json!({ "log-file": { "size": "3" } }), "log-file size: "),
        (json!({ "dns-names": "maybe" }), "dns-names: "),
        (json!({ "colour": "red" }), "colour: this release of panoptikon does not know it"),
        (json!([1]), "what was handed over is no node"),
    ] {
        let why = refused(&site, &node);
        assert!(why.contains(expected), "{node}: {why}");
    }
    let several = refused(&site, &json!({ "log-level": "loud", "backup-keep": "0" }));
    assert_eq!(several.lines().count(), 2, "all at once: {several}");

    let free = free_port().to_string();
    let node = json!({ "listen-address": "192.0.2.77", "port": free });
    let warned = commit(&site, &["--check"], &node);
    assert!(warned.status.success(), "{}", text(&warned.stderr));
    assert!(text(&warned.stdout).contains("192.0.2.77 is not assigned to this router"));
    assert!(!site.path("run/vyos.toml").exists(), "a check writes nothing");
}

/// A certificate as `pki` keeps it, and its key.
fn certificate(name: &str) -> (String, String) {
    let key = rcgen::KeyPair::generate().expect("a key");
    let wanted = rcgen::CertificateParams::new([name.to_owned()]).expect("names");
    let made = wanted.self_signed(&key).expect("a certificate");
    let body = |pem: String| pem.lines().filter(|l| !l.starts_with("-----")).collect::<String>();
    (body(made.pem()), body(key.serialize_pem()))
}

fn with_certificate(entry: Value) -> Value {
    json!({ "certificate": "home", "pki": { "certificate": { "home": entry } } })
}

#[test]
fn a_certificate_of_pki_is_taken_and_a_wrong_one_refused_without_telling_the_key() {
    let site = Site::new();
    fake_systemctl(&site);
    let running = site.start();
    let (certificate_, key) = certificate("router.example");
    let (_, other) = certificate("other.example");
    for (node, expected) in [
        (json!({ "certificate": "home", "pki": {} }), "there is no `home`"),
        (with_certificate(json!({ "certificate": certificate_ })), "`home` has no private key"),
        (
            with_certificate(json!({ "certificate": certificate_, "private": { "key": other } })),
            "its private key belongs to another certificate",
        ),
        (
            with_certificate(json!({ "certificate": certificate_,
                                     "private": { "key": key, "password-protected": {} } })),
            "is protected by a password",
        ),
        (
            with_certificate(json!({ "certificate": "AAAA", "private": { "key": key } })),
            "certificate: `home`",
        ),
    ] {
        let why = refused(&site, &node);
        assert!(why.contains(expected), "{why}");
        assert!(!why.contains(&key) && !why.contains(&other), "no key in {why}");
    }
    let node = with_certificate(json!({ "certificate": certificate_, "private": { "key": key } }));
    committed(&site, &node);
    for file in ["run/vyos-certificate.pem", "run/vyos-key.pem"] {
        let mode = site.path(file).metadata().expect(file).permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    let log = fs::read_to_string(site.path("log")).expect("a log");
    assert!(log.contains("tls_certificate") && !log.contains(&key), "{log}");
    assert_eq!(told_systemctl(&site), "");
    committed(&site, &Value::Null);
    assert!(!site.path("run/vyos-key.pem").exists(), "the key is gone with the node");
    drop(running);
}

/// Runs the owner script of `VyOS` with a stand-in for its library.
fn owner(site: &Site, tree: &Value, booting: bool) -> Output {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let script = here.join("../../vyos-packaging/config-mode/service_panoptikon.py");
    fs::write(site.path("tree.json"), tree.to_string()).expect("written");
    let run = "import importlib.util, sys\n\
               spec = importlib.util.spec_from_file_location('owner', sys.argv[1])\n\
               owner = importlib.util.module_from_spec(spec)\n\
               spec.loader.exec_module(owner)\n\
               owner.PROGRAM = sys.argv[2]\n\
               try:\n    c = owner.get_config(); owner.verify(c); owner.generate(c); owner.apply(c)\n\
               except owner.ConfigError as error:\n    print(error); sys.exit(1)\n";
    let mut command = site.command(&[]);
    let variables: Vec<_> = command
        .get_envs()
        .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())))
        .collect();
    command = Command::new("python3");
    command.args(["-B", "-c", run]).arg(script).arg(PROGRAM).env_clear().envs(variables);
    command.env("PYTHONPATH", here.join("tests/vyos_stub")).env("PATH", site.search_path());
    command.env("VYOS_STUB", site.path("tree.json"));
    if booting {
        command.env("VYOS_STUB_BOOTING", "1");
    }
    command.output().expect("python3 runs")
}

#[test]
fn the_owner_script_hands_over_node_and_certificate_and_tells_of_refusals() {
    let site = Site::new();
    fake_systemctl(&site);
    let (certificate_, key) = certificate("router.example");
    let mut tree = json!({
        "service": { "panoptikon": { "backup-keep": "9", "certificate": "home" } },
        "pki": { "certificate": { "home": { "certificate": certificate_, "private": { "key": key } },
                                  "other": { "certificate": "x", "private": { "key": "y" } } },
                 "ca": { "root": { "certificate": "z", "private": { "key": "w" } } } },
    });
    let done = owner(&site, &tree, false);
    assert!(done.status.success(), "{}{}", text(&done.stdout), text(&done.stderr));
    let layer = fs::read_to_string(site.path("run/vyos.toml")).expect("written");
    assert!(layer.contains("backup_keep = 9\n"), "{layer}");
    assert!(layer.contains("vyos-key.pem\"\n"), "{layer}");

    tree["service"]["panoptikon"]["lan-interface"] = json!(["eth99"]);
    let done = owner(&site, &tree, false);
    assert_eq!(done.status.code(), Some(1));
    assert!(text(&done.stdout).contains("there is no interface eth99"), "{}", text(&done.stdout));
    let kept = fs::read_to_string(site.path("run/vyos.toml")).expect("there");
    assert_eq!(kept, layer, "a refused commit changes nothing");
    assert!(
        owner(&site, &tree, true).status.success(),
        "while the router starts it may come later"
    );

    let done = owner(&site, &json!({ "service": {} }), false);
    assert!(done.status.success(), "{}{}", text(&done.stdout), text(&done.stderr));
    assert!(!site.path("run/vyos.toml").exists());
}
