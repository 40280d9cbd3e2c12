//! Whether an open connection is alive. What is heard on it in; when to ping and when to give it up
//! out.
//!
//! A half-open connection neither fails nor closes, so each ping must have its pong. A session can
//! end behind a connection that stays open and answers pings; where a stream is never quiet for
//! long, its silence tells.

use std::time::Duration;

use model::Timestamp;

/// How long nothing is heard until a ping, and how long a pong is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

/// What is to be done with a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beat {
    /// Send a ping.
    Ping,
    /// Close it: a ping had no pong.
    NoPong,
    /// Close it: it answers and has told nothing for too long.
    Silent,
}

/// The life of a connection.
#[derive(Debug)]
pub struct Pulse {
    silence: Option<Duration>,
    heard: Timestamp,
    told: Timestamp,
    pinged: Option<Timestamp>,
}

impl Pulse {
    /// Of a connection that was opened now; after so long without a frame it is given up.
    pub fn new(silence: Option<Duration>, now: Timestamp) -> Self {
        Self { silence, heard: now, told: now, pinged: None }
    }

    /// A frame was heard.
    pub fn told(&mut self, now: Timestamp) {
        self.told = now;
        self.answered(now);
    }

    /// A pong was heard, as a frame of its kind or as text.
    pub fn answered(&mut self, now: Timestamp) {
        self.heard = now;
        self.pinged = None;
    }

    /// What is due. To be called every few seconds.
    pub fn tick(&mut self, now: Timestamp) -> Option<Beat> {
        if self.silence.is_some_and(|silence| now.since(self.told) >= silence) {
            return Some(Beat::Silent);
        }
        match self.pinged {
            Some(pinged) => (now.since(pinged) >= PATIENCE).then_some(Beat::NoPong),
            None if now.since(self.heard) >= PATIENCE => {
                self.pinged = Some(now);
                Some(Beat::Ping)
            }
            None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(number: i64) -> Timestamp {
        Timestamp::from_secs(1_790_000_000 + number)
    }

    #[test]
    fn a_quiet_connection_is_pinged_and_given_up_without_a_pong() {
        let mut pulse = Pulse::new(None, second(0));
        assert_eq!(pulse.tick(second(19)), None);
        assert_eq!(pulse.tick(second(20)), Some(Beat::Ping));
        assert_eq!(pulse.tick(second(39)), None, "one ping at a time");
        pulse.answered(second(39));
        assert_eq!(pulse.tick(second(58)), None);
        assert_eq!(pulse.tick(second(59)), Some(Beat::Ping));
        assert_eq!(pulse.tick(second(79)), Some(Beat::NoPong));
    }

    #[test]
    fn a_frame_is_as_good_as_a_pong() {
        let mut pulse = Pulse::new(None, second(0));
        pulse.tick(second(20));
        pulse.told(second(25));
        assert_eq!(pulse.tick(second(44)), None);
        assert_eq!(pulse.tick(second(45)), Some(Beat::Ping));
    }

    #[test]
    fn a_stream_that_answers_pings_and_tells_nothing_is_given_up_where_it_should_tell() {
        let mut quiet = Pulse::new(None, second(0));
        let mut busy = Pulse::new(Some(Duration::from_secs(120)), second(0));
        for time in (0..600).step_by(5) {
            for (pulse, silent_from) in [(&mut quiet, i64::MAX), (&mut busy, 120)] {
                let beat = pulse.tick(second(time));
                assert_eq!(beat == Some(Beat::Silent), time >= silent_from, "{time}");
                if beat == Some(Beat::Ping) {
                    pulse.answered(second(time));
                }
            }
        }
        busy.told(second(600));
        assert_eq!(busy.tick(second(619)), None);
    }
}
