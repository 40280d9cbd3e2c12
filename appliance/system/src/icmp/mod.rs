//! ICMP echo (RFC 792, RFC 4443): [`message`] writes and reads it, [`socket`] sends it out of one
//! interface and waits for the replies.

mod message;
mod socket;

pub(crate) use message::{LONGEST, reply, request};
pub(crate) use socket::{EchoSocket, Fate, Plan};
