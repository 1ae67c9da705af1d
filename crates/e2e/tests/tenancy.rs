//! Nothing of one organization reaches another: no row, no answer, no connection left open behind.

mod cancellation;
mod claim;
mod interleaving;
mod logins;
mod moved;
mod role;
mod route;
mod sealed;
mod shared;
mod tap;
mod twins;
