//! A small client for the tests: bytes in, bytes out. It shares no code with the node.
#![allow(dead_code, unused_imports, unused_macros, reason = "each test file uses its part of it")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "this is a test")]

pub(crate) mod server;

use server::Account;
use std::net::SocketAddrV4;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// More than anything in these tests takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
/// How long to wait for an answer that must not arrive.
pub(crate) const SILENCE: Duration = Duration::from_millis(80);

pub(crate) const GET_PARTITION_ADDRESS: i32 = 104;
pub(crate) const GET_CONTAINER: i32 = 105;
pub(crate) const PUT_CONTAINER: i32 = 107;
pub(crate) const CLOSE_SESSION: i32 = 112;
pub(crate) const FLUSH_LOG: i32 = 117;
pub(crate) const COMMIT: i32 = 118;
pub(crate) const ABORT: i32 = 119;
pub(crate) const GET_ROW: i32 = 120;
pub(crate) const QUERY_TQL: i32 = 121;
pub(crate) const PUT_ROW: i32 = 124;
pub(crate) const REMOVE_ROW: i32 = 127;
pub(crate) const DROP_CONTAINER: i32 = 144;

/// A little-endian message under construction.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bytes(pub(crate) Vec<u8>);

impl Bytes {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn u8(mut self, value: u8) -> Self {
        self.0.push(value);
        self
    }

    pub(crate) fn i16(mut self, value: i16) -> Self {
        self.0.extend(value.to_le_bytes());
        self
    }

    pub(crate) fn i32(mut self, value: i32) -> Self {
        self.0.extend(value.to_le_bytes());
        self
    }

    pub(crate) fn i64(mut self, value: i64) -> Self {
        self.0.extend(value.to_le_bytes());
        self
    }

    pub(crate) fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend(bytes);
        self
    }

    pub(crate) fn string(self, text: &str) -> Self {
        self.i32(text.len() as i32).raw(text.as_bytes())
    }

    pub(crate) fn varsize(mut self, size: usize) -> Self {
        match size {
            0..128 => self.0.push((size * 2 + 1) as u8),
            _ => self.0.extend(((size * 4) as u32).to_le_bytes()),
        }
        self
    }

    pub(crate) fn sized(self, bytes: &[u8]) -> Self {
        self.varsize(bytes.len()).raw(bytes)
    }
}

/// An answer without its envelope and head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) statement: i32,
    pub(crate) id: i64,
    pub(crate) status: u8,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn parse(message: &[u8]) -> Self {
        let int = |at: usize| i32::from_le_bytes(message[at..at + 4].try_into().unwrap());
        let statement = int(20);
        let id_size = if statement == 100 { 4 } else { 8 };
        let mut id = [0; 8];
        id[..id_size].copy_from_slice(&message[24..24 + id_size]);
        let status = message[24 + id_size];
        Self { statement, id: i64::from_le_bytes(id), status, body: message[25 + id_size..].to_vec() }
    }

    /// Code and name of an error.
    pub(crate) fn error(&self) -> Option<(i32, String)> {
        if self.status == 0 {
            return None;
        }
        let mut at = 4;
        let int = |at: usize| i32::from_le_bytes(self.body[at..at + 4].try_into().unwrap());
        assert_eq!(int(0), 1, "one error");
        let code = int(at);
        at += 4;
        for _ in 0..4 {
            at += 4 + int(at) as usize;
        }
        assert_eq!(int(at), -1, "no line");
        at += 4;
        let length = int(at) as usize;
        let name = String::from_utf8(self.body[at + 4..at + 4 + length].to_vec()).unwrap();
        assert_eq!(self.body[at + 4 + length..], [0; 4], "no parameters");
        Some((code, name))
    }

    /// The code of an error, or 0.
    pub(crate) fn code(&self) -> i32 {
        self.error().map_or(0, |(code, _)| code)
    }

    /// The single byte of the answer as a boolean.
    pub(crate) fn flag(&self) -> bool {
        assert_eq!((self.status, self.body.len()), (0, 1), "{self:?}");
        self.body[0] != 0
    }
}

/// A connection that numbers its statements.
pub(crate) struct Client {
    socket: TcpStream,
    pub(crate) next_id: i64,
    pub(crate) uuid: [u8; 16],
}

