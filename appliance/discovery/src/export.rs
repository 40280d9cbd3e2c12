//! The device list as a file: CSV for spreadsheets, JSON for programs.
//!
//! In: devices in the order of a list. Out: the whole file as text, at most [`MAX_DEVICES`] rows.

use model::{DeviceId, Mac, Timestamp};
use serde::Serialize;
use std::net::IpAddr;
use store::StoreError;

use crate::device::Device;
use crate::discovery::Discovery;
use crate::engine::MAX_DEVICES;
use crate::enrich::DeviceType;
use crate::error::DiscoveryError;
use crate::list::{self, DeviceFilter};

/// How the file is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ExportFormat {
    /// Comma-separated values (RFC 4180), in which no field is a spreadsheet formula.
    #[default]
    Csv,
    /// An array of objects.
    Json,
}

impl ExportFormat {
    /// All formats with the words of the query string.
    pub const ALL: [(&'static str, Self); 2] = [("csv", Self::Csv), ("json", Self::Json)];

    /// The file's media type.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Json => "application/json",
        }
    }
}

/// The columns, in order; in JSON the keys.
pub const COLUMNS: [&str; 11] = [
    "id",
    "ip",
    "mac",
    "hostname",
    "name",
    "vendor",
    "type",
    "online",
    "first_seen",
    "last_seen",
    "mdns_services",
];

/// One device as it is exported.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Row {
    id: DeviceId,
    ip: Option<IpAddr>,
    mac: Mac,
    hostname: Option<String>,
    name: String,
    vendor: Option<String>,
    #[serde(rename = "type")]
    kind: Option<&'static str>,
    online: bool,
    first_seen: String,
    last_seen: Option<String>,
    mdns_services: Vec<String>,
}

impl From<&Device> for Row {
    fn from(device: &Device) -> Self {
        let last_seen = device.presence.last_seen;
        Self {
            id: device.id,
            ip: device.main_address().map(|a| a.ip),
            mac: device.mac,
            hostname: device.hostname().map(str::to_owned),
            name: device.name(),
            vendor: device.vendor().map(str::to_owned),
            kind: device.device_type().map(DeviceType::as_str),
            online: device.presence.online,
            first_seen: device.presence.first_seen.rfc3339(),
            // One that a person entered may never have been heard.
            last_seen: (last_seen > Timestamp(0)).then(|| last_seen.rfc3339()),
            mdns_services: device.services().to_vec(),
        }
    }
}

/// Writes devices as a file.
pub fn export<'a>(devices: impl IntoIterator<Item = &'a Device>, format: ExportFormat) -> String {
    let rows = devices.into_iter().take(MAX_DEVICES).map(Row::from);
    match format {
        ExportFormat::Csv => {
            let mut text = String::new();
            record(&mut text, COLUMNS.map(str::to_owned));
            for row in rows {
                record(&mut text, row.fields());
            }
            text
        }
        // Rows are plain values: they cannot fail to be written.
        ExportFormat::Json => serde_json::to_string(&rows.collect::<Vec<_>>()).unwrap_or_default(),
    }
}

impl Row {
    fn fields(self) -> [String; COLUMNS.len()] {
        [
            self.id.to_string(),
            self.ip.map(|ip| ip.to_string()).unwrap_or_default(),
            self.mac.to_string(),
            self.hostname.unwrap_or_default(),
            self.name,
            self.vendor.unwrap_or_default(),
            self.kind.unwrap_or_default().to_owned(),
            self.online.to_string(),
            self.first_seen,
            self.last_seen.unwrap_or_default(),
            self.mdns_services.join("; "),
        ]
    }
}

/// Adds one record and its line end (RFC 4180, 2).
fn record(text: &mut String, fields: [String; COLUMNS.len()]) {
    for (at, field) in fields.iter().enumerate() {
        if at > 0 {
            text.push(',');
        }
        push_field(text, field);
    }
    text.push_str("\r\n");
}

/// Adds one field, quoted where it has to be. What a spreadsheet would take for a formula gets an
/// apostrophe in front, which spreadsheets hide: hosts choose their names themselves.
pub fn push_field(text: &mut String, field: &str) {
    let guard = if is_formula(field) { "'" } else { "" };
    // Some spreadsheets split at semicolons or tabs, depending on the language.
    let quoted = field.contains([',', ';', '"', '\r', '\n', '\t']) || field.trim() != field;
    if quoted {
        text.push('"');
        text.push_str(guard);
        text.push_str(&field.replace('"', "\"\""));
        text.push('"');
    } else {
        text.push_str(guard);
        text.push_str(field);
    }
}

