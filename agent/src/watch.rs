//! Events of the host.
use tokio::sync::mpsc::Sender;

pub(crate) struct Watcher(Sender<String>);
pub(crate) struct Wish;
impl Wish {
    pub(crate) fn of(_: &wire::Watch) -> Self {
        Self
    }
}
impl Watcher {
    pub(crate) fn new(_: &crate::config::Config, out: Sender<String>) -> Self {
        Self(out)
    }
    pub(crate) fn wish(&mut self, _: Wish) {
        let _ = &self.0;
    }
}
