//! Temperatures, fans, batteries and graphics processors: `/sys/class/{hwmon,thermal,power_supply,drm}`.

use wire::report::{Fan, Gpu, Power, Temperature};

use super::tree::{Tree, rounded};

/// More of one kind are not reported.
const MOST: usize = 48;

/// Reads every hardware monitor; thermal zones where there is none.
pub(crate) fn read(tree: &mut Tree) -> (Vec<Temperature>, Vec<Fan>) {
    let (mut temperatures, mut fans) = (Vec::new(), Vec::new());
    for chip in tree.names("sys/class/hwmon", 64) {
        let folder = format!("sys/class/hwmon/{chip}");
        let chip = tree.line(&format!("{folder}/name")).unwrap_or(chip);
        for file in tree.names(&folder, 512) {
            let Some(sensor) = file.strip_suffix("_input") else { continue };
            let path = |end: &str| format!("{folder}/{sensor}_{end}");
            // A sensor that is not connected gives an error, or nonsense.
            let Some(value) = tree.value::<i64>(&path("input")) else { continue };
            let label = tree.line(&path("label"));
            let name = format!("{chip} {}", label.as_deref().unwrap_or(sensor));
            if sensor.starts_with("temp") && temperatures.len() < MOST {
                let critical = tree.value::<i64>(&path("crit")).map(degrees);
                temperatures.extend(temperature(name, value, critical));
            } else if sensor.starts_with("fan") && fans.len() < MOST {
                fans.push(Fan { name, rpm: u32::try_from(value).unwrap_or(0) });
            }
        }
    }
    if temperatures.is_empty() {
        for zone in tree.names("sys/class/thermal", MOST) {
            if !zone.starts_with("thermal_zone") {
                continue;
            }
            let name = tree.line(&format!("sys/class/thermal/{zone}/type")).unwrap_or(zone.clone());
            if let Some(value) = tree.value(&format!("sys/class/thermal/{zone}/temp")) {
                temperatures.extend(temperature(name, value, None));
            }
        }
    }
    (temperatures, fans)
}

fn temperature(name: String, value: i64, crit: Option<f32>) -> Option<Temperature> {
    let c = degrees(value);
    (-100.0..250.0).contains(&c).then_some(Temperature { name, c, crit })
}

fn degrees(thousandths: i64) -> f32 {
    rounded(thousandths as f64 / 1000.0)
}

/// Reads batteries and power supplies.
pub(crate) fn power(tree: &mut Tree) -> Vec<Power> {
    let mut list = Vec::new();
    for name in tree.names("sys/class/power_supply", MOST) {
        let path = |file: &str| format!("sys/class/power_supply/{name}/{file}");
        let status = tree.line(&path("status")).map(|word| word.to_lowercase());
        let online = tree.value::<u8>(&path("online"));
        let state = match (status, online) {
            (Some(status), _) => status,
            (None, Some(0)) => "offline".into(),
            (None, Some(_)) => "online".into(),
            (None, None) => continue,
        };
        let pct = tree.value::<f64>(&path("capacity")).map(rounded);
        list.push(Power { name, pct, state });
    }
    list
}

/// Reads graphics processors whose driver has files for it, such as amdgpu.
pub(crate) fn graphics(tree: &mut Tree) -> Vec<Gpu> {
    let mut list = Vec::new();
    for card in tree.names("sys/class/drm", 64) {
        if card.contains('-') || !card.starts_with("card") {
            continue;
        }
        let path = |file: &str| format!("sys/class/drm/{card}/device/{file}");
        let busy_pct = tree.value::<f64>(&path("gpu_busy_percent")).map(rounded);
        let mem_used = tree.value(&path("mem_info_vram_used"));
        let mem_total = tree.value(&path("mem_info_vram_total"));
        if busy_pct.is_some() || mem_total.is_some() {
            list.push(Gpu { name: card, busy_pct, mem_used, mem_total, c: None });
        }
    }
    list
}
