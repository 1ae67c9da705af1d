//! Everything that happens after the answer.
//!
//! [`connection`] connects and disconnects numbers; [`inbound`] turns raw webhook bodies into conversations; [`outbox`]
//! sends what was queued;
//! [`upkeep`] keeps the house in order.

pub mod connection;
pub mod inbound;
pub mod outbox;
pub mod upkeep;
