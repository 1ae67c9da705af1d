//! Everything that happens after the answer.
//!
//! [`connection`] connects and disconnects numbers; [`inbound`] turns raw webhook bodies into conversations; [`outbox`]
//! sends what was queued; [`numbers`] looks at numbers now and then; [`template`] keeps templates as Meta lists them; [`upkeep`] keeps the house in order.

mod advice;
pub mod connection;
pub mod inbound;
pub mod numbers;
pub mod outbox;
pub mod template;
pub mod upkeep;
