//! The layer on plain tower services, and the routes and extractors in axum.

mod cors;
mod extract;
mod guard;
mod routes;
mod server;
mod walk_around;
