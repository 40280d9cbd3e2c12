//! The speed of the line: a test from the router itself, and all that were made.

use access::Permission as P;
use axum::extract::Path;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use model::Timestamp;
use serde_json::json;
use system::SystemError;
use system::tools::{SPEED_KEY, SpeedSettings, SpeedTest, SpeedUpdate, provider_in};

use super::super::keep::keep_setting;
use super::stream::{flowing, plain};
use super::{TOOLS, note, say, tabs};
use crate::http::{Entry, Failure, Route, Routes};
use crate::pages::errors::sentence;
use crate::pages::{Ask, Form, done};
use crate::site::Site;
use crate::view::router::{SpeedPage, SpeedRow, SpeedTestPage};
use crate::view::{Empty, Field, Lines, Moment, Tone, rate};

const HERE: &str = "/router/tools/speed";
/// Tests that are shown.
const SHOWN: u32 = 50;

pub(super) fn routes() -> Routes<Site> {
    let edit = Entry::Needs(P::SettingsEdit);
    let settings = "/router/tools/speed/settings";
    Routes::new()
        .add(Route::new(Method::GET, HERE, TOOLS, show, "Speed tests of the line"))
        .add(Route::new(Method::GET, "/router/tools/speed/{id}", TOOLS, one, "One speed test"))
        .add(Route::new(Method::POST, HERE, TOOLS, test, "Test the speed of the line").patient())
        .add(Route::new(Method::POST, settings, edit, set, "Change what is tested against"))
}

