//! Events: what happened, and to whom. Each is emitted where it happens, whatever the framework and the store.
//!
//! An [`Event`] becomes a line of the log (`tracing`, target `gridauth::event`, with stable field names), and is passed to the
//! closures of [`Builder::on_event`](crate::Builder::on_event) in an [`EventRecord`]: with the time, the client, the subject, the
//! grant, the address that the request came from, and the id of the request.
//!
//! No event contains a secret: no token, code, password, client secret, cookie or assertion. What somebody typed as a name that
//! nobody has is a keyed digest, since people type passwords into the wrong field.

mod deferred;
mod emitter;
mod event;
mod log;
mod record;
mod request;

pub use emitter::Events;
#[cfg(feature = "server")]
pub(crate) use emitter::Listener;
pub use event::{
    ClientChange, ClientRefusal, Event, Limit, RevocationCause, SignInRefusal, SigningKeyChange,
};
pub use record::EventRecord;
#[cfg(feature = "server")]
pub(crate) use request::RequestContext;
