use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

/// The certificate with which a client authenticated its TLS connection (RFC 8705 section 2), as DER. The connection has verified that
/// the client has its private key.
///
/// Whoever terminates TLS in this process puts it into the request's extensions, as [`Peer`](super::Peer). Behind a reverse proxy the
/// proxy sends it in `Client-Cert` (RFC 9440).
#[derive(Clone, PartialEq, Eq)]
pub struct ClientCertificate(Arc<[u8]>);

impl ClientCertificate {
    /// The certificate with this DER. It is the first one of the chain that the client has sent.
    pub fn from_der(der: impl Into<Arc<[u8]>>) -> Self {
        Self(der.into())
    }

    /// Its DER.
    pub fn der(&self) -> &[u8] {
        &self.0
    }

    /// The SHA-256 thumbprint in base64url, to which tokens are bound (RFC 8705 section 3.1, `x5t#S256`).
    pub fn thumbprint(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(&self.0))
    }
}

impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ClientCertificate").field(&self.thumbprint()).finish()
    }
}
