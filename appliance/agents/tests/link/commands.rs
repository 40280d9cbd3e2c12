use access::Caller;
use model::Timestamp;
use panoptikon_agents::{AgentsError, Command, Piece};
use serde_json::json;
use wire::{Answer, AnswerError, Ask, FromAgent, FromAppliance};

use crate::bed::Bed;
use crate::client::Link;

async fn asked(link: &mut Link) -> Ask {
    loop {
        if let FromAppliance::Ask(ask) = link.hear().await.unwrap() {
            return ask;
        }
    }
}

fn ping() -> Command {
    Command::Ping { to: "192.0.2.1".into(), count: 2 }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_reaches_the_host_and_its_parts_come_back_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let bed = Bed::open(dir.path()).await;
    let mut host = bed.enrol("nas").await;
    let id = host.id.parse().unwrap();
    let (mut link, _) = host.link(bed.address).await.unwrap();
    let agents = bed.agents.clone();
    let answer = tokio::spawn(async move {
        agents.ask(&Caller::console(), id, ping(), Timestamp::now()).await.unwrap().all().await
    });
    let ask = asked(&mut link).await;
    assert_eq!((ask.cmd.as_str(), &ask.args), ("ping", &json!({"to": "192.0.2.1", "count": 2})));
    assert!(ask.limit_s > 0 && ask.limit_bytes > 0);
    for ms in [1, 2] {
        let part = Some(json!({ "ms": ms }));
        link.say(&FromAgent::Answer(Answer { id: ask.id, part, ..Answer::default() })).await;
    }
    let done = Some(json!({ "lost": 0 }));
    link.say(&FromAgent::Answer(Answer { id: ask.id, done, ..Answer::default() })).await;
    let (parts, done) = answer.await.unwrap().unwrap();
    assert_eq!((parts, done), (vec![json!({"ms": 1}), json!({"ms": 2})], json!({"lost": 0})));
    bed.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_waits_for_any_more_is_cancelled_on_the_host() {
    let dir = tempfile::tempdir().unwrap();
    let bed = Bed::open(dir.path()).await;
    let mut host = bed.enrol("nas").await;
    let id = host.id.parse().unwrap();
    let (mut link, _) = host.link(bed.address).await.unwrap();
    let tail =
        Command::Tail { unit: Some("ssh.service".into()), file: None, lines: 10, follow: true };
    let mut answers = bed.agents.ask(&Caller::console(), id, tail, Timestamp::now()).await.unwrap();
    let ask = asked(&mut link).await;
    let part = Some(json!("a line"));
    link.say(&FromAgent::Answer(Answer { id: ask.id, part, ..Answer::default() })).await;
    assert_eq!(answers.next().await.unwrap().unwrap(), Piece::Part(json!("a line")));
    drop(answers);
    let cancelled = loop {
        if let FromAppliance::Cancel(id) = link.hear().await.unwrap() {
            break id;
        }
    };
    assert_eq!(cancelled, ask.id);
    bed.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_fails_is_gone_or_does_not_allow_it_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let bed = Bed::open(dir.path()).await;
    let mut host = bed.enrol("nas").await;
    let id = host.id.parse().unwrap();
    let now = Timestamp::now();
    let console = Caller::console();
    let ask = |command| bed.agents.ask(&console, id, command, now);
    // Nothing is known of what it allows before it has said so.
    assert!(matches!(ask(ping()).await.err(), Some(AgentsError::NotAllowed { .. })));
    let mut hello = host.hello();
    hello.abilities = vec!["ping".into()];
    let (mut link, _) = host.link_as(bed.address, hello).await.unwrap();
    let scan = Command::Scan { network: "192.0.2.0/24".into() };
    let error = ask(scan).await.err().unwrap();
    assert!(error.to_string().contains("does not allow `scan`"), "{error}");
    let answers = ask(ping()).await.unwrap();
    let asked = asked(&mut link).await;
    let say = "no route".to_owned();
    let error = Some(AnswerError { code: "failed".into(), say });
    link.say(&FromAgent::Answer(Answer { id: asked.id, error, ..Answer::default() })).await;
    let error = answers.all().await.unwrap_err();
    assert_eq!(error.to_string(), "nas: no route");
    let answers = ask(ping()).await.unwrap();
    drop(link);
    let error = answers.all().await.unwrap_err();
    assert!(error.to_string().contains("the link ended"), "{error}");
    crate::bed::until("it is offline", || !bed.host(&host).online).await;
    assert!(matches!(ask(ping()).await.err(), Some(AgentsError::Offline(_))));
    bed.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_question_has_a_line_in_the_audit_log_and_needs_its_own_right() {
    let dir = tempfile::tempdir().unwrap();
    let bed = Bed::open(dir.path()).await;
    let host = bed.enrol("nas").await;
    let id = host.id.parse().unwrap();
    let anonymous = Caller::anonymous("192.0.2.9".parse().unwrap());
    let refused = bed.agents.ask(&anonymous, id, ping(), Timestamp::now()).await;
    assert!(matches!(refused.err(), Some(AgentsError::Access(_))));
    let audit = access::audit::AuditLog::new(bed.store.clone());
    let lines = audit.page(&Caller::console(), access::audit::Filter::default()).await.unwrap();
    let line = lines.rows.iter().find(|row| row.action == "agent.ask").expect("a line");
    assert_eq!((line.outcome.as_str(), line.actor.as_str()), ("refused", "anonymous"));
    assert!(line.detail.contains("192.0.2.1"), "{}", line.detail);
    bed.close().await;
}
