//! Outgoing requests to a host with TLS: whom the machine trusts comes from the environment, so each case runs in a process of its
//! own.
#![allow(clippy::unwrap_used, clippy::panic)]
#![cfg(feature = "fetch")]

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use gridauth::fetch::{Fetch, FetchError, FetchRequest, HttpFetch, PlainHttp, Reach};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

const URL: &str = "GRIDAUTH_TEST_URL";
const EXPECTED: &str = "GRIDAUTH_TEST_EXPECTED";

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// Serves requests on loopback under a certificate for `name`.
async fn serve(authority: &CertifiedIssuer<'static, KeyPair>, name: &str) -> SocketAddr {
    let key = KeyPair::generate().unwrap();
    let certificate =
        CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, authority).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                // It fails where the client does not trust this host.
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    if stream.read_buf(&mut request).await.unwrap_or(0) == 0 {
                        return;
                    }
                }
                let path = String::from_utf8(request).unwrap().split(' ').nth(1).unwrap().to_owned();
                stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nsecret").await.unwrap();
                // Without a `close_notify` alert, an attacker may have truncated the response.
                if path == "/cut-off" {
                    stream.flush().await.unwrap();
                } else {
                    stream.shutdown().await.unwrap();
                }
            });
        }
    });
    address
}

#[tokio::test]
#[ignore = "run by another test in a process of its own"]
async fn fetches_once() {
    let Ok(url) = std::env::var(URL) else { return };
    let request = FetchRequest::get(&url, PlainHttp::Refused, Reach::PublicOrLoopback).unwrap();
    // The first request reads the certificates, and every other one uses them.
    let fetch = HttpFetch::new();
    for _ in 0..2 {
        let response = fetch.fetch(request.clone().within(Duration::from_secs(60))).await;
        let outcome = match &response {
            Ok(response) if response.body() == "secret" => "trusted",
            Err(FetchError::Tls(_)) => "untrusted",
            Err(FetchError::Certificates(_)) => "no certificates",
            Err(FetchError::Response(_)) => "cut off",
            _ => "unexpected",
        };
        assert_eq!(outcome, std::env::var(EXPECTED).unwrap(), "{url}: {response:?}");
    }
}

/// Fetches `url` in a process with these variables.
async fn fetch_with(variables: &[(&str, &Path)], url: &str, expected: &str) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["fetches_once", "--exact", "--ignored", "--nocapture"]);
    command.env_remove("SSL_CERT_FILE").env_remove("SSL_CERT_DIR").env(URL, url).env(EXPECTED, expected);
    // A proxy that nobody runs: a request through it would fail.
    for proxy in ["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        command.env(proxy, "http://127.0.0.1:1");
    }
    command.envs(variables.iter().copied()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let (said, complained) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.contains("1 passed"), "{url}, {expected}: {said}{complained}");
}

#[tokio::test]
async fn the_environment_says_whom_to_trust() {
    let (ours, another) = (authority(), authority());
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: String| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    };
    let (ours_file, another_file) = (write("ours.pem", ours.pem()), write("another.pem", another.pem()));
    let both_file = write("both.pem", another.pem() + &ours.pem());
    let (ours_dir, empty_dir) = (write("ours/0a1b2c3d.0", ours.pem()), folder.path().join("empty"));
    let ours_dir = ours_dir.parent().unwrap();
    std::fs::create_dir(&empty_dir).unwrap();
    let nothing_file = write("nothing.pem", String::new());

    let by_name = serve(&ours, "localhost").await;
    let by_address = serve(&ours, "127.0.0.1").await;
    let as_another = serve(&ours, "client.example").await;
    let localhost = format!("https://localhost:{}/", by_name.port());

    for (variables, url, expected) in [
        (&[("SSL_CERT_FILE", &*ours_file)][..], &localhost, "trusted"),
        (&[("SSL_CERT_FILE", &*both_file)], &localhost, "trusted"),
        (&[("SSL_CERT_DIR", ours_dir)], &localhost, "trusted"),
        (&[("SSL_CERT_FILE", &*another_file), ("SSL_CERT_DIR", ours_dir)], &localhost, "trusted"),
        (&[("SSL_CERT_FILE", &*ours_file)], &format!("https://{by_address}/"), "trusted"),
        (&[("SSL_CERT_FILE", &*another_file)], &localhost, "untrusted"),
        (&[("SSL_CERT_FILE", &*ours_file)], &format!("https://{by_name}/"), "untrusted"),
        (&[("SSL_CERT_FILE", &*ours_file)], &format!("https://{as_another}/"), "untrusted"),
        (&[("SSL_CERT_FILE", &*nothing_file)], &localhost, "no certificates"),
        (&[("SSL_CERT_FILE", &*folder.path().join("missing.pem"))], &localhost, "no certificates"),
        (&[("SSL_CERT_DIR", &*empty_dir)], &localhost, "no certificates"),
        (&[("SSL_CERT_FILE", &*ours_file)], &format!("{localhost}cut-off"), "cut off"),
    ] {
        fetch_with(variables, url, expected).await;
    }
}

#[tokio::test]
async fn a_host_without_tls_is_no_https_host() {
    let ours = authority();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ours.pem");
    std::fs::write(&file, ours.pem()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret").await.unwrap();
        }
    });
    fetch_with(&[("SSL_CERT_FILE", &*file)], &format!("https://{address}/"), "untrusted").await;
}
