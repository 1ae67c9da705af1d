//! Webhook bodies, good, odd and hostile.

#[path = "../support/any_json.rs"]
mod any_json;
mod fixtures;
mod hostile;
mod properties;
mod shared;
mod show;
mod signature;
