//! Passwords: what is accepted, and argon2id at a cost that a router bears.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;

use crate::AccessError;
use crate::secret::{Secret, random, to_hex};

/// What one guess costs an attacker, and one sign-in the router.
///
/// The default is OWASP's for argon2id: 19 MiB, two passes, one lane. More memory would hurt a
/// router more than a guessing farm, and lanes are of no use on one core.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// Memory, KiB.
    pub memory_kib: u32,
    /// Passes over that memory.
    pub passes: u32,
}

impl Default for Cost {
    fn default() -> Self {
        Self { memory_kib: 19 * 1024, passes: 2 }
    }
}

/// Fewest characters.
pub const MIN_CHARS: usize = 8;
/// Most bytes; a longer one only costs time to hash.
pub const MAX_BYTES: usize = 1024;

/// Why a new password is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordFault {
    /// Fewer than [`MIN_CHARS`] characters.
    #[error("the password is too short: give at least {MIN_CHARS} characters")]
    TooShort,
    /// More than [`MAX_BYTES`] bytes.
    #[error("the password is too long: give at most {MAX_BYTES} bytes")]
    TooLong,
    /// The person's own name.
    #[error("the password is the person's name: choose another")]
    IsName,
    /// One character only, again and again.
    #[error("the password is one character repeated: choose another")]
    OneCharacter,
}

/// Whether a new password is acceptable for the person of this name.
pub(crate) fn check_new(password: &Secret, name: &str) -> Result<(), PasswordFault> {
    let text = password.expose();
    if text.len() > MAX_BYTES {
        return Err(PasswordFault::TooLong);
    }
    if text.chars().count() < MIN_CHARS {
        return Err(PasswordFault::TooShort);
    }
    if text.trim().to_lowercase() == name.trim().to_lowercase() {
        return Err(PasswordFault::IsName);
    }
    let mut chars = text.chars();
    let first = chars.next();
    if chars.all(|c| Some(c) == first) {
        return Err(PasswordFault::OneCharacter);
    }
    Ok(())
}

/// Hashes at once: two keep both cores of a small router for at most a tenth of a second, and
/// 38 MiB.
const AT_ONCE: usize = 2;
/// Hashes that may wait; more are told to come back, so that a flood cannot pile up.
const WAITING: usize = 32;

/// Runs argon2id on blocking threads, a bounded number at once.
#[derive(Debug, Clone)]
pub(crate) struct Hasher {
    cost: Cost,
    permits: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
    /// Checked in place of the hash of somebody who does not exist, so that the answer takes as
    /// long.
    decoy: Arc<str>,
}

/// Counts a waiting caller out again, however its future ends.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Hasher {
    pub(crate) async fn new(cost: Cost) -> Result<Self, AccessError> {
        let mut hasher = Self {
            cost,
            permits: Arc::new(Semaphore::new(AT_ONCE)),
            waiting: Arc::new(AtomicUsize::new(0)),
            decoy: Arc::from(""),
        };
        hasher.decoy = hasher.hash(Secret::new(to_hex(&random::<16>()?))).await?.into();
        Ok(hasher)
    }

    /// A PHC string with a fresh salt.
    pub(crate) async fn hash(&self, password: Secret) -> Result<String, AccessError> {
        let cost = self.cost;
        self.run(move || hash(cost, &password)).await?
    }

    /// Whether the password has this hash. `None`, for a person who does not exist, costs the
    /// same and is never right.
    pub(crate) async fn verify(
        &self,
        password: Secret,
        hash: Option<String>,
    ) -> Result<bool, AccessError> {
        if password.expose().len() > MAX_BYTES {
            return Ok(false);
        }
        let decoy = Arc::clone(&self.decoy);
        self.run(move || {
            let known = hash.is_some();
            verify(&password, hash.as_deref().unwrap_or(&decoy)) && known
        })
        .await
    }

    /// Whether the hash was made at another cost than today's and should be made anew.
    pub(crate) fn is_outdated(&self, hash: &str) -> bool {
        let Ok(parsed) = PasswordHash::new(hash) else {
            return true;
        };
        let Ok(params) = Params::try_from(&parsed) else {
            return true;
        };
        params.m_cost() != self.cost.memory_kib || params.t_cost() != self.cost.passes
    }

    async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, AccessError> {
        let ahead = self.waiting.fetch_add(1, Ordering::Relaxed);
        let waiting = Waiting(&self.waiting);
        if ahead >= WAITING {
            return Err(AccessError::Busy);
        }
        let permit = Arc::clone(&self.permits)
            .acquire_owned()
            .await
            .map_err(|e| AccessError::Hashing(e.to_string()))?;
        drop(waiting);
        // The permit goes with the job: a caller that goes away does not let a third one start.
        tokio::task::spawn_blocking(move || {
            let result = job();
            drop(permit);
            result
        })
        .await
        .map_err(|e| AccessError::Hashing(e.to_string()))
    }
}

