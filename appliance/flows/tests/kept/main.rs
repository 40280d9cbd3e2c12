//! Flows as they are kept and asked about, from blocks to answers.

mod answers;
mod block;
mod days;
mod filter;
mod months;
mod oracle;
mod query;
mod rollup;
mod sensors;
mod traffic;
