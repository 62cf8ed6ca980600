//! Whom a certificate is about, and whom a client registered (RFC 8705 section 2.1.2).

use std::net::IpAddr;

use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;

use super::distinguished_name::DistinguishedName;
use crate::model::Client;

/// The one subject that a client with `tls_client_auth` has registered.
#[derive(Debug, PartialEq)]
pub(crate) enum RegisteredSubject<'a> {
    /// `tls_client_auth_subject_dn`
    Name(DistinguishedName),
    /// `tls_client_auth_san_dns`
    Dns(&'a str),
    /// `tls_client_auth_san_uri`
    Uri(&'a str),
    /// `tls_client_auth_san_ip`
    Ip(IpAddr),
    /// `tls_client_auth_san_email`
    Email(&'a str),
}

impl<'a> RegisteredSubject<'a> {
    /// What the client has registered.
    ///
    /// # Errors
    /// What to change about it.
    pub(crate) fn of(client: &'a Client) -> Result<Self, &'static str> {
        let names = ["subject_dn", "san_dns", "san_uri", "san_ip", "san_email"];
        let mut registered = names.into_iter().filter_map(|name| {
            Some((name, client.metadata(&format!("tls_client_auth_{name}")).filter(|text| !text.is_empty())?))
        });
        let (Some((name, text)), None) = (registered.next(), registered.next()) else {
            return Err(
                "a client with tls_client_auth registers exactly one tls_client_auth_subject_dn or tls_client_auth_san_*",
            );
        };
        match name {
            "subject_dn" => DistinguishedName::parse(text).map(Self::Name).ok_or(
                "tls_client_auth_subject_dn is no distinguished name, as CN=client,O=Example,C=DE (RFC 4514)",
            ),
            "san_dns" => Ok(Self::Dns(text)),
            "san_uri" => Ok(Self::Uri(text)),
            "san_ip" => text.parse().map(Self::Ip).map_err(|_| "tls_client_auth_san_ip is no IP address"),
            _ => Ok(Self::Email(text)),
        }
    }
}

/// The subject of a certificate.
pub(super) struct CertificateSubject<'a>(X509Certificate<'a>);

impl<'a> CertificateSubject<'a> {
    /// Reads a certificate. `None` if it is none.
    pub(super) fn parse(der: &'a [u8]) -> Option<Self> {
        let (rest, certificate) = X509Certificate::from_der(der).ok()?;
        rest.is_empty().then_some(Self(certificate))
    }

    /// Whether it is the registered one. Alternative names are compared whole: a wildcard is a name like any other.
    pub(super) fn is(&self, registered: &RegisteredSubject<'_>) -> bool {
        if let RegisteredSubject::Name(name) = registered {
            return DistinguishedName::of(self.0.subject()).as_ref() == Some(name);
        }
        let names = self.0.subject_alternative_name().ok().flatten();
        let names = names.map(|extension| &extension.value.general_names[..]).unwrap_or_default();
        names.iter().any(|name| match (registered, name) {
            (RegisteredSubject::Dns(wanted), GeneralName::DNSName(name)) => name.eq_ignore_ascii_case(wanted),
            (RegisteredSubject::Uri(wanted), GeneralName::URI(name)) => name == wanted,
            (RegisteredSubject::Email(wanted), GeneralName::RFC822Name(name)) => name == wanted,
            (RegisteredSubject::Ip(IpAddr::V4(wanted)), GeneralName::IPAddress(name)) => {
                *name == wanted.octets()
            }
            (RegisteredSubject::Ip(IpAddr::V6(wanted)), GeneralName::IPAddress(name)) => {
                *name == wanted.octets()
            }
            _ => false,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, SanType};
    use serde_json::json;

    use super::*;

    fn certificate() -> Vec<u8> {
        let mut params =
            CertificateParams::new(vec!["client.example.com".to_owned(), "192.0.2.7".to_owned()]).unwrap();
        // It comes with a name of its own.
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CountryName, "DE");
        params.distinguished_name.push(DnType::OrganizationName, "Example, Inc.");
        params.distinguished_name.push(DnType::CommonName, "client");
        params.subject_alt_names.push(SanType::URI("spiffe://example.com/client".try_into().unwrap()));
        params.subject_alt_names.push(SanType::Rfc822Name("ops@example.com".try_into().unwrap()));
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    fn client(members: &[(&str, &str)]) -> Client {
        let begun = Client::public("c");
        members
            .iter()
            .fold(begun, |client, (name, value)| client.metadata(*name, json!(value)))
            .build()
            .unwrap()
    }

    fn fits(member: &str, value: &str) -> bool {
        let der = certificate();
        let client = client(&[(member, value)]);
        CertificateSubject::parse(&der).unwrap().is(&RegisteredSubject::of(&client).unwrap())
    }

    #[test]
    fn a_certificate_has_the_registered_subject_or_not() {
        for (member, good, bad) in [
            ("tls_client_auth_subject_dn", "CN=client,O=Example\\, Inc.,C=DE", "CN=client,C=DE"),
            (
                "tls_client_auth_subject_dn",
                "cn=CLIENT, o=Example\\2C  Inc., c=de",
                "C=DE,O=Example\\, Inc.,CN=client",
            ),
            ("tls_client_auth_san_dns", "client.example.com", "example.com"),
            ("tls_client_auth_san_dns", "CLIENT.example.com", "192.0.2.7"),
            ("tls_client_auth_san_uri", "spiffe://example.com/client", "spiffe://example.com/Client"),
            ("tls_client_auth_san_ip", "192.0.2.7", "192.0.2.8"),
            ("tls_client_auth_san_email", "ops@example.com", "client.example.com"),
        ] {
            assert!(fits(member, good), "{member} {good}");
            assert!(!fits(member, bad), "{member} {bad}");
        }
    }

    #[test]
    fn a_client_registers_one_subject() {
        for bad in [
            &[][..],
            &[("tls_client_auth_subject_dn", "CN=a"), ("tls_client_auth_san_dns", "a")],
            &[("tls_client_auth_subject_dn", "client")],
            &[("tls_client_auth_san_ip", "a")],
            &[("tls_client_auth_san_dns", "")],
        ] {
            assert!(RegisteredSubject::of(&client(bad)).is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_a_proxy_sends_is_read_or_refused(der in proptest::collection::vec(any::<u8>(), 0..300), at in 0_usize..600, with in any::<u8>()) {
            let _ = CertificateSubject::parse(&der);
            let mut changed = certificate();
            let at = at % changed.len();
            changed[at] = with;
            if let Some(subject) = CertificateSubject::parse(&changed) {
                let _ = subject.is(&RegisteredSubject::Dns("client.example.com"));
                let _ = super::DistinguishedName::of(subject.0.subject());
            }
        }
    }
}
