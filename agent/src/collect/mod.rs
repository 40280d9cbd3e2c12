//! How the host is: the kernel's files in, a report out.
//!
//! What is cheap and changes comes in every report; what is dear or slow comes every half minute,
//! minute or ten minutes, and all at once while somebody looks at the host's page.

mod asked;
mod containers;
mod dbus;
mod disks;
pub(crate) mod host;
mod memory;
mod nets;
mod people;
mod ports;
mod processes;
mod processor;
mod sensors;
#[cfg(test)]
mod tests;
mod tree;
mod users;

use std::collections::HashMap;
use std::path::Path;

use nix::sys::statvfs::statvfs;
use nix::unistd::{SysconfVar, sysconf};
use wire::Report;
use wire::report::{Disk, Net, Pool, Port, Pressure, Process, Processes};

pub(crate) use processes::user_names;
use tree::share;
pub(crate) use tree::{Tree, short};

/// How often slow parts come, milliseconds.
const HALF_MINUTE: u64 = 30_000;
const MINUTE: u64 = 60_000;
const TEN_MINUTES: u64 = 600_000;
/// Processes in a report, and in one that somebody looks at.
const TOP: usize = 5;
const TOP_ATTENDED: usize = 20;

/// What others were asked for on their own thread.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    units: Option<wire::report::Units>,
    /// Whether restarts were asked for, too.
    restarts: bool,
    containers: Option<Vec<asked::Listed>>,
    smart: Option<Vec<wire::report::Smart>>,
    zfs: Option<Vec<Pool>>,
    gpus: Vec<wire::report::Gpu>,
}

/// What is to be asked.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    containers: bool,
    programs: Vec<String>,
    slow: bool,
    disks: Vec<String>,
}

impl Question {
    /// Asks; takes up to some seconds.
    pub(crate) fn ask(&self) -> Asked {
        let may = |name: &str| self.programs.iter().any(|program| program == name);
        Asked {
            units: asked::units(self.slow),
            restarts: self.slow,
            containers: if self.containers { asked::containers() } else { None },
            smart: (self.slow && may("smartctl")).then(|| asked::smart(&self.disks)),
            zfs: if self.slow && may("zpool") { asked::pools() } else { None },
            gpus: if may("nvidia-smi") { asked::nvidia() } else { Vec::new() },
        }
    }
}

/// When a part came last.
#[derive(Debug, Default)]
struct Clock {
    last: Option<u64>,
}

impl Clock {
    fn due(&mut self, now: u64, every: u64) -> bool {
        // Timers come a little early or late; the interval must not double for that.
        let due = self.last.is_none_or(|last| now.saturating_sub(last) + 500 >= every);
        if due {
            self.last = Some(now);
        }
        due
    }
}

/// Makes reports.
pub(crate) struct Collector {
    tree: Tree,
    hz: u64,
    page: u64,
    containers: bool,
    programs: Vec<String>,
    looked: Option<u64>,
    processor: processor::Look,
    nets: Vec<nets::Counters>,
    blocks: Vec<disks::Counters>,
    walked: u64,
    processes: processes::Book,
    users: HashMap<u32, String>,
    owners: HashMap<u64, (u32, String)>,
    spent: HashMap<String, (u64, u64)>,
    asked: Option<Asked>,
    restarted: Vec<wire::report::Restarted>,
    told_ports: Option<Vec<Port>>,
    told_users: Option<Vec<wire::report::User>>,
    asking: bool,
    half: Clock,
    minute: Clock,
    ten: Clock,
    question: Clock,
    slow_question: Clock,
}

impl Collector {
    /// Reads below `root` and takes a first look, so that the first report has rates.
    pub(crate) fn new(root: &Path, containers: bool, programs: Vec<String>, now: u64) -> Self {
        let setting = |name, otherwise| {
            sysconf(name)
                .ok()
                .flatten()
                .and_then(|value| u64::try_from(value).ok())
                .unwrap_or(otherwise)
        };
        let mut collector = Self {
            tree: Tree::new(root),
            hz: setting(SysconfVar::CLK_TCK, 100),
            page: setting(SysconfVar::PAGE_SIZE, 4096),
            containers,
            programs,
            looked: None,
            processor: processor::Look::default(),
            nets: Vec::new(),
            blocks: Vec::new(),
            walked: now,
            processes: processes::Book::default(),
            users: HashMap::new(),
            owners: HashMap::new(),
            spent: HashMap::new(),
            asked: None,
            restarted: Vec::new(),
            told_ports: None,
            told_users: None,
            asking: false,
            half: Clock::default(),
            minute: Clock::default(),
            ten: Clock::default(),
            question: Clock::default(),
            slow_question: Clock::default(),
        };
        collector.fast(&mut Report::default(), now, false);
        collector.walk(now, TOP);
        collector
    }

    pub(crate) fn tree(&mut self) -> &mut Tree {
        &mut self.tree
    }

    /// When the host was started, Unix milliseconds.
    pub(crate) fn boot(&self) -> i64 {
        self.processor.boot_s.saturating_mul(1000)
    }

