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
    time::{Instant, timeout_at},
};

use super::{
    Connection, Handle, NEXT_NUMBER, Shared,
    driver::{Driver, Limits},
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

/// No answer of a handshake comes near this many bytes.
const LONGEST_ANSWER: usize = 64 << 10;

/// Who to log in as, and the limits of a connection: worked out once for all connections of a client.
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
/// # Errors
/// Nobody listens there, nobody answers in time, or the login is refused.
pub(crate) async fn open(
    address: SocketAddr,
    credentials: &Credentials,
    deadline: Instant,
    counters: Arc<Counters>,
) -> Result<Connection, Error> {
    let deadline = deadline.min(Instant::now() + credentials.config.connect_timeout);
    timeout_at(deadline, open_now(address, credentials, counters)).await.unwrap_or_else(|_| {
        Err(Error::with_message(ErrorKind::Unavailable, format!("{address} does not answer")))
    })
}

async fn open_now(
    address: SocketAddr,
    credentials: &Credentials,
    counters: Arc<Counters>,
) -> Result<Connection, Error> {
    let unreachable =
        |error| Error::with_both(ErrorKind::Unavailable, format!("cannot connect to {address}"), error);
    let mut stream = TcpStream::connect(address).await.map_err(unreachable)?;
    stream.set_nodelay(true).map_err(unreachable)?;
    let mut input = BytesMut::with_capacity(1 << 10);
    match log_in(&mut stream, &mut input, credentials).await {
        Ok(database) => Ok(start(stream, input, address, database, credentials, counters)),
        Err(error) => {
            let mut goodbye = Vec::new();
            connect::encode_disconnect(&mut goodbye, 3);
            // It has failed already; whether these last bytes arrive changes nothing for the caller.
            let _ = stream.write_all(&goodbye).await;
            Err(error)
        }
    }
}

async fn log_in(
    stream: &mut TcpStream,
    input: &mut BytesMut,
    credentials: &Credentials,
) -> Result<i64, Error> {
    let mut request = Vec::with_capacity(256);
    connect::encode(&mut request, 1);
    let answer = exchange(stream, &request, input, Statement::Connect).await?;
    if connect::decode(&mut Reader::new(&answer))? != 0 {
        let message = "the server asks for a way of logging in that this client does not know";
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
    let answer = exchange(stream, &request, input, Statement::Login).await?;
    Ok(login::decode(&mut Reader::new(&answer))?)
}

/// Sends one statement and waits for its answer's body.
async fn exchange(
    stream: &mut TcpStream,
    request: &[u8],
    input: &mut BytesMut,
    statement: Statement,
) -> Result<BytesMut, Error> {
    // A server with as many connections as it allows accepts one more and resets it: that is being busy.
    let broken = |error| Error::with_source(ErrorKind::Unavailable, error);
    stream.write_all(request).await.map_err(broken)?;
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

fn start(
    stream: TcpStream,
    input: BytesMut,
    address: SocketAddr,
    database: i64,
    credentials: &Credentials,
    counters: Arc<Counters>,
) -> Connection {
    Counters::add(&counters.connections, 1);
    let (read, write) = stream.into_split();
    let shared = Arc::new(Shared {
        number: NEXT_NUMBER.fetch_add(1, Ordering::Relaxed),
        address,
        database,
        write,
        open: AtomicBool::new(true),
        state: Mutex::new(State::default()),
        counters,
        finished: watch::Sender::new(false),
    });
    let limits =
        Limits { max_answer: credentials.config.max_answer, heartbeat: credentials.config.heartbeat };
    tokio::spawn(Driver::new(Arc::clone(&shared), read, input, limits).run());
    Connection(Arc::new(Handle(shared)))
}
