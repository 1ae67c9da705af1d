//! What can be sent: good bodies, bad ones, any JSON, and Meta's own examples.

mod bad;
mod fill;
mod good;
mod properties;
mod shared;
