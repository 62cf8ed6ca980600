//! The program as a process: how it starts, stops, takes bad input, and what it logs.

#![allow(clippy::unwrap_used, clippy::panic, reason = "what helps a test may fail it")]

mod bad_input;
mod http;
mod logs;
mod process;
mod start;
mod stop;
