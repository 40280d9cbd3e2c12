//! The kernel's table of connections, with what NAT makes of them: goes through the whole table,
//! which may have hundreds of thousands, counts, and keeps the part that was asked for.

mod query;

pub use netlink::conntrack::{Amount, Connection, State, Tuple, protocol_name};
pub use query::{Counts, Filter, LARGEST_PAGE, Order, Table, read};
