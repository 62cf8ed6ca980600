//! The HTTP conformance suite of gridauth: drives the demo applications and checks their responses.
//!
//! Each demo application runs as its own process, and the suite talks to it over HTTP only. Every case runs on every framework and on every store
//! ([`matrix`]); adding a framework or a store takes one line. The cases are in
//! `conformance/`, one file per subject.
//!
//! ```text
//! cargo test -p gridauth-conformance                                 # every case, on enough combinations
//! GRIDAUTH_COMBINATIONS="*/*" cargo test -p gridauth-conformance     # every combination
//! GRIDAUTH_COMBINATIONS=axum/memory cargo test -p gridauth-conformance      # one
//! cargo test -p gridauth-conformance -- file/refresh                 # cases with this in their name
//! ```
//!
//! | variable | meaning |
//! | --- | --- |
//! | `GRIDAUTH_COMBINATIONS` | combinations to run, comma-separated, with all cases; `*` stands for any framework or store. Without it every case runs on each framework in memory, and on each other store on one framework (of the SQL databases, on one) |
//! | `GRIDAUTH_DEMO_BIN_DIR` | a directory with the binaries of the demo applications; by default cargo builds them |
//! | `GRIDAUTH_TEST_GRIDDB` | the `griddb://` URL of a real GridDB server: adds the store `griddb` |
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test suite: a case fails by panicking"
)]

pub mod audit;
pub mod browser;
pub mod build;
pub mod case;
pub mod demo;
pub mod griddb;
pub mod html;
pub mod http;
pub mod matrix;
pub mod oauth;
mod postgres;
pub mod random;
pub mod record;
pub mod rules;
pub mod seed;

pub use browser::Browser;
pub use case::{Case, Context};
pub use demo::{Demo, Deployment, Options};
pub use http::{Request, Response};
