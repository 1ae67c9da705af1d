//! Meta's world: what the WhatsApp Business Platform sends, read into plain types.
//!
//! Nothing here knows of a database or a clock, and nothing but [`graph`] of a network. [`signature`] says whether a
//! body is Meta's, [`webhook`] says what is in it, [`phone`] knows the quirks of numbers, [`graph`] calls Meta, and
//! [`verdict`] says what follows when a call fails. [`outgoing`] checks a message before Meta sees it.

pub mod country;
pub mod graph;
mod json;
pub mod outgoing;
pub mod phone;
pub mod signature;
pub mod verdict;
pub mod webhook;

pub use json::hash as json_hash;
