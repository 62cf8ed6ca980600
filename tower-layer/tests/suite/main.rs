//! The layer on plain tower services, and the routes and extractors in axum.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod bypass;
mod cors;
mod extract;
mod guard;
mod routes;
mod server;
mod signed_in;
