//! A prompt end: Rocket grants requests in flight a time to finish, and waits that time out if any connection is still
//! open when it looks. This lets it look when the last request is answered.

use std::time::Duration;

use rocket::fairing::{Fairing, Info, Kind};
use rocket::{Data, Orbit, Request, Rocket};
use tokio::sync::watch;

/// How long the last answers may take onto the wire, and idle connections to close.
const SETTLE: Duration = Duration::from_millis(50);

/// Counts the requests in flight, and holds the shutdown until there are none.
pub(crate) fn fairing() -> impl Fairing {
    Finish { in_flight: watch::Sender::new(0) }
}

struct Finish {
    in_flight: watch::Sender<usize>,
}

/// A request in flight: kept with it and dropped with it.
struct InFlight(watch::Sender<usize>);

impl InFlight {
    fn new(in_flight: &watch::Sender<usize>) -> Self {
        in_flight.send_modify(|count| *count += 1);
        Self(in_flight.clone())
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

#[rocket::async_trait]
impl Fairing for Finish {
    fn info(&self) -> Info {
        Info { name: "finish requests in flight", kind: Kind::Request | Kind::Shutdown }
    }

    async fn on_request(&self, request: &mut Request<'_>, _: &mut Data<'_>) {
        request.local_cache(|| InFlight::new(&self.in_flight));
    }

    async fn on_shutdown(&self, _: &Rocket<Orbit>) {
        // A request may come until its connection is told; what begins after that is not served.
        tokio::time::sleep(SETTLE).await;
        let _ = self.in_flight.subscribe().wait_for(|count| *count == 0).await;
        tokio::time::sleep(SETTLE).await;
    }
}
