//! The nouns of wazapp: shape, rules and all the SQL, one file each.
//!
//! [`Scope`] is the only key to an organization's rows. [`database`] opens transactions that carry it; everything else
//! is a noun.

pub mod act;
pub mod api_key;
pub mod app;
pub mod apps;
pub mod at_meta;
pub mod audit;
mod clock;
pub mod connection;
pub mod contact;
pub mod conversation;
pub mod cost;
pub mod database;
pub mod delivery;
pub mod draft;
pub mod endpoint;
pub mod entry;
pub mod event;
pub mod file;
pub mod inbound;
pub mod inspect;
pub mod invitation;
pub mod link;
pub mod mail;
pub mod media;
pub mod membership;
pub mod message;
pub mod migrate;
pub mod moment;
pub mod name;
pub mod number;
pub mod number_check;
pub mod organization;
pub mod outbox;
pub mod page;
pub mod passkey;
pub mod presence;
pub mod provider_account;
pub mod quarantine;
pub mod quota;
pub mod receipt;
pub mod relay;
pub mod retention;
pub mod scope;
pub mod search;
pub mod second_factor;
pub mod secret;
pub mod session;
pub mod shares;
pub mod sight;
pub mod sign_in;
pub mod status;
pub mod store;
pub mod team;
pub mod template;
pub mod tls;
pub mod trouble;
pub mod upkeep;
pub mod upload;
pub mod user;

pub use clock::Clock;
pub use database::{CommitError, Database, DatabaseError};
pub use moment::{Latest, Moment};
pub use scope::Scope;
