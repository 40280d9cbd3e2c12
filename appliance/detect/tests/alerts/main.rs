//! Alerts on a real store.

mod bed;
mod life;
mod lists;
