//! The program as a process: starting, stopping, bad input, logging.

#![allow(clippy::unwrap_used, clippy::panic, reason = "test helpers may fail a test")]

mod bad_input;
mod http;
mod logs;
mod process;
mod start;
mod stop;
