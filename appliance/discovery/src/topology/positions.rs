//! Where people have moved things on the map.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::params;
use serde::{Deserialize, Serialize};
use store::{StoreError, Writing};

use super::{Graph, topology};
use crate::discovery::Discovery;
use crate::edit::Invalid;
use crate::engine::MAX_DEVICES;
use crate::error::DiscoveryError;

/// As many as there can be nodes, nearly.
const MOST: i64 = MAX_DEVICES as i64 + 512;
const LONGEST_NODE: usize = 128;
/// Further out nobody finds it again.
const FURTHEST: f64 = 100_000.0;

/// Where a person has put a node.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Position {
    /// To the right of the router.
    pub x: f64,
    /// Below the router.
    pub y: f64,
    /// It is fixed there.
    pub pinned: bool,
}

impl Discovery {
    /// The map of all devices. `router` is the router's name.
    pub async fn topology(
        &self,
        router: &str,
        expanded: &BTreeSet<String>,
    ) -> Result<Graph, DiscoveryError> {
        let saved = self.positions().await?;
        let segments = self.segments();
        Ok(self.with_all(|devices| topology(router, &segments, devices, &saved, expanded)))
    }

    /// Where people have moved things, by node.
    pub async fn positions(&self) -> Result<BTreeMap<String, Position>, DiscoveryError> {
        let all = |r: &mut store::Reading| {
            let mut statement =
                r.main().prepare_cached("SELECT node, x, y, pinned FROM topology_positions")?;
            let rows = statement.query_map([], |row| {
                let (x, y, pinned) = (row.get(1)?, row.get(2)?, row.get(3)?);
                Ok((row.get(0)?, Position { x, y, pinned }))
            })?;
            Ok::<_, StoreError>(rows.collect::<Result<_, _>>()?)
        };
        Ok(self.inner.store.read(all).await?)
    }

    /// Remembers where a person has put a node. `also` runs in the same transaction.
    pub async fn save_position(
        &self,
        node: &str,
        x: f64,
        y: f64,
        pinned: bool,
        also: impl FnOnce(&mut Writing<'_>) -> Result<(), StoreError> + Send + 'static,
    ) -> Result<(), DiscoveryError> {
        check(node, x, y)?;
        let node = node.to_owned();
        self.inner
            .store
            .write_synced("position", move |w| {
                let stored = w
                    .main()
                    .prepare_cached(
                        "INSERT INTO topology_positions (node, x, y, pinned)
                         SELECT ?1, ?2, ?3, ?4
                         WHERE (SELECT count(*) FROM topology_positions WHERE node <> ?1) < ?5
                         ON CONFLICT (node) DO UPDATE SET x = ?2, y = ?3, pinned = ?4",
                    )?
                    .execute(params![node, x, y, pinned, MOST])?;
                if stored == 0 {
                    let problem = format!("{MOST} nodes have been moved: reset the map first");
                    return Err(Invalid { field: "node", problem }.into());
                }
                also(w)?;
                Ok::<_, DiscoveryError>(())
            })
            .await
    }

    /// Forgets where people have put things. `also` runs in the same transaction.
    pub async fn reset_positions(
        &self,
        also: impl FnOnce(&mut Writing<'_>) -> Result<(), StoreError> + Send + 'static,
    ) -> Result<(), DiscoveryError> {
        self.inner
            .store
            .write_synced("positions", move |w| {
                w.main().prepare_cached("DELETE FROM topology_positions")?.execute([])?;
                also(w)?;
                Ok::<_, DiscoveryError>(())
            })
            .await
    }
}

fn check(node: &str, x: f64, y: f64) -> Result<(), Invalid> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | ':');
    if node.is_empty() || node.len() > LONGEST_NODE || !node.chars().all(fits) {
        let problem = "give the name of a node of the map".to_owned();
        return Err(Invalid { field: "node", problem });
    }
    for (field, value) in [("x", x), ("y", y)] {
        if !value.is_finite() || value.abs() > FURTHEST {
            let problem = format!("give a number from -{FURTHEST} to {FURTHEST}");
            return Err(Invalid { field, problem });
        }
    }
    Ok(())
}
