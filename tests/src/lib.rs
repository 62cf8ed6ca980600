//! The HTTP conformance suite of gridauth: what drives the demo applications and judges their answers.
//!
//! A demo application runs as a process of its own and is spoken to over HTTP only. The matrix is frameworks × stores
//! ([`matrix`]): another framework, or another store, joins by one line. The cases themselves are in `conformance/`, one
//! file per subject.
//!
//! ```text
//! cargo test -p gridauth-conformance                                 # every combination
//! GRIDAUTH_COMBINATIONS=axum/memory cargo test -p gridauth-conformance      # one
//! cargo test -p gridauth-conformance -- file/refresh                 # what has this in its name
//! ```
//!
//! | variable | meaning |
//! | --- | --- |
//! | `GRIDAUTH_COMBINATIONS` | combinations to run, parted by commas; `*` stands for any framework or store |
//! | `GRIDAUTH_DEMO_BIN_DIR` | where the binaries of the demo applications are, instead of having cargo build them |
//! | `GRIDAUTH_TEST_GRIDDB` | the `griddb://` URL of a real GridDB: the store `griddb` joins |
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "all of this is a test suite: an expectation that does not hold is how a case fails"
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
pub mod random;
pub mod record;
pub mod rules;
pub mod seed;

pub use browser::Browser;
pub use case::{Case, Context};
pub use demo::{Demo, Deployment, Options};
pub use http::{Request, Response};
