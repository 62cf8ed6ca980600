//! What the three programs do alike around their framework: log, listen, say so, and stop when told.

use std::io::{IsTerminal, Write};
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use crate::{Settings, Stop};

/// How long requests in flight may take to finish once the program was told to stop.
pub const FINISH_WITHIN: Duration = Duration::from_secs(10);

/// Sends the log to standard error, filtered as `RUST_LOG` says.
pub fn log(settings: &Settings) {
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(settings.filter())
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    // There may be one already where several applications run in one process, as in tests.
    let _ = subscriber.try_init();
}

/// Takes the address, so that its real port is known. It is non-blocking, as asynchronous runtimes want it.
///
/// # Errors
/// A [`Stop`] where it cannot be listened on.
pub fn listen(settings: &Settings) -> Result<(TcpListener, SocketAddr), Stop> {
    let address = settings.listen;
    let taken = TcpListener::bind(address).and_then(|listener| {
        listener.set_nonblocking(true)?;
        let real = listener.local_addr()?;
        Ok((listener, real))
    });
    taken.map_err(|error| {
        Stop::cannot_start(format_args!("GRIDAUTH_LISTEN: {address} cannot be listened on: {error}"))
    })
}

/// Writes the one line on standard output that says where connections are accepted.
pub fn announce(address: SocketAddr) {
    let mut out = std::io::stdout().lock();
    // Whoever started the program may have closed its standard output; it serves all the same.
    let _ = writeln!(out, "listening on http://{address}").and_then(|()| out.flush());
}

/// The signals that end the program: SIGTERM and SIGINT.
pub struct Signals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    /// Listens for them from now on.
    ///
    /// # Errors
    /// A [`Stop`] where the system does not let it.
    pub fn new() -> Result<Self, Stop> {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            let listen = |kind| {
                signal(kind)
                    .map_err(|error| Stop::cannot_start(format_args!("no signals can be had: {error}")))
            };
            Ok(Self {
                terminate: listen(SignalKind::terminate())?,
                interrupt: listen(SignalKind::interrupt())?,
            })
        }
        #[cfg(not(unix))]
        Ok(Self {})
    }

    /// Waits for the first of them.
    pub async fn received(mut self) {
        #[cfg(unix)]
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
        #[cfg(not(unix))]
        let _ = tokio::signal::ctrl_c().await;
        tracing::info!("told to stop: requests in flight are finished");
    }
}
