//! What can be sent: good bodies, bad ones, any JSON, and Meta's own examples.

#[path = "../support/any_json.rs"]
mod any_json;
mod bad;
mod creation;
mod fill;
mod good;
mod properties;
mod shared;
mod strict;
