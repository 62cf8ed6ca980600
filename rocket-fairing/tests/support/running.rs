//! A Rocket that tests talk to over a socket.

use std::net::SocketAddr;

use rocket::fairing::AdHoc;
use rocket::tokio::io::{AsyncReadExt, AsyncWriteExt};
use rocket::tokio::net::TcpStream;
use rocket::tokio::sync::oneshot;
use rocket::{Build, Ignite, Rocket, Shutdown, tokio};

/// A Rocket that listens on its own port.
pub struct Running {
    pub address: SocketAddr,
    pub shutdown: Shutdown,
    pub rocket: tokio::task::JoinHandle<Result<Rocket<Ignite>, rocket::Error>>,
}

impl Running {
    pub async fn start(rocket: Rocket<Build>) -> Self {
        let (sender, receiver) = oneshot::channel::<SocketAddr>();
        let sender = std::sync::Mutex::new(Some(sender));
        let rocket = rocket.attach(AdHoc::on_liftoff("address", move |rocket| {
            Box::pin(async move {
                let address = SocketAddr::new(rocket.config().address, rocket.config().port);
                sender.lock().unwrap().take().unwrap().send(address).unwrap();
            })
        }));
        let rocket = rocket.ignite().await.unwrap();
        let shutdown = rocket.shutdown();
        let rocket = tokio::spawn(rocket.launch());
        Self { address: receiver.await.unwrap(), shutdown, rocket }
    }

    /// Sends a complete request, and reads the whole response.
    pub async fn send(&self, request: &str) -> String {
        self.exchange(request, false).await
    }

    /// Sends a request that breaks off, shuts down the sending side, and reads the whole response. Use [`send`](Self::send)
    /// for a complete request: a server need not respond to a client that has hung up.
    pub async fn send_cut(&self, request: &str) -> String {
        self.exchange(request, true).await
    }

    async fn exchange(&self, request: &str, is_cut: bool) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        if is_cut {
            stream.shutdown().await.unwrap();
        }
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    pub async fn stop(self) {
        self.shutdown.notify();
        self.rocket.await.unwrap().unwrap();
    }
}
