//! One console: what its streams say, one message after the other, in; what happened, and the names
//! that it has for devices, out.

use model::{Mac, Timestamp};
use serde_json::{Map, Value};

use crate::Happening;
use crate::console;
use crate::derive::Watch;
use crate::json::{text, tidy};
use crate::network::frame::{self, About, FrameError};
use crate::protect::grow::{Growing, Grown, Swept};
use crate::protect::packet::{self, Data, PacketError, Verb};
use crate::protect::public;

/// Names that are kept; more are not taken.
const MOST_NAMES: usize = 16_384;
/// Characters of a name.
const NAME: usize = 64;

/// What is known of a console.
#[derive(Debug, Default)]
pub struct Engine {
    watch: Watch,
    growing: Growing,
    names: Map<String, Value>,
}

impl Engine {
    /// One that goes on from the states that [`Engine::states`] gave.
    pub fn new(states: &Value) -> Self {
        Self { watch: Watch::restore(states), ..Self::default() }
    }

    /// States as they were told last, to be stored with what happened.
    pub fn states(&self) -> Value {
        self.watch.save()
    }

    /// The console's name for a device, by MAC address in lower case or by id.
    pub fn name(&self, id: &str) -> Option<String> {
        self.names.get(id)?.as_str().map(str::to_owned)
    }

    /// A message of Protect's private socket: what happened, and where the stream is then.
    pub fn protect(
        &mut self,
        message: &[u8],
        now: Timestamp,
    ) -> Result<(Vec<Happening>, String), PacketError> {
        let packet = packet::decode(message)?;
        let action = packet.action;
        let object =
            if let Data::Json(Value::Object(object)) = packet.data { object } else { Map::new() };
        Ok((self.object(action.verb, &action.model, &action.id, object, now), action.update_id))
    }

    /// A text of one of Protect's public sockets.
    pub fn public(&mut self, text: &[u8], now: Timestamp) -> Result<Vec<Happening>, FrameError> {
        let items = public::decode(text)?;
        let told = items.into_iter();
        Ok(told.flat_map(|it| self.object(it.verb, &it.model, &it.id, it.object, now)).collect())
    }

    /// An object that REST answers: an event of the history, or a device of the bootstrap.
    pub fn answered(
        &mut self,
        model: &str,
        object: Map<String, Value>,
        now: Timestamp,
    ) -> Vec<Happening> {
        let Some(id) = text(&object, "id").map(str::to_owned) else { return Vec::new() };
        self.object(Verb::Update, model, &id, object, now)
    }

    /// A text of Network's socket.
    pub fn network(&mut self, text: &[u8], now: Timestamp) -> Result<Vec<Happening>, FrameError> {
        let frame = frame::decode(text, now)?;
        let mut told = frame.happenings;
        if let Some((about, rows)) = frame.state {
            told.extend(self.state(about, &rows, false, now));
        }
        Ok(told)
    }

    /// States that REST answers: devices, or all clients that the console ever knew.
    pub fn state(
        &mut self,
        about: About,
        rows: &[Map<String, Value>],
        all: bool,
        now: Timestamp,
    ) -> Vec<Happening> {
        for row in rows.iter().filter(|_| about != About::Other) {
            let mac = text(row, "mac").and_then(|mac| mac.parse::<Mac>().ok());
            if let Some(mac) = mac {
                self.learn(&mac.to_string(), row);
            }
        }
        match about {
            About::Devices => self.watch.devices(rows, now),
            About::Clients => self.watch.clients(rows, all, now),
            About::Other => Vec::new(),
        }
    }

    /// Subsystems of Network's health.
    pub fn health(&mut self, rows: &[Map<String, Value>], now: Timestamp) -> Vec<Happening> {
        self.watch.health(rows, now)
    }

    /// A text of the console's own socket.
    pub fn console(&mut self, text: &[u8], now: Timestamp) -> Result<Vec<Happening>, FrameError> {
        Ok(match console::decode(text, now)? {
            console::Frame::State(state) => self.watch.console(&state, now),
            console::Frame::Happened(happened) => vec![happened],
        })
    }

    /// Forgets events that were not heard of for long. To be called every minute or so.
    pub fn sweep(&mut self, now: Timestamp) -> Swept {
        self.growing.sweep(now)
    }

    fn object(
        &mut self,
        verb: Verb,
        model: &str,
        id: &str,
        object: Map<String, Value>,
        now: Timestamp,
    ) -> Vec<Happening> {
        match (model, verb) {
            // An event that people delete has happened all the same.
            ("event", Verb::Remove) => Vec::new(),
            ("event", _) => match self.growing.take(id, object, verb == Verb::Add, now) {
                Grown::New(happening) | Grown::Changed(happening) => vec![happening],
                Grown::Same | Grown::Unknown => Vec::new(),
            },
            (_, Verb::Remove) => {
                self.watch.forget(id);
                Vec::new()
            }
            _ => {
                self.learn(id, &object);
                self.watch.protect(model, id, &object, now)
            }
        }
    }

