//! TLS with hosts that the machine trusts.

use std::io;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::sync::OnceCell;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use url::{Host, Url};

use super::FetchError;

/// The machine's certificates, loaded when they are first needed.
#[derive(Default)]
pub(super) struct Trust(OnceCell<TlsConnector>);

impl Trust {
    /// Secures a connection with the host of `url`.
    pub(super) async fn secure(
        &self,
        url: &Url,
        stream: TcpStream,
    ) -> Result<TlsStream<TcpStream>, FetchError> {
        let name = server_name(url)?;
        // A failure is not kept: the next request tries again.
        let connector =
            self.0.get_or_try_init(load).await.map_err(|error| FetchError::Certificates(error.into()))?;
        connector.connect(name, stream).await.map_err(|error| FetchError::Tls(error.into()))
    }
}

/// The host as certificates name it: without the dot at the end.
fn server_name(url: &Url) -> Result<ServerName<'static>, FetchError> {
    let bad_name = FetchError::Url("its host is no name that a certificate can be for");
    match url.host() {
        Some(Host::Ipv4(address)) => Ok(ServerName::IpAddress(address.into())),
        Some(Host::Ipv6(address)) => Ok(ServerName::IpAddress(address.into())),
        Some(Host::Domain(name)) => {
            ServerName::try_from(name.strip_suffix('.').unwrap_or(name).to_owned()).map_err(|_| bad_name)
        }
        None => Err(bad_name),
    }
}

/// Reads the certificates on a blocking thread.
async fn load() -> io::Result<TlsConnector> {
    let runtime = Handle::try_current().map_err(io::Error::other)?;
    runtime.spawn_blocking(read).await.map_err(io::Error::other)?
}

fn read() -> io::Result<TlsConnector> {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!(%error, "a trusted certificate cannot be read");
    }
    let mut roots = RootCertStore::empty();
    let (added, ignored) = roots.add_parsable_certificates(found.certs);
    tracing::debug!(added, ignored, "trusted certificates loaded");
    if roots.is_empty() {
        let cause = "set SSL_CERT_FILE or SSL_CERT_DIR, or install the system's certificates";
        return Err(found
            .errors
            .into_iter()
            .next()
            .map_or_else(|| io::Error::other(cause), io::Error::other));
    }
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_as_certificates_have_them() {
        for (url, name) in [
            ("https://client.example/", "client.example"),
            ("https://client.example./", "client.example"),
            ("https://1.2.3.4/", "1.2.3.4"),
            ("https://[2606:4700::1]/", "2606:4700::1"),
        ] {
            assert_eq!(server_name(&Url::parse(url).unwrap()).unwrap().to_str(), name);
        }
        let nobody = Url::parse("https://a..b/").unwrap();
        assert!(matches!(server_name(&nobody), Err(FetchError::Url(_))));
    }
}