/// True for text that a spreadsheet would calculate, its full-width twins included.
fn is_formula(field: &str) -> bool {
    let first = |text: &str| text.chars().next();
    first(field).is_some_and(|c| matches!(c, '\t' | '\r' | '\n'))
        || first(field.trim_start_matches(|c: char| c.is_whitespace() || c.is_control()))
            .is_some_and(|c| "=+-@\u{ff1d}\u{ff0b}\u{ff0d}\u{ff20}".contains(c))
}

impl Discovery {
    /// All devices that a filter lets through, in its order, as a file. The filter's page and limit
    /// do not count.
    pub async fn export(
        &self,
        filter: DeviceFilter,
        format: ExportFormat,
        now: Timestamp,
    ) -> Result<String, DiscoveryError> {
        let pages = move |r: &mut store::Reading| {
            let mut filter = DeviceFilter { after: None, limit: list::MAX_PAGE, ..filter };
            let mut ids = Vec::new();
            loop {
                let page = list::page(r.main(), &filter, now)?;
                ids.extend(page.ids);
                filter.after = page.next;
                if filter.after.is_none() || ids.len() >= MAX_DEVICES {
                    return Ok::<_, StoreError>(ids);
                }
            }
        };
        let ids = self.inner.store.read(pages).await?;
        Ok(export(&self.get_all(&ids), format))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::vendor::csv;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    fn device(name: &str) -> Device {
        let mut device = Device::first_heard(DeviceId(7), Mac([2, 0, 0, 0, 0, 7]), "lan0", NOW);
        device.hold("192.168.1.7".parse().expect("valid"), "lan0", NOW);
        device.person.name = Some(name.to_owned());
        device.evidence.mdns.services = vec!["_ipp._tcp".into(), "_http._tcp".into()];
        device
    }

    #[test]
    fn a_device_is_one_record_with_all_columns() {
        let text = export(&[device("Printer, \"big\"")], ExportFormat::Csv);
        assert_eq!(
            text,
            "id,ip,mac,hostname,name,vendor,type,online,first_seen,last_seen,mdns_services\r\n\
             7,192.168.1.7,02:00:00:00:00:07,,\"Printer, \"\"big\"\"\",,,true,\
             2027-01-15T08:00:00.000Z,2027-01-15T08:00:00.000Z,\"_ipp._tcp; _http._tcp\"\r\n"
        );
    }

    #[test]
    fn json_has_the_same_columns() {
        let text = export(&[device("=1+1")], ExportFormat::Json);
        let rows: Vec<serde_json::Map<String, serde_json::Value>> =
            serde_json::from_str(&text).expect("JSON");
        let mut wanted = COLUMNS.to_vec();
        wanted.sort_unstable();
        assert_eq!(rows[0].keys().collect::<Vec<_>>(), wanted);
        assert_eq!(rows[0]["name"], "=1+1", "JSON is not calculated");
        assert_eq!(rows[0]["mdns_services"][1], "_http._tcp");
    }

    #[test]
    fn what_a_spreadsheet_would_calculate_is_text() {
        for evil in [
            "=cmd|' /C calc'!A0",
            "+1",
            "-1",
            "@SUM(A1)",
            "\t=1",
            "\r=1",
            " =1",
            "\u{ff1d}1",
            "=HYPERLINK(\"http://a\",\"b\")",
        ] {
            let mut text = String::new();
            push_field(&mut text, evil);
            let field = csv::records(&text)[0].1[0].clone();
            assert_eq!(field, format!("'{evil}"));
        }
    }

    #[test]
    fn a_device_that_was_never_heard_has_no_last_time() {
        let mut device = device("a");
        device.presence.last_seen = Timestamp(0);
        let text = export(&[device], ExportFormat::Csv);
        assert_eq!(csv::records(&text)[1].1[9], "");
    }

    proptest! {
        #[test]
        fn every_field_returns_from_the_file(fields: [String; 11]) {
            let mut text = String::new();
            record(&mut text, fields.clone());
            let records = csv::records(&text);
            prop_assume!(fields.iter().any(|f| !f.is_empty()));
            prop_assert_eq!(records.len(), 1);
            prop_assert_eq!(records[0].1.len(), COLUMNS.len());
            for (field, said) in records[0].1.iter().zip(&fields) {
                prop_assert!(!is_formula(field), "{:?}", field);
                prop_assert!(field == said || field.strip_prefix('\'') == Some(said));
            }
        }
    }
}
