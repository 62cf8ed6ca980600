//! The cost of single steps without HTTP: time and allocations.
//!
//! `cargo bench -p gridauth-benches`

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark fails by panicking")]

use std::cell::Cell;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use divan::{AllocProfiler, Bencher, black_box};
use gridauth::clients::{ClientSecretHash, generate_client_secret};
use gridauth::env::SystemEntropy;
use gridauth::grant::{ClientCredentials, RefreshToken};
use gridauth::protocol::Parameters;
use gridauth::token::{PresentedToken, TokenKind};
use gridauth::{Access, Client, GridAuth, MintRequest, Store};
use http::header::AUTHORIZATION;
use sha2::{Digest, Sha256};
use tokio::runtime::Runtime;

#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

const STORES: [&str; 2] = ["memory", "file"];

/// A server, its runtime, and the `Authorization` header of its client.
struct Server {
    runtime: Runtime,
    auth: GridAuth,
    authorization: String,
    _directory: tempfile::TempDir,
}

impl Server {
    fn on(store: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        // Beside this program: a temporary directory may be in memory.
        let directory = tempfile::tempdir_in(std::env::current_exe().unwrap().parent().unwrap()).unwrap();
        let url = match store {
            "file" => format!("file:{}", directory.path().join("bench.db").display()),
            _ => "memory:".to_owned(),
        };
        let secret = generate_client_secret(&SystemEntropy).unwrap();
        let auth = runtime.block_on(async {
            let auth = GridAuth::builder("https://id.example.com")
                .store(Store::open(&url).await.unwrap())
                .grant(RefreshToken::rotating())
                .grant(ClientCredentials::new())
                .sweep_every(None)
                .build()
                .await
                .unwrap();
            let client = Client::confidential("web", ClientSecretHash::of_generated(&secret))
                .grant_types(["client_credentials"])
                .scope("notes.read notes.write");
            auth.put_client(client.build().unwrap()).await.unwrap();
            auth
        });
        let authorization = format!("Basic {}", STANDARD.encode(format!("web:{}", secret.as_str())));
        Self { runtime, auth, authorization, _directory: directory }
    }

    fn guard(&self, head: &http::Request<()>) -> Access {
        let access = self.runtime.block_on(self.auth.authenticate(head)).unwrap();
        access.require("notes.read").unwrap();
        access
    }

    /// The heads of guarded requests, each with a token of its own.
    fn heads(&self, count: usize) -> Vec<http::Request<()>> {
        let mint = MintRequest::for_user("israel").client("web").scope("notes.read");
        let tokens = (0..count).map(|_| self.runtime.block_on(self.auth.mint(mint.clone())).unwrap());
        tokens
            .map(|token| {
                let value = format!("Bearer {}", token.access_token.expose());
                http::Request::get("/").header(AUTHORIZATION, value).body(()).unwrap()
            })
            .collect()
    }
}

/// Looks up the token of a request and compares the scope. The token has been seen before.
#[divan::bench(args = STORES, sample_size = 64)]
fn guard(bencher: Bencher<'_, '_>, store: &str) {
    let server = Server::on(store);
    let heads = server.heads(256);
    heads.iter().for_each(|head| drop(server.guard(head)));
    let next = Cell::new(0);
    bencher.bench_local(|| {
        next.set((next.get() + 1) % heads.len());
        server.guard(&heads[next.get()])
    });
}

/// The same with a token that has not been seen before.
#[divan::bench(args = STORES)]
fn guard_first_time(bencher: Bencher<'_, '_>, store: &str) {
    let server = Server::on(store);
    let heads = || server.heads(1).remove(0);
    bencher.with_inputs(heads).bench_local_refs(|head| server.guard(head));
}

/// Issues a token to a client: handles the request, from its bytes to the bytes of the response.
#[divan::bench(args = STORES)]
fn issue(bencher: Bencher<'_, '_>, store: &str) {
    let server = Server::on(store);
    let request = || {
        http::Request::post("/oauth/token")
            .header("content-type", "application/x-www-form-urlencoded")
            .header("authorization", &server.authorization)
            .body(Bytes::from_static(b"grant_type=client_credentials&scope=notes.read"))
            .unwrap()
    };
    bencher.with_inputs(request).bench_local_values(|request| {
        let answer = server.runtime.block_on(server.auth.handle(request));
        assert_eq!(answer.status(), 200);
        answer
    });
}

/// Parses the text of a token and computes its digest.
#[divan::bench]
fn token_parse(bencher: Bencher<'_, '_>) {
    let server = Server::on("memory");
    let header = server.heads(1).remove(0);
    let token = header.headers()[AUTHORIZATION].to_str().unwrap().trim_start_matches("Bearer ").to_owned();
    bencher.bench(|| PresentedToken::parse_kind(TokenKind::Access, black_box(&token)).unwrap());
}

/// Computes the digest of as many bytes as a token has.
#[divan::bench]
fn sha256_of_a_token(bencher: Bencher<'_, '_>) {
    let bytes = [7_u8; 48];
    bencher.bench(|| Sha256::digest(black_box(bytes)));
}

/// Parses the body of a token request.
#[divan::bench]
fn parameters_parse(bencher: Bencher<'_, '_>) {
    let body = b"grant_type=authorization_code&code=gac_0123456789&redirect_uri=https%3A%2F%2Fclient.example.com%2Fcb";
    bencher.bench(|| Parameters::parse(black_box(body)).unwrap());
}

/// Generates the random bytes of a new token.
#[divan::bench(sample_size = 64)]
fn entropy_32_bytes(bencher: Bencher<'_, '_>) {
    use gridauth::env::Entropy;
    bencher.bench(|| {
        let mut bytes = [0; 32];
        SystemEntropy.fill(&mut bytes).unwrap();
        bytes
    });
}
