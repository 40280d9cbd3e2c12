//! What is made of lines and changes.

use std::fs;

use super::auth::{sign_in, spoken};
use super::change::{Change, Snapshot};
use super::process::{self, Book, Process};
use super::*;

fn fields(speaker: &str, message: &str) -> Option<(String, String, String)> {
    let event = sign_in(speaker, message)?;
    let field = |name: &str| {
        event.fields.get(name).and_then(|value| value.as_str()).unwrap_or_default().to_owned()
    };
    Some((field("outcome"), field("user"), field("ip")))
}

fn three(one: &str, two: &str, three: &str) -> (String, String, String) {
    (one.into(), two.into(), three.into())
}

#[test]
fn sign_ins_are_told_with_who_and_from_where() {
    let ssh = |message| fields("sshd", message);
    assert_eq!(
        ssh("Accepted publickey for ann from 192.0.2.9 port 50000 ssh2: ED25519 SHA256:x"),
        Some(three("success", "ann", "192.0.2.9"))
    );
    assert_eq!(
        ssh("Failed password for invalid user admin from 2001:db8::7 port 4242 ssh2"),
        Some(three("failure", "admin", "2001:db8::7"))
    );
    assert_eq!(
        ssh("Failed password for root from 192.0.2.66 port 1 ssh2"),
        Some(three("failure", "root", "192.0.2.66"))
    );
    assert_eq!(
        ssh("Invalid user oracle from 192.0.2.66 port 2"),
        Some(three("failure", "oracle", "192.0.2.66"))
    );
    assert_eq!(ssh("Connection closed by 192.0.2.66 port 2 [preauth]"), None);
    let sudo = |message| fields("sudo", message);
    assert_eq!(
        sudo("ann : TTY=pts/0 ; PWD=/home/ann ; USER=root ; COMMAND=/usr/bin/id"),
        Some(three("success", "ann", ""))
    );
    assert_eq!(
        sudo("ann : 3 incorrect password attempts ; TTY=pts/0 ; USER=root ; COMMAND=/bin/sh"),
        Some(three("failure", "ann", ""))
    );
    assert_eq!(
        fields("su", "pam_unix(su:session): session opened for user root(uid=0) by ann(uid=1000)"),
        Some(three("success", "root", ""))
    );
    assert_eq!(
        fields("dropbear", "Bad password attempt for 'root' from 192.0.2.66:4242"),
        Some(three("failure", "root", ""))
    );
    assert_eq!(fields("cron", "Accepted nothing for nobody from 1.1.1.1"), None);
}

#[test]
fn a_line_of_syslog_has_a_speaker() {
    let old = "May  1 10:00:00 nas sshd[77]: Failed password for root from 192.0.2.1 port 1 ssh2";
    assert_eq!(spoken(old).map(|(speaker, _)| speaker), Some("sshd"));
    let new = "2026-05-01T10:00:00.000000+00:00 nas sudo: ann : COMMAND=/bin/x";
    assert_eq!(spoken(new), Some(("sudo", "ann : COMMAND=/bin/x")));
    assert_eq!(spoken("nothing"), None);
}

#[test]
fn what_a_stranger_puts_into_a_name_stays_one_line() {
    let event = sign_in("sshd", "Invalid user a\u{1b}[2J\nb from 192.0.2.1 port 2").unwrap();
    assert!(!event.message.chars().any(char::is_control));
}

#[test]
fn a_file_is_told_when_its_words_change_not_when_it_is_touched() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    let mut snapshot = Snapshot::default();
    assert_eq!(snapshot.look(&path), None);
    fs::write(&path, "one").unwrap();
    let created = snapshot.look(&path).unwrap();
    assert_eq!((created.0, created.1), (Change::Created, Some(wire::text::sha256_hex(b"one"))));
    assert_eq!(snapshot.look(&path), None);
    // The same words, written again.
    let later = fs::File::options().write(true).open(&path).unwrap();
    later.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    assert_eq!(snapshot.look(&path), None);
    fs::write(&path, "two").unwrap();
    assert_eq!(snapshot.look(&path).map(|(change, _)| change), Some(Change::Modified));
    fs::remove_file(&path).unwrap();
    assert_eq!(snapshot.look(&path), Some((Change::Deleted, None)));
    assert_eq!(snapshot.look(&path), None);
}