/// The fields of the settings: as they are called, and what is in them.
type Filled = [(&'static str, Field); 5];

async fn show(ask: Ask) -> Result<Response, Failure> {
    let settings = load(&ask).await?;
    let page = page(&ask, filled(&settings), &settings).await?;
    ask.page(&page)
}

async fn one(ask: Ask, Path(id): Path<String>) -> Result<Response, Failure> {
    let gone = || Failure::not_found("There is no such speed test, or it is too old to be kept.");
    let id: i64 = id.parse().map_err(|_| gone())?;
    let test = ask.site.system.speed_test(id).await?.ok_or_else(gone)?;
    let outcome = &test.outcome;
    let network = outcome.network.map(|number| format!("AS{number}"));
    let domain = outcome.line_name.as_deref().and_then(provider_in).map(str::to_owned);
    let known: Vec<String> = domain.into_iter().chain(network).collect();
    let title = if outcome.device.is_some() { "Speed to a device" } else { "Speed of the line" };
    let page = SpeedTestPage {
        provider: known.join(", "),
        line_name: outcome.line_name.clone().unwrap_or_default(),
        seen_as: outcome.seen_as.map(|ip| ip.to_string()).unwrap_or_default(),
        time: test.at.local(),
        is_line: outcome.device.is_none(),
        row: row(&test, ask.now),
        shell: ask.router_shell(&format!("{title}, {}", test.at.local())).await,
    };
    ask.page(&page)
}

async fn load(ask: &Ask) -> Result<SpeedSettings, Failure> {
    Ok(ask.site.store.read(|r| SpeedSettings::load(r.main())).await?)
}

fn filled(settings: &SpeedSettings) -> Filled {
    [
        ("download_url", Field::new(&settings.download_url)),
        ("upload_url", Field::new(&settings.upload_url)),
        ("latency_url", Field::new(&settings.latency_url)),
        ("streams", Field::new(settings.streams.to_string())),
        ("seconds", Field::new(settings.seconds.to_string())),
    ]
}

async fn test(ask: Ask) -> Result<Response, Failure> {
    let by = ask.visitor.caller.actor.name().to_owned();
    let flow = ask.wants_text();
    let mut updates = match ask.site.system.test_speed(&by).await {
        Ok(updates) => updates,
        Err(error) => {
            let text = sentence(&error.to_string());
            return Ok(if flow {
                (StatusCode::TOO_MANY_REQUESTS, plain(text + "\n")).into_response()
            } else {
                done(HERE, Tone::Warn, &text)
            });
        }
    };
    note(&ask, "router.tool.speed", String::new(), json!({})).await?;
    if flow {
        return Ok(flowing(updates, say::speed));
    }
    let mut ended = None;
    while let Some(update) = updates.next().await {
        if let SpeedUpdate::Ended(test) = update {
            ended = Some(test);
        }
    }
    Ok(match ended.map(|test| test.outcome.failure) {
        Some(None) => done(HERE, Tone::Ok, "The speed is measured."),
        Some(Some(why)) => {
            done(HERE, Tone::Warn, &format!("The test broke off: {}", sentence(&why)))
        }
        None => done(HERE, Tone::Warn, "The test broke off."),
    })
}

async fn set(ask: Ask, form: Form) -> Result<Response, Failure> {
    match read(&form) {
        Ok(settings) => {
            let changed = keep_setting(&ask, SPEED_KEY, SpeedSettings::load, settings).await?;
            let text = if changed { "Saved." } else { "Nothing changed." };
            Ok(done(&format!("{HERE}#settings"), Tone::Ok, text))
        }
        Err((at, why)) => {
            let settings = load(&ask).await?;
            let fields = filled(&settings).map(|(name, _)| {
                let value: String = form.raw(name).chars().take(500).collect();
                let field = if name == at {
                    Field::refused(value, sentence(&why))
                } else {
                    Field::new(value)
                };
                (name, field)
            });
            let page = page(&ask, fields, &settings).await?;
            ask.refused(&page)
        }
    }
}

fn read(form: &Form) -> Result<SpeedSettings, (&'static str, String)> {
    let number = |name: &'static str| {
        form.get(name).parse::<u32>().map_err(|_| (name, "give a number".to_owned()))
    };
    let settings = SpeedSettings {
        download_url: form.get("download_url").to_owned(),
        upload_url: form.get("upload_url").to_owned(),
        latency_url: form.get("latency_url").to_owned(),
        streams: number("streams")?,
        seconds: number("seconds")?,
    };
    match settings.check() {
        Ok(()) => Ok(settings),
        Err(SystemError::Invalid { field, why }) => Err((field, why)),
        Err(other) => Err(("download_url", other.to_string())),
    }
}

async fn page(ask: &Ask, fields: Filled, used: &SpeedSettings) -> Result<SpeedPage, Failure> {
    let tests = ask.site.system.speed_tests(SHOWN).await?;
    let rows: Vec<SpeedRow> = tests.iter().map(|test| row(test, ask.now)).collect();
    let last = tests.iter().find(|test| test.outcome.device.is_none());
    let empty = rows.is_empty().then(|| {
        Empty::new(
            "clock",
            "Not tested yet",
            "A test takes half a minute, and its outcome stays here to compare.",
        )
    });
    let [(_, download), (_, upload), (_, latency), (_, streams), (_, seconds)] = fields;
    let server = used.download_url.split('/').nth(2).unwrap_or_default().to_owned();
    Ok(SpeedPage {
        tools: tabs(ask),
        last: last.map(|test| row(test, ask.now)),
        chart: chart(&tests),
        rows,
        empty,
        download,
        upload,
        latency,
        streams,
        seconds,
        server,
        shell: ask.router_shell("Speed of the line").await,
    })
}

fn chart(tests: &[SpeedTest]) -> Option<Lines> {
    // Those of devices are about other lines.
    let tests: Vec<&SpeedTest> =
        tests.iter().filter(|test| test.outcome.device.is_none()).collect();
    let (newest, oldest) = (tests.first()?, tests.last()?);
    if tests.len() < 2 {
        return None;
    }
    let values = |of: fn(&SpeedTest) -> Option<f64>| {
        tests.iter().rev().filter_map(|test| Some((test.at, of(test)?))).collect()
    };
    let series = vec![
        ("down".to_owned(), values(|test| test.outcome.download_bps)),
        ("up".to_owned(), values(|test| test.outcome.upload_bps)),
    ];
    let time = (oldest.at, newest.at);
    Some(Lines::rates("speed-tests", "All tests", time, i64::MAX, series))
}

fn row(test: &SpeedTest, now: Timestamp) -> SpeedRow {
    let none = || "–".to_owned();
    let ms = |value: Option<f64>| value.map_or_else(none, |ms| format!("{ms:.1} ms"));
    let outcome = &test.outcome;
    let server = match outcome.device {
        Some(device) => format!("to the device {device}"),
        None => outcome.server.clone(),
    };
    SpeedRow {
        href: format!("{HERE}/{}", test.id),
        at: Moment::ago(test.at, now),
        by: test.by.clone(),
        server,
        down: outcome.download_bps.map_or_else(none, rate),
        up: outcome.upload_bps.map_or_else(none, rate),
        latency: ms(outcome.latency_ms),
        jitter: ms(outcome.jitter_ms),
        loss: outcome.loss_percent.map_or_else(none, |percent| format!("{percent:.0} %")),
        failure: outcome.failure.as_deref().map(sentence).unwrap_or_default(),
    }
}
