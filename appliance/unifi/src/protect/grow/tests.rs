use proptest::prelude::*;
use serde_json::json;

use super::*;

const START: i64 = 1_643_055_781_132;

fn object(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn added() -> Map<String, Value> {
    object(json!({
        "type": "smartDetectZone", "start": START, "end": null, "score": 0,
        "smartDetectTypes": [], "camera": "c1", "id": "e1", "modelKey": "event",
    }))
}

fn second(number: i64) -> Timestamp {
    Timestamp(START + 1000 * number)
}

#[test]
fn an_event_that_grows_stays_one_event() {
    let mut growing = Growing::default();
    let Grown::New(new) = growing.take("e1", added(), true, second(0)) else { panic!("it is new") };
    assert_eq!([new.id.as_str(), new.key.as_str()], ["e1", "smartDetectZone"]);
    assert_eq!((new.at, new.end), (Timestamp(START), None));
    let person = object(json!({"smartDetectTypes": ["person"], "score": 52}));
    let Grown::Changed(more) = growing.take("e1", person, false, second(1)) else {
        panic!("it has grown")
    };
    assert_eq!([more.id.as_str(), more.key.as_str()], ["e1", "smartDetectZone"]);
    assert_eq!(more.facts["smartDetectTypes"], json!(["person"]));
    assert_eq!(more.facts["camera"], "c1");
    let end = || object(json!({"end": START + 9000}));
    let Grown::Changed(ended) = growing.take("e1", end(), false, second(9)) else {
        panic!("it has ended")
    };
    assert_eq!(ended.end, Some(Timestamp(START + 9000)));
    assert_eq!(growing.take("e1", end(), false, second(10)), Grown::Same, "a repeated end");
    assert_eq!(growing.take("e1", added(), true, second(11)), Grown::Same, "a repeated addition");
    assert_eq!(growing.len(), 1);
}

#[test]
fn changes_before_the_addition_wait_for_it_and_stand_above_it() {
    let mut growing = Growing::default();
    let end = object(json!({"end": START + 9000, "score": 94}));
    assert_eq!(growing.take("e1", end, false, second(0)), Grown::Unknown);
    let Grown::New(event) = growing.take("e1", added(), true, second(1)) else {
        panic!("it is new")
    };
    assert_eq!(event.end, Some(Timestamp(START + 9000)));
    assert_eq!(event.facts["score"], 94);
    assert_eq!(event.key, "smartDetectZone");
}

#[test]
fn an_event_that_is_born_closed_is_new_once() {
    let mut growing = Growing::default();
    let ring = || object(json!({"type": "ring", "start": START, "end": START + 1000}));
    let Grown::New(event) = growing.take("e1", ring(), false, second(0)) else { panic!("new") };
    assert_eq!(event.end, Some(Timestamp(START + 1000)));
    assert_eq!(growing.take("e1", ring(), true, second(1)), Grown::Same);
}

#[test]
fn an_answer_of_rest_is_newer_than_what_was_added_and_does_not_take_back_an_end() {
    let mut growing = Growing::default();
    growing.take("e1", added(), true, second(0));
    growing.take("e1", object(json!({"end": START + 9000})), false, second(9));
    let mut answer = added();
    answer.insert("score".to_owned(), json!(95));
    let Grown::Changed(event) = growing.take("e1", answer, false, second(10)) else {
        panic!("the score has changed")
    };
    assert_eq!(event.facts["score"], 95);
    assert_eq!(event.end, Some(Timestamp(START + 9000)));
}

#[test]
fn what_never_ends_and_what_was_never_told_is_swept() {
    let mut growing = Growing::default();
    growing.take("endless", added(), true, second(0));
    growing.take("unknown", object(json!({"score": 1})), false, second(0));
    growing.take("ended", object(json!({"type": "ring", "end": START})), true, second(0));
    assert_eq!(growing.sweep(second(59)), Swept::default());
    let swept = growing.sweep(second(60));
    assert_eq!((swept.unknown.as_slice(), swept.endless), (&["unknown".to_owned()][..], 0));
    assert_eq!(growing.sweep(second(300)), Swept::default(), "one that ended is forgotten");
    assert_eq!(growing.len(), 1);
    // To be heard of again is to go on.
    growing.take("endless", object(json!({"score": 3})), false, second(3000));
    assert_eq!(growing.sweep(second(6599)), Swept::default());
    assert_eq!(growing.sweep(second(6600)).endless, 1);
    assert!(growing.is_empty());
}

#[test]
fn memory_is_bounded_and_the_oldest_goes_first() {
    let mut growing = Growing::default();
    for number in 0..MOST as i64 + 10 {
        growing.take(&format!("e{number}"), added(), true, second(number));
    }
    assert_eq!(growing.len(), MOST);
    assert!(matches!(growing.take("e9", added(), true, second(9999)), Grown::New(_)));
    let late = object(json!({"score": 7}));
    assert!(matches!(growing.take("e2000", late, false, second(9999)), Grown::Changed(_)));
    assert_eq!(growing.take(&"e".repeat(1000), added(), true, second(0)), Grown::Same);
}

#[derive(Debug, Clone)]
enum Told {
    Add(u8),
    Change(u8, u8),
    End(u8),
}

fn told() -> impl Strategy<Value = Told> {
    prop_oneof![
        (0..4_u8).prop_map(Told::Add),
        (0..4_u8, any::<u8>()).prop_map(|(event, score)| Told::Change(event, score)),
        (0..4_u8).prop_map(Told::End),
    ]
}

proptest! {
    /// In whatever order and however often they are told: an event is new at most once, and exactly
    /// if it was added.
    #[test]
    fn every_event_that_was_added_is_new_exactly_once(
        story in proptest::collection::vec(told(), 0..40)
    ) {
        let mut growing = Growing::default();
        let mut new = [0; 4];
        let mut was_added = [0; 4];
        for (number, told) in story.into_iter().enumerate() {
            let (event, facts, is_added) = match told {
                Told::Add(event) => (event, added(), true),
                Told::Change(event, score) => (event, object(json!({"score": score})), false),
                Told::End(event) => (event, object(json!({"end": START + 5000})), false),
            };
            was_added[usize::from(event)] |= i32::from(is_added);
            if let Grown::New(it) = growing.take(&event.to_string(), facts, is_added, second(number as i64)) {
                prop_assert_eq!(it.id, event.to_string());
                new[usize::from(event)] += 1;
            }
        }
        prop_assert_eq!(new, was_added);
    }
}
