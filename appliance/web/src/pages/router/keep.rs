//! Settings of the router's room that people change while the appliance runs.

use access::Permission as P;
use access::audit::{Entry as Line, record};
use rusqlite::Connection;
use serde::Serialize;
use serde_json::json;
use store::{StoreError, write_setting};

use crate::http::Failure;
use crate::pages::Ask;

/// Keeps what is kept as one setting, and notes who changed it; whether anything changed.
pub(super) async fn keep_setting<T>(
    ask: &Ask,
    key: &'static str,
    load: fn(&Connection) -> Result<T, StoreError>,
    new: T,
) -> Result<bool, Failure>
where
    T: Serialize + PartialEq + Send + 'static,
{
    let (by, now) = (ask.visitor.caller.clone(), ask.now);
    by.require(P::SettingsEdit)?;
    let store = ask.site.store.clone();
    let changed = ask
        .site
        .store
        .write_synced("settings", move |w| {
            let old = load(w.main())?;
            if new == old {
                return Ok(false);
            }
            write_setting(w.main(), key, &new, now, by.actor.name())?;
            let detail = json!({ "from": old, "to": new });
            record(w, Line::new(&by, "settings.change", key, now).with(detail))?;
            w.after_commit(move || store.announce_settings());
            Ok::<_, StoreError>(true)
        })
        .await?;
    Ok(changed)
}
