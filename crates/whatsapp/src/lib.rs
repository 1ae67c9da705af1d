//! Meta's world: what the WhatsApp Business Platform sends, read into plain types.
//!
//! Nothing here knows of a database, a network or a clock. [`signature`] says whether a
//! body is Meta's, [`webhook`] says what is in it, [`phone`] knows the quirks of numbers.

pub mod phone;
pub mod signature;
pub mod webhook;
