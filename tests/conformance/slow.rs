//! Requests that never end are ended (DEMO_APP.md, Policies).

use std::io::{Read, Write};
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

/// They end beside the other cases; [`ended`] checks the outcome when those are done.
fn slow_requests_are_begun(context: &Context) {
    // The store is not involved, so one store is enough.
    if context.combination.store.name != "memory" {
        return;
    }
    let app = context.app();
    let form = |path: &str, sent: &str| {
        format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: 100\r\n\r\n{sent}"
        )
    };
    let mut slow = vec![
        (form("/oauth/token", "grant_type=client_cred"), BODY),
        (form("/", "username=israel&pass"), BODY),
        (form("/sign_up", "username=israel&pass"), BODY),
    ];
    // Rocket 0.5 has no limit for a head: its demo belongs behind a proxy that has one.
    if context.combination.framework.name != "rocket" {
        slow.extend([(String::new(), HEAD), ("GET /health HT".to_owned(), HEAD)]);
    }
    for (sent, limit) in slow {
        let mut stream = TcpStream::connect(app.client.address).unwrap();
        stream.write_all(sent.as_bytes()).unwrap();
        stream.set_read_timeout(Some(limit)).unwrap();
        let ending = std::thread::spawn(move || caught(|| is_ended(stream, &sent)));
        WAITING.lock().unwrap().push((context.combination.name(), ending));
    }
}

/// The server answers 408 or closes the connection before the read times out.
fn is_ended(mut stream: TcpStream, sent: &str) {
    #[allow(clippy::disallowed_methods, reason = "the process runs on the real clock")]
    let begun = Instant::now();
    let mut answer = [0; 12];
    match stream.read(&mut answer) {
        Ok(0) => {}
        Ok(_) => assert_eq!(&answer, b"HTTP/1.1 408", "{sent:?}: {}", String::from_utf8_lossy(&answer)),
        Err(error) => panic!("{sent:?} is still open after {:?}: {error}", begun.elapsed()),
    }
}

/// The outcome of [`slow_requests_are_begun`], by combination.
pub(crate) fn ended() -> Vec<(String, Result<(), String>)> {
    let waiting = std::mem::take(&mut *WAITING.lock().unwrap());
    let outcome = |ending: JoinHandle<_>| ending.join().unwrap_or_else(|_| Err("it panicked".to_owned()));
    waiting.into_iter().map(|(combination, ending)| (combination, outcome(ending))).collect()
}
