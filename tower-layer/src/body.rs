use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use pin_project_lite::pin_project;

pin_project! {
    /// The response body of a [`Require`](crate::Require) service: the inner service's body, or that of a rejection.
    #[derive(Debug)]
    pub struct RequireBody<B> {
        #[pin]
        kind: Kind<B>,
    }
}

pin_project! {
    #[project = KindProjection]
    #[derive(Debug)]
    enum Kind<B> {
        Passed { #[pin] body: B },
        Rejected { #[pin] body: Full<Bytes> },
    }
}

impl<B> RequireBody<B> {
    pub(crate) fn passed(body: B) -> Self {
        Self { kind: Kind::Passed { body } }
    }

    pub(crate) fn rejected(body: Bytes) -> Self {
        Self { kind: Kind::Rejected { body: Full::new(body) } }
    }
}

/// An empty body. Layers that respond themselves, such as CORS, need one.
impl<B> Default for RequireBody<B> {
    fn default() -> Self {
        Self::rejected(Bytes::new())
    }
}

impl<B: Body<Data = Bytes>> Body for RequireBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match self.project().kind.project() {
            KindProjection::Passed { body } => body.poll_frame(context),
            KindProjection::Rejected { body } => {
                body.poll_frame(context).map_err(|infallible| match infallible {})
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Passed { body } => body.is_end_stream(),
            Kind::Rejected { body } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Passed { body } => body.size_hint(),
            Kind::Rejected { body } => body.size_hint(),
        }
    }
}
