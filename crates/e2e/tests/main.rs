//! End to end: webhooks in, API out.

mod api;
mod bad_input;
mod browser;
mod clients;
mod commands;
mod connect;
mod cost;
mod crash;
mod demo;
mod doctor;
mod faults;
mod graph_client;
mod graph_side;
mod http;
mod lint;
mod meaning;
mod media;
mod quota;
mod receive;
mod send;
mod simulated;
mod templates;
mod tenancy;
mod upkeep;
