//! What is said to the router's HTTP API and what it answers, without a socket.
//!
//! In go a [`Request`] and the bytes that came back; out come the body to send and an [`Answer`] or
//! a [`Refusal`]. What would harm the server or the configuration is refused here, before it is
//! sent.

mod answer;
mod harm;
mod key;
mod request;

pub use answer::{Answer, Refusal, read};
pub use harm::{Harm, check_command, check_words};
pub use key::{ApiKey, KeyError};
pub use request::{Batches, MOST_BYTES, OpVerb, Request};