pub(crate) fn envelope(body: &[u8]) -> Vec<u8> {
    Bytes::new().i32(65_021_048).i32(0).i32(0).i32(-1).i32(body.len() as i32).raw(body).0
}

impl Client {
    /// Only TCP.
    pub(crate) async fn dial(address: SocketAddrV4) -> Self {
        let socket = timeout(PATIENCE, TcpStream::connect(address)).await.unwrap().unwrap();
        socket.set_nodelay(true).unwrap();
        Self { socket, next_id: 1, uuid: [7; 16] }
    }

    /// With CONNECT, and LOGIN as `admin` in the cluster `gridauth`.
    pub(crate) async fn open(address: SocketAddrV4) -> Self {
        let mut client = Self::dial(address).await;
        assert_eq!(client.connect().await.status, 0);
        assert_eq!(client.log_in("gridauth", true).await.status, 0);
        client
    }

    pub(crate) async fn connect(&mut self) -> Answer {
        let body = Bytes::new().i32(100).i32(0).i32(1).i32(15).i32(2).u8(1).u8(0);
        self.send_raw(&envelope(&body.0)).await;
        self.receive().await
    }

    pub(crate) async fn log_in(&mut self, cluster: &str, immediate: bool) -> Answer {
        self.log_in_as(&Account::new("admin", "admin", cluster), immediate).await
    }

    pub(crate) async fn log_in_as(&mut self, account: &Account, immediate: bool) -> Answer {
        let mut options = Bytes::new();
        if let Some(database) = &account.database {
            options = options.i16(5).string(database);
        }
        let body = Bytes::new().i32(options.0.len() as i32).raw(&options.0);
        let body = body.string(&account.user).string(&account.secret).i32(15).u8(u8::from(immediate));
        self.call(102, 0, body.string(&account.cluster).u8(0)).await
    }

    pub(crate) async fn send_raw(&mut self, bytes: &[u8]) {
        timeout(PATIENCE, self.socket.write_all(bytes)).await.unwrap().unwrap();
    }

    /// Sends a statement on a connection that may have been reset. Returns `false` if it has.
    pub(crate) async fn try_send(&mut self, statement: i32, partition: i32, id: i64, body: Bytes) -> bool {
        let head = Bytes::new().i32(statement).i32(partition).i64(id).raw(&body.0);
        timeout(PATIENCE, self.socket.write_all(&envelope(&head.0))).await.unwrap().is_ok()
    }

    /// Sends a statement and returns its id.
    pub(crate) async fn send(&mut self, statement: i32, partition: i32, body: Bytes) -> i64 {
        let id = self.next_id;
        self.next_id += 1;
        self.send_with(statement, partition, id, body).await;
        id
    }

    pub(crate) async fn send_with(&mut self, statement: i32, partition: i32, id: i64, body: Bytes) {
        let head = Bytes::new().i32(statement).i32(partition).i64(id).raw(&body.0);
        self.send_raw(&envelope(&head.0)).await;
    }

    pub(crate) async fn receive_raw(&mut self) -> std::io::Result<Vec<u8>> {
        let mut message = vec![0; 20];
        timeout(PATIENCE, self.socket.read_exact(&mut message)).await.expect("an answer")?;
        let length = u32::from_le_bytes(message[16..20].try_into().unwrap()) as usize;
        message.resize(20 + length, 0);
        timeout(PATIENCE, self.socket.read_exact(&mut message[20..])).await.expect("a whole answer")?;
        Ok(message)
    }

    pub(crate) async fn receive(&mut self) -> Answer {
        Answer::parse(&self.receive_raw().await.expect("an answer"))
    }

