//! What the three demo applications share, independent of their web framework: settings from the environment, the
//! seed file, the server with the demo's policies, the notes, and the responses of the application's own routes.
//!
//! An application calls [`Settings::from_env`], [`run::log`], [`run::listen`] and [`App::start`], in this order, the last
//! by [`run::Signals::or_started`]. Then it serves, [`run::announce`]s its address, and stops at [`run::Signals::received`]. Whatever fails on the way is a
//! [`StartError`].

mod app;
mod forms;
mod home;
#[cfg(feature = "metrics")]
mod metrics;
mod notes;
mod responses;
pub mod run;
mod seed;
mod settings;
mod sign_in;
mod sign_up;
mod start_error;
mod ticks;

pub use app::{App, NotesRead, NotesWrite, SCOPES};
pub use notes::{MAX_NOTE_BODY, Note, Owner};
pub use seed::{Seed, SeedError};
pub use settings::Settings;
pub use start_error::StartError;
pub use ticks::TICKS_HEADERS;
