//! A stream that lasts as long as the access of its reader.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use gridauth::Access;
use tokio::time::interval;

use crate::App;

/// The headers of the response of `GET /ticks`.
pub const TICKS_HEADERS: [(&str, &str); 2] =
    [("content-type", "text/event-stream"), ("cache-control", "no-store")];

const SECOND: Duration = Duration::from_secs(1);

impl App {
    /// The body of the response of `GET /ticks`: one event a second. It ends with the access, or when the program stops.
    pub fn ticks(&self, access: &Access) -> impl Stream<Item = Bytes> + Send + 'static + use<> {
        let events = stream::unfold((1_u64, interval(SECOND)), |(number, mut seconds)| async move {
            seconds.tick().await;
            Some((Bytes::from(format!("data: {number}\n\n")), (number + 1, seconds)))
        });
        let mut stopping = self.stopping.subscribe();
        let stopped = async move {
            // An error means that the application is gone.
            let _ = stopping.wait_for(|stopping| *stopping).await;
        };
        access.while_valid(events).take_until(Box::pin(stopped))
    }

    /// Ends the streams. Otherwise they would keep the program from stopping.
    pub fn end_streams(&self) {
        self.stopping.send_replace(true);
    }
}
