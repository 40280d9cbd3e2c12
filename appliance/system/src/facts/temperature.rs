//! Temperatures from the kernel's sensors (Documentation/hwmon/sysfs-interface.rst and
//! Documentation/driver-api/thermal/sysfs-api.rst).

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;

/// More sensors are not shown.
const MOST: usize = 32;
/// A sensor that tells less or more, in degrees Celsius, is not connected.
const PLAUSIBLE: std::ops::RangeInclusive<f64> = -40.0..=150.0;

/// What a sensor tells.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Temperature {
    /// The chip and the sensor's label, such as `coretemp Package id 0`.
    pub name: String,
    /// Degrees Celsius.
    pub celsius: f64,
    /// Where it becomes dangerous, if the sensor knows, in degrees Celsius.
    pub critical: Option<f64>,
}

/// Reads all sensors below a `/sys`.
pub(super) fn read(sys: &Path) -> Vec<Temperature> {
    let mut found = Vec::new();
    let mut chips = BTreeSet::new();
    for chip in folders(&sys.join("class/hwmon"), "hwmon") {
        let name = text(&chip.join("name")).unwrap_or_default();
        for file in folders(&chip, "temp") {
            let stem = file.file_name().and_then(|n| n.to_str()).unwrap_or_default();
            let Some(sensor) = stem.strip_suffix("_input") else {
                continue;
            };
            let beside = |tail: &str| chip.join(format!("{sensor}_{tail}"));
            let Some(celsius) = degrees(&file) else {
                continue;
            };
            let label = text(&beside("label")).unwrap_or_default();
            let name = format!("{name} {label}").trim().to_owned();
            found.push(Temperature { name, celsius, critical: degrees(&beside("crit")) });
        }
        chips.insert(name);
    }
    for zone in folders(&sys.join("class/thermal"), "thermal_zone") {
        let name = text(&zone.join("type")).unwrap_or_default();
        // Many a zone is a sensor of the first kind as well, its name written with other dashes.
        if chips.contains(&name) || chips.contains(&name.replace('-', "_")) {
            continue;
        }
        if let Some(celsius) = degrees(&zone.join("temp")) {
            found.push(Temperature { name, celsius, critical: None });
        }
    }
    found.truncate(MOST);
    found
}

/// What a folder has whose name begins so, sorted, the number in it as a number.
fn folders(folder: &Path, prefix: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let mut found: Vec<_> = entries
        .filter_map(|entry| {
            let name = entry.file_name().to_str()?.to_owned();
            let rest = name.strip_prefix(prefix)?;
            let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            Some((rest.get(..digits)?.parse::<u32>().ok()?, name.clone(), entry.path()))
        })
        .collect();
    model::sort_by(&mut found, Ord::cmp);
    found.into_iter().map(|(_, _, path)| path).collect()
}

fn text(path: &Path) -> Option<String> {
    Some(fs::read_to_string(path).ok()?.trim().to_owned())
}

/// A file with thousandths of a degree.
fn degrees(path: &Path) -> Option<f64> {
    let thousandths: f64 = text(path)?.parse().ok()?;
    Some(thousandths / 1_000.0).filter(|celsius| PLAUSIBLE.contains(celsius))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(root: &Path, files: &[(&str, &str)]) {
        for (name, text) in files {
            let path = root.join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(path, text).expect("written");
        }
    }

    #[test]
    fn sensors_are_named_by_chip_and_label_and_none_stands_twice() {
        let sys = tempfile::tempdir().expect("a folder");
        put(
            sys.path(),
            &[
                ("class/hwmon/hwmon0/name", "coretemp\n"),
                ("class/hwmon/hwmon0/temp1_input", "48500\n"),
                ("class/hwmon/hwmon0/temp1_label", "Package id 0\n"),
                ("class/hwmon/hwmon0/temp1_crit", "100000\n"),
                ("class/hwmon/hwmon0/temp2_input", "-128000\n"),
                ("class/hwmon/hwmon1/name", "acpitz\n"),
                ("class/hwmon/hwmon1/temp1_input", "40000\n"),
                ("class/thermal/thermal_zone0/type", "acpitz\n"),
                ("class/thermal/thermal_zone0/temp", "40000\n"),
                ("class/thermal/thermal_zone1/type", "soc\n"),
                ("class/thermal/thermal_zone1/temp", "51000\n"),
            ],
        );
        let found = read(sys.path());
        let names: Vec<_> = found.iter().map(|t| (t.name.as_str(), t.celsius)).collect();
        assert_eq!(names, [("coretemp Package id 0", 48.5), ("acpitz", 40.0), ("soc", 51.0)]);
        assert_eq!(found[0].critical, Some(100.0));
    }

    #[test]
    fn a_machine_without_sensors_has_no_temperatures() {
        let sys = tempfile::tempdir().expect("a folder");
        assert_eq!(read(sys.path()), []);
    }
}
