//! The task of a link: moves frames between the socket and its [`Session`], and carries out the
//! session's steps.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{SinkExt as _, StreamExt as _};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use model::Timestamp;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Bytes, Error, Message};
use wire::{Answer, FromAppliance, Hello, close, limits};

use super::Guest;
use super::connection::Who;
use crate::admit::Admitted;
use crate::agents::WAITING;
use crate::counts::Counts;
use crate::intake::Parcel;
use crate::members::Order;
use crate::session::{Numbered, Session, Step};

/// How long a peer may take to read what is sent.
const SENDING: Duration = Duration::from_secs(20);
/// How long the last words may take.
const PARTING: Duration = Duration::from_secs(3);
/// A thousand links must be cheap.
const READ_BUFFER: usize = 4 * 1024;
const WRITE_BUFFER: usize = 4 * 1024;
/// More than the longest text that is sent.
const MOST_TO_WRITE: usize = 512 * 1024;
/// A larger frame is unpacked beside the asynchronous side.
const LARGE: usize = 16 * 1024;

type Socket = WebSocketStream<TokioIo<Upgraded>>;

struct Running {
    guest: Guest,
    who: Who,
    session: Session,
    socket: Socket,
    began: Instant,
    admitted: Option<Admitted>,
    /// How far the host's clock is ahead, milliseconds.
    clock_ms: i64,
    asked: HashMap<u64, mpsc::Sender<Answer>>,
}

/// Serves a link to its end.
pub(super) async fn run(stream: Upgraded, who: Who, guest: Guest) {
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(WRITE_BUFFER)
        .max_write_buffer_size(MOST_TO_WRITE)
        .max_message_size(Some(limits::BINARY))
        .max_frame_size(Some(limits::BINARY));
    let io = TokioIo::new(stream);
    let socket = WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await;
    let mut link = Running {
        guest,
        who,
        session: Session::new(0),
        socket,
        began: Instant::now(),
        admitted: None,
        clock_ms: 0,
        asked: HashMap::new(),
    };
    link.serve().await;
    let agents = &link.guest.agents;
    Counts::add(&agents.0.counts.unknown, link.session.unknown);
    if let Some(admitted) = &link.admitted {
        agents.link_down(who.id, admitted.number, Timestamp::now());
        tracing::info!(agent = %who.id, address = %link.guest.address, "an agent has gone");
    }
}

/// What has come.
enum Came {
    Frame(Option<Result<Message, Error>>),
    Order(Option<Order>),
    Committed(u64),
    Time,
    End,
}

impl Running {
    fn now(&self) -> u64 {
        self.began.elapsed().as_millis() as u64
    }

    async fn serve(&mut self) {
        loop {
            let came = self.wait().await;
            let now = self.now();
            let steps = match came {
                Came::Frame(Some(Ok(message))) => match self.hear(now, message).await {
                    Some(steps) => steps,
                    None => return,
                },
                Came::Frame(Some(Err(Error::Capacity(_)))) => self.session.too_big(),
                Came::Frame(Some(Err(Error::Protocol(_) | Error::Utf8(_)))) => {
                    self.session.close(close::GARBAGE, "That is no WebSocket.")
                }
                Came::Frame(Some(Err(_)) | None) => return self.let_go(),
                Came::Order(Some(order)) => self.obey(now, order),
                Came::Order(None) => {
                    self.session.close(close::SUPERSEDED, "This link is not used any more.")
                }
                Came::Committed(seq) => self.session.committed(now, seq),
                Came::Time => self.session.tick(now),
                Came::End => self.session.close(1001, "The appliance stops."),
            };
            if !self.take(steps).await {
                return self.let_go();
            }
        }
    }

    /// Whoever waits for an answer is told that none will come.
    fn let_go(&mut self) {
        self.asked.clear();
    }

