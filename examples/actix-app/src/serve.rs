//! Serves the routes with a limit on the time that the head of every request may take. `HttpServer` has one for the first
//! request of a connection only.

use std::cell::{Cell, RefCell};
use std::future::{Future, ready};
use std::io;
use std::net::TcpListener;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use actix_http::{HttpService, Protocol};
use actix_server::{GracefulShutdownSignal, Server};
use actix_service::{ServiceFactoryExt, fn_service, map_config};
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{AppConfig, Service};
use actix_web::rt::net::TcpStream;
use bytes::Bytes;
use gridauth_demo::{App, run};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::routes;

/// How long a connection stays open to read what is left of a body that nobody wants, so that the client sees the answer.
const LINGER: Duration = Duration::from_secs(1);

/// Serves until `stop` is ready. Then idle connections are closed at once, and requests in flight may finish.
pub(crate) fn serve(
    listener: TcpListener,
    demo: App,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<Server> {
    let server = Server::build();
    let stopping = server.graceful_shutdown_signal();
    let connections = move || {
        let (demo, stopping) = (demo.clone(), stopping.clone());
        let app = actix_web::App::new().configure(routes::routes(demo)).wrap_fn(|request, app| {
            let answering = request.conn_data().map(Answering::begin);
            let answer = app.call(request);
            async move {
                let answered = answer.await?;
                Ok(answered.map_body(|_, body| BoxBody::new(AnsweringBody { body, _answering: answering })))
            }
        });
        let http = HttpService::build()
            // The first head of a connection is answered 408 if it takes too long. Later ones end without an answer.
            .client_request_timeout(run::HEAD_TIMEOUT)
            .client_disconnect_timeout(LINGER)
            .on_connect_ext(|connection: &Connection, data| {
                data.insert(Rc::clone(&connection.activity));
            })
            .finish(map_config(app, |()| AppConfig::default()));
        fn_service(move |stream: TcpStream| {
            let peer = stream.peer_addr().ok();
            let connection = Connection::new(stream, stopping.clone());
            ready(Ok((connection, Protocol::Http1, peer)))
        })
        .and_then(http)
    };
    let server = server.listen("demo", listener, connections)?;
    Ok(server.shutdown_signal(stop).shutdown_timeout(run::SHUTDOWN_TIMEOUT.as_secs()).run())
}

/// A connection that ends when a head takes too long or, once the server stops, as soon as it is idle.
struct Connection {
    stream: TcpStream,
    activity: Rc<Activity>,
    timer: Pin<Box<Sleep>>,
    stopping: Pin<Box<dyn Future<Output = ()>>>,
    is_stopping: bool,
}

/// What a connection is doing. It is shared with the service that answers its requests.
struct Activity {
    is_answering: Cell<bool>,
    /// When the next head must have arrived.
    head_due: Cell<Instant>,
    /// Wakes the connection at the end of an answer.
    waker: RefCell<Option<Waker>>,
}

impl Activity {
    fn expect_head(&self) {
        self.head_due.set(Instant::now() + run::HEAD_TIMEOUT);
    }
}

impl Connection {
    fn new(stream: TcpStream, stopping: GracefulShutdownSignal) -> Self {
        let due = Instant::now() + run::HEAD_TIMEOUT;
        let activity =
            Activity { is_answering: Cell::new(false), head_due: Cell::new(due), waker: RefCell::default() };
        let stopping = Box::pin(async move { stopping.notified().await });
        Self {
            stream,
            activity: Rc::new(activity),
            timer: Box::pin(sleep_until(due)),
            stopping,
            is_stopping: false,
        }
    }

    /// Whether the head that the connection waits for is overdue.
    fn is_overdue(&mut self, context: &mut Context<'_>) -> bool {
        let due = self.activity.head_due.get();
        if self.timer.deadline() != due {
            self.timer.as_mut().reset(due);
        }
        self.timer.as_mut().poll(context).is_ready()
    }

    fn is_stopping(&mut self, context: &mut Context<'_>) -> bool {
        self.is_stopping = self.is_stopping || self.stopping.as_mut().poll(context).is_ready();
        self.is_stopping
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let is_answering = self.activity.is_answering.get();
        if is_answering {
            *self.activity.waker.borrow_mut() = Some(context.waker().clone());
        } else if self.is_overdue(context) {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        match Pin::new(&mut self.stream).poll_read(context, buffer) {
            // Nothing read is the end of the stream.
            Poll::Pending if !is_answering && self.is_stopping(context) => Poll::Ready(Ok(())),
            read => read,
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        if let Poll::Ready(Ok(_)) = written {
            // The end of a long answer is still on its way when its body has been produced.
            self.activity.expect_head();
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// A request in flight, until the body of its answer has been sent or dropped. Its own body has a limit elsewhere.
struct Answering(Rc<Activity>);

impl Answering {
    fn begin(activity: &Rc<Activity>) -> Self {
        activity.is_answering.set(true);
        Self(Rc::clone(activity))
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.is_answering.set(false);
        self.0.expect_head();
        if let Some(waker) = self.0.waker.take() {
            waker.wake();
        }
    }
}

/// The body of an answer.
struct AnsweringBody {
    body: BoxBody,
    _answering: Option<Answering>,
}

impl MessageBody for AnsweringBody {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.body).poll_next(context)
    }
}
