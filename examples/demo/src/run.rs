//! What the three programs share around their framework: logging, listening, announcing the address, stopping on a
//! signal.

use std::io::{IsTerminal, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use gridauth::GridAuth;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::writer::BoxMakeWriter;

use crate::{Settings, StartError};

/// How long requests in flight may take to finish after a signal to stop.
pub const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the head of a request may take to arrive.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the body of a request may take to arrive after its head.
pub const BODY_TIMEOUT: Duration = GridAuth::BODY_TIMEOUT;

/// Sends the log to standard error, filtered by `RUST_LOG`. By default the level is `info`, and the log is buffered
/// until [`announce`], so that a failed start writes one line only.
pub fn log(settings: &Settings) {
    let filter = settings.filter().map_or_else(|| EnvFilter::new("info"), EnvFilter::new);
    let log = match settings.filter() {
        Some(_) => BoxMakeWriter::new(std::io::stderr),
        None => {
            *BUFFER.lock().unwrap_or_else(PoisonError::into_inner) = Some(Vec::new());
            BoxMakeWriter::new(|| BufferedStderr)
        }
    };
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(log)
        .with_ansi(std::io::stderr().is_terminal());
    // Where several applications run in one process, as in tests, there may be one already.
    let _ = subscriber.try_init();
}

/// The log before the start; `None` if the log is written at once.
static BUFFER: Mutex<Option<Vec<u8>>> = Mutex::new(None);

/// Writes the buffered log. From then on, the log is written at once.
fn flush_buffer() {
    let buffer = BUFFER.lock().unwrap_or_else(PoisonError::into_inner).take();
    let _ = std::io::stderr().write_all(&buffer.unwrap_or_default());
}

/// Standard error, with a buffer for what is logged before the start.
struct BufferedStderr;

impl Write for BufferedStderr {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match &mut *BUFFER.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(buffer) => buffer.write(bytes),
            None => std::io::stderr().write(bytes),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Binds the address, which determines the port. The listener is non-blocking, as async runtimes require.
///
/// # Errors
/// [`StartError`] if the address cannot be listened on.
pub fn listen(settings: &Settings) -> Result<(TcpListener, SocketAddr), StartError> {
    let address = settings.listen;
    let taken = TcpListener::bind(address).and_then(|listener| {
        listener.set_nonblocking(true)?;
        let real = listener.local_addr()?;
        Ok((listener, real))
    });
    taken.map_err(|error| {
        StartError::cannot_start(format_args!("GRIDAUTH_LISTEN: {address} cannot be listened on: {error}"))
    })
}

/// Writes the one line on standard output, which says where connections are accepted.
pub fn announce(address: SocketAddr) {
    flush_buffer();
    let mut out = std::io::stdout().lock();
    // If standard output has been closed, the program serves all the same.
    let _ = writeln!(out, "listening on http://{address}").and_then(|()| out.flush());
}

/// The signals that stop the program: SIGTERM and SIGINT.
pub struct Signals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    /// Begins to listen for the signals.
    ///
    /// # Errors
    /// [`StartError`] if the system does not allow it.
    pub fn new() -> Result<Self, StartError> {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            let listen = |kind| {
                signal(kind)
                    .map_err(|error| StartError::cannot_start(format_args!("no signals can be had: {error}")))
            };
            Ok(Self {
                terminate: listen(SignalKind::terminate())?,
                interrupt: listen(SignalKind::interrupt())?,
            })
        }
        #[cfg(not(unix))]
        Ok(Self {})
    }

    /// Starts the application, unless a signal arrives first: then the result is `None`. A store may be waited for.
    pub async fn or_started<T>(&mut self, start: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            started = start => Some(started),
            () = self.arrived() => None,
        }
    }

    /// Waits for the first signal.
    pub async fn received(mut self) {
        self.arrived().await;
        tracing::info!("stopping: finishing the requests in flight");
    }

    async fn arrived(&mut self) {
        #[cfg(unix)]
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
        #[cfg(not(unix))]
        let _ = tokio::signal::ctrl_c().await;
    }
}
