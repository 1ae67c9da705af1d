//! Webhook bodies, good, odd and hostile.

mod fixtures;
mod hostile;
mod properties;
mod shared;
mod show;
mod signature;
