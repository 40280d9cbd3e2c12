//! Memory: `/proc/meminfo`.

use wire::report::Memory;

/// Reads `/proc/meminfo`.
pub(crate) fn parse(text: &str) -> Option<Memory> {
    let (mut total, mut available, mut free, mut buffers, mut cached) = (None, None, 0, 0, 0);
    let (mut swap_total, mut swap_free) = (0, 0);
    for line in text.lines() {
        let Some((name, rest)) = line.split_once(':') else { continue };
        let kib =
            rest.split_ascii_whitespace().next().and_then(|number| number.parse::<u64>().ok());
        let Some(octets) = kib.map(|kib| kib.saturating_mul(1024)) else { continue };
        match name {
            "MemTotal" => total = Some(octets),
            "MemAvailable" => available = Some(octets),
            "MemFree" => free = octets,
            "Buffers" => buffers = octets,
            "Cached" => cached = octets,
            "SwapTotal" => swap_total = octets,
            "SwapFree" => swap_free = octets,
            _ => {}
        }
    }
    let total = total?;
    Some(Memory {
        total,
        // Kernels before 3.14 do not say it.
        avail: available.unwrap_or(free + buffers + cached).min(total),
        swap_total,
        swap_used: swap_total.saturating_sub(swap_free),
        cached: (cached > 0).then_some(cached),
    })
}
