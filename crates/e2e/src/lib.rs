//! The world around wazapp, for its tests: a fresh database, a server in this process or as a process of its own,
//! Meta's side (a simulator, or bodies of a test's own), a clock that can be put ahead, and a way to cut the server off
//! from its database.
//!
//! `make test` starts one PostgreSQL for all tests (`with-cluster`); every [`World`] is a database in it.

pub mod archive;
mod authority;
pub mod body;
pub mod canary;
pub mod cluster;
pub mod form;
mod identity_provider;
pub mod ledger;
pub mod lint;
pub mod mail_server;
pub mod meta;
pub mod outside;
pub mod pooler;
pub mod program;
pub mod proxy;
pub mod random;
pub mod receiver;
mod refused;
pub mod standby;
mod wait;
pub mod wishes;
mod world;

pub use authority::{Authority, BINDING};
pub use identity_provider::IdentityProvider;
pub use meta::{Meta, SimulatedNumber};
pub use refused::refused;
pub use wait::until;
pub use world::{Node, Options, Organization, Person, Posts, SET_UP_CODE, World};
