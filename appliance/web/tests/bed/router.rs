//! A site whose router is a stand-in that speaks the API of a release. A test program that uses it
//! says `#[path = "bed/router.rs"] mod router;` beside `mod bed;`.
#![allow(dead_code)] // each test program uses its own part
#![allow(clippy::unwrap_used)] // helpers of tests, outside of #[test]
#![allow(unreachable_pub)] // a module of each test program

use std::path::Path;

use panoptikon_web::site::Site;
use tokio::sync::watch;
use vyos::config::{Children, Document, Kind, Node, commands};
use vyos_sim::{Options, Sim};

pub use vyos_sim::Release;

use crate::bed::{Answer, Bed, Browser};

/// Both lines of releases that differ in words.
pub const BOTH: [Release; 2] = [Release::Sagitta, Release::Current];

const SAGITTA: &str =
    include_str!("../../../../scripts/vyos-sim/tests/transcript/sagitta.config.boot");
const CURRENT: &str =
    include_str!("../../../../scripts/vyos-sim/tests/transcript/current.config.boot");

/// A site, its router, and those who keep both going.
pub struct RouterBed {
    pub sim: Sim,
    pub bed: Bed,
    _running: watch::Sender<bool>,
}

impl RouterBed {
    /// A router of a release with its recorded configuration, and the administrator `ada`.
    pub async fn new(release: Release) -> (Self, Browser) {
        Self::with(release, "", system::Options::default()).await
    }

    /// The same where these commands were carried out on the configuration before, or where this
    /// was written into it (a text with braces), and where the router's own state is looked for
    /// elsewhere.
    pub async fn with(release: Release, more: &str, looks: system::Options) -> (Self, Browser) {
        let dir = tempfile::tempdir().unwrap();
        let sim = Sim::start(options(release, more, dir.path())).await.unwrap();
        let built = model::Timestamp(model::Timestamp::now().0 - 1);
        let (bed, ada) = Bed::open(dir, built, looks).await.claimed().await;
        let running = keep_going(&bed.site);
        (Self { sim, bed, _running: running }, ada)
    }

    /// What the router runs at a path; an empty text where nothing has a value there.
    pub fn runs(&self, path: &str) -> Option<String> {
        let running = self.sim.running();
        running.at(path.split(' ')).map(|node| node.values().join(" "))
    }

    /// The commands that a plan's page shows, which the answer of a form leads to.
    pub async fn planned(&self, browser: &mut Browser, answer: &Answer) -> Vec<String> {
        let page = browser.get(plan_of(answer)).await.expect(200);
        let list = page.body.split("<ol class=\"cmds\"").nth(1).unwrap_or_default();
        let list = list.split("</ol>").next().unwrap_or_default();
        let codes = list.split("<code>").skip(1);
        codes.map(|code| unescaped(code.split("</code>").next().unwrap_or_default())).collect()
    }

    /// Applies the plan that the answer of a form leads to, typing its word where it wants one;
    /// what the router then says is in the answer.
    pub async fn apply(&self, browser: &mut Browser, answer: &Answer) -> Answer {
        let path = plan_of(answer).to_owned();
        let page = browser.get(&path).await.expect(200);
        let word = page.body.split("Type <b class=\"mono\">").nth(1);
        let word = word.and_then(|rest| rest.split('<').next()).unwrap_or_default().to_owned();
        browser.post(&path, &[("minutes", "10"), ("typed", &word)]).await
    }
}

/// Where a form's answer leads: the page of its plan.
#[track_caller]
fn plan_of(answer: &Answer) -> &str {
    let path = answer.location();
    assert!(path.starts_with("/router/plans/"), "{path}");
    path
}

fn unescaped(text: &str) -> String {
    let pairs = [("&#60;", "<"), ("&#62;", ">"), ("&#34;", "\""), ("&#39;", "'"), ("&#38;", "&")];
    pairs.iter().fold(text.to_owned(), |text, (code, sign)| text.replace(code, sign))
}

fn options(release: Release, more: &str, dir: &Path) -> Options {
    let text = if release == Release::Sagitta { SAGITTA } else { CURRENT };
    let mut document = Document::parse(text).unwrap();
    if more.contains(" {\n") {
        merge(&mut document.root, &Document::parse(more).unwrap().root);
    } else {
        document.root.apply(&commands::parse(more).unwrap()).unwrap();
    }
    let mut options = Options::new(release, document.print(), dir.join("router"));
    options.socket = Some(dir.join("api.sock"));
    options.key_file = Some(dir.join("http-api-state"));
    options.bare_socket = true;
    options
}

/// Writes what another tree has into one.
fn merge(into: &mut Node, from: &Node) {
    let (Kind::Inner(own) | Kind::Tag(own)) = &mut into.kind else { return };
    for (name, node) in from.children().into_iter().flat_map(Children::iter) {
        match own.get_mut(name) {
            Some(known) if node.children().is_some() => merge(known, node),
            _ => own.insert(name, node.clone()),
        }
    }
}

/// Runs what the program runs of a router, until the switch is dropped with the bed.
fn keep_going(site: &Site) -> watch::Sender<bool> {
    let (switch, ended) = watch::channel(false);
    let (router, ends) = (site.router.clone(), ended.clone());
    tokio::spawn(async move { router.run(ends).await });
    let system = site.system.clone();
    tokio::spawn(async move {
        let _ = system.run(ended).await;
    });
    switch
}