    async fn wait(&mut self) -> Came {
        let wake = Duration::from_millis(self.session.wake_at().saturating_sub(self.now()));
        let Self { admitted, socket, guest, .. } = self;
        let link = async {
            match admitted {
                Some(link) => tokio::select! {
                    order = link.orders.recv() => Came::Order(order),
                    Ok(()) = link.committed.changed() => {
                        Came::Committed(*link.committed.borrow_and_update())
                    }
                },
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            came = link => came,
            frame = socket.next() => Came::Frame(frame),
            () = tokio::time::sleep(wake) => Came::Time,
            _ = guest.ended.wait_for(|over| *over) => Came::End,
        }
    }

    /// What a frame leads to; None where the link is over.
    async fn hear(&mut self, now: u64, message: Message) -> Option<Vec<Step>> {
        Counts::add(&self.guest.agents.0.counts.octets, message.len() as u64);
        Some(match message {
            Message::Text(text) => self.session.text(now, &text),
            Message::Binary(frame) if frame.len() <= LARGE => self.session.binary(now, &frame),
            Message::Binary(frame) => {
                let mut session = std::mem::replace(&mut self.session, Session::new(now));
                let unpack = move || {
                    let steps = session.binary(now, &frame);
                    (session, steps)
                };
                let (session, steps) = tokio::task::spawn_blocking(unpack).await.ok()?;
                self.session = session;
                steps
            }
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => self.session.alive(now),
            Message::Close(_) => {
                self.let_go();
                let _ = timeout(PARTING, self.socket.flush()).await;
                return None;
            }
        })
    }

    fn obey(&mut self, now: u64, order: Order) -> Vec<Step> {
        match order {
            Order::Set(set) => self.session.set(set),
            Order::Cancel(id) => {
                self.asked.remove(&id);
                self.session.cancel(id)
            }
            Order::Close(code, why) => self.session.close(code, &why),
            Order::Ask { ask, answers, number } => {
                let Some((id, step)) = self.session.ask(now, ask) else {
                    // Whoever asked may have gone.
                    let _ = number.send(None);
                    return Vec::new();
                };
                if number.send(Some(id)).is_err() {
                    return self.session.cancel(id);
                }
                self.asked.insert(id, answers);
                vec![step]
            }
        }
    }

    /// Carries steps out; false where the link is over.
    async fn take(&mut self, steps: Vec<Step>) -> bool {
        let mut steps = std::collections::VecDeque::from(steps);
        while let Some(step) = steps.pop_front() {
            let is_up = match step {
                Step::Send(text) => self.send(Message::text(text)).await,
                Step::Ping => self.send(Message::Ping(Bytes::new())).await,
                Step::Store(numbered) => self.store(numbered).await,
                Step::Answer(answer) => {
                    self.pass_on(answer);
                    true
                }
                Step::Renew(request) => self.renew(&request).await,
                Step::Greet(hello) => {
                    steps.extend(self.greet(*hello).await);
                    true
                }
                Step::Close(code, why) => {
                    self.close(code, &why).await;
                    false
                }
            };
            if !is_up {
                return false;
            }
        }
        true
    }

    async fn send(&mut self, message: Message) -> bool {
        matches!(timeout(SENDING, self.socket.send(message)).await, Ok(Ok(())))
    }

    async fn close(&mut self, code: u16, why: &str) {
        self.guest.agents.0.counts.closed(code);
        let (agent, address) = (self.who.id, self.guest.address);
        tracing::info!(%agent, %address, code, why, "closed the link of an agent");
        // RFC 6455 leaves 123 octets for it.
        let mut end = why.len().min(120);
        while !why.is_char_boundary(end) {
            end -= 1;
        }
        let reason = why.get(..end).unwrap_or_default().to_owned().into();
        let frame = CloseFrame { code: CloseCode::from(code), reason };
        let part = async {
            let _ = self.socket.close(Some(frame)).await;
            // Until the other side has heard it, or has gone.
            while let Some(Ok(_)) = self.socket.next().await {}
        };
        let _ = timeout(PARTING, part).await;
    }

    async fn store(&mut self, items: Vec<Numbered>) -> bool {
        // Not exact, but in proportion: what waits is bounded whoever sends it.
        let size = items.iter().map(size).sum::<usize>().clamp(1, WAITING);
        let agents = &self.guest.agents.0;
        let Ok(room) = Arc::clone(&agents.room).acquire_many_owned(size as u32).await else {
            return false;
        };
        let parcel = Parcel {
            agent: self.who.id,
            received: Timestamp::now(),
            clock_ms: self.clock_ms,
            items,
            _room: room,
        };
        agents.parcels.send(parcel).await.is_ok()
    }

    fn pass_on(&mut self, answer: Answer) {
        let (id, is_end) = (answer.id, answer.done.is_some() || answer.error.is_some());
        if let Some(answers) = self.asked.get(&id)
            && answers.try_send(answer).is_err()
        {
            // Nobody reads them, or too slowly.
            tracing::debug!(id, "an answer of an agent was dropped");
        }
        if is_end {
            self.asked.remove(&id);
        }
    }

    async fn renew(&mut self, request: &str) -> bool {
        let renewed = self.guest.agents.renew(self.who.id, request, Timestamp::now()).await;
        match renewed {
            Ok(issued) => {
                self.send(Message::text(FromAppliance::Certificate(issued.chain).encode())).await
            }
            Err(error) => {
                tracing::warn!(agent = %self.who.id, %error, "a certificate was not renewed");
                true
            }
        }
    }

    async fn greet(&mut self, hello: Hello) -> Vec<Step> {
        let now = Timestamp::now();
        let agents = self.guest.agents.clone();
        let (address, local) = (self.guest.address, self.guest.local);
        if hello.at != 0 {
            self.clock_ms = hello.at.saturating_sub(now.0);
        }
        let version = hello.version.chars().take(32).collect::<String>();
        match agents.admit((self.who.id, self.who.key), hello, (address, local), now).await {
            Ok(Ok(admitted)) => {
                tracing::info!(agent = %self.who.id, %address, version, "an agent has come");
                self.guest.place.leave();
                let welcome = admitted.welcome.clone();
                self.admitted = Some(admitted);
                self.session.welcome(welcome)
            }
            Ok(Err((code, why))) => self.session.close(code, &why),
            Err(error) => {
                tracing::error!(agent = %self.who.id, %error, "an agent could not be let in");
                self.session.close(1011, "The appliance failed; its log says why.")
            }
        }
    }
}

/// About how many octets a message takes in memory.
fn size(item: &Numbered) -> usize {
    use crate::session::What;
    match &item.what {
        What::Events(list) => {
            list.iter().map(|e| 200 + e.message.len() + e.fields.len() * 100).sum::<usize>() + 100
        }
        What::Report(_) => 4_096,
        What::Lost { .. } => 200,
    }
}
