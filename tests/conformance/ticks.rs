//! A stream ends with the access of its reader (DEMO_APP.md, Routes).

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use gridauth_conformance::oauth::{CodeRequest, Tokens, as_client, password_tokens, refresh};
use gridauth_conformance::{Context, Demo, Options, Request, cases};
use rustix::process::Signal;

cases! {
    "DEMO_APP.md, Routes" => a_stream_ends_with_its_token,
    "DEMO_APP.md, Routes" => a_stream_ends_with_its_grant,
    "DEMO_APP.md, Routes" => a_stream_outlives_the_end_of_another_token_of_its_grant,
    "DEMO_APP.md, Routes" => a_stream_ends_where_a_refresh_token_is_used_again,
    "DEMO_APP.md, Routes" => a_stream_ends_when_its_token_expires,
    "DEMO_APP.md, Routes" => a_stream_ends_by_a_revocation_in_another_process,
    "DEMO_APP.md, Start" => streams_do_not_keep_the_program_from_stopping,
    "RFC 6750 3" => a_stream_needs_its_scope,
}

/// A second, with room for a busy machine.
const SECOND: Duration = Duration::from_secs(3);

/// A stream that is open, and what was read of it.
struct Stream {
    tcp: TcpStream,
    text: String,
}

#[allow(clippy::disallowed_methods, reason = "the process runs on the real clock")]
fn now() -> Instant {
    Instant::now()
}

impl Stream {
    /// Opens a stream and reads its first event.
    #[track_caller]
    fn open(app: &Demo, token: &str) -> Self {
        let mut tcp = TcpStream::connect(app.client.address).unwrap();
        tcp.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let head = format!("GET /ticks HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n");
        tcp.write_all(head.as_bytes()).unwrap();
        let mut stream = Self { tcp, text: String::new() };
        stream.read_until("data: 1\n\n");
        let head = stream.text.to_ascii_lowercase();
        assert!(head.starts_with("http/1.1 200"), "{head}");
        assert!(head.contains("\r\ncontent-type: text/event-stream"), "{head}");
        assert!(head.contains("\r\ncache-control: no-store"), "{head}");
        stream
    }

    /// Reads on. Returns whether the stream is still open.
    fn read(&mut self) -> bool {
        let mut bytes = [0; 4096];
        match self.tcp.read(&mut bytes) {
            Ok(0) => false,
            Ok(read) => {
                self.text.push_str(&String::from_utf8_lossy(&bytes[..read]));
                !self.text.ends_with("\r\n0\r\n\r\n")
            }
            Err(error) if error.kind() == ErrorKind::ConnectionReset => false,
            Err(error) => panic!("the stream does not go on: {error}: {}", self.text),
        }
    }

    #[track_caller]
    fn read_until(&mut self, wanted: &str) {
        while !self.text.contains(wanted) {
            assert!(self.read(), "no {wanted:?} in {}", self.text);
        }
    }

    /// Reads until it ends, which has to be soon.
    #[track_caller]
    fn ends_within(mut self, limit: Duration) {
        let begun = now();
        while self.read() {
            assert!(begun.elapsed() < limit, "the stream is still open: {}", self.text);
        }
        assert!(begun.elapsed() < limit, "the stream ended late");
    }
}

#[track_caller]
fn revoke(app: &Demo, client: &str, token: &str) {
    app.send(&as_client(app, "revoke", client, &[("token", token)])).expect(200);
}

fn a_stream_ends_with_its_token(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let access = password_tokens(app, &user, "notes.read").access;
    let (stream, other) = (Stream::open(app, &access), Stream::open(app, &access));
    revoke(app, "demo", &access);
    stream.ends_within(SECOND);
    other.ends_within(SECOND);
}

fn a_stream_ends_with_its_grant(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let web = CodeRequest::web().with("scope", "notes.read").tokens(app, &user);
    let mut stream = Stream::open(app, &web.access);
    stream.read_until("data: 2\n\n");
    revoke(app, "web", web.refresh());
    stream.ends_within(SECOND);
}

fn a_stream_outlives_the_end_of_another_token_of_its_grant(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let first = password_tokens(app, &user, "notes.read");
    let second = Tokens::of(&refresh(app, "demo", first.refresh()));
    let (ending, mut staying) = (Stream::open(app, &first.access), Stream::open(app, &second.access));
    revoke(app, "demo", &first.access);
    ending.ends_within(SECOND);
    staying.read_until("data: 3\n\n");
}

fn a_stream_ends_where_a_refresh_token_is_used_again(context: &Context) {
    let (app, user) = (context.graceless(), context.user_at(context.graceless()));
    let first = password_tokens(app, &user, "notes.read");
    Tokens::of(&refresh(app, "demo", first.refresh()));
    let stream = Stream::open(app, &first.access);
    refresh(app, "demo", first.refresh()).expect_error(400, "invalid_grant");
    stream.ends_within(SECOND);
}

fn a_stream_ends_when_its_token_expires(context: &Context) {
    let app = context.start(&Options::new("ticks-expiry").env("GRIDAUTH_ACCESS_TOKEN_TTL", "3"));
    let user = context.user_at(&app);
    let stream = Stream::open(&app, &password_tokens(&app, &user, "notes.read").access);
    stream.ends_within(SECOND + SECOND);
}

fn a_stream_ends_by_a_revocation_in_another_process(context: &Context) {
    if !context.combination.store.shared {
        return;
    }
    let deployment = context.deployment();
    let app = &Demo::start(&deployment, &Options::new("ticks-one"));
    let other = Demo::start(&deployment, &Options::new("ticks-other"));
    let user = context.user_at(app);
    let access = password_tokens(app, &user, "notes.read").access;
    let web = CodeRequest::web().with("scope", "notes.read").tokens(app, &user);
    let (one, grant) = (Stream::open(&other, &access), Stream::open(&other, &web.access));
    revoke(app, "demo", &access);
    revoke(app, "web", web.refresh());
    one.ends_within(SECOND);
    grant.ends_within(SECOND);
}

fn streams_do_not_keep_the_program_from_stopping(context: &Context) {
    let app = context.start(&Options::new("ticks-stop"));
    let user = context.user_at(&app);
    let stream = Stream::open(&app, &password_tokens(&app, &user, "notes.read").access);
    let begun = now();
    app.signal(Signal::TERM);
    stream.ends_within(SECOND);
    assert!(app.wait().status.success());
    // The limit for requests in flight is ten seconds.
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
}

fn a_stream_needs_its_scope(context: &Context) {
    let (app, user) = (context.app(), context.user());
    app.get("/ticks").expect(401);
    app.send(&Request::get("/ticks").bearer("x")).expect_error(401, "invalid_token");
    let access = password_tokens(app, &user, "notes.write").access;
    app.send(&Request::get("/ticks").bearer(&access)).expect_error(403, "insufficient_scope");
    app.send(&Request::post("/ticks").bearer(&access)).expect(405);
}
