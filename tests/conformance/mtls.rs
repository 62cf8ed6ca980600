//! Mutual TLS (RFC 8705): clients that authenticate with a certificate, and tokens that are bound to one. The certificate comes from a
//! trusted proxy (RFC 9440), which here is the suite itself.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use gridauth_conformance::oauth::{CodeRequest, Tokens};
use gridauth_conformance::{Context, Demo, Options, Request, Response, cases};
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::proofs::is_refused;

cases! {
    "RFC 8705 2.2" => a_client_authenticates_with_its_own_certificate,
    "RFC 8705 2.1" => a_client_authenticates_with_a_certificate_of_an_authority,
    "RFC 8705 2" => another_certificate_does_not_authenticate,
    "RFC 9440 2.2" => a_malformed_certificate_is_none,
    "RFC 9440 4" => only_a_trusted_proxy_is_believed,
    "DEMO_APP.md, Policies" => a_client_may_be_registered_for_bound_tokens_alone,
    "RFC 8705 3" => a_bound_token_needs_its_certificate,
    "RFC 8705 3.2" => introspection_and_jwts_name_the_certificate,
    "RFC 8705 4" => refresh_tokens_of_public_clients_are_bound,
    "RFC 8705 3.3" => it_is_in_the_metadata_where_it_is_on,
    "RFC 8705 2.2" => a_certificate_excludes_no_other_method,
}

const CREDENTIALS: &str = "client_credentials";

/// A certificate.
struct Certificate(Vec<u8>);

impl Certificate {
    /// One with this common name, alternative name and organisation.
    fn of(name: &str) -> Self {
        let mut params = CertificateParams::new(vec![format!("{name}.example.com")]).unwrap();
        // It comes with a name of its own.
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CountryName, "DE");
        params.distinguished_name.push(DnType::OrganizationName, "Example, Inc.");
        params.distinguished_name.push(DnType::CommonName, name);
        Self(params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec())
    }

    fn header(&self) -> String {
        format!(":{}:", STANDARD.encode(&self.0))
    }

    fn thumbprint(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(&self.0))
    }

    /// The request as the proxy sends it on for the client that has this certificate.
    fn shown(&self, request: Request) -> Request {
        request.header("Client-Cert", self.header())
    }
}

struct Setup {
    app: Demo,
    own: Certificate,
    other: Certificate,
}

fn setup(context: &Context, label: &str, more: &[(&str, &str)]) -> Setup {
    let (own, other) = (Certificate::of("client"), Certificate::of("other"));
    let jwks = json!({ "keys": [{ "kty": "EC", "crv": "P-521", "x5c": [STANDARD.encode(&own.0)] }] });
    let seed = json!({ "clients": [
        {"client_id": "self-signed", "token_endpoint_auth_method": "self_signed_tls_client_auth", "jwks": jwks,
         "grant_types": [CREDENTIALS], "response_types": [], "scope": "notes.read"},
        {"client_id": "by-name", "token_endpoint_auth_method": "tls_client_auth",
         "tls_client_auth_subject_dn": "CN=client,O=Example\\, Inc.,C=DE",
         "grant_types": [CREDENTIALS], "response_types": [], "scope": "notes.read"},
        {"client_id": "by-dns", "token_endpoint_auth_method": "tls_client_auth",
         "tls_client_auth_san_dns": "client.example.com", "tls_client_certificate_bound_access_tokens": true,
         "grant_types": [CREDENTIALS, "authorization_code", "refresh_token"], "scope": "notes.read",
         "redirect_uris": ["https://dns.example.com/cb"]},
        {"client_id": "public", "token_endpoint_auth_method": "none", "tls_client_certificate_bound_access_tokens": true,
         "grant_types": ["password", "refresh_token", "implicit"], "response_types": ["token"],
         "redirect_uris": ["https://public.example.com/cb"], "scope": "notes.read"},
        {"client_id": "secretive", "client_secret": "a secret of the suite's own",
         "grant_types": [CREDENTIALS], "response_types": [], "scope": "notes.read"},
        {"client_id": "introspector", "client_secret": "a secret of the suite's own", "grant_types": [],
         "response_types": [], "gridauth_resource_server": true},
    ] });
    let mut options = Options::new(label).seed(&seed).env("GRIDAUTH_TRUSTED_PROXIES", "127.0.0.1");
    for (name, value) in more {
        options = options.env(name, value);
    }
    Setup { app: context.start(&options), own, other }
}

fn request(app: &Demo, client: &str) -> Request {
    Request::form(app.endpoint("token"), &[("grant_type", CREDENTIALS), ("client_id", client)])
}

