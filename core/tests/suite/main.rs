//! The server from outside, subject by subject.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

#[path = "../common/failing.rs"]
mod failing;
#[path = "../support/mod.rs"]
mod support;

mod client_methods;
mod extension_points;
mod forms;
mod lifetimes;
mod metadata;
mod own_pages;
mod removal;
mod secrets_at_rest;
mod sweeper;
mod warnings;
