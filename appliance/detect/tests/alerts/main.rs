//! Alerts on a real store.

#[cfg(test)]
mod bed;
#[cfg(test)]
mod life;
#[cfg(test)]
mod lists;
