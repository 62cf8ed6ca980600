//! Opening a connection: TCP, CONNECT, LOGIN.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::BytesMut;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::watch,
    time::{Instant, timeout, timeout_at},
};

use super::{
    Connection, Handle, LostSessions, NEXT_NUMBER, Shared,
    driver::{Driver, FAREWELL, Limits},
    state::State,
};
use crate::{
    config::Config,
    error::{Error, ErrorKind},
    stats::Counters,
    wire::{
        envelope::{self, Status},
        message::{connect, failure, login},
        reader::Reader,
        statement::Statement,
    },
};

/// Longer than any answer of a handshake.
const LONGEST_ANSWER: usize = 64 << 10;

/// Credentials and limits, computed once for all connections of a client.
pub(crate) struct Credentials {
    config: Arc<Config>,
    secret: String,
}

impl Credentials {
    pub(crate) fn new(config: Arc<Config>) -> Self {
        let secret = login::secret(&config.password);
        Self { config, secret }
    }
}

/// Opens a connection and logs in.
///
/// Run it in a task of its own: if it is dropped halfway, it would leave a login behind that the server hands to
/// the next connection.
///
/// # Errors
/// Nobody listens there, no answer arrives within the `connect_timeout`, or the login is refused.
pub(crate) async fn open(
    address: SocketAddr,
    credentials: &Credentials,
    counters: Arc<Counters>,
    lost_sessions: LostSessions,
) -> Result<Connection, Error> {
    let deadline = Instant::now() + credentials.config.connect_timeout;
    let unreachable =
        |error| Error::with_both(ErrorKind::Unavailable, format!("cannot connect to {address}"), error);
    let too_late = |_| Error::with_message(ErrorKind::Unavailable, format!("{address} does not answer"));
    let stream = timeout_at(deadline, TcpStream::connect(address)).await.map_err(too_late)?;
    let stream = stream.map_err(unreachable)?;
    stream.set_nodelay(true).map_err(unreachable)?;
    let mut greeting =
        Greeting { stream: Some(stream), input: BytesMut::with_capacity(1 << 10), is_cut: false };
    let logged_in = timeout_at(deadline, greeting.log_in(credentials)).await;
    // Something else may use the node's address while the node is down.
    let not_understood = |error: Error| match error.kind() {
        ErrorKind::Protocol => {
            let message = format!("what answers at {address} does not speak GridDB's protocol");
            Error::with_both(ErrorKind::Unavailable, message, error)
        }
        _ => error,
    };
    match (logged_in.map_err(too_late).flatten().map_err(not_understood), greeting.stream.take()) {
        (Ok(database), Some(stream)) => {
            let input = std::mem::take(&mut greeting.input);
            Ok(start(stream, input, address, database, credentials, (counters, lost_sessions)))
        }
        (Ok(_), None) => Err(Error::new(ErrorKind::ConnectionLost)),
        (Err(error), stream) => {
            greeting.stream = stream;
            // Nobody has to wait for the DISCONNECT.
            tokio::spawn(greeting.farewell());
            Err(error)
        }
    }
}

/// A connection that is not logged in, or not known to be. Dropping it sends DISCONNECT: the server may have
/// accepted a login whose answer was lost.
struct Greeting {
    stream: Option<TcpStream>,
    input: BytesMut,
    /// A statement is half written. The server could not parse anything after it.
    is_cut: bool,
}

impl Greeting {
    async fn log_in(&mut self, credentials: &Credentials) -> Result<i64, Error> {
        let mut request = Vec::with_capacity(256);
        connect::encode(&mut request, 1);
        let answer = self.exchange(&request, Statement::Connect).await?;
        if connect::decode(&mut Reader::new(&answer))? != 0 {
            let message = "the server requires an authentication mode that this client does not support";
            return Err(Error::with_message(ErrorKind::Auth, message));
        }
        request.clear();
        let config = &credentials.config;
        let seconds = config.statement_timeout.as_secs();
        login::Login {
            user: &config.user,
            secret: &credentials.secret,
            cluster: &config.cluster,
            database: config.database.as_deref(),
            application: config.application.as_deref(),
            statement_timeout: u32::try_from(seconds).unwrap_or(u32::MAX).max(1),
            transaction_timeout: config.lock_seconds(),
        }
        .encode(&mut request, 2);
        let answer = self.exchange(&request, Statement::Login).await?;
        Ok(login::decode(&mut Reader::new(&answer))?)
    }

