//! The installation script, with programs in the place of curl and of the agent that write down how
//! they were called.
#![allow(clippy::unwrap_used)] // these are tests

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Output, Stdio};

const SCRIPT: &str = include_str!("../install.sh");
const TOKEN: &str = "pa1.aaaaaaaa.secretsecretsecretsecret22.ca";

/// Copies what the appliance would send, if the pin is right.
const CURL: &str = r#"#!/bin/sh
echo "curl $*" >>"$LOG"
while [ $# -gt 0 ]; do
    case $1 in
        --pinnedpubkey) [ "$2" = "sha256//PIN=" ] || exit 90 ;;
        -o) to=$2 ;;
        https://gone*) exit 7 ;;
        https://*) from=${1##*/} ;;
    esac
    shift
done
[ -f "$SERVED/$from" ] || exit 22
cp "$SERVED/$from" "$to"
"#;

/// The agent: says what it was asked, and whether the token came by the environment.
const AGENT: &str = r#"#!/bin/sh
echo "agent ${1} ${2:-} ${3:-}${PANOPTIKON_TOKEN:+ with $PANOPTIKON_TOKEN}" | sed "s| /[^ ]*/| |g" >>"$LOG"
[ "$1" != verify ] || exit "${VERIFIES:-0}"
[ "$1" != enrol ] || exit "${ENROLS:-0}"
"#;

struct Bed {
    folder: tempfile::TempDir,
}

impl Bed {
    fn new() -> Self {
        let bed = Self { folder: tempfile::tempdir().unwrap() };
        fs::create_dir_all(bed.at("bin")).unwrap();
        fs::create_dir_all(bed.at("served")).unwrap();
        bed.program("bin/curl", CURL);
        bed.program(
            "bin/uname",
            "#!/bin/sh\n[ \"$1\" = -s ] && echo Linux || echo ${ARCH:-x86_64}\n",
        );
        fs::write(bed.at("served/x86_64"), AGENT).unwrap();
        fs::write(bed.at("served/x86_64.minisig"), "signature").unwrap();
        bed
    }

    fn at(&self, path: &str) -> std::path::PathBuf {
        self.folder.path().join(path)
    }

