//! Everything that happens after the answer.
//!
//! [`inbound`] turns raw webhook bodies into conversations; [`media`] fetches the files that they announce; [`outbox`]
//! sends what was queued; [`upkeep`] keeps the house in order.

pub mod inbound;
pub mod media;
pub mod outbox;
pub mod upkeep;
