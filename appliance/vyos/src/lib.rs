//! The router that the appliance runs on: `VyOS` 1.4, 1.5 and rolling.
//!
//! Its configuration without a router: read, written, compared (`config`), understood (`facts`) and
//! changed (`edit`) in the words of its release (`dialect`); and what only the running router knows,
//! from what its programs and files say (`runtime`).

pub mod config;
pub mod dialect;
pub mod edit;
pub mod facts;
pub mod runtime;
