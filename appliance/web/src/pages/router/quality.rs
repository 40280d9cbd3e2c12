//! How good the lines to the Internet were, and how they are watched.

use std::net::IpAddr;
use std::time::Duration;

use access::Permission as P;
use axum::http::Method;
use axum::response::Response;
use system::SystemError;
use system::settings::{QUALITY_KEY, QualitySettings};

use super::filled::list;
use super::keep::keep_setting;
use super::{LOOK, lines};
use crate::http::{Entry, Failure, Route, Routes};
use crate::pages::errors::sentence;
use crate::pages::{Ask, Form, done};
use crate::site::Site;
use crate::view::router::{QualityForm, QualityPage};
use crate::view::{Empty, Field, Tab, Tone};

const HERE: &str = "/router/quality";
/// What can be looked back on.
const RANGES: [(&str, &str, u64); 4] = [
    ("", "Hour", 3_600),
    ("day", "Day", 86_400),
    ("week", "Week", 604_800),
    ("month", "Month", 2_678_400),
];

pub(super) fn routes() -> Routes<Site> {
    let edit = Entry::Needs(P::SettingsEdit);
    Routes::new()
        .add(
            Route::new(Method::GET, HERE, LOOK, show, "Quality of the lines to the Internet")
                .query("range", "string", "`day`, `week` or `month` instead of an hour.")
                .query("line", "string", "An interface."),
        )
        .add(Route::new(Method::POST, HERE, edit, set, "Change how lines are watched"))
}

async fn show(ask: Ask) -> Result<Response, Failure> {
    let settings = ask.site.system.quality_settings();
    let page = page(&ask, form_of(&settings)).await?;
    ask.page(&page)
}

fn form_of(settings: &QualitySettings) -> QualityForm {
    let targets: Vec<String> = settings.targets.iter().map(IpAddr::to_string).collect();
    QualityForm {
        enabled: settings.enabled,
        targets: Field::new(targets.join("\n")),
        interval: Field::new(settings.interval_seconds.to_string()),
        pings: Field::new(settings.pings.to_string()),
        loss: Field::new(settings.loss_percent.to_string()),
        rtt: Field::new(settings.rtt_ms.to_string()),
    }
}

async fn set(ask: Ask, form: Form) -> Result<Response, Failure> {
    match read(&form) {
        Ok(settings) => {
            let changed = keep_setting(&ask, QUALITY_KEY, QualitySettings::load, settings).await?;
            let text = if changed {
                "Saved. It takes effect with the next round."
            } else {
                "Nothing changed."
            };
            Ok(done(&format!("{HERE}#settings"), Tone::Ok, text))
        }
        Err((name, why)) => {
            let field = |field: &str, name_of: &str| {
                let value: String = form.raw(field).chars().take(1_000).collect();
                if name == name_of {
                    Field::refused(value, sentence(&why))
                } else {
                    Field::new(value)
                }
            };
            let filled = QualityForm {
                enabled: form.ticked("enabled"),
                targets: field("targets", "targets"),
                interval: field("interval", "interval_seconds"),
                pings: field("pings", "pings"),
                loss: field("loss", "loss_percent"),
                rtt: field("rtt", "rtt_ms"),
            };
            let page = page(&ask, filled).await?;
            ask.refused(&page)
        }
    }
}

/// What was filled in, or which setting cannot be and why.
fn read(form: &Form) -> Result<QualitySettings, (&'static str, String)> {
    let mut targets = Vec::new();
    for text in list(form.raw("targets")) {
        let shown: String = text.chars().take(60).collect();
        let target = text.parse().map_err(|_| ("targets", format!("{shown} is no IP address")))?;
        if !targets.contains(&target) {
            targets.push(target);
        }
    }
    let settings = QualitySettings {
        enabled: form.ticked("enabled"),
        targets,
        interval_seconds: number(form, "interval", "interval_seconds")?,
        pings: number(form, "pings", "pings")?,
        loss_percent: number(form, "loss", "loss_percent")?,
        rtt_ms: number(form, "rtt", "rtt_ms")?,
    };
    settings.check().map_err(|error| match error {
        SystemError::Invalid { field, why } => (field, why),
        other => ("targets", other.to_string()),
    })?;
    Ok(settings)
}

fn number<T: std::str::FromStr>(
    form: &Form,
    field: &str,
    name: &'static str,
) -> Result<T, (&'static str, String)> {
    form.get(field).parse().map_err(|_| (name, "give a number".to_owned()))
}

async fn page(ask: &Ask, form: QualityForm) -> Result<QualityPage, Failure> {
    let overview = ask.site.system.overview();
    let mut names: Vec<String> =
        overview.wans.iter().map(|wan| wan.interface.link.name.clone()).collect();
    // Lines that are gone keep their past.
    for label in ask.site.system.metrics().labels(system::quality::LOSS).await? {
        let name = label.split(' ').next().unwrap_or_default();
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    let wanted = ask.query.get("line").filter(|line| names.iter().any(|name| name == line));
    let name = wanted.map(str::to_owned).or_else(|| names.first().cloned()).unwrap_or_default();
    let wanted = ask.query.get("range").unwrap_or_default();
    let seconds = RANGES.iter().find(|(key, ..)| *key == wanted).map_or(3_600, |(.., s)| *s);
    let time = (ask.now.minus(Duration::from_secs(seconds)), ask.now);
    let mut charts = Vec::new();
    if !name.is_empty() {
        charts.extend(lines::delay(&ask.site, &name, time).await?);
        charts.extend(lines::jitter(&ask.site, &name, time).await?);
        charts.extend(lines::loss(&ask.site, &name, time).await?);
        charts.extend(lines::traffic(&ask.site, &name, time).await?);
    }
    let empty = charts.is_empty().then(|| {
        Empty::new(
            "clock",
            "Nothing was measured in this time",
            "A line is measured as soon as the router has a default route; the first minute takes \
             a minute.",
        )
    });
    let config = ask.site.router.last_config();
    let now = overview.wans.iter().find(|wan| wan.interface.link.name == name);
    let tab = |line: &String| {
        let mut tab = Tab::of(&ask.query, "line", line, line);
        tab.current = *line == name;
        tab
    };
    Ok(QualityPage {
        ranges: RANGES.map(|(key, label, _)| Tab::of(&ask.query, "range", key, label)).into(),
        lines: names.iter().map(tab).collect(),
        now: now.map(|wan| lines::wan(wan, config.as_deref(), ask.now)),
        name,
        charts,
        empty,
        form,
        shell: ask.router_shell("Quality of the line").await,
    })
}
