//! End to end: webhooks in, API out.

mod api;
mod bad_input;
mod browser;
mod clients;
mod commands;
mod connect;
mod crash;
mod demo;
mod faults;
mod graph_client;
mod http;
mod lint;
mod meaning;
mod receive;
mod send;
mod simulated;
mod tenancy;
