//! Captures the warnings in the log.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::subscriber::{DefaultGuard, NoSubscriber};
use tracing::{Dispatch, Event, Level, Metadata, Subscriber, span};

/// Collects the warnings of a thread.
#[derive(Clone, Default)]
pub(crate) struct Warnings(Arc<Mutex<Vec<String>>>);

/// While this lives, warnings are collected.
pub(crate) struct Keeping {
    _default: DefaultGuard,
    /// With a single subscriber, a callsite that another thread reaches first is disabled for all threads: tracing asks the
    /// subscriber of that thread, which has none. A second one prevents that.
    _second: Dispatch,
}

impl Warnings {
    /// Collects the warnings of this thread.
    pub(crate) fn keep(&self) -> Keeping {
        let second = Dispatch::new(NoSubscriber::new());
        Keeping { _default: tracing::subscriber::set_default(self.clone()), _second: second }
    }

    /// The fields of each warning, including the message.
    pub(crate) fn kept(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

struct Fields<'a>(&'a mut String);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        write!(self.0, "{}={value:?} ", field.name()).unwrap();
    }
}

impl Subscriber for Warnings {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::WARN
    }
    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }
    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn event(&self, event: &Event<'_>) {
        let mut line = String::new();
        event.record(&mut Fields(&mut line));
        self.0.lock().unwrap().push(line);
    }
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}