#[track_caller]
fn ask(app: &Demo, client: &str, certificate: &Certificate) -> Response {
    app.send(&certificate.shown(request(app, client)))
}

fn a_client_authenticates_with_its_own_certificate(context: &Context) {
    let Setup { app, own, .. } = &setup(context, "self-signed", &[]);
    let tokens = Tokens::of(&ask(app, "self-signed", own));
    // It is registered for no bound tokens.
    app.send(&Request::get("/whoami").bearer(&tokens.access)).expect(200);
}

fn a_client_authenticates_with_a_certificate_of_an_authority(context: &Context) {
    let Setup { app, own, .. } = &setup(context, "authority", &[]);
    for client in ["by-name", "by-dns"] {
        Tokens::of(&ask(app, client, own));
        // Another certificate with the same subject, as after a renewal.
        Tokens::of(&ask(app, client, &Certificate::of("client")));
    }
}

fn another_certificate_does_not_authenticate(context: &Context) {
    let Setup { app, own, other } = &setup(context, "others", &[]);
    for client in ["self-signed", "by-name", "by-dns"] {
        ask(app, client, other).expect_error(401, "invalid_client");
        app.send(&request(app, client)).expect_error(401, "invalid_client");
        let with_secret = [("grant_type", CREDENTIALS), ("client_id", client), ("client_secret", "x")];
        let with_secret = Request::form(app.endpoint("token"), &with_secret);
        app.send(&own.shown(with_secret)).expect_error(401, "invalid_client");
    }
    // The same subject is not the same certificate.
    ask(app, "self-signed", &Certificate::of("client")).expect_error(401, "invalid_client");
    ask(app, "nobody", own).expect_error(401, "invalid_client");
    let unnamed = Request::form(app.endpoint("token"), &[("grant_type", CREDENTIALS)]);
    app.send(&own.shown(unnamed)).expect_error(401, "invalid_client");
}

fn a_malformed_certificate_is_none(context: &Context) {
    let Setup { app, own, .. } = &setup(context, "malformed", &[]);
    let good = own.header();
    for bad in [
        String::new(),
        "::".to_owned(),
        ":A:".to_owned(),
        ":AAAA:".to_owned(),
        good.trim_matches(':').to_owned(),
        format!("{good}, {good}"),
        format!(":{}:", STANDARD.encode([&own.0[..], &[0]].concat())),
        format!(":{}:", STANDARD.encode(&own.0[..own.0.len() - 1])),
        format!(":{}:", STANDARD.encode(vec![0x30; 12_000])),
        "-----BEGIN CERTIFICATE-----".to_owned(),
        "\u{e9}".to_owned(),
    ] {
        for client in ["self-signed", "by-name"] {
            let answer = app.send(&request(app, client).header("Client-Cert", bad.clone()));
            answer.expect_error(401, "invalid_client");
        }
    }
    let twice = own.shown(own.shown(request(app, "self-signed")));
    app.send(&twice).expect_error(401, "invalid_client");
}

fn only_a_trusted_proxy_is_believed(context: &Context) {
    let Setup { app, own, .. } = &setup(context, "strangers", &[("GRIDAUTH_TRUSTED_PROXIES", "192.0.2.1")]);
    for client in ["self-signed", "by-name", "by-dns"] {
        ask(app, client, own).expect_error(401, "invalid_client");
    }
}

fn bound(app: &Demo, certificate: &Certificate) -> String {
    Tokens::of(&ask(app, "by-dns", certificate)).access
}

fn a_client_may_be_registered_for_bound_tokens_alone(context: &Context) {
    let Setup { app, own, .. } = &setup(context, "bound alone", &[]);
    let user = context.user_at(app);
    let form = [
        ("grant_type", "password"),
        ("client_id", "public"),
        ("username", &*user.username),
        ("password", &*user.password),
    ];
    let request = || Request::form(app.endpoint("token"), &form);
    app.send(&request()).expect_error(400, "invalid_request");
    let token = Tokens::of(&app.send(&own.shown(request()))).access;
    app.send(&own.shown(Request::get("/whoami").bearer(&token))).expect(200);
    let query = [("response_type", "token"), ("client_id", "public")];
    let answer = app.send(&Request::query(&app.endpoint("authorize"), &query)).expect(303);
    let location = answer.header("location").unwrap();
    assert!(location.contains("error=invalid_request"), "{location}");
}

