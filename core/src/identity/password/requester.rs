//! For whom a hash is computed.

use std::future::Future;
use std::net::IpAddr;

use crate::identity::throttle::Source;

tokio::task_local! {
    static REQUESTER: Requester;
}

/// Whoever takes turns with others at the hasher: a source, where it is limited. All else is one requester: what the application
/// does by itself, and direct peers on local addresses, each of which may be a proxy with everybody behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Requester(Option<IpAddr>);

impl Requester {
    pub(super) fn of(source: Source) -> Self {
        Self(source.limited_network())
    }

    /// Whoever this task works for.
    pub(super) fn current() -> Self {
        REQUESTER.try_with(|requester| *requester).unwrap_or(Self(None))
    }
}

/// Runs `work`, whose hashes are computed for `source`. It is not an argument of the hasher, since what stands between may be the
/// application's own users.
pub(crate) fn on_behalf_of<T>(source: Source, work: impl Future<Output = T>) -> impl Future<Output = T> {
    REQUESTER.scope(Requester::of(source), work)
}
