//! wazapp
pub mod config;
pub mod postgres;
