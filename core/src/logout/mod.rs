//! The end of a session, of a consent, of a password: what ends with it, and who is told.

mod back_channel;
mod ended;
mod ending;
mod finish;
mod front_channel;
mod logout_token;
mod new_password;
mod withdrawal;

pub(crate) use back_channel::{FIRST_PAUSE, Sending, send_due};
pub(crate) use ending::{end_session, end_sessions};
pub(crate) use front_channel::frames;
pub(crate) use new_password::replace_password;
pub(crate) use withdrawal::withdraw;
