//! wazapp, the one binary: command line, configuration, private PostgreSQL, telemetry, life cycle.

mod caution;
pub mod certificate;
pub mod cli;
mod commands;
pub mod config;
mod demo;
mod mark;
mod open;
mod outside;
pub mod postgres;
mod print;
mod serve;
pub mod server;
mod service;
pub mod telemetry;
mod unit;