    fn program(&self, path: &str, text: &str) {
        fs::write(self.at(path), text).unwrap();
        fs::set_permissions(self.at(path), fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn run(&self, more: &[(&str, &str)]) -> Output {
        let sum = wire::text::sha256_hex(AGENT.as_bytes());
        let script = SCRIPT.replace("@SHA256_X86_64@", &sum).replace("@SHA256_AARCH64@", "");
        let path = format!("{}:/usr/bin:/bin", self.at("bin").display());
        // Without a terminal, at which the script would ask.
        Command::new("setsid")
            .args(["-w", "sh", "-c", &script])
            .env_clear()
            .envs([("PATH", path.as_str()), ("PANOPTIKON_TOKEN", TOKEN)])
            .envs([
                ("PANOPTIKON_SERVER", "gone:8444,router:8444"),
                ("PANOPTIKON_PIN", "sha256//PIN="),
            ])
            .env("LOG", self.at("log"))
            .env("SERVED", self.at("served"))
            .envs(more.iter().copied())
            .output()
            .unwrap()
    }

    fn log(&self) -> Vec<String> {
        let text = fs::read_to_string(self.at("log")).unwrap_or_default();
        text.lines().map(|line| line.trim_end().to_owned()).collect()
    }

    fn agents(&self) -> Vec<String> {
        self.log().into_iter().filter(|line| line.starts_with("agent")).collect()
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn the_script_checks_installs_enrols_and_starts() {
    let bed = Bed::new();
    let done = bed.run(&[]);
    assert!(done.status.success(), "{}", said(&done));
    let enrol = format!("agent enrol --server gone:8444,router:8444 with {TOKEN}");
    let expected = [
        "agent version",
        "agent verify panoptikon-agent panoptikon-agent.minisig",
        "agent install",
        &enrol,
        "agent install",
    ];
    assert_eq!(bed.agents(), expected);
    // The token is in no argument of any program.
    assert!(bed.log().iter().filter(|line| line.starts_with("curl")).all(|l| !l.contains("pa1.")));
}

#[test]
fn a_program_that_is_not_the_named_one_is_never_run() {
    let bed = Bed::new();
    fs::write(bed.at("served/x86_64"), format!("{AGENT}#")).unwrap();
    let done = bed.run(&[]);
    assert!(!done.status.success() && said(&done).contains("not the one that this script names"));
    assert_eq!(bed.agents(), Vec::<String>::new());
}

#[test]
fn another_key_than_the_pinned_one_ends_it() {
    let bed = Bed::new();
    let done = bed.run(&[("PANOPTIKON_PIN", "other")]);
    assert!(said(&done).contains("could not be fetched"));
    assert_eq!(bed.agents(), Vec::<String>::new());
}

#[test]
fn a_bad_signature_ends_it_and_none_or_no_key_does_not() {
    let bed = Bed::new();
    let done = bed.run(&[("VERIFIES", "1")]);
    assert!(!done.status.success() && said(&done).contains("signature is not good"));
    assert!(bed.agents().iter().all(|line| !line.contains("install")));
    assert!(bed.run(&[("VERIFIES", "3")]).status.success());
    fs::remove_file(bed.at("served/x86_64.minisig")).unwrap();
    assert!(bed.run(&[("VERIFIES", "1")]).status.success());
}

#[test]
fn without_a_token_it_is_asked_for_at_the_terminal() {
    let bed = Bed::new();
    // A terminal of its own, in which the script comes by a pipe as curl hands it on.
    let sum = wire::text::sha256_hex(AGENT.as_bytes());
    let text = SCRIPT.replace("@SHA256_X86_64@", &sum).replace("@SHA256_AARCH64@", "");
    fs::write(bed.at("script.sh"), text).unwrap();
    let line = format!("cat {} | sh", bed.at("script.sh").display());
    let mut child = Command::new("script")
        .args(["-q", "-e", "-c", &line, "/dev/null"])
        .env_clear()
        .envs([("PATH", format!("{}:/usr/bin:/bin", bed.at("bin").display()))])
        .envs([("PANOPTIKON_SERVER", "router:8444"), ("PANOPTIKON_PIN", "PIN=")])
        .env("LOG", bed.at("log"))
        .env("SERVED", bed.at("served"))
        .env("SHELL", "/bin/sh")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut typed = child.stdin.take().unwrap();
    writeln!(typed, "{TOKEN}").unwrap();
    let done = child.wait_with_output().unwrap();
    drop(typed);
    let shown = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(done.status.success() && shown.contains("token, as the page shows it: "), "{shown}");
    let enrol = format!("agent enrol --server router:8444 with {TOKEN}");
    assert!(bed.agents().contains(&enrol), "{:?}", bed.agents());
}

#[test]
fn what_is_missing_is_said() {
    let bed = Bed::new();
    for (name, value, part) in [
        ("PANOPTIKON_TOKEN", "", "PANOPTIKON_TOKEN is missing"),
        ("PANOPTIKON_SERVER", "", "PANOPTIKON_SERVER is missing"),
        ("PANOPTIKON_PIN", "", "PANOPTIKON_PIN is missing"),
        ("ARCH", "mips", "there is no agent for mips"),
        ("ARCH", "aarch64", "this appliance has no agent for aarch64"),
        ("ENROLS", "1", "this host was not enrolled"),
    ] {
        let done = bed.run(&[(name, value)]);
        assert!(!done.status.success() && said(&done).contains(part), "{name}: {}", said(&done));
    }
}

#[test]
fn nothing_stays_behind_and_a_script_that_was_cut_does_nothing() {
    let bed = Bed::new();
    fs::create_dir(bed.at("tmp")).unwrap();
    let tmp = bed.at("tmp").display().to_string();
    assert!(bed.run(&[("TMPDIR", &tmp)]).status.success());
    assert_eq!(fs::read_dir(bed.at("tmp")).unwrap().count(), 0);
    let cut = &SCRIPT[..SCRIPT.len() - 6];
    let done = Command::new("sh").args(["-c", cut]).env_clear().output().unwrap();
    assert!(done.status.success() && done.stdout.is_empty() && done.stderr.is_empty());
    assert!(SCRIPT.lines().count() <= 80);
}