fn a_bound_token_needs_its_certificate(context: &Context) {
    let Setup { app, own, other } = &setup(context, "bound", &[]);
    let token = bound(app, own);
    for path in ["/private", "/whoami", "/notes"] {
        let request = || Request::get(path).bearer(&token);
        app.send(&own.shown(request())).expect(200);
        is_refused(&app.send(&request()), "invalid_token");
        is_refused(&app.send(&other.shown(request())), "invalid_token");
        is_refused(&app.send(&request().header("Client-Cert", ":AAAA:")), "invalid_token");
        is_refused(&app.send(&own.shown(own.shown(request()))), "invalid_token");
        // It is no DPoP token.
        let as_dpop = Request::get(path).header("Authorization", format!("DPoP {token}"));
        is_refused(&app.send(&own.shown(as_dpop)), "invalid_token");
    }
    // After a renewal the client gets a new token.
    let renewed = Certificate::of("client");
    is_refused(&app.send(&renewed.shown(Request::get("/private").bearer(&token))), "invalid_token");
    let token = bound(app, &renewed);
    app.send(&renewed.shown(Request::get("/private").bearer(&token))).expect(200);
    // A code is redeemed with the certificate, too.
    let user = context.user_at(app);
    let request = CodeRequest::new("by-dns", "https://dns.example.com/cb");
    let code = request.code(app, &user);
    let mut form = request.redemption(&code);
    form.push(("client_id", "by-dns"));
    let redemption = || Request::form(app.endpoint("token"), &form);
    app.send(&redemption()).expect_error(401, "invalid_client");
    let tokens = Tokens::of(&app.send(&own.shown(redemption())));
    app.send(&own.shown(Request::get("/whoami").bearer(&tokens.access))).expect(200);
    is_refused(&app.send(&Request::get("/whoami").bearer(&tokens.access)), "invalid_token");
}

fn introspection_and_jwts_name_the_certificate(context: &Context) {
    let Setup { app, own, .. } = &setup(context, "named", &[("GRIDAUTH_ACCESS_TOKEN", "jwt")]);
    let token = bound(app, own);
    let expected = json!({ "x5t#S256": own.thumbprint() });
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    let payload: Value = serde_json::from_slice(&payload).unwrap();
    assert_eq!(payload["cnf"], expected);
    let request = Request::form(app.endpoint("introspect"), &[("token", &token)])
        .basic("introspector", "a secret of the suite's own");
    let described = app.send(&request).expect(200).json();
    assert_eq!((&described["cnf"], &described["token_type"]), (&expected, &json!("Bearer")), "{described}");
    app.send(&own.shown(Request::get("/whoami").bearer(&token))).expect(200);
    is_refused(&app.send(&Request::get("/whoami").bearer(&token)), "invalid_token");
}

fn refresh_tokens_of_public_clients_are_bound(context: &Context) {
    let Setup { app, own, other } = &setup(context, "bound refresh", &[]);
    let user = context.user_at(app);
    let form = [
        ("grant_type", "password"),
        ("client_id", "public"),
        ("username", &*user.username),
        ("password", &*user.password),
    ];
    let first = own.shown(Request::form(app.endpoint("token"), &form));
    let refresh = Tokens::of(&app.send(&first)).refresh().to_owned();
    let form = [("grant_type", "refresh_token"), ("client_id", "public"), ("refresh_token", &*refresh)];
    let renewal = || Request::form(app.endpoint("token"), &form);
    app.send(&renewal()).expect_error(400, "invalid_request");
    app.send(&other.shown(renewal())).expect_error(400, "invalid_grant");
    Tokens::of(&app.send(&own.shown(renewal())));
}

fn it_is_in_the_metadata_where_it_is_on(context: &Context) {
    let methods = ["tls_client_auth", "self_signed_tls_client_auth"];
    let Setup { app, .. } = &setup(context, "metadata", &[]);
    let metadata = app.get("/.well-known/oauth-authorization-server").expect(200).json();
    assert_eq!(metadata["tls_client_certificate_bound_access_tokens"], json!(true));
    for endpoint in ["token", "revocation", "introspection"] {
        let named = &metadata[format!("{endpoint}_endpoint_auth_methods_supported")];
        assert!(methods.iter().all(|method| named.as_array().unwrap().contains(&json!(method))), "{named}");
    }
    let without = context.app().get("/.well-known/oauth-authorization-server").expect(200);
    assert!(!methods.iter().any(|method| without.text().contains(method)), "{without:#}");
    assert!(without.json().get("tls_client_certificate_bound_access_tokens").is_none());
}

fn a_certificate_excludes_no_other_method(context: &Context) {
    let Setup { app, own, .. } = &setup(context, "others too", &[]);
    let form = [("grant_type", CREDENTIALS)];
    let request =
        Request::form(app.endpoint("token"), &form).basic("secretive", "a secret of the suite's own");
    Tokens::of(&app.send(&own.shown(request)));
}
