//! The layer on plain tower services, and the routes and extractors in axum.

#![allow(clippy::unwrap_used, clippy::panic, reason = "what helps a test may fail it")]

mod cors;
mod extract;
mod guard;
mod routes;
mod server;
mod walk_around;
