//! End to end: webhooks in, API out.

mod bad_input;
mod commands;
mod crash;
mod http;
mod lint;
mod meaning;
mod receive;
