//! Everything that happens after the answer.
//!
//! [`inbound`] turns raw webhook bodies into conversations; [`outbox`] sends what was queued;
//! [`numbers`] looks at numbers now and then; [`upkeep`] keeps the house in order.

pub mod inbound;
pub mod numbers;
pub mod outbox;
pub mod upkeep;
