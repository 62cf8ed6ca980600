//! What the three demo applications share, none of it bound to a web framework: settings from the environment, the seed
//! file, the server with the demo's policies, the notes, and what the application's own routes answer.
//!
//! An application does, in this order: [`Settings::from_env`], [`run::log`], [`run::listen`], [`App::start`], then serves
//! and [`run::announce`]s its address, until [`run::Signals::received`]. What goes wrong on the way is a [`Stop`].

mod answers;
mod app;
mod forms;
mod home;
mod notes;
pub mod run;
mod seed;
mod settings;
mod sign_in;
mod sign_up;
mod stop;

pub use app::{App, NotesRead, NotesWrite, SCOPES};
pub use notes::{MAX_NOTE_BODY, Note, Owner};
pub use seed::{Seed, SeedError};
pub use settings::Settings;
pub use stop::Stop;
