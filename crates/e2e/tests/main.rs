//! End to end: webhooks in, API out.

mod api;
mod bad_input;
mod commands;
mod crash;
mod http;
mod lint;
mod meaning;
mod receive;
mod tenancy;