    fn learn(&mut self, id: &str, object: &Map<String, Value>) {
        let name = ["name", "hostname"].into_iter().find_map(|path| text(object, path));
        let name = name.map(|name| tidy(name, NAME)).filter(|name| !name.is_empty());
        let Some(name) = name else { return };
        if self.names.contains_key(id) || self.names.len() < MOST_NAMES && id.len() <= NAME {
            self.names.insert(id.to_owned(), Value::from(name));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::catalogue::sentence;

    const NOW: Timestamp = Timestamp(1_790_000_000_000);

    fn packet(action: &str, model: &str, id: &str, data: &Value) -> Vec<u8> {
        let action =
            json!({"action": action, "newUpdateId": "u", "modelKey": model, "id": id}).to_string();
        let data = data.to_string();
        let head =
            |kind, text: &str| [&[kind, 1, 0, 0][..], &(text.len() as u32).to_be_bytes()].concat();
        [head(1, &action), action.into_bytes(), head(2, &data), data.into_bytes()].concat()
    }

    fn said(engine: &Engine, happenings: &[Happening]) -> Vec<String> {
        happenings.iter().map(|it| sentence(it, &|id| engine.name(id))).collect()
    }

    #[test]
    fn an_event_of_a_camera_reads_with_the_cameras_name_and_is_not_told_when_it_is_deleted() {
        let mut engine = Engine::default();
        let camera = "1ee3895eb4ef2170046f9f2c";
        let known = json!({"id": camera, "name": "Yard", "state": "CONNECTED"});
        assert_eq!(engine.answered("camera", known.as_object().unwrap().clone(), NOW), []);
        let ring = json!({"type": "ring", "start": NOW.0, "camera": camera});
        let (told, place) = engine.protect(&packet("add", "event", "e1", &ring), NOW).unwrap();
        assert_eq!(said(&engine, &told), ["Somebody rang at Yard"]);
        assert_eq!(place, "u");
        let end = packet("update", "event", "e1", &json!({"end": NOW.0 + 1000}));
        let (told, _) = engine.protect(&end, NOW).unwrap();
        assert_eq!((told.len(), told[0].id.as_str()), (1, "e1"));
        let removed = packet("remove", "event", "e1", &json!({}));
        assert_eq!(engine.protect(&removed, NOW).unwrap().0, []);
        let lost = packet("update", "camera", camera, &json!({"state": "DISCONNECTED"}));
        let (told, _) = engine.protect(&lost, NOW).unwrap();
        assert_eq!(said(&engine, &told), ["Yard is offline"]);
    }

    #[test]
    fn both_of_protects_sockets_tell_the_same_of_an_event() {
        let event = json!({"id": "e1", "modelKey": "event", "type": "ring", "start": NOW.0});
        let private = packet("add", "event", "e1", &event);
        let public = json!({"type": "add", "item": event}).to_string();
        let (one, _) = Engine::default().protect(&private, NOW).unwrap();
        assert_eq!(Engine::default().public(public.as_bytes(), NOW).unwrap(), one);
    }

    #[test]
    fn states_of_network_give_names_and_what_changed_and_outlast_a_restart() {
        let mut engine = Engine::default();
        let state = |state: u8| {
            json!({"meta": {"rc": "ok", "message": "device:sync"},
                "data": [{"mac": "AA:BB:CC:00:01:01", "name": "ap-hall", "state": state}]})
            .to_string()
        };
        assert_eq!(engine.network(state(1).as_bytes(), NOW).unwrap(), []);
        let mut engine = Engine::new(&engine.states());
        let told = engine.network(state(0).as_bytes(), NOW).unwrap();
        assert_eq!(said(&engine, &told), ["ap-hall is offline"]);
        let event = json!({"meta": {"rc": "ok", "message": "events"}, "data": [
            {"_id": "5", "key": "EVT_AP_RestartedUnknown", "ap": "aa:bb:cc:00:01:01"}]});
        let told = engine.network(event.to_string().as_bytes(), NOW).unwrap();
        assert_eq!(said(&engine, &told), ["Access point ap-hall has restarted by itself"]);
    }

    #[test]
    fn the_console_tells_states_and_happenings() {
        let mut engine = Engine::default();
        let state = |has: bool| {
            json!({"type": "DEVICE_STATE_CHANGED", "system": {"hasInternet": has}}).to_string()
        };
        assert_eq!(engine.console(state(true).as_bytes(), NOW).unwrap(), []);
        let told = engine.console(state(false).as_bytes(), NOW).unwrap();
        assert_eq!(said(&engine, &told), ["The internet is not reached"]);
        let told = engine.console(br#"{"type":"ERROR","message":"disk"}"#, NOW).unwrap();
        assert_eq!(said(&engine, &told), ["The console reports an error: disk"]);
    }
}
