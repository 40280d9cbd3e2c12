//! Processor and load: `/proc/stat`, `/proc/loadavg`.

use wire::report::Cpu;

use super::tree::{rounded, share};

/// Ticks since the start of the host, by what they were spent for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Ticks {
    user: u64,
    system: u64,
    idle: u64,
    io: u64,
    steal: u64,
}

impl Ticks {
    /// `user nice system idle iowait irq softirq steal …`; guests are within `user`. Old kernels
    /// have fewer columns.
    fn parse<'a>(mut columns: impl Iterator<Item = &'a str>) -> Option<Self> {
        let first = columns.next()?.parse::<u64>().ok()?;
        let mut next = || columns.next().and_then(|column| column.parse::<u64>().ok()).unwrap_or(0);
        let (nice, system, idle, io) = (next(), next(), next(), next());
        let (irq, softirq, steal) = (next(), next(), next());
        Some(Self { user: first + nice, system: system + irq + softirq, idle, io, steal })
    }

    /// Some counters go back a little at times, waiting for disks above all.
    fn since(&self, before: &Self) -> Self {
        Self {
            user: self.user.saturating_sub(before.user),
            system: self.system.saturating_sub(before.system),
            idle: self.idle.saturating_sub(before.idle),
            io: self.io.saturating_sub(before.io),
            steal: self.steal.saturating_sub(before.steal),
        }
    }

    fn total(&self) -> u64 {
        self.user + self.system + self.idle + self.io + self.steal
    }

    fn busy(&self) -> f32 {
        share(self.total() - self.idle - self.io, self.total())
    }
}

/// One look at `/proc/stat`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Look {
    all: Ticks,
    cores: Vec<(u32, Ticks)>,
    /// When the host was started, Unix seconds.
    pub(crate) boot_s: i64,
}

/// Reads `/proc/stat`.
pub(crate) fn parse(text: &str) -> Option<Look> {
    let mut look = Look::default();
    let mut found = false;
    for line in text.lines() {
        let mut columns = line.split_ascii_whitespace();
        match columns.next() {
            Some("cpu") => {
                look.all = Ticks::parse(columns)?;
                found = true;
            }
            Some("btime") => look.boot_s = columns.next()?.parse().ok()?,
            Some(name) => {
                let core = name.strip_prefix("cpu").and_then(|number| number.parse().ok());
                if let (Some(core), Some(ticks)) = (core, Ticks::parse(columns)) {
                    look.cores.push((core, ticks));
                }
            }
            None => {}
        }
    }
    found.then_some(look)
}

/// `/proc/loadavg`.
pub(crate) fn load(text: &str) -> [f32; 3] {
    let mut columns = text.split_ascii_whitespace().map_while(|column| column.parse::<f32>().ok());
    [(); 3].map(|()| columns.next().unwrap_or(0.0))
}

/// What happened between two looks; `cores` is whether each core is told.
pub(crate) fn between(before: &Look, now: &Look, cores: bool) -> Cpu {
    let spent = now.all.since(&before.all);
    let part = |ticks: u64| share(ticks, spent.total());
    let told = |ticks: u64| (ticks > 0).then(|| part(ticks));
    let each = || {
        let earlier = |core: u32| before.cores.iter().find(|(number, _)| *number == core);
        now.cores
            .iter()
            .take(512)
            // A core that was switched on in between has no time before.
            .map(|(core, ticks)| earlier(*core).map_or(0.0, |(_, was)| ticks.since(was).busy()))
            .collect()
    };
    Cpu {
        n: now.cores.len() as u32,
        pct: spent.busy(),
        user: Some(part(spent.user)),
        sys: Some(part(spent.system)),
        io: told(spent.io),
        steal: told(spent.steal),
        cores: cores.then(each),
        load: [0.0; 3],
        freq: None,
    }
}

/// The share in the text of `/proc/pressure/*`: `some avg10=0.12 avg60=…`.
pub(crate) fn pressure(text: &str) -> Option<f32> {
    let some = text.lines().find_map(|line| line.strip_prefix("some "))?;
    let share = some.split_ascii_whitespace().find_map(|word| word.strip_prefix("avg10="))?;
    share.parse().ok().map(rounded)
}
