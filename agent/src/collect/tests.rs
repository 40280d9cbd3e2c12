//! What the readers make of recorded trees, and of counters that jump.

use std::path::PathBuf;

use wire::report::User;

use super::*;

fn tree(kernel: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/trees").join(kernel)
}

fn report(kernel: &str) -> Report {
    let mut collector = Collector::new(&tree(kernel), false, Vec::new(), 0);
    collector.report(10_000, 1, true)
}

fn interfaces(report: &Report) -> Vec<(&str, bool, Option<u32>)> {
    let nets = report.nets.as_ref().unwrap();
    nets.iter().map(|net| (net.interface.as_str(), net.up, net.mbit)).collect()
}

fn ports(report: &Report) -> Vec<(String, u16)> {
    let ports = report.ports.as_ref().unwrap();
    ports.iter().map(|port| (format!("{} {}", port.proto, port.addr), port.port)).collect()
}

#[test]
fn a_board_with_linux_4_19_is_read_without_pressure() {
    let report = report("4.19");
    assert_eq!(report.psi, None);
    let cpu = report.cpu.as_ref().unwrap();
    assert_eq!((cpu.n, cpu.load, cpu.cores.as_ref().unwrap().len()), (2, [0.52, 0.58, 0.59], 2));
    let mem = report.mem.as_ref().unwrap();
    assert_eq!((mem.total, mem.avail), (948_304 * 1024, 512_000 * 1024));
    assert_eq!((mem.swap_total, mem.swap_used), (102_396 * 1024, 2048 * 1024));
    let io: Vec<&str> = report.io.iter().flatten().map(|io| io.dev.as_str()).collect();
    assert_eq!(io, ["mmcblk0"]);
    // Its radio is down and never carried anything.
    assert_eq!(interfaces(&report), [("eth0", true, Some(100))]);
    assert_eq!(report.nets.as_ref().unwrap()[0].drop, Some(3));
    assert_eq!(ports(&report), [("tcp 0.0.0.0".into(), 22), ("tcp 127.0.0.1".into(), 631)]);
    let temperature = &report.temps.as_ref().unwrap()[0];
    assert_eq!((temperature.name.as_str(), temperature.c), ("cpu-thermal", 48.3));
    let system = report.sys.as_ref().unwrap();
    assert_eq!(system.os, "Raspbian GNU/Linux 10 (buster)");
    assert_eq!((system.kernel.as_str(), system.reboot_needed), ("4.19.118-v7l+", false));
    assert_eq!(report.up_s, 912);
}

#[test]
fn a_server_with_linux_5_10_shows_arrays_pressure_and_odd_names() {
    let report = report("5.10");
    let psi = report.psi.as_ref().unwrap();
    assert_eq!((psi.cpu, psi.mem, psi.io), (1.3, 0.0, 7.3));
    let arrays = report.md.iter().flatten().map(|array| (array.dev.as_str(), array.state.as_str()));
    assert_eq!(
        arrays.collect::<Vec<_>>(),
        [("md0", "recovery"), ("md1", "degraded"), ("md2", "clean")]
    );
    let up = [("enp1s0", true, Some(1000)), ("docker0", false, None), ("tun0", true, Some(10))];
    assert_eq!(interfaces(&report), up);
    let expected =
        [("tcp ::".into(), 80), ("tcp 127.0.0.1".into(), 8080), ("udp 0.0.0.0".into(), 53)];
    assert_eq!(ports(&report), expected);
    let procs = report.procs.as_ref().unwrap();
    let names = procs.top.iter().flatten().map(|process| process.name.as_str());
    assert_eq!((procs.n, names.collect::<Vec<_>>()), (2, vec!["systemd", "tmux: server (1) x"]));
    let sensors: Vec<(&str, f32, Option<f32>)> =
        report.temps.iter().flatten().map(|t| (t.name.as_str(), t.c, t.crit)).collect();
    assert_eq!(sensors, [("coretemp Package id 0", 45.0, Some(100.0))]);
    assert_eq!(report.fans.as_ref().unwrap()[0].rpm, 1210);
    assert!(report.sys.as_ref().unwrap().reboot_needed);
    assert_eq!(host::virtualisation(&mut Tree::new(&tree("5.10"))), None);
}

