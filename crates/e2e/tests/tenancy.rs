//! Nothing of one organization reaches another: no row, no answer, no connection left open behind.

mod cancellation;
mod claim;
mod logins;
mod role;
mod route;
mod sealed;
mod tap;
mod twins;