    /// Reads until the connection ends.
    pub(crate) async fn read_to_end(&mut self) -> std::io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        timeout(PATIENCE, self.socket.read_to_end(&mut bytes)).await.expect("an end")?;
        Ok(bytes)
    }

    /// Whether no byte arrives for a while.
    pub(crate) async fn is_silent(&mut self) -> bool {
        timeout(SILENCE, self.socket.peek(&mut [0])).await.is_err()
    }

    pub(crate) async fn call(&mut self, statement: i32, partition: i32, body: Bytes) -> Answer {
        let id = self.send(statement, partition, body).await;
        let answer = self.receive().await;
        assert_eq!((answer.statement, answer.id), (statement, id));
        answer
    }

    pub(crate) async fn call_with(&mut self, statement: i32, partition: i32, id: i64, body: Bytes) -> Answer {
        self.send_with(statement, partition, id, body).await;
        self.receive().await
    }

    pub(crate) async fn disconnect(mut self) {
        self.send(101, 0, Bytes::new().i32(0)).await;
        self.read_to_end().await.unwrap();
    }
}

/// A container of `k STRING` key, `v STRING`, `n LONG`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Table {
    pub(crate) partition: i32,
    pub(crate) id: i64,
}

/// A row statement's part in a session.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Mode {
    pub(crate) session: i64,
    pub(crate) session_mode: u8,
    pub(crate) transaction_mode: u8,
    /// Option 1.
    pub(crate) timeout: Option<i32>,
    /// Option 2.
    pub(crate) for_update: bool,
    /// Option 7.
    pub(crate) put_mode: Option<u8>,
}

impl Mode {
    pub(crate) const AUTO: Self = Self {
        session: 0,
        session_mode: 0,
        transaction_mode: 0,
        timeout: None,
        for_update: false,
        put_mode: None,
    };

    /// The first statement of a session, which begins a transaction.
    pub(crate) fn begin(session: i64) -> Self {
        Self { session, session_mode: 1, transaction_mode: 1, ..Self::AUTO }
    }

    pub(crate) fn go_on(session: i64) -> Self {
        Self { session, session_mode: 2, transaction_mode: 2, ..Self::AUTO }
    }

    pub(crate) fn timeout(self, seconds: i32) -> Self {
        Self { timeout: Some(seconds), ..self }
    }

    pub(crate) fn for_update(self) -> Self {
        Self { for_update: true, ..self }
    }

    pub(crate) fn insert_only(self) -> Self {
        Self { put_mode: Some(1), ..self }
    }

    fn options(self) -> Bytes {
        let mut options = Bytes::new();
        if let Some(seconds) = self.timeout {
            options = options.i16(1).i32(seconds);
        }
        if self.for_update {
            options = options.i16(2).u8(1);
        }
        if let Some(mode) = self.put_mode {
            options = options.i16(7).u8(mode);
        }
        Bytes::new().i32(options.0.len() as i32).raw(&options.0)
    }
}

pub(crate) fn container_key(name: &str) -> Bytes {
    let (base, affinity) = name.split_once('@').unwrap_or((name, ""));
    let mut key = Bytes::new();
    key = match affinity.parse::<usize>() {
        Ok(number) => key.u8(4).sized(base.as_bytes()).varsize(number),
        Err(_) => key.u8(0).sized(base.as_bytes()),
    };
    key = key.raw(&vec![0; base.len().div_ceil(8)]);
    Bytes::new().sized(&key.0)
}

pub(crate) fn partition_of(name: &str, partitions: u32) -> i32 {
    let (base, affinity) = name.split_once('@').unwrap_or((name, ""));
    let number = affinity.parse::<u32>().unwrap_or_else(|_| crc32fast::hash(base.as_bytes()));
    (number % partitions) as i32
}

impl Client {
    /// Creates or opens the container.
    pub(crate) async fn table(&mut self, name: &str, partitions: u32) -> Table {
        let partition = partition_of(name, partitions);
        let answer = self.put_table(name, partition).await;
        assert_eq!(answer.status, 0, "{:?}", answer.error());
        Table { partition, id: i64::from_le_bytes(answer.body[4..12].try_into().unwrap()) }
    }

    pub(crate) async fn put_table(&mut self, name: &str, partition: i32) -> Answer {
        let body = Bytes::new().i32(0).raw(&container_key(name).0).u8(0).u8(0);
        let body = body.i32(3).string("k").u8(0).u8(4).string("v").u8(0).u8(0).string("n").u8(5).u8(0);
        self.call(PUT_CONTAINER, partition, body.i16(1).i16(0).string("")).await
    }

