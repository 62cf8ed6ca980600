/// Mutual TLS (RFC 8705): clients that authenticate with a certificate, and tokens that are bound to one.
/// [`Builder::mutual_tls`](crate::Builder::mutual_tls) takes it.
///
/// The certificate comes from a reverse proxy in `Client-Cert` (RFC 9440), if that is one of
/// [`Builder::trusted_proxies`](crate::Builder::trusted_proxies); or from the connection, if this process terminates TLS and puts a
/// [`ClientCertificate`](crate::http::ClientCertificate) into the request's extensions. Whoever terminates TLS verifies that the client
/// has the private key. For `tls_client_auth` it verifies the chain, too; for `self_signed_tls_client_auth` it has to accept
/// certificates that it does not know.
///
/// ```
/// use gridauth::sender::MutualTls;
///
/// let with_alias = MutualTls::new().alias("https://mtls.id.example.com");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MutualTls {
    pub(crate) alias: Option<String>,
}

impl MutualTls {
    /// At the endpoints' usual URLs.
    pub fn new() -> Self {
        Self::default()
    }

    /// The endpoints are reached with certificates below this URL, which stands in place of the issuer in theirs
    /// (`mtls_endpoint_aliases`, RFC 8705 section 5). A browser then asks nobody for a certificate at the usual URLs.
    #[must_use]
    pub fn alias(mut self, url: impl Into<String>) -> Self {
        self.alias = Some(url.into());
        self
    }
}