#[test]
fn a_laptop_with_linux_6_1_shows_battery_sessions_and_graphics() {
    let report = report("6.1");
    let power: Vec<(&str, Option<f32>, &str)> =
        report.power.iter().flatten().map(|p| (p.name.as_str(), p.pct, p.state.as_str())).collect();
    assert_eq!(power, [("AC", None, "offline"), ("BAT0", Some(81.0), "discharging")]);
    let ann = User {
        name: "ann".into(),
        tty: Some("pts/0".into()),
        from: Some("192.0.2.9".into()),
        since: Some(1_720_000_100_000),
    };
    assert_eq!(report.users, Some(vec![ann]));
    let gpu = &report.gpus.as_ref().unwrap()[0];
    assert_eq!((gpu.busy_pct, gpu.mem_used, gpu.mem_total), (Some(12.0), Some(100), Some(400)));
    assert_eq!(report.sys.as_ref().unwrap().os, "Debian GNU/Linux 12 (bookworm)");
}

#[test]
fn a_virtual_machine_with_linux_6_12_shows_its_kind_and_pools() {
    let report = report("6.12");
    assert_eq!(report.cpu.as_ref().unwrap().n, 2);
    let pool = &report.zfs.as_ref().unwrap()[0];
    assert_eq!((pool.pool.as_str(), pool.state.as_str()), ("rpool", "DEGRADED"));
    assert_eq!(host::virtualisation(&mut Tree::new(&tree("6.12"))), Some("kvm".into()));
    let mounts = disks::mounts(Tree::new(&tree("6.12")).read("proc/self/mounts").unwrap());
    let at: Vec<&str> = mounts.iter().map(|mount| mount.at.as_str()).collect();
    assert_eq!(at, ["/", "/home"]);
}

#[test]
fn a_file_system_is_told_once_and_by_its_real_name() {
    let mounts = |kernel: &str| {
        let mut tree = Tree::new(&tree(kernel));
        let mounts = disks::mounts(tree.read("proc/self/mounts").unwrap());
        mounts.into_iter().map(|mount| mount.at).collect::<Vec<_>>()
    };
    assert_eq!(mounts("4.19"), ["/", "/boot"]);
    assert_eq!(mounts("5.10"), ["/", "/srv/my data"]);
    assert_eq!(mounts("6.1"), ["/", "/boot/efi"]);
}

#[test]
fn this_machine_is_read_as_it_is() {
    let mut collector = Collector::new(Path::new("/"), false, Vec::new(), 0);
    let report = collector.report(1000, 1, true);
    assert!(report.cpu.is_some_and(|cpu| cpu.n > 0));
    assert!(report.mem.is_some_and(|mem| mem.total > mem.avail));
    let own = std::process::id();
    assert!(report.procs.is_some_and(|procs| procs.n > 0 && own > 0));
    assert!(report.disks.is_some_and(|disks| disks.iter().all(|disk| disk.used <= disk.total)));
    assert!(collector.boot() > 1_000_000_000_000);
}

#[test]
fn slow_parts_come_seldom_unless_somebody_looks() {
    let mut collector = Collector::new(&tree("6.1"), false, Vec::new(), 0);
    let mut with = |now, attended| {
        let report = collector.report(now, 0, attended);
        (report.procs.is_some(), report.users.is_some(), report.sys.is_some())
    };
    assert_eq!(with(0, false), (true, true, true));
    assert_eq!(with(10_000, false), (false, false, false));
    assert_eq!(with(20_000, false), (false, false, false));
    // Who is signed in is as before.
    assert_eq!(with(29_990, false), (true, false, false));
    assert_eq!(with(31_000, true), (true, true, false));
    assert_eq!(with(600_000, false), (true, true, true));
}

#[test]
fn the_processor_is_told_by_what_passed_between_two_looks() {
    let look = |user: u64, idle: u64, io: u64| {
        let line = format!("{user} 0 100 {idle} {io} 0 0 0 0 0");
        processor::parse(&format!("cpu  {line}\ncpu0 {line}\n")).unwrap()
    };
    let cpu = processor::between(&look(1000, 5000, 40), &look(1050, 5140, 50), true);
    assert_eq!((cpu.pct, cpu.user, cpu.io), (25.0, Some(25.0), Some(5.0)));
    assert_eq!(cpu.cores, Some(vec![25.0]));
    // Waiting for disks goes back at times; nothing of it may show.
    let cpu = processor::between(&look(1000, 5000, 40), &look(1010, 5090, 20), false);
    assert_eq!((cpu.pct, cpu.io, cpu.cores), (10.0, None, None));
    let same = look(1, 2, 3);
    assert!(processor::between(&same, &same, true).pct.abs() < f32::EPSILON);
}

