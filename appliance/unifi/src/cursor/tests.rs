use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::Map;

use super::*;
use crate::Source;

const START: Timestamp = Timestamp(1_790_000_000_000);

fn event(id: u32, at: Timestamp) -> Happening {
    let (source, key) = (Source::Protect, "motion".to_owned());
    Happening { source, id: id.to_string(), key, at, end: None, facts: Map::new() }
}

fn second(number: u64) -> Timestamp {
    START.plus(Duration::from_secs(number))
}

fn known(at: Timestamp) -> Place {
    Place { known: Some(at), update_id: Some("u0".to_owned()) }
}

fn ids(batch: &Batch) -> Vec<&str> {
    batch.happenings.iter().map(|happening| happening.id.as_str()).collect()
}

#[test]
fn history_is_stored_before_what_was_told_meanwhile() {
    let mut cursor = Cursor::new(known(second(0)), second(100));
    assert_eq!(cursor.tick(second(100)), Some(Step::Connect(Some("u0".to_owned()))));
    assert_eq!(cursor.opened(second(101)), Step::Ask(Some(second(0).minus(OVERLAP))));
    cursor.told(vec![event(3, second(102))], Some("u3".to_owned()), second(102));
    assert_eq!(cursor.take(), None, "it is kept back, and so is its place");
    cursor.answered(vec![event(2, second(50)), event(1, second(20))], second(103));
    let history = cursor.take().unwrap();
    assert_eq!((ids(&history), &history.place), (vec!["2", "1"], &known(second(0))));
    assert!(!cursor.is_whole());
    assert_eq!(cursor.complete(None, second(104)), None);
    let rest = cursor.take().unwrap();
    assert_eq!(ids(&rest), ["3"]);
    assert_eq!(rest.place.update_id.as_deref(), Some("u3"));
    assert_eq!(rest.place.known, Some(second(50)));
    assert!(cursor.is_whole());
    assert_eq!(cursor.take(), None);
}

#[test]
fn packets_in_which_nothing_happened_move_the_place_on() {
    let mut cursor = Cursor::new(known(second(0)), START);
    cursor.tick(START);
    cursor.opened(START);
    cursor.complete(None, START);
    cursor.take();
    cursor.told(Vec::new(), Some("u9".to_owned()), second(1));
    assert_eq!(cursor.take().unwrap().place.update_id.as_deref(), Some("u9"));
}

#[test]
fn history_is_asked_for_every_five_minutes_and_sooner_when_it_could_not_be_had() {
    let mut cursor = Cursor::new(known(second(0)), START);
    cursor.tick(START);
    cursor.opened(START);
    assert_eq!(cursor.tick(second(999)), None, "one question at a time");
    let gap = Step::Gap(second(0).minus(OVERLAP), START);
    assert_eq!(cursor.failed(second(5)), Some(gap));
    assert!(!cursor.is_whole());
    assert_eq!(cursor.tick(second(34)), None);
    assert_eq!(cursor.tick(second(35)), Some(Step::Ask(Some(second(0).minus(OVERLAP)))));
    assert_eq!(cursor.failed(second(40)), None, "the gap is told once");
    cursor.tick(second(70));
    assert_eq!(cursor.complete(None, second(71)), None);
    assert!(cursor.is_whole());
    assert_eq!(cursor.tick(second(370)), None);
    assert!(matches!(cursor.tick(second(371)), Some(Step::Ask(Some(_)))));
}

#[test]
fn what_is_told_while_no_history_can_be_had_is_stored() {
    let mut cursor = Cursor::new(known(second(0)), START);
    cursor.tick(START);
    cursor.opened(START);
    cursor.told(vec![event(1, second(1))], None, second(1));
    cursor.failed(second(2));
    assert_eq!(ids(&cursor.take().unwrap()), ["1"]);
    cursor.told(vec![event(2, second(3))], None, second(3));
    let batch = cursor.take().unwrap();
    assert_eq!(ids(&batch), ["2"]);
    assert_eq!(batch.place.known, Some(second(0)), "history is still owed");
}

#[test]
fn a_history_that_does_not_reach_back_leaves_a_gap_that_is_told() {
    let mut cursor = Cursor::new(known(second(0)), second(90_000));
    cursor.tick(second(90_000));
    cursor.opened(second(90_000));
    let gap = Step::Gap(second(0).minus(OVERLAP), second(4000));
    assert_eq!(cursor.complete(Some(second(4000)), second(90_001)), Some(gap));
}

