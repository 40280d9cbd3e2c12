//! A store with its room, and somebody who lives in it.

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use access::audit::{Entry, Filter, Row};
use access::{
    Access, AccessError, Caller, Cost, NewPerson, NewSession, Options, ROOM, Role, Secret, Setup,
    SignIn, SignedIn,
};
use model::{PersonId, Timestamp};
use store::{Store, StoreError};
use tempfile::TempDir;

pub(crate) const T0: Timestamp = Timestamp::from_secs(1_800_000_000);
pub(crate) const PASSWORD: &str = "correct horse";
pub(crate) const ADDRESS: &str = "192.0.2.10";

pub(crate) fn after(secs: u64) -> Timestamp {
    T0.plus(Duration::from_secs(secs))
}

pub(crate) fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

pub(crate) struct House {
    pub(crate) dir: TempDir,
    pub(crate) store: Store,
    pub(crate) access: Access,
}

impl House {
    /// Nobody has claimed it.
    pub(crate) async fn empty() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (store, access) = open(dir.path(), T0).await;
        Self { dir, store, access }
    }

    /// `ada` has claimed it, and is signed in.
    pub(crate) async fn with_ada() -> (Self, NewSession) {
        let house = Self::empty().await;
        let session = house.access.setup(house.claim("ada").await, T0).await.unwrap();
        (house, session)
    }

    /// Closes and opens it again, as a restart does.
    pub(crate) async fn restart(self, now: Timestamp) -> Self {
        let Self { dir, store, access } = self;
        drop(access);
        store.close();
        let (store, access) = open(dir.path(), now).await;
        Self { dir, store, access }
    }

    /// On a folder that is there already.
    pub(crate) async fn open(dir: TempDir, now: Timestamp) -> Self {
        let (store, access) = open(dir.path(), now).await;
        Self { dir, store, access }
    }

    pub(crate) async fn claim(&self, name: &str) -> Setup {
        let token = self.access.setup_token(T0).await.unwrap();
        Setup {
            token: token.unwrap_or_else(|| Secret::from("none")),
            name: name.to_owned(),
            password: PASSWORD.into(),
            address: ip(ADDRESS),
            user_agent: "browser".to_owned(),
        }
    }

    pub(crate) async fn add(&self, by: &SignedIn, name: &str, role: Role) -> PersonId {
        let new = NewPerson { name: name.to_owned(), role, password: PASSWORD.into() };
        self.access.add_person(&caller(by), new, T0).await.unwrap()
    }

    pub(crate) async fn sign_in(
        &self,
        name: &str,
        password: &str,
        address: &str,
        now: Timestamp,
    ) -> Result<NewSession, AccessError> {
        let attempt = SignIn {
            name: name.to_owned(),
            password: password.into(),
            address: ip(address),
            user_agent: "browser".to_owned(),
        };
        self.access.sign_in(attempt, now).await
    }

    /// Runs SQL on the file behind the appliance's back.
    pub(crate) fn tamper(&self, sql: &str) {
        let path = self.dir.path().join(store::DATABASE);
        let conn = rusqlite::Connection::open(path).unwrap();
        conn.execute_batch(sql).unwrap();
    }

    /// Lets the database grow no more, and fills the pages that it has with lines of `by`.
    pub(crate) async fn fill_disk(&self, by: &Caller) {
        self.limit_pages("PRAGMA max_page_count = 1").await;
        for action in ["session.start", "session.end", "person.add"] {
            loop {
                let line = Entry::new(by, action, "", T0);
                let Err(error) = self.access.audit().append(line).await else {
                    continue;
                };
                assert!(error.is_full(), "{error}");
                break;
            }
        }
    }

    pub(crate) async fn free_disk(&self) {
        self.limit_pages("PRAGMA max_page_count = 1000000").await;
    }

    async fn limit_pages(&self, pragma: &'static str) {
        let done: Result<i64, StoreError> = self
            .store
            .write("test", move |w| Ok(w.main().query_row(pragma, [], |r| r.get(0))?))
            .await;
        done.unwrap();
    }

    /// All lines of the audit log, oldest first.
    pub(crate) async fn audit(&self) -> Vec<Row> {
        let filter = Filter { limit: 2_000, ..Filter::default() };
        let mut rows = self.access.audit().page(&Caller::console(), filter).await.unwrap().rows;
        rows.reverse();
        rows
    }

    /// The last line of the audit log as `action outcome`.
    pub(crate) async fn last_audit(&self) -> String {
        let rows = self.audit().await;
        let row = rows.last().unwrap();
        format!("{} {}", row.action, row.outcome)
    }

    /// Everything that lies on the disk, the setup token's file aside.
    pub(crate) fn disk(&self) -> Vec<u8> {
        fn read(folder: &Path, bytes: &mut Vec<u8>) {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    read(&path, bytes);
                } else if path.file_name().unwrap() != access::TOKEN_FILE {
                    bytes.extend(std::fs::read(path).unwrap());
                }
            }
        }
        let mut bytes = Vec::new();
        read(self.dir.path(), &mut bytes);
        bytes
    }
}

async fn open(dir: &Path, now: Timestamp) -> (Store, Access) {
    let store = Store::open(store::Options {
        dir: dir.to_owned(),
        rooms: vec![ROOM],
        built: Timestamp::from_secs(1_700_000_000),
        max_bytes: 1 << 30,
        keep_backups: 1,
    })
    .unwrap();
    let options =
        Options { cost: Cost { memory_kib: 64, passes: 1 }, ..Options::new(dir.to_owned()) };
    let access = Access::open(store.clone(), options, now).await.unwrap();
    (store, access)
}

pub(crate) fn caller(who: &SignedIn) -> Caller {
    who.caller(ip(ADDRESS))
}

/// Whether the text, or its bytes when it is hex, lies in there.
pub(crate) fn holds(haystack: &[u8], text: &str) -> bool {
    let find = |needle: &[u8]| haystack.windows(needle.len()).any(|w| w == needle);
    let raw: Option<Vec<u8>> = text
        .as_bytes()
        .chunks(2)
        .map(|p| u8::from_str_radix(std::str::from_utf8(p).ok()?, 16).ok())
        .collect();
    find(text.as_bytes()) || raw.is_some_and(|raw| !raw.is_empty() && find(&raw))
}
