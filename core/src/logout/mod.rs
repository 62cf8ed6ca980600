//! The end of a session: what ends with it, and who is told.

mod ending;
mod front_channel;

pub(crate) use ending::{EndedSession, end_session, end_sessions};
pub(crate) use front_channel::frames;
