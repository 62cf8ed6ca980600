//! Events: what happened, and to whom. Each is emitted where it happens, whatever the framework and the store.
//!
//! An [`Event`] becomes a line of the log (`tracing`, target `gridauth::event`, with stable field names), and is passed to the
//! closures of [`Builder::on_event`](crate::Builder::on_event) in an [`EventRecord`]: with the time, the client, the subject, the
//! grant, the address that the request came from, and the id of the request.
//!
//! With the feature `metrics`, events are counted through the `metrics` facade, and requests and store operations are timed. The names
//! and their labels are in `docs/events.md`. Labels are taken from short lists: no name of a client or a user is among them.
//!
//! No event contains a secret: no token, code, password, client secret, cookie or assertion. What somebody typed as a name that
//! nobody has is a keyed digest, since people type passwords into the wrong field.

mod audit;
mod deferred;
mod emitter;
mod event;
mod keeper;
mod log;
#[cfg(feature = "metrics")]
mod metrics;
mod record;
mod request;
mod stopwatch;

pub use audit::Audit;
pub use emitter::Events;
pub(crate) use emitter::Listener;
pub use event::{
    ClientChange, ClientRefusal, Event, Limit, RevocationCause, SignInRefusal, SigningKeyChange, TokenRefusal,
};
#[cfg(feature = "server")]
pub(crate) use keeper::{Keeper, KeptEvent, Pending, ToWrite};
pub use record::EventRecord;
#[cfg(feature = "server")]
pub(crate) use request::RequestContext;
#[cfg(feature = "server")]
pub(crate) use stopwatch::Stopwatch;