#[test]
fn what_the_host_does_not_show_is_not_watched() {
    let watch = wire::Watch {
        auth: false,
        files: vec!["/etc".into(), "/home/ann".into(), "/etc/../root".into()],
        units: vec!["ssh.service".into(), "--follow".into()],
        logs: vec!["/var/log/a".into(), "/home/x".into()],
        processes: true,
    };
    let mut config = Config { watch_files: vec!["/home/bob".into()], ..Config::default() };
    let wish = Wish::of(&watch).within(&config);
    assert_eq!(wish.files, [PathBuf::from("/etc"), PathBuf::from("/home/bob")]);
    assert_eq!(wish.units, ["ssh.service"]);
    assert_eq!(wish.logs, [PathBuf::from("/var/log/a")]);
    assert!(!wish.processes);
    config.watch_processes = true;
    assert!(Wish::of(&watch).within(&config).processes);
    assert!(!Wish::default().within(&config).processes);
    config.allow.clear();
    let wish = Wish::of(&watch).within(&config);
    assert!(wish.units.is_empty() && wish.logs.is_empty());
}

#[test]
fn events_that_come_too_fast_are_counted_not_kept() {
    let began = Instant::now();
    let mut bucket = Bucket { left: 2.0, at: began };
    let taken: Vec<bool> = (0..3).map(|_| bucket.takes(began)).collect();
    assert_eq!(taken, [true, true, false]);
    assert!(bucket.takes(began + Duration::from_millis(10)));
}

/// Waits for a message that holds this; there are others before it.
fn heard(out: &mut tokio::sync::mpsc::Receiver<String>, text: &str) -> bool {
    let until = Instant::now() + Duration::from_secs(30);
    while Instant::now() < until {
        match out.try_recv() {
            Ok(body) if body.contains(text) => return true,
            Ok(_) => {}
            Err(_) => std::thread::sleep(Duration::from_millis(50)),
        }
    }
    false
}

#[test]
fn changes_below_a_folder_and_new_lines_of_a_log_become_messages() {
    let folder = tempfile::tempdir().unwrap();
    let etc = folder.path().join("etc");
    let log = folder.path().join("app.log");
    fs::create_dir(&etc).unwrap();
    fs::write(etc.join("old"), "x").unwrap();
    fs::write(&log, "before the start\n").unwrap();
    let config = Config {
        watch_files: vec![etc.clone()],
        folders: vec![folder.path().to_owned()],
        ..Config::default()
    };
    let (sender, mut out) = tokio::sync::mpsc::channel(8);
    let mut watcher = Watcher::new(&config, sender);
    let logs = vec![log.to_string_lossy().into_owned()];
    watcher.wish(Wish::of(&wire::Watch { logs, ..wire::Watch::default() }));
    // It must be watching before something happens: what happens is done until it is heard.
    let below = etc.join("new/deep");
    fs::create_dir_all(&below).unwrap();
    let again = |text: &str, act: &dyn Fn(u32), out: &mut _| {
        (0..20).any(|round| {
            act(round);
            heard_soon(out, text)
        })
    };
    let write = |round: u32| fs::write(below.join("file"), format!("{round}")).unwrap();
    assert!(again("/new/deep/file was modified", &write, &mut out));
    fs::remove_dir_all(etc.join("new")).unwrap();
    assert!(heard(&mut out, "/new/deep/file was deleted"));
    let append = |round: u32| {
        use std::io::Write as _;
        let mut file = fs::File::options().append(true).open(&log).unwrap();
        writeln!(file, "line {round}").unwrap();
    };
    assert!(again("\"message\":\"line ", &append, &mut out));
    // Rotated: the new file is read from its beginning.
    fs::rename(&log, folder.path().join("app.log.1")).unwrap();
    fs::write(&log, "after the rotation\n").unwrap();
    assert!(heard(&mut out, "after the rotation"));
}