    /// Whether a container of that name exists, and its id.
    pub(crate) async fn find_table(&mut self, name: &str, partition: i32) -> Option<i64> {
        let body = Bytes::new().i32(0).raw(&container_key(name).0).u8(0xff);
        let answer = self.call(GET_CONTAINER, partition, body).await;
        assert_eq!(answer.status, 0, "{:?}", answer.error());
        (answer.body[0] == 1).then(|| i64::from_le_bytes(answer.body[5..13].try_into().unwrap()))
    }

    pub(crate) fn row_head(&self, table: Table, mode: Mode) -> Bytes {
        let head = Bytes::new().i64(table.id).i64(mode.session).raw(&self.uuid).i32(0);
        head.u8(mode.session_mode).u8(mode.transaction_mode).raw(&mode.options().0)
    }

    pub(crate) fn put_body(&self, table: Table, key: &str, number: i64, mode: Mode) -> Bytes {
        let head = self.row_head(table, mode).i64(0).u8(0).i64(number);
        head.varsize(2).sized(key.as_bytes()).sized(b"v")
    }

    /// Returns `true` if it replaced a row.
    pub(crate) async fn put(&mut self, table: Table, key: &str, number: i64) -> bool {
        self.try_put(table, key, number, Mode::AUTO).await.flag()
    }

    pub(crate) async fn try_put(&mut self, table: Table, key: &str, number: i64, mode: Mode) -> Answer {
        let body = self.put_body(table, key, number, mode);
        self.call(PUT_ROW, table.partition, body).await
    }

    /// The row's number, if the row exists.
    pub(crate) async fn get(&mut self, table: Table, key: &str) -> Option<i64> {
        number(&self.try_get(table, key, Mode::AUTO).await)
    }

    pub(crate) async fn try_get(&mut self, table: Table, key: &str, mode: Mode) -> Answer {
        let body = self.row_head(table, mode).sized(key.as_bytes());
        self.call(GET_ROW, table.partition, body).await
    }

    pub(crate) async fn remove(&mut self, table: Table, key: &str) -> bool {
        self.try_remove(table, key, Mode::AUTO).await.flag()
    }

    pub(crate) async fn try_remove(&mut self, table: Table, key: &str, mode: Mode) -> Answer {
        let body = self.row_head(table, mode).sized(key.as_bytes());
        self.call(REMOVE_ROW, table.partition, body).await
    }

    pub(crate) fn session_body(&self, table: Table, session: i64) -> Bytes {
        Bytes::new().i64(table.id).i64(session).raw(&self.uuid).i32(0)
    }

    /// COMMIT, ABORT or CLOSE_SESSION.
    pub(crate) async fn end(&mut self, statement: i32, table: Table, session: i64, id: i64) -> Answer {
        let body = self.session_body(table, session);
        self.call_with(statement, table.partition, id, body).await
    }

    pub(crate) async fn flush(&mut self, table: Table) -> Answer {
        self.call(FLUSH_LOG, table.partition, Bytes::new().i64(table.id).i32(0)).await
    }

    /// The numbers of the rows that a query returns, or its error code.
    pub(crate) async fn query(&mut self, table: Table, tql: &str) -> Result<Vec<i64>, i32> {
        let body = self.row_head(table, Mode::AUTO).i64(i64::MAX).i64(i64::MAX).u8(0).i32(0).string(tql);
        let answer = self.call(QUERY_TQL, table.partition, body).await;
        if answer.status != 0 {
            return Err(answer.code());
        }
        let body = &answer.body;
        assert_eq!(body[..5], [1, 0, 0, 0, 0], "one row set");
        let rows = i64::from_le_bytes(body[9..17].try_into().unwrap()) as usize;
        // row id, offset, NULL bits, number
        let row = |at: usize| i64::from_le_bytes(body[17 + at * 25 + 17..][..8].try_into().unwrap());
        Ok((0..rows).map(row).collect())
    }
}

/// The number in the answer to GET_ROW.
pub(crate) fn number(answer: &Answer) -> Option<i64> {
    assert_eq!(answer.status, 0, "{:?}", answer.error());
    (answer.body[0] == 1).then(|| i64::from_le_bytes(answer.body[18..26].try_into().unwrap()))
}
