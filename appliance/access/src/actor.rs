//! Who does something.

use std::net::IpAddr;
use std::sync::Arc;

use model::PersonId;

use crate::{AccessError, Permission, Role};

/// Who acts, as the audit log names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// Somebody who is signed in.
    Person {
        /// Whose row.
        id: PersonId,
        /// The name when it was done.
        name: Arc<str>,
        /// The role when it was done.
        role: Role,
    },
    /// A script with an API key.
    ApiKey {
        /// The key's row.
        id: i64,
        /// The key's name.
        name: Arc<str>,
        /// What the key was made for.
        role: Role,
        /// Whose key it is.
        owner: PersonId,
        /// What the owner may do now: a key never does more.
        owner_role: Role,
    },
    /// Somebody on the router's console, through the control socket: root.
    Console,
    /// The appliance itself.
    System,
    /// Somebody who has not proved who they are.
    Anonymous,
}

impl Actor {
    /// Whether this actor may do this.
    pub fn may(&self, permission: Permission) -> bool {
        match self {
            Self::Person { role, .. } => role.may(permission),
            Self::ApiKey { role, owner_role, .. } => {
                role.may(permission) && owner_role.may(permission)
            }
            Self::Console | Self::System => true,
            Self::Anonymous => false,
        }
    }

    /// The person behind a browser session; `None` for keys and everybody else.
    pub fn person(&self) -> Option<PersonId> {
        match self {
            Self::Person { id, .. } => Some(*id),
            _ => None,
        }
    }

    /// The kind, as a word for tables.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Person { .. } => "person",
            Self::ApiKey { .. } => "api_key",
            Self::Console => "console",
            Self::System => "system",
            Self::Anonymous => "anonymous",
        }
    }

    /// The name, as people read it.
    pub fn name(&self) -> &str {
        match self {
            Self::Person { name, .. } | Self::ApiKey { name, .. } => name,
            other => other.kind(),
        }
    }

    /// The row of the person or key.
    pub const fn id(&self) -> Option<i64> {
        match self {
            Self::Person { id, .. } => Some(id.0),
            Self::ApiKey { id, .. } => Some(*id),
            _ => None,
        }
    }
}

/// Who acts and from where: what every change is asked for with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Who.
    pub actor: Actor,
    /// From which address; `None` on the console and in the appliance itself.
    pub address: Option<IpAddr>,
}

impl Caller {
    /// Root on the console.
    pub const fn console() -> Self {
        Self { actor: Actor::Console, address: None }
    }

    /// The appliance itself.
    pub const fn system() -> Self {
        Self { actor: Actor::System, address: None }
    }

    /// Not known yet, at this address.
    pub const fn anonymous(address: IpAddr) -> Self {
        Self { actor: Actor::Anonymous, address: Some(address) }
    }

    /// Refuses where the actor may not do this.
    pub fn require(&self, permission: Permission) -> Result<(), AccessError> {
        if self.actor.may(permission) { Ok(()) } else { Err(AccessError::Forbidden { permission }) }
    }

    /// Refuses where the actor is neither this person in a browser nor may manage people.
    pub(crate) fn require_own(&self, person: PersonId) -> Result<(), AccessError> {
        self.require(if self.actor.person() == Some(person) {
            Permission::AccountOwn
        } else {
            Permission::PeopleManage
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_does_no_more_than_its_owner_may_today() {
        let key = |role, owner_role| Actor::ApiKey {
            id: 1,
            name: "prometheus".into(),
            role,
            owner: PersonId(1),
            owner_role,
        };
        for role in Role::ALL {
            for owner in Role::ALL {
                for p in Permission::ALL {
                    assert_eq!(key(*role, *owner).may(*p), role.may(*p) && owner.may(*p));
                }
            }
        }
    }

    #[test]
    fn nobody_unknown_may_do_anything_and_the_console_may_do_all() {
        for p in Permission::ALL {
            assert!(!Actor::Anonymous.may(*p));
            assert!(Caller::console().require(*p).is_ok());
        }
    }
}
