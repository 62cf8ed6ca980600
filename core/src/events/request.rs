//! The request that is being answered. It travels with the task, so that whoever emits an event need not know it.

use std::future::Future;
use std::net::IpAddr;

use arrayvec::ArrayString;

use super::keeper::Pending;

tokio::task_local! {
    static CURRENT: RequestContext;
}

/// The longest id of a request that is taken from a header.
pub(super) const MAX_ID: usize = 64;

/// The id of a request, as text.
pub(super) type RequestId = ArrayString<MAX_ID>;

/// Where a request comes from, and its id.
#[derive(Clone)]
pub(crate) struct RequestContext {
    pub(super) source: Option<IpAddr>,
    pub(super) id: RequestId,
    /// Where events wait, if the request is answered only once they are written.
    pub(super) pending: Option<Pending>,
}

impl RequestContext {
    /// Runs `work` as part of this request.
    pub(crate) fn scope<F: Future>(self, work: F) -> impl Future<Output = F::Output> {
        CURRENT.scope(self, work)
    }

    pub(crate) fn source(&self) -> Option<IpAddr> {
        self.source
    }

    pub(crate) fn pending(&self) -> Option<Pending> {
        self.pending.clone()
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// The request that this task answers, if it answers one.
    pub(super) fn current() -> Option<Self> {
        CURRENT.try_with(Clone::clone).ok()
    }
}

/// The id in a header. Only a short one of letters, digits and a few marks is believed: it goes into logs.
pub(super) fn given_id(value: &[u8]) -> Option<RequestId> {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:/+=".contains(byte);
    let text = std::str::from_utf8(value).ok().filter(|_| value.iter().all(is_plain))?;
    if text.is_empty() { None } else { RequestId::from(text).ok() }
}