    /// Answers came.
    pub(crate) fn answered(&mut self, asked: Asked) {
        self.asking = false;
        if asked.restarts
            && let Some(units) = &asked.units
        {
            self.restarted.clone_from(&units.restarted);
        }
        self.asked = Some(asked);
    }

    /// What is to be asked now, if anything.
    pub(crate) fn question(&mut self, now: u64, attended: bool) -> Option<Question> {
        let every = if attended { 5000 } else { HALF_MINUTE };
        if self.asking || !self.question.due(now, every) {
            return None;
        }
        self.asking = true;
        let slow = self.slow_question.due(now, TEN_MINUTES);
        let disks = if slow { self.tree.names("sys/block", 256) } else { Vec::new() };
        let physical = |name: &String| self.tree.path(&format!("sys/block/{name}/device")).exists();
        Some(Question {
            containers: self.containers,
            programs: self.programs.clone(),
            slow,
            disks: disks.into_iter().filter(physical).collect(),
        })
    }

    /// A report, whose number is yet to be given. `now` runs evenly, `at` is the host's clock; both
    /// are milliseconds. While somebody is `attended`, everything is in it.
    pub(crate) fn report(&mut self, now: u64, at: i64, attended: bool) -> Report {
        let mut report = Report { at, ..Report::default() };
        let half = attended || self.half.due(now, HALF_MINUTE);
        self.fast(&mut report, now, half);
        // A list that is as before stays out, but for once in ten minutes.
        let ten = self.ten.due(now, TEN_MINUTES);
        if ten || attended {
            (self.told_ports, self.told_users) = (None, None);
        }
        if half || ten {
            self.half(&mut report, now, if attended { TOP_ATTENDED } else { TOP });
        }
        if attended || self.minute.due(now, MINUTE) {
            report.disks = Some(self.disks());
            let arrays = self.tree.read("proc/mdstat").map(disks::arrays);
            report.md = arrays.filter(|list| !list.is_empty());
        }
        if ten {
            report.sys = Some(host::system(&mut self.tree));
            report.zfs = self.pools();
        }
        if let Some(asked) = self.asked.take() {
            report.units = asked.units.map(|mut units| {
                units.restarted.clone_from(&self.restarted);
                units
            });
            report.containers = asked.containers.map(|list| self.contained(list, now));
            report.smart = asked.smart.filter(|list| !list.is_empty());
            report.zfs = report.zfs.or(asked.zfs);
            if !asked.gpus.is_empty() {
                report.gpus.get_or_insert_default().extend(asked.gpus);
            }
        }
        report
    }

    fn fast(&mut self, report: &mut Report, now: u64, full: bool) {
        let ms = self.looked.map_or(0, |looked| now.saturating_sub(looked));
        let uptime =
            self.tree.read("proc/uptime").and_then(|text| text.split('.').next()?.parse().ok());
        report.up_s = uptime.unwrap_or(0);
        if let Some(look) = self.tree.read("proc/stat").and_then(processor::parse) {
            let mut cpu = processor::between(&self.processor, &look, full);
            cpu.load = self.tree.read("proc/loadavg").map(processor::load).unwrap_or_default();
            if full {
                let path = "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq";
                cpu.freq = self.tree.value::<u64>(path).map(|khz| (khz / 1000) as u32);
            }
            if self.looked.is_some() {
                report.cpu = Some(cpu);
            }
            self.processor = look;
        }
        report.mem = self.tree.read("proc/meminfo").and_then(memory::parse);
        let mut pressure =
            |of: &str| self.tree.read(&format!("proc/pressure/{of}")).and_then(processor::pressure);
        if let (Some(cpu), Some(mem), Some(io)) =
            (pressure("cpu"), pressure("memory"), pressure("io"))
        {
            report.psi = Some(Pressure { cpu, mem, io });
        }
        let blocks = self.tree.path("sys/block");
        let whole = |name: &str| blocks.join(name.replace('/', "!")).exists();
        if let Some(counters) =
            self.tree.read("proc/diskstats").map(|text| disks::counters(text, whole))
        {
            let io = disks::between(&self.blocks, &counters, ms);
            report.io = (!io.is_empty()).then_some(io);
            self.blocks = counters;
        }
        self.interfaces(report, ms, full);
        self.looked = Some(now);
    }