fn rates(before: &str, now: &str) -> Vec<(u64, u64)> {
    let text = |counters: &str| {
        let [rx, tx] = counters.split(' ').collect::<Vec<_>>()[..] else { panic!() };
        nets::counters(&format!("h\nh\n eth0: {rx} 0 0 0 0 0 0 0 {tx} 0 0 0 0 0 0 0\n"))
    };
    let before = text(before);
    let net = |now| nets::between(&before, now, 10_000);
    text(now).iter().map(net).map(|net| (net.rx_bps, net.tx_bps)).collect()
}

#[test]
fn counters_of_interfaces_make_no_spikes() {
    assert_eq!(rates("1000 2000", "11000 2000"), [(1000, 0)]);
    // 32 bits wrap.
    assert_eq!(rates("4294967000 0", "704 0"), [(100, 0)]);
    // A driver that was loaded anew, and a counter of 64 bits that was reset.
    assert_eq!(rates("2000000 5", "10 6"), [(0, 0)]);
    assert_eq!(rates("99999999999 5", "10 15"), [(0, 1)]);
    // Another interface of the same name has other numbers.
    let mut other = nets::counters("h\nh\n eth0: 5 0 0 0 0 0 0 0 5 0 0 0 0 0 0 0\n");
    let before = other.clone();
    other[0].index = 7;
    assert_eq!(nets::between(&before, &other[0], 10).rx_bps, 0);
}

#[test]
fn disks_have_rates_only_when_they_were_there_before() {
    let look = |sectors: u64, busy: u64| {
        let text = format!(" 8 0 sda 1 0 {sectors} 1 1 0 {sectors} 1 0 {busy} 1\n");
        disks::counters(&text, |_| true)
    };
    let io = disks::between(&look(1000, 100), &look(3000, 5100), 10_000);
    assert_eq!((io[0].r_bps, io[0].w_bps, io[0].busy_pct), (102_400, 102_400, 50.0));
    assert_eq!(disks::between(&[], &look(3000, 1), 10_000), []);
    assert_eq!(disks::between(&look(3000, 1), &look(1000, 2), 10_000), []);
}

#[test]
fn processes_are_compared_by_number_and_beginning() {
    let mut book = processes::Book::default();
    assert_eq!(book.take(7, 100, 50), None);
    book.turn();
    assert_eq!(book.take(7, 100, 80), Some(30));
    assert_eq!(book.take(8, 1, 1), None);
    book.turn();
    assert_eq!(book.take(7, 900, 90), None);
    let mut top = processes::Top::new(2);
    for (pid, ticks, pages) in [(1, 5, 0), (2, 0, 9), (3, 50, 1), (4, 5, 3)] {
        top.take(pid, "x", ticks, pages);
    }
    let list: Vec<(u32, f32)> =
        top.finish(1000, 100).iter().map(|usage| (usage.pid, usage.cpu_pct)).collect();
    assert_eq!(list, [(3, 50.0), (4, 5.0)]);
}

#[test]
fn sign_ins_are_read_from_both_lengths_of_utmp() {
    for (length, seconds) in [(384, 340), (400, 344)] {
        let mut record = vec![0_u8; length];
        record[..2].copy_from_slice(&7_i16.to_ne_bytes());
        record[8..13].copy_from_slice(b"pts/1");
        record[44..47].copy_from_slice(b"bob");
        record[76..85].copy_from_slice(b"192.0.2.7");
        record[seconds..seconds + 4].copy_from_slice(&1_700_000_000_i32.to_le_bytes());
        let ended = vec![0_u8; length];
        let bob = User {
            name: "bob".into(),
            tty: Some("pts/1".into()),
            from: Some("192.0.2.7".into()),
            since: Some(1_700_000_000_000),
        };
        assert_eq!(users::utmp(&[ended, record].concat(), length == 400), [bob]);
    }
}