fn heard_soon(out: &mut tokio::sync::mpsc::Receiver<String>, text: &str) -> bool {
    let until = Instant::now() + Duration::from_secs(3);
    while Instant::now() < until {
        match out.try_recv() {
            Ok(body) if body.contains(text) => return true,
            Ok(_) => {}
            Err(_) => std::thread::sleep(Duration::from_millis(50)),
        }
    }
    false
}

#[test]
fn a_process_is_told_when_it_begins_and_when_it_ends_and_the_kernels_threads_never() {
    let mut book = Book::default();
    let mut read = |pid| {
        let name = format!("p{pid}");
        (pid != 9).then(|| Process { name, is_kernels: pid == 2, ..Process::default() })
    };
    assert_eq!(book.look(&[1, 2, 5], &mut read, 0), []);
    let names = |changes: Vec<process::Change>| -> Vec<(u32, String, Option<i64>)> {
        changes.into_iter().map(|c| (c.pid, c.process.name, c.lived_s)).collect()
    };
    // 9 is gone before it can be read, 2 is the kernel's.
    let begun = names(book.look(&[1, 2, 5, 7, 9], &mut read, 10_000));
    assert_eq!(begun, [(7, "p7".to_owned(), None)]);
    assert_eq!(book.look(&[1, 2, 5, 7], &mut read, 11_000), []);
    let mut ended = names(book.look(&[1], &mut read, 15_000));
    ended.sort();
    // Of who ran before the first look nobody knows since when.
    assert_eq!(ended, [(5, "p5".to_owned(), Some(-1)), (7, "p7".to_owned(), Some(5))]);
}

#[test]
fn a_command_line_is_told_without_what_sounds_like_a_secret() {
    for (given, shown) in [
        ("mysql\0--password=hunter2\0-u\0ann\0", "mysql --password=… -u ann"),
        ("tool\0--api-token\0abc\0--quiet\0", "tool --api-token … --quiet"),
        ("curl\0https://ann:pw@192.0.2.1/x\0", "curl https://…@192.0.2.1/x"),
        ("env\0AWS_SECRET_ACCESS_KEY=abc\0sh\0", "env AWS_SECRET_ACCESS_KEY=… sh"),
        ("a\0--pass\0--other\0", "a --pass --other"),
        (
            "curl\0-u\0ann:pw\0-H\0Authorization: Bearer abc\0",
            "curl -u ann:… -H Authorization: Bearer …",
        ),
        (
            "curl\0--header=Authorization: Basic abc\0-v\0",
            "curl --header=Authorization: Basic … -v",
        ),
        (
            "sh\0-c\0A=1 tool --api-token x --password=y\0",
            "sh -c A=1 tool --api-token … --password=…",
        ),
        ("curl\0https://h/?a=1&token=x\0", "curl https://h/?a=1&token=…"),
        ("git\0clone\0https://u:p@ss@h/x\0", "git clone https://…@h/x"),
        ("/usr/bin/mysql\0-phunter2\0db\0", "/usr/bin/mysql -p… db"),
        ("sshpass\0-p\0hunter2\0ssh\0h\0", "sshpass -p … ssh h"),
        ("ls\0-l\0a b\0", "ls -l a b"),
        ("", ""),
    ] {
        assert_eq!(process::command(given.as_bytes()), shown);
    }
    assert_eq!(process::command(b"\xff\x1b[2J"), "\u{fffd} [2J");
}

#[test]
fn a_process_that_begins_and_ends_becomes_messages_with_its_command_line() {
    let config = Config { watch_processes: true, ..Config::default() };
    let (sender, mut out) = tokio::sync::mpsc::channel(64);
    let mut watcher = Watcher::new(&config, sender);
    watcher.wish(Wish::of(&wire::Watch { processes: true, ..wire::Watch::default() }));
    // The first look may not be over when one begins: it is done until it is heard.
    let mut running = Vec::new();
    let heard_start = (0..20).any(|_| {
        running.push(std::process::Command::new("sleep").arg("271.8").spawn().unwrap());
        heard_soon(&mut out, "started sleep 271.8")
    });
    for child in &mut running {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert!(heard_start);
    assert!(heard(&mut out, "sleep 271.8 of"));
}