    fn interfaces(&mut self, report: &mut Report, ms: u64, full: bool) {
        let Some(mut counters) = self.tree.read("proc/net/dev").map(nets::counters) else { return };
        let addresses = if full { host::addresses(&mut self.tree) } else { Vec::new() };
        let mut list: Vec<Net> = Vec::new();
        for net in &mut counters {
            let folder = format!("sys/class/net/{}", net.name);
            net.index = self.tree.value(&format!("{folder}/ifindex")).unwrap_or(0);
            let state = self.tree.line(&format!("{folder}/operstate")).unwrap_or_default();
            let carrier = self.tree.value(&format!("{folder}/carrier"));
            let mut told = nets::between(&self.nets, net, ms);
            told.up = nets::is_up(&state, carrier);
            if full {
                let speed = self.tree.value::<i64>(&format!("{folder}/speed"));
                told.mbit =
                    speed.and_then(|mbit| u32::try_from(mbit).ok()).filter(|mbit| *mbit > 0);
                let known = addresses.iter().find(|known| known.interface == net.name);
                told.mac = known.map(|known| known.mac.clone()).filter(|mac| !mac.is_empty());
                told.ips = Some(known.map(|known| known.ips.clone()).unwrap_or_default());
            }
            if nets::is_told(&told) {
                list.push(told);
            }
        }
        self.nets = counters;
        report.nets = Some(list);
    }

    fn half(&mut self, report: &mut Report, now: u64, top: usize) {
        let (temperatures, fans) = sensors::read(&mut self.tree);
        report.temps = Some(temperatures);
        report.fans = (!fans.is_empty()).then_some(fans);
        let power = sensors::power(&mut self.tree);
        report.power = (!power.is_empty()).then_some(power);
        let gpus = sensors::graphics(&mut self.tree);
        report.gpus = (!gpus.is_empty()).then_some(gpus);
        report.procs = Some(self.walk(now, top));
        let (users, ports) = (self.signed_in(), self.open_ports());
        report.users = changed(&mut self.told_users, users);
        report.ports = changed(&mut self.told_ports, ports);
    }

    /// Looks at every process.
    pub(crate) fn walk(&mut self, now: u64, most: usize) -> Processes {
        let ms = now.saturating_sub(self.walked);
        let mut top = processes::Top::new(most);
        let mut count = 0;
        let mut path = String::new();
        for name in self.tree.names("proc", processes::MOST) {
            let Ok(pid) = name.parse::<u32>() else { continue };
            path.clear();
            path.extend(["proc/", &name, "/stat"]);
            // One that ended meanwhile has no file any more.
            let Some(stat) = self.tree.read(&path).and_then(processes::parse) else { continue };
            let (name, ticks, began, pages) = stat;
            count += 1;
            let used = self.processes.take(pid, began, ticks).unwrap_or(0);
            top.take(pid, name, used, pages);
        }
        self.processes.turn();
        self.walked = now;
        let top = top.finish(ms, self.hz);
        let top = top.into_iter().map(|usage| Process {
            user: self.owner(usage.pid),
            pid: usage.pid,
            name: usage.name,
            cpu_pct: usage.cpu_pct,
            rss: usage.pages.saturating_mul(self.page),
        });
        let top = top.collect::<Vec<_>>();
        Processes { n: count, top: Some(top) }
    }

    fn owner(&mut self, pid: u32) -> Option<String> {
        use std::os::unix::fs::MetadataExt as _;
        let user = std::fs::metadata(self.tree.path(&format!("proc/{pid}"))).ok()?.uid();
        if !self.users.contains_key(&user) {
            self.users =
                self.tree.read("etc/passwd").map(processes::user_names).unwrap_or_default();
            self.users.entry(user).or_insert_with(|| user.to_string());
        }
        self.users.get(&user).cloned()
    }

    fn disks(&mut self) -> Vec<Disk> {
        let mounts = self.tree.read("proc/self/mounts").map(disks::mounts).unwrap_or_default();
        let space = |mount: disks::Mount| {
            let figures = statvfs(mount.at.as_str()).ok()?;
            let unit = figures.fragment_size();
            let total = figures.blocks().saturating_mul(unit);
            let free = figures.blocks_free().saturating_mul(unit);
            let (all, left) = (figures.files(), figures.files_free());
            (total > 0).then(|| Disk {
                mount: mount.at,
                fs: mount.kind,
                dev: mount.device,
                total,
                used: total.saturating_sub(free),
                inodes_pct: (all > 0).then(|| share(all.saturating_sub(left), all)),
            })
        };
        mounts.into_iter().filter_map(space).collect()
    }

    /// Pools as the kernel's module shows them.
    fn pools(&mut self) -> Option<Vec<Pool>> {
        let mut list = Vec::new();
        for pool in self.tree.names("proc/spl/kstat/zfs", 64) {
            if let Some(state) = self.tree.line(&format!("proc/spl/kstat/zfs/{pool}/state")) {
                list.push(Pool { pool, state });
            }
        }
        (!list.is_empty()).then_some(list)
    }
}

/// The list, unless it is what was told before.
fn changed<T: PartialEq + Clone>(told: &mut Option<Vec<T>>, list: Vec<T>) -> Option<Vec<T>> {
    if told.as_ref() == Some(&list) {
        return None;
    }
    *told = Some(list.clone());
    Some(list)
}

/// The report as the buffer takes it: without its number, which it gets when it is sent.
pub(crate) fn body(report: &Report) -> String {
    let text = serde_json::to_string(report).unwrap_or_default();
    match text.strip_prefix("{\"seq\":0,") {
        Some(rest) => format!("{{{rest}"),
        None => text,
    }
}
