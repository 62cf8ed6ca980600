//! Requests that never end are ended (DEMO_APP.md, Policies).

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Mutex;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use gridauth_conformance::case::caught;
use gridauth_conformance::{Context, cases};

cases! {
    "DEMO_APP.md, Policies" => slow_requests_are_begun,
}

/// A combination, and the thread that waits for its connections to end.
type Waiting = (String, JoinHandle<Result<(), String>>);

static WAITING: Mutex<Vec<Waiting>> = Mutex::new(Vec::new());

/// A head may take 10 s and a body 30 s, with room for a busy machine.
const HEAD: Duration = Duration::from_secs(20);
const BODY: Duration = Duration::from_secs(45);

/// What is left of a dripping body may take as long as a head, once it has been answered. Rocket waits for 14 bytes before it
/// counts.
const DRIPPED: Duration = Duration::from_secs(70);

/// They end beside the other cases; [`ended`] checks the outcome when those are done.
fn slow_requests_are_begun(context: &Context) {
    // The store is not involved, so one store is enough.
    if context.combination.store.name != "memory" {
        return;
    }
    let form = |path: &str, length: &str| {
        format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n{length}\r\n\r\n"
        )
    };
    let sized = |path: &str, sent: &str| form(path, "Content-Length: 100") + sent;
    for request in [
        sized("/oauth/token", "grant_type=client_cred"),
        sized("/", "username=israel&pass"),
        sized("/sign_up", "username=israel&pass"),
    ] {
        wait(context, BODY, move |stream| is_ended(stream, &request));
    }
    for request in [form("/oauth/token", "Transfer-Encoding: chunked"), sized("/oauth/token", "")] {
        let drop = if request.contains("chunked") { "1\r\na\r\n" } else { "a" };
        wait(context, DRIPPED, move |stream| is_ended_while_it_drips(stream, &request, drop));
    }
    // Rocket 0.5 has no limit for a head: its demo belongs behind a proxy that has one.
    if context.combination.framework.name != "rocket" {
        for head in ["", "GET /health HT"] {
            wait(context, HEAD, |stream| is_ended(stream, head));
            wait(context, HEAD, |stream| is_ended_after_a_first_request(stream, head));
        }
    }
}

/// Connects and waits in another thread. No read takes longer than `limit`.
fn wait(context: &Context, limit: Duration, until_ended: impl FnOnce(TcpStream) + Send + 'static) {
    let stream = TcpStream::connect(context.app().client.address).unwrap();
    stream.set_read_timeout(Some(limit)).unwrap();
    let ending = std::thread::spawn(move || caught(|| until_ended(stream)));
    WAITING.lock().unwrap().push((context.combination.name(), ending));
}

#[allow(clippy::disallowed_methods, reason = "the process runs on the real clock")]
fn now() -> Instant {
    Instant::now()
}

/// The server answers 408 or closes the connection before the read times out.
fn is_ended(mut stream: TcpStream, sent: &str) {
    let begun = now();
    stream.write_all(sent.as_bytes()).unwrap();
    let mut answer = [0; 12];
    match stream.read(&mut answer) {
        Ok(0) => {}
        Ok(_) => assert_eq!(&answer, b"HTTP/1.1 408", "{sent:?}: {}", String::from_utf8_lossy(&answer)),
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        Err(error) => panic!("{sent:?} is still open after {:?}: {error}", begun.elapsed()),
    }
}

fn is_ended_after_a_first_request(mut stream: TcpStream, sent: &str) {
    stream.write_all(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut first = Vec::new();
    while !first.ends_with(b"\r\n\r\nok") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        first.extend(byte);
    }
    is_ended(stream, sent);
}

/// The server answers 408, and closes the connection although the body never stops to arrive.
fn is_ended_while_it_drips(mut stream: TcpStream, sent: &str, drop: &str) {
    let begun = now();
    stream.write_all(sent.as_bytes()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    let mut answer = Vec::new();
    while begun.elapsed() < DRIPPED {
        let mut bytes = [0; 1024];
        match stream.read(&mut bytes) {
            Ok(0) => break,
            Ok(read) => answer.extend(&bytes[..read]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) => break,
        }
        if stream.write_all(drop.as_bytes()).is_err() {
            break;
        }
    }
    let took = begun.elapsed();
    assert!(took < DRIPPED, "a body that drips is still read after {took:?}: {sent:?}");
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408"), "{sent:?}: {answer}");
}

/// The outcome of [`slow_requests_are_begun`], by combination.
pub(crate) fn ended() -> Vec<(String, Result<(), String>)> {
    let waiting = std::mem::take(&mut *WAITING.lock().unwrap());
    let outcome = |ending: JoinHandle<_>| ending.join().unwrap_or_else(|_| Err("it panicked".to_owned()));
    waiting.into_iter().map(|(combination, ending)| (combination, outcome(ending))).collect()
}
