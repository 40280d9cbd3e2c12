//! Containers: on and off.

use super::draft::below;
use super::{Draft, EditError};

impl Draft<'_> {
    /// Switches a container on or off.
    pub fn enable_container(&mut self, name: &str, enabled: bool) -> Result<(), EditError> {
        let path = ["container", "name", name];
        if !self.exists(&path) {
            return Err(EditError::of("name", format!("there is no container {name}")));
        }
        self.flag(&below(&path, &["disable"]), !enabled);
        Ok(())
    }
}
