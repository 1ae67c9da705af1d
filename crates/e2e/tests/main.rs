//! End to end: webhooks in, API out.

mod api;
mod bad_input;
mod clients;
mod commands;
mod crash;
mod demo;
mod faults;
mod http;
mod lint;
mod meaning;
mod receive;
mod send;
mod simulated;
mod tenancy;
