//! A planned change: looked at, then applied.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::Path;
use axum::http::Method;
use axum::response::Response;
use vyos::{ChangeError, Plan, USUAL_COUNTDOWN};

use super::{CHANGE, command_line, refilled, risk_line};
use crate::http::{Failure, Route, Routes};
use crate::pages::errors::sentence;
use crate::pages::{Ask, Form, done, see_other};
use crate::site::Site;
use crate::view::router::PlanPage;
use crate::view::{Choice, Tone};

/// Countdowns that are offered, in minutes.
const MINUTES: [u64; 6] = [1, 2, 5, 10, 30, 60];

pub(super) fn routes() -> Routes<Site> {
    let path = "/router/plans/{id}";
    Routes::new()
        .add(Route::new(Method::GET, path, CHANGE, show, "A planned change of the router"))
        .add(Route::new(Method::POST, path, CHANGE, apply, "Apply a planned change").patient())
}

/// What went wrong with a plan so far.
#[derive(Default)]
struct Sofar {
    said: String,
    typed_wrong: bool,
    minutes: Option<String>,
}

async fn show(ask: Ask, Path(id): Path<String>) -> Result<Response, Failure> {
    let plan = find(&ask, &id)?;
    if let Some(number) = plan.applied() {
        return Ok(see_other(&format!("/router/changes/{number}")));
    }
    let page = page(&ask, &plan, Sofar::default()).await;
    ask.page(&page)
}

async fn apply(ask: Ask, Path(id): Path<String>, form: Form) -> Result<Response, Failure> {
    let plan = find(&ask, &id)?;
    if let Some(number) = plan.applied() {
        return Ok(see_other(&format!("/router/changes/{number}")));
    }
    let minutes = form.get("minutes");
    let chosen = MINUTES.into_iter().find(|n| n.to_string() == minutes);
    let chosen = chosen.ok_or_else(|| Failure::invalid("Choose one of the countdowns."))?;
    let mut sofar = Sofar { minutes: Some(minutes.to_owned()), ..Sofar::default() };
    if plan.cuts() && form.get("typed") != plan.word {
        sofar.typed_wrong = true;
        let page = page(&ask, &plan, sofar).await;
        return ask.refused(&page);
    }
    match ask.site.router.apply(&plan, Duration::from_secs(chosen * 60), &ask.visitor.caller).await
    {
        Ok(number) => {
            let text = "It runs now. Keep it if all is well; else it undoes itself.";
            Ok(done(&format!("/router/changes/{number}"), Tone::Ok, text))
        }
        Err(ChangeError::Ask(error)) => Err(ask.trouble("The router", &error).await),
        Err(ChangeError::Store(error)) => Err(error.into()),
        Err(error) => {
            sofar.said = sentence(&error.to_string());
            plan.refuse(&sofar.said);
            let page = page(&ask, &plan, sofar).await;
            ask.refused(&page)
        }
    }
}

fn find(ask: &Ask, id: &str) -> Result<Arc<Plan>, Failure> {
    let plan = ask.site.router.find_plan(id, &ask.visitor.caller.actor);
    plan.ok_or_else(|| {
        Failure::not_found(
            "This plan was made by somebody else, or is older than an hour. \
             Fill in the form again.",
        )
    })
}

async fn page(ask: &Ask, plan: &Plan, sofar: Sofar) -> PlanPage {
    let mut commands: Vec<_> = plan.commands.iter().map(command_line).collect();
    let culprit = if sofar.said.is_empty() { None } else { plan.culprit(&sofar.said) };
    if let Some(line) = culprit.and_then(|at| commands.get_mut(at)) {
        "The router means this one.".clone_into(&mut line.said);
    }
    let usual = (USUAL_COUNTDOWN.as_secs() / 60).to_string();
    let words = |n: u64| if n == 1 { "1 minute".to_owned() } else { format!("{n} minutes") };
    let minutes = Choice::list(
        MINUTES.map(|n| (n.to_string(), words(n))),
        sofar.minutes.as_deref().unwrap_or(&usual),
    );
    let correct = if sofar.said.is_empty() {
        String::new()
    } else {
        refilled(plan, culprit.and_then(|at| plan.commands.get(at)))
    };
    let cancel = if plan.origin.url.is_empty() { "/router" } else { &plan.origin.url };
    PlanPage {
        shell: ask.router_shell("Apply a change").await,
        id: plan.id.clone(),
        why: plan.why.clone(),
        commands,
        risks: plan.risks.iter().map(risk_line).collect(),
        word: if plan.cuts() { plan.word.clone() } else { String::new() },
        typed_wrong: sofar.typed_wrong,
        refused: plan.refused().is_some(),
        minutes,
        said: sofar.said,
        cancel: cancel.to_owned(),
        correct,
    }
}
