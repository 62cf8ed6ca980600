//! What the three programs do alike around their framework: log, listen, say so, and stop when told.

use std::io::{IsTerminal, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::writer::BoxMakeWriter;

use crate::{Settings, Stop};

/// How long requests in flight may take to finish once the program was told to stop.
pub const FINISH_WITHIN: Duration = Duration::from_secs(10);

/// Sends the log to standard error, filtered as `RUST_LOG` says: `info` where it says nothing, and then nothing is
/// written before [`announce`], so that a start that fails leaves one line.
pub fn log(settings: &Settings) {
    let filter = settings.filter().map_or_else(|| EnvFilter::new("info"), EnvFilter::new);
    let log = match settings.filter() {
        Some(_) => BoxMakeWriter::new(std::io::stderr),
        None => {
            *HELD.lock().unwrap_or_else(PoisonError::into_inner) = Some(Vec::new());
            BoxMakeWriter::new(|| Log)
        }
    };
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(log)
        .with_ansi(std::io::stderr().is_terminal());
    // There may be one already where several applications run in one process, as in tests.
    let _ = subscriber.try_init();
}

/// What was logged and not written yet; `None` where it is written at once.
static HELD: Mutex<Option<Vec<u8>>> = Mutex::new(None);

/// Writes what was held back, and from now on everything at once.
fn release() {
    let held = HELD.lock().unwrap_or_else(PoisonError::into_inner).take();
    let _ = std::io::stderr().write_all(&held.unwrap_or_default());
}

/// Standard error, with what comes before the start held back.
struct Log;

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match &mut *HELD.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(held) => held.write(bytes),
            None => std::io::stderr().write(bytes),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
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
    release();
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