#[test]
fn the_first_time_ever_asks_for_no_time_and_tells_no_gap() {
    let mut cursor = Cursor::new(Place::default(), START);
    assert_eq!(cursor.tick(START), Some(Step::Connect(None)));
    assert_eq!(cursor.opened(START), Step::Ask(None));
    assert_eq!(cursor.failed(START), None);
    cursor.place_told("u1");
    assert_eq!(cursor.take().unwrap().place.update_id.as_deref(), Some("u1"));
    assert!(matches!(cursor.tick(second(30)), Some(Step::Ask(None))));
    cursor.complete(Some(START), second(30));
    let place = cursor.take().unwrap().place;
    assert_eq!(place.known, Some(second(30).minus(SKEW)), "the console's clock may be behind");
}

#[test]
fn a_console_whose_clock_is_ahead_does_not_hide_what_follows() {
    let mut cursor = Cursor::new(known(second(0)), START);
    cursor.tick(START);
    cursor.opened(START);
    cursor.answered(vec![event(1, second(7200))], second(1));
    cursor.complete(None, second(1));
    assert_eq!(cursor.take().unwrap().place.known, Some(second(1)));
}

#[test]
fn a_place_that_the_console_does_not_know_is_given_up() {
    let mut cursor = Cursor::new(known(second(0)), START);
    cursor.tick(START);
    cursor.opened(START);
    cursor.closed(Closed::Lost, "unknown lastUpdateId", 0, second(1));
    assert_eq!(cursor.tick(second(1)), Some(Step::Connect(None)));
    let mut cursor = Cursor::new(known(second(0)), START);
    for time in [0, 100, 200] {
        let connect = Step::Connect(Some("u0".to_owned()));
        assert_eq!(cursor.tick(second(time)), Some(connect));
        cursor.opened(second(time));
        cursor.closed(Closed::Lost, "", 0, second(time + 4));
    }
    assert_eq!(cursor.tick(second(300)), Some(Step::Connect(None)), "three quick ends in a row");
    assert_eq!(cursor.take().unwrap().place.update_id, None);
}

#[test]
fn pauses_grow_until_a_frame_was_good() {
    let mut cursor = Cursor::new(Place::default(), START);
    let mut now = START;
    let mut pause = |cursor: &mut Cursor, why, random| {
        assert!(matches!(cursor.tick(now), Some(Step::Connect(_))));
        cursor.closed(why, "", random, now);
        let mut waited = 0;
        while !matches!(cursor.link, Link::Down(until) if until <= now) {
            now = now.plus(Duration::from_secs(1));
            waited += 1;
        }
        waited
    };
    let mut pauses = |why| [0; 6].map(|random| pause(&mut cursor, why, random));
    assert_eq!(pauses(Closed::Lost), [0, 5, 15, 30, 60, 60]);
    assert_eq!(pauses(Closed::Refused), [120, 240, 480, 960, 1920, 1920]);
    assert_eq!(pauses(Closed::Later(Duration::from_secs(7))), [7; 6]);
    assert_eq!(pause(&mut cursor, Closed::Lost, u16::MAX), 75, "a quarter more at most");
    cursor.told(Vec::new(), None, START);
    assert_eq!(pause(&mut cursor, Closed::Lost, 0), 0);
}

#[test]
fn what_is_kept_back_is_bounded_and_what_is_too_much_is_stored() {
    let mut cursor = Cursor::new(known(START), START);
    cursor.tick(START);
    cursor.opened(START);
    let mut stored = 0;
    for number in 0..25_000 {
        cursor.told(vec![event(number, START)], None, START);
        stored += cursor.take().map_or(0, |batch| batch.happenings.len());
        assert!(cursor.kept.len() <= MOST_KEPT);
    }
    cursor.complete(None, START);
    stored += cursor.take().map_or(0, |batch| batch.happenings.len());
    assert_eq!(stored, 25_000);
}

#[derive(Debug, Clone)]
enum Happens {
    /// The console has an event, that began so many seconds ago; the socket tells it so often.
    Event { ago: u64, told: usize },
    /// The socket tells something of which there is no history.
    Live,
    /// The socket tells an old event again.
    Again(u32),
    /// Time goes by.
    Wait(u64),
    /// The socket opens, where it is to.
    Opens,
    /// The socket closes.
    Closes,
    /// History is answered: whole, or only so many rows and then an error.
    Answered(Option<usize>),
    /// What is ready is stored.
    Stored,
    /// The program is killed, with what it had not stored.
    Killed,
}

fn happens() -> impl Strategy<Value = Happens> {
    prop_oneof![
        4 => (0..240_u64, 0..3_usize).prop_map(|(ago, told)| Happens::Event { ago, told }),
        2 => Just(Happens::Live),
        1 => (0..60_u32).prop_map(Happens::Again),
        2 => (1..400_u64).prop_map(Happens::Wait),
        3 => Just(Happens::Opens),
        1 => Just(Happens::Closes),
        3 => proptest::option::of(0..5_usize).prop_map(Happens::Answered),
        3 => Just(Happens::Stored),
        1 => Just(Happens::Killed),
    ]
}

