//! The way to addresses that organizations choose, and the only one.
//!
//! Whoever writes a URL into a form must not reach what only this server reaches: its loopback, its neighbours, the metadata of
//! its cloud. A [`Target`] is a URL that may be called; a [`Guard`] calls it, and connects to none but public addresses: names
//! are resolved here, what is not public is dropped, and the connection goes to exactly what is left. It follows no redirect, asks no
//! proxy, opens no compressed answer, and reads little, for a short time. Whoever runs the server may allow further networks
//! (`WAZAPP_ALLOW_TARGETS`); organizations may not.

mod address;
mod call;
mod network;
mod target;

pub use address::is_public;
pub use call::{Answer, Failing, Guard};
pub use network::{Network, Networks, NoNetwork};
pub use target::{NoTarget, Target};