    /// Sends one statement and waits for the body of its answer.
    async fn exchange(&mut self, request: &[u8], statement: Statement) -> Result<BytesMut, Error> {
        // A server at its connection limit accepts one more connection and resets it. Treat that as busy.
        let broken = |error| Error::with_source(ErrorKind::Unavailable, error);
        let Self { stream: Some(stream), input, is_cut } = self else {
            return Err(Error::new(ErrorKind::ConnectionLost));
        };
        *is_cut = true;
        stream.write_all(request).await.map_err(broken)?;
        *is_cut = false;
        loop {
            match envelope::message_length(input, LONGEST_ANSWER)? {
                Some(length) if length <= input.len() => {
                    let mut message = input.split_to(length);
                    let head = envelope::response_head(&message)?;
                    if head.statement != statement as i32 {
                        return Err(Error::new(ErrorKind::Protocol));
                    }
                    let body = message.split_off(head.body);
                    if head.status == Status::Success {
                        return Ok(body);
                    }
                    let failure = failure::decode(&mut Reader::new(&body))?;
                    return Err(Error::server(head.status, failure).into_not_done());
                }
                _ => {
                    if stream.read_buf(input).await.map_err(broken)? == 0 {
                        return Err(Error::with_message(
                            ErrorKind::Unavailable,
                            "the node closed a new connection",
                        ));
                    }
                }
            }
        }
    }

    /// Sends DISCONNECT and waits briefly until the server has closed its side: closing with unread bytes would
    /// reset the connection, which could lose the DISCONNECT.
    async fn farewell(mut self) {
        self.say_goodbye();
        let Some(mut stream) = self.stream.take() else { return };
        let drain = async {
            self.input.clear();
            while let Ok(1..) = stream.read_buf(&mut self.input).await {
                self.input.clear();
            }
        };
        let _ = timeout(FAREWELL, drain).await;
    }

    fn say_goodbye(&mut self) {
        if let Some(stream) = self.stream.as_ref().filter(|_| !self.is_cut) {
            let mut goodbye = Vec::new();
            connect::encode_disconnect(&mut goodbye, 3);
            // The socket has carried no more than a handshake, so it has room. If it failed there is nobody to
            // tell.
            let _ = stream.try_write(&goodbye);
        }
    }
}

impl Drop for Greeting {
    fn drop(&mut self) {
        self.say_goodbye();
    }
}

fn start(
    stream: TcpStream,
    input: BytesMut,
    address: SocketAddr,
    database: i64,
    credentials: &Credentials,
    (counters, lost_sessions): (Arc<Counters>, LostSessions),
) -> Connection {
    Counters::add(&counters.connections, 1);
    let (read, write) = stream.into_split();
    let shared = Arc::new(Shared {
        number: NEXT_NUMBER.fetch_add(1, Ordering::Relaxed),
        address,
        database,
        tolerated_silence: credentials.config.heartbeat_interval().min(credentials.config.statement_timeout),
        open: AtomicBool::new(true),
        state: Mutex::new(State { socket: Some(write), lost_sessions, ..State::default() }),
        counters,
        finished: watch::Sender::new(false),
    });
    let limits = Limits {
        max_answer: credentials.config.max_answer,
        heartbeat: credentials.config.heartbeat_interval(),
        keepalive: credentials.config.keepalive,
        longest_arrival: credentials.config.statement_timeout,
    };
    tokio::spawn(Driver::new(Arc::clone(&shared), read, input, limits).run());
    Connection(Arc::new(Handle(shared)))
}
