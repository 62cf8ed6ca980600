use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderName;

use crate::http::{ClientCertificate, RequestHead, TrustedProxies};

/// The certificate of the client, as a trusted proxy tells it (RFC 9440 section 2.2).
static CLIENT_CERT: HeaderName = HeaderName::from_static("client-cert");

/// The longest certificate, in bytes of its DER.
const MAX_LENGTH: usize = 16 * 1024;

/// What a trusted proxy sent is no certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Client-Cert is there more than once, or is no certificate of at most 16 kB between colons")]
pub(crate) struct MalformedCertificate;

/// The certificate that the client of a request has proved possession of: by its own connection, or as a trusted proxy says. What
/// anybody else sends in `Client-Cert` does not count.
pub(crate) fn certificate_of(
    head: &impl RequestHead,
    proxies: &TrustedProxies,
) -> Result<Option<ClientCertificate>, MalformedCertificate> {
    if let Some(own) = head.certificate() {
        return Ok(Some(own));
    }
    if proxies.is_empty() || !head.connection().peer.is_some_and(|peer| proxies.contains(peer)) {
        return Ok(None);
    }
    let mut values = head.header_values(&CLIENT_CERT);
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => byte_sequence(value).map(Some),
        // The proxy may have added its own to one that the client sent.
        (Some(_), Some(_)) => Err(MalformedCertificate),
    }
}

/// A byte sequence of Structured Field Values (RFC 9651 section 3.3.5).
fn byte_sequence(value: &[u8]) -> Result<ClientCertificate, MalformedCertificate> {
    let encoded = value.trim_ascii().strip_prefix(b":").and_then(|rest| rest.strip_suffix(b":"));
    let encoded = encoded.filter(|encoded| encoded.len() <= MAX_LENGTH / 3 * 4 + 4);
    let der = encoded.and_then(|encoded| STANDARD.decode(encoded).ok()).filter(|der| !der.is_empty());
    der.map(ClientCertificate::from_der).ok_or(MalformedCertificate)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Peer;

    fn head(peer: &str, values: &[&str]) -> http::Request<()> {
        let mut request = http::Request::builder();
        for value in values {
            request = request.header("client-cert", *value);
        }
        request.extension(Peer(peer.parse().unwrap())).body(()).unwrap()
    }

    fn read(peer: &str, values: &[&str]) -> Result<Option<ClientCertificate>, MalformedCertificate> {
        certificate_of(&head(peer, values), &"10.0.0.0/8".parse().unwrap())
    }

    #[test]
    fn only_a_trusted_proxy_tells_the_certificate() {
        let certificate = ClientCertificate::from_der([1, 2, 3]);
        assert_eq!(read("10.0.0.1", &[":AQID:"]), Ok(Some(certificate.clone())));
        assert_eq!(read("192.0.2.1", &[":AQID:"]), Ok(None));
        assert_eq!(read("10.0.0.1", &[]), Ok(None));
        assert_eq!(certificate_of(&head("10.0.0.1", &[":AQID:"]), &TrustedProxies::default()), Ok(None));
        // The connection knows better than any header.
        let mut own = head("10.0.0.1", &[":BAUG:"]);
        own.extensions_mut().insert(certificate.clone());
        assert_eq!(certificate_of(&own, &"10.0.0.0/8".parse().unwrap()), Ok(Some(certificate)));
    }

    #[test]
    fn what_is_no_certificate_is_malformed() {
        let long = format!(":{}:", "A".repeat(100_000));
        for bad in [
            &[""][..],
            &["AQID"],
            &[":AQID"],
            &["::"],
            &[":A:"],
            &[":AQID:;a=1"],
            &[":AQ-_:"],
            &[&long],
            &[":AQID:", ":AQID:"],
        ] {
            assert_eq!(read("10.0.0.1", bad), Err(MalformedCertificate), "{bad:?}");
        }
    }
}