fn engine(cost: Cost) -> Result<Argon2<'static>, AccessError> {
    let params = Params::new(cost.memory_kib, cost.passes, 1, None)
        .map_err(|e| AccessError::Hashing(e.to_string()))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn hash(cost: Cost, password: &Secret) -> Result<String, AccessError> {
    let salt = SaltString::encode_b64(&random::<16>()?)
        .map_err(|e| AccessError::Hashing(e.to_string()))?;
    let hash = engine(cost)?
        .hash_password(password.expose().as_bytes(), &salt)
        .map_err(|e| AccessError::Hashing(e.to_string()))?;
    Ok(hash.to_string())
}

fn verify(password: &Secret, hash: &str) -> bool {
    let Ok(parsed) = PasswordHash::new(hash) else {
        return false;
    };
    // The cost comes from the hash itself.
    Argon2::default().verify_password(password.expose().as_bytes(), &parsed).is_ok()
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use proptest::prelude::*;

    use super::*;

    const CHEAP: Cost = Cost { memory_kib: 64, passes: 1 };

    proptest! {
        #[test]
        fn no_text_makes_the_rule_panic(password: String, name: String) {
            let _ = check_new(&Secret::new(password), &name);
        }
    }

    #[test]
    fn short_long_own_name_and_monotone_passwords_are_refused() {
        let check = |p: &str| check_new(&Secret::from(p), "Ada.Lovelace");
        assert_eq!(check("seven77"), Err(PasswordFault::TooShort));
        assert_eq!(check("äöüäöüä"), Err(PasswordFault::TooShort), "characters, not bytes");
        assert_eq!(check("äöüäöüäö"), Ok(()));
        assert_eq!(check(&"xy".repeat(513)), Err(PasswordFault::TooLong));
        assert_eq!(check("ADA.lovelace"), Err(PasswordFault::IsName));
        assert_eq!(check("aaaaaaaaaaaa"), Err(PasswordFault::OneCharacter));
        assert_eq!(check("correct horse"), Ok(()));
    }

    #[tokio::test]
    async fn only_the_right_password_verifies_and_salts_differ() {
        let hasher = Hasher::new(CHEAP).await.unwrap();
        let a = hasher.hash("correct horse".into()).await.unwrap();
        let b = hasher.hash("correct horse".into()).await.unwrap();
        assert_ne!(a, b);
        assert!(a.starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{a}");
        assert!(hasher.verify("correct horse".into(), Some(a.clone())).await.unwrap());
        assert!(!hasher.verify("correct horsf".into(), Some(a)).await.unwrap());
        assert!(!hasher.verify("correct horse".into(), None).await.unwrap());
        assert!(!hasher.verify("correct horse".into(), Some("damaged".into())).await.unwrap());
    }

    #[tokio::test]
    async fn a_hash_of_another_cost_verifies_and_is_seen_as_outdated() {
        let old = Hasher::new(CHEAP).await.unwrap();
        let new = Hasher::new(Cost { memory_kib: 128, passes: 1 }).await.unwrap();
        let hash = old.hash("correct horse".into()).await.unwrap();
        assert!(new.verify("correct horse".into(), Some(hash.clone())).await.unwrap());
        assert!(new.is_outdated(&hash) && !old.is_outdated(&hash));
    }

    #[tokio::test]
    async fn an_unknown_name_costs_as_much_as_a_wrong_password() {
        let hasher = Hasher::new(Cost { memory_kib: 2048, passes: 2 }).await.unwrap();
        let hash = hasher.hash("correct horse".into()).await.unwrap();
        let (mut known, mut unknown) = (Vec::new(), Vec::new());
        for _ in 0..9 {
            let start = Instant::now();
            hasher.verify("wrong horse".into(), Some(hash.clone())).await.unwrap();
            known.push(start.elapsed());
            let start = Instant::now();
            hasher.verify("wrong horse".into(), None).await.unwrap();
            unknown.push(start.elapsed());
        }
        // The fastest of each and a wide margin, since the machine is shared: without the decoy
        // the ratio is below a hundredth.
        let (known, unknown) = (known.iter().min().unwrap(), unknown.iter().min().unwrap());
        let ratio = unknown.as_secs_f64() / known.as_secs_f64();
        assert!((0.1..10.0).contains(&ratio), "{ratio}");
        let params = |hash: &str| hash.split('$').nth(3).unwrap().to_owned();
        assert_eq!(params(&hasher.decoy), params(&hash));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_flood_is_told_to_come_back_and_the_hasher_recovers() {
        let hasher = Hasher::new(Cost { memory_kib: 4096, passes: 2 }).await.unwrap();
        let tasks: Vec<_> = (0..80)
            .map(|_| {
                let hasher = hasher.clone();
                tokio::spawn(async move { hasher.verify("wrong horse".into(), None).await })
            })
            .collect();
        let mut busy = 0;
        for task in tasks {
            busy += usize::from(matches!(task.await.unwrap(), Err(AccessError::Busy)));
        }
        assert!(busy > 0);
        assert!(hasher.verify("wrong horse".into(), None).await.is_ok());
        assert_eq!(hasher.waiting.load(Ordering::Relaxed), 0);
    }
}
