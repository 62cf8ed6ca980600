//! The program as a process: how it starts, stops, takes bad input, and what it logs.

mod bad_input;
mod http;
mod logs;
mod process;
mod start;
mod stop;
