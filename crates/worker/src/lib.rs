//! Everything that happens after the answer.
//!
//! [`inbound`] turns raw webhook bodies into conversations; [`upkeep`] keeps the house in order.

pub mod inbound;
pub mod upkeep;