#[test]
fn containers_are_listed_with_what_their_groups_use() {
    let id = "ab".repeat(32);
    let listed = asked::Listed {
        id: id.clone(),
        names: vec!["/web".into()],
        image: "nginx:1".into(),
        state: "running".into(),
    };
    let folder = tempfile::tempdir().unwrap();
    let group = folder.path().join(format!("sys/fs/cgroup/system.slice/docker-{id}.scope"));
    std::fs::create_dir_all(&group).unwrap();
    std::fs::write(group.join("cpu.stat"), "usage_usec 1000000\nuser_usec 1\n").unwrap();
    std::fs::write(group.join("memory.current"), "4096\n").unwrap();
    let mut collector = Collector::new(folder.path(), false, Vec::new(), 0);
    let first = collector.contained(vec![listed.clone()], 0);
    assert_eq!((first[0].name.as_str(), first[0].cpu_pct, first[0].mem), ("web", 0.0, 4096));
    std::fs::write(group.join("cpu.stat"), "usage_usec 16000000\n").unwrap();
    let second = collector.contained(vec![listed], 10_000);
    assert!((second[0].cpu_pct - 150.0).abs() < f32::EPSILON);
}

#[test]
fn engines_are_asked_over_their_sockets_and_a_broken_one_does_no_harm() {
    use std::io::{Read as _, Write as _};
    let folder = tempfile::tempdir().unwrap();
    let body = r#"[{"Id":"abc","Names":["/web"],"Image":"nginx","State":"running","New":{}}]"#;
    let answers = [
        format!("HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n{body}"),
        "HTTP/1.0 500 Oops\r\n\r\n[]".to_owned(),
        "nonsense".to_owned(),
    ];
    let mut sockets = vec![folder.path().join("none")];
    for (at, answer) in answers.into_iter().enumerate() {
        let path = folder.path().join(at.to_string());
        let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        sockets.push(path);
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut asked = [0; 1024];
            let count = stream.read(&mut asked).unwrap();
            assert!(asked[..count].starts_with(b"GET /containers/json?all=1 HTTP/1.0\r\n"));
            stream.write_all(answer.as_bytes()).unwrap();
        });
    }
    let list = asked::containers_of(sockets.into_iter()).unwrap();
    assert_eq!((list.len(), list[0].id.as_str(), list[0].state.as_str()), (1, "abc", "running"));
    assert_eq!(asked::containers_of(std::iter::once(folder.path().join("none"))), None);
}

#[test]
fn what_programs_say_is_read() {
    let said = br#"{"smart_status":{"passed":true},"temperature":{"current":38},
        "power_on_time":{"hours":1234},"nvme_smart_health_information_log":{"percentage_used":3}}"#;
    let smart = asked::smart_of("nvme0n1", said).unwrap();
    assert_eq!((smart.ok, smart.temp, smart.wear_pct), (true, Some(38.0), Some(3.0)));
    assert_eq!(smart.hours, Some(1234));
    assert_eq!(asked::smart_of("sda", b"{}"), None);
    let gpus = asked::nvidia_of("NVIDIA T4, 17, 1024, 15360, 41\nno devices\n");
    assert_eq!((gpus.len(), gpus[0].mem_used, gpus[0].c), (1, Some(1 << 30), Some(41.0)));
}

#[test]
fn a_report_goes_to_the_buffer_without_its_number() {
    let body = body(&Report { at: 5, ..Report::default() });
    assert_eq!(body, "{\"at\":5,\"up_s\":0}");
}

#[test]
fn garbage_in_any_file_is_no_more_than_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let files = [
        "stat",
        "loadavg",
        "uptime",
        "meminfo",
        "diskstats",
        "net/dev",
        "net/tcp",
        "net/udp6",
        "mdstat",
        "self/mounts",
        "1/stat",
        "pressure/cpu",
    ];
    let garbage =
        ["", "\n\n", "cpu", "cpu x", ": : :", "\u{fffd}(", ")(", "md9 : ", "a b c d e f g h"];
    for text in garbage {
        for file in files {
            let path = folder.path().join("proc").join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text.repeat(3)).unwrap();
        }
        let mut collector = Collector::new(folder.path(), false, Vec::new(), 0);
        let report = collector.report(1000, 1, true);
        assert_eq!(report.procs.map(|procs| procs.n), Some(0));
    }
}
