//! Randomness: the client's own id, and jitter.

use std::time::Duration;

use crate::{
    error::{Error, ErrorKind},
    wire::statement::ClientId,
};

#[expect(clippy::disallowed_methods, reason = "this client library is its own source of randomness")]
fn fill(bytes: &mut [u8]) -> Result<(), getrandom::Error> {
    getrandom::fill(bytes)
}

/// The id of a new client, which keeps its sessions apart from those of all other clients.
pub(crate) fn client_id() -> Result<ClientId, Error> {
    let mut id = [0; 16];
    // Without it two clients could share a session, so this is an error.
    match fill(&mut id) {
        Ok(()) => Ok(id),
        Err(error) => Err(Error::with_message(ErrorKind::Unavailable, format!("no randomness: {error}"))),
    }
}

/// A duration between half of `longest` and `longest`, so that clients do not all return at the same moment.
pub(crate) fn jitter(longest: Duration) -> Duration {
    let mut bytes = [0; 4];
    // Without randomness there is no jitter, and that is all.
    let _ = fill(&mut bytes);
    let share = f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX);
    longest.mul_f64(0.5 + share / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_stays_between_half_and_all() {
        for _ in 0..100 {
            let pause = jitter(Duration::from_millis(100));
            assert!((Duration::from_millis(50)..=Duration::from_millis(100)).contains(&pause));
        }
    }

    #[test]
    fn clients_differ() {
        assert_ne!(client_id().unwrap(), client_id().unwrap());
    }
}