/// A console with a history, a program with a database, and a connection between them.
struct World {
    now: Timestamp,
    offered: Vec<Happening>,
    /// What was told and has no history, unless the program was killed before it was stored.
    live: BTreeSet<String>,
    stored: BTreeMap<String, Happening>,
    place: Place,
    cursor: Cursor,
    /// The answer to the question that waits for it, as it was when the question was asked.
    answer: Option<Vec<Happening>>,
}

impl World {
    fn step(&mut self, step: Option<Step>) {
        match step {
            Some(Step::Ask(from)) => {
                let is_wanted = |it: &&Happening| from.is_none_or(|from| it.at >= from);
                self.answer = Some(self.offered.iter().rev().filter(is_wanted).cloned().collect());
            }
            Some(Step::Connect(_)) => {
                let step = self.cursor.opened(self.now);
                self.step(Some(step));
            }
            _ => {}
        }
    }

    fn store(&mut self) {
        if let Some(batch) = self.cursor.take() {
            assert!(batch.place.known >= self.place.known, "the place never goes back");
            self.place = batch.place;
            self.stored.extend(batch.happenings.into_iter().map(|it| (it.id.clone(), it)));
        }
    }

    fn answer(&mut self, rows: Option<usize>) {
        let Some(mut history) = self.answer.take() else { return };
        // Newest first, in two pages that overlap.
        history.truncate(rows.unwrap_or(usize::MAX));
        let middle = history.len() / 2;
        self.cursor.answered(history[..middle].to_vec(), self.now);
        self.cursor.answered(history[middle.saturating_sub(1)..].to_vec(), self.now);
        if rows.is_none() {
            self.cursor.complete(None, self.now);
        } else {
            self.cursor.failed(self.now);
        }
    }

    fn is_up(&self) -> bool {
        matches!(self.cursor.link, Link::Up(_))
    }

    fn happen(&mut self, happens: Happens) {
        match happens {
            Happens::Event { ago, told } => {
                let id = u32::try_from(self.offered.len()).unwrap();
                let event = event(id, self.now.minus(Duration::from_secs(ago)));
                self.offered.push(event.clone());
                for _ in 0..told {
                    if self.is_up() {
                        self.cursor.told(vec![event.clone()], Some(format!("u{id}")), self.now);
                    }
                }
            }
            Happens::Live => {
                if self.is_up() {
                    let id =
                        1_000_000 + u32::try_from(self.live.len() + self.stored.len()).unwrap();
                    self.live.insert(id.to_string());
                    self.cursor.told(vec![event(id, self.now)], None, self.now);
                }
            }
            Happens::Again(id) => {
                if let Some(event) = self.offered.get(id as usize).filter(|_| self.is_up()) {
                    self.cursor.told(vec![event.clone()], Some(format!("u{id}")), self.now);
                }
            }
            Happens::Wait(seconds) => {
                self.now = self.now.plus(Duration::from_secs(seconds));
                if self.is_up() && self.answer.is_none() {
                    let step = self.cursor.tick(self.now);
                    self.step(step);
                }
            }
            Happens::Opens => {
                if !self.is_up() {
                    let step = self.cursor.tick(self.now);
                    self.step(step);
                }
            }
            Happens::Closes => {
                if self.is_up() {
                    self.answer = None;
                    self.cursor.closed(Closed::Lost, "", 0, self.now);
                }
            }
            Happens::Answered(rows) => self.answer(rows),
            Happens::Stored => self.store(),
            Happens::Killed => {
                self.answer = None;
                self.live.retain(|id| self.stored.contains_key(id));
                self.cursor = Cursor::new(self.place.clone(), self.now);
            }
        }
    }
}

proptest! {
    /// Whatever the socket loses, doubles and mixes up, and whenever it or the program breaks off:
    /// once history could be had, everything is stored, each event once.
    #[test]
    fn nothing_that_the_console_had_is_missed(
        story in proptest::collection::vec(happens(), 0..120)
    ) {
        let mut world = World {
            now: START, offered: Vec::new(), live: BTreeSet::new(), stored: BTreeMap::new(),
            place: Place::default(), cursor: Cursor::new(Place::default(), START), answer: None,
        };
        for happens in story {
            world.happen(happens);
        }
        for happens in [
            Happens::Wait(400), Happens::Opens, Happens::Wait(1), Happens::Answered(None),
            Happens::Wait(400), Happens::Answered(None), Happens::Stored,
        ] {
            world.happen(happens);
        }
        prop_assert!(world.cursor.is_whole());
        let mut offered: BTreeSet<_> = world.offered.iter().map(|it| it.id.clone()).collect();
        offered.extend(world.live);
        let stored: BTreeSet<_> = world.stored.keys().cloned().collect();
        prop_assert_eq!(offered, stored);
    }
}
