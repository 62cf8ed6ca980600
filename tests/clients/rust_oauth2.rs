//! The crate `oauth2`, with the suite's own HTTP client. It revokes only at an `https` URL, so all flows use the server
//! behind a proxy.

use std::convert::Infallible;

use gridauth_conformance::Request;
use gridauth_conformance::oauth::whoami;
use oauth2::basic::{BasicClient, BasicErrorResponse, BasicErrorResponseType, BasicTokenResponse};
use oauth2::{
    AuthType, AuthUrl, AuthorizationCode, ClientId, ClientSecret, CsrfToken, DeviceAuthorizationUrl,
    DeviceCodeErrorResponseType, EndpointNotSet, EndpointSet, HttpRequest, HttpResponse, IntrospectionUrl,
    PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RequestTokenError, ResourceOwnerPassword,
    ResourceOwnerUsername, RevocationUrl, Scope, StandardDeviceAuthorizationResponse,
    TokenIntrospectionResponse as _, TokenResponse as _, TokenUrl, url::Url,
};
use serde_json::Value;

use crate::site::{ODD, Person};

/// A flow. It panics if something goes wrong.
type Flow = fn(&mut Person<'_>);

/// The flows of the crate. It does not support discovery.
pub(crate) const FLOWS: &[(&str, Flow)] = &[
    ("authorization_code", authorization_code),
    ("public_client", public_client),
    ("refused_consent", refused_consent),
    ("bad_code", bad_code),
    ("refresh", refresh),
    ("client_credentials", client_credentials),
    ("encoded_credentials", encoded_credentials),
    ("password", password),
    ("revocation", revocation),
    ("introspection", introspection),
    ("device", device),
];

type Client = BasicClient<EndpointSet, EndpointNotSet, EndpointSet, EndpointSet, EndpointSet>;
type Refusal = RequestTokenError<Infallible, BasicErrorResponse>;

fn client(person: &Person<'_>, client_id: &str) -> Client {
    let metadata = person
        .demo
        .get(&format!("/.well-known/oauth-authorization-server{}", person.demo.base))
        .expect(200)
        .json();
    let at = |member: &str| metadata[member].as_str().expect("the endpoint is there").to_owned();
    let client = BasicClient::new(ClientId::new(client_id.to_owned()))
        .set_auth_uri(AuthUrl::new(at("authorization_endpoint")).unwrap())
        .set_token_uri(TokenUrl::new(at("token_endpoint")).unwrap())
        .set_revocation_url(RevocationUrl::new(at("revocation_endpoint")).unwrap())
        .set_introspection_url(IntrospectionUrl::new(at("introspection_endpoint")).unwrap());
    let own = &person.briefing("")["clients"][client_id];
    let text = |name: &str| own[name].as_str().map(str::to_owned);
    let client = match text("client_secret") {
        Some(secret) => client.set_client_secret(ClientSecret::new(secret)),
        None => client,
    };
    match text("redirect_uri") {
        Some(uri) => client.set_redirect_uri(RedirectUrl::new(uri).unwrap()),
        None => client,
    }
}

/// The HTTP client of the crate's requests.
fn http(person: &Person<'_>) -> impl Fn(HttpRequest) -> Result<HttpResponse, Infallible> + use<> {
    let (client, origin) = (person.demo.client.clone(), person.origin().to_owned());
    move |asked| {
        let uri = asked.uri().to_string();
        let mut request = Request::new(asked.method().as_str(), uri.strip_prefix(&origin).expect("its URL"));
        for (name, value) in asked.headers() {
            request = request.header(name.as_str(), value.as_bytes());
        }
        request.body = Some(asked.into_body());
        let answer = client.send(&request);
        let mut response = http::Response::builder().status(answer.status);
        for (name, value) in answer.headers {
            response = response.header(name, value);
        }
        Ok(response.body(answer.body).expect("a response"))
    }
}

/// The URL that the browser ended up at, and what the client needs to check it.
struct Redirect {
    url: Url,
    verifier: PkceCodeVerifier,
}

impl Redirect {
    fn get(&self, name: &str) -> Option<String> {
        self.url.query_pairs().find(|(own, _)| own == name).map(|(_, value)| value.into_owned())
    }

    fn code(&self) -> AuthorizationCode {
        AuthorizationCode::new(self.get("code").expect("a code"))
    }
}

fn authorize(person: &mut Person<'_>, client: &Client, allow: bool) -> Redirect {
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let request = client.authorize_url(CsrfToken::new_random).set_pkce_challenge(challenge);
    let (url, state) = request.add_scope(Scope::new("notes.read".to_owned())).url();
    let url = Url::parse(&person.visit(url.as_str(), allow)).unwrap();
    let redirect = Redirect { url, verifier };
    assert_eq!(redirect.get("state").as_ref(), Some(state.secret()));
    assert_eq!(redirect.get("iss").as_ref(), Some(&person.demo.issuer));
    redirect
}

fn by_code(person: &mut Person<'_>, client: &Client) -> BasicTokenResponse {
    let redirect = authorize(person, client, true);
    let code = client.exchange_code(redirect.code()).set_pkce_verifier(redirect.verifier);
    code.request(&http(person)).expect("tokens")
}

#[track_caller]
fn expect_refusal<T: std::fmt::Debug>(outcome: Result<T, Refusal>, error: &BasicErrorResponseType) {
    match outcome {
        Err(RequestTokenError::ServerResponse(refusal)) => assert_eq!(refusal.error(), error),
        other => panic!("{other:?}"),
    }
}

fn who(person: &Person<'_>, tokens: &BasicTokenResponse) -> Value {
    person.demo.send(&Request::get("/whoami").bearer(tokens.access_token().secret())).expect(200).json()
}

fn authorization_code(person: &mut Person<'_>) {
    let client = client(person, "web");
    let tokens = by_code(person, &client);
    assert_eq!(tokens.scopes(), Some(&vec![Scope::new("notes.read".to_owned())]));
    assert!(tokens.refresh_token().is_some() && tokens.expires_in().is_some());
    let who = who(person, &tokens);
    assert_eq!((&who["username"], &who["client_id"]), (&person.user.username.as_str().into(), &"web".into()));
}

fn public_client(person: &mut Person<'_>) {
    let client = client(person, "spa");
    let tokens = by_code(person, &client);
    assert_eq!(who(person, &tokens)["client_id"], "spa");
}

fn refused_consent(person: &mut Person<'_>) {
    let client = client(person, "web");
    let redirect = authorize(person, &client, false);
    assert_eq!((redirect.get("error").as_deref(), redirect.get("code")), (Some("access_denied"), None));
}

fn bad_code(person: &mut Person<'_>) {
    let client = client(person, "web");
    let made_up = client.exchange_code(AuthorizationCode::new("made-up".to_owned()));
    expect_refusal(made_up.request(&http(person)), &BasicErrorResponseType::InvalidGrant);
    let redirect = authorize(person, &client, true);
    let (_, other) = PkceCodeChallenge::new_random_sha256();
    let stolen = client.exchange_code(redirect.code()).set_pkce_verifier(other);
    expect_refusal(stolen.request(&http(person)), &BasicErrorResponseType::InvalidGrant);
}

fn refresh(person: &mut Person<'_>) {
    for client_id in ["web", "spa-refresh"] {
        let client = client(person, client_id);
        let http = http(person);
        let renewed = |tokens: &BasicTokenResponse| {
            client.exchange_refresh_token(tokens.refresh_token().expect("a refresh token")).request(&http)
        };
        let first = by_code(person, &client);
        let second = renewed(&first).expect("tokens");
        assert_ne!(first.refresh_token().unwrap().secret(), second.refresh_token().unwrap().secret());
        assert_eq!(who(person, &second)["username"], *person.user.username);
        let third = renewed(&second).expect("tokens");
        // The first token may have been stolen, so the whole grant is revoked.
        expect_refusal(renewed(&first), &BasicErrorResponseType::InvalidGrant);
        expect_refusal(renewed(&third), &BasicErrorResponseType::InvalidGrant);
        assert_eq!(whoami(person.demo, third.access_token().secret()), 401);
    }
}

fn client_credentials(person: &mut Person<'_>) {
    let scope = Scope::new("notes.read".to_owned());
    for (client_id, auth) in [("machine", AuthType::BasicAuth), ("poster", AuthType::RequestBody)] {
        let client = client(person, client_id).set_auth_type(auth);
        let tokens = client.exchange_client_credentials().add_scope(scope.clone()).request(&http(person));
        let tokens = tokens.expect("tokens");
        assert!(tokens.refresh_token().is_none());
        assert_eq!(who(person, &tokens)["sub"], client_id);
    }
    let wrong = client(person, "machine").set_client_secret(ClientSecret::new("wrong".to_owned()));
    let outcome = wrong.exchange_client_credentials().request(&http(person));
    expect_refusal(outcome, &BasicErrorResponseType::InvalidClient);
}

fn encoded_credentials(person: &mut Person<'_>) {
    let tokens = client(person, ODD).exchange_client_credentials().request(&http(person)).expect("tokens");
    assert_eq!(who(person, &tokens)["client_id"], ODD);
}

fn password(person: &mut Person<'_>) {
    let client = client(person, "demo");
    let username = ResourceOwnerUsername::new(person.user.username.clone());
    let right = ResourceOwnerPassword::new(person.user.password.clone());
    let tokens = client.exchange_password(&username, &right).request(&http(person)).expect("tokens");
    assert_eq!(who(person, &tokens)["username"], *person.user.username);
    let wrong = ResourceOwnerPassword::new("wrong".to_owned());
    let outcome = client.exchange_password(&username, &wrong).request(&http(person));
    expect_refusal(outcome, &BasicErrorResponseType::InvalidGrant);
}

fn revocation(person: &mut Person<'_>) {
    let client = client(person, "web");
    let tokens = by_code(person, &client);
    client.revoke_token(tokens.access_token().into()).unwrap().request(&http(person)).expect("revoked");
    assert_eq!(whoami(person.demo, tokens.access_token().secret()), 401);
    let refresh_token = tokens.refresh_token().expect("a refresh token");
    let renewed = client.exchange_refresh_token(refresh_token).request(&http(person)).expect("tokens");
    let refresh_token = renewed.refresh_token().expect("a refresh token");
    client.revoke_token(refresh_token.into()).unwrap().request(&http(person)).expect("revoked");
    assert_eq!(whoami(person.demo, renewed.access_token().secret()), 401);
    let outcome = client.exchange_refresh_token(refresh_token).request(&http(person));
    expect_refusal(outcome, &BasicErrorResponseType::InvalidGrant);
}

fn introspection(person: &mut Person<'_>) {
    let web = client(person, "web");
    let tokens = by_code(person, &web);
    let judge = client(person, "resource-server");
    let said = judge.introspect(tokens.access_token()).request(&http(person)).expect("a judgement");
    assert!(said.active() && said.exp() > said.iat());
    assert_eq!((said.username(), said.iss()), (Some(&*person.user.username), Some(&*person.demo.issuer)));
    assert_eq!(said.client_id().map(|id| id.as_str()), Some("web"));
    web.revoke_token(tokens.access_token().into()).unwrap().request(&http(person)).expect("revoked");
    let said = judge.introspect(tokens.access_token()).request(&http(person)).expect("a judgement");
    assert!(!said.active());
}

fn device(person: &mut Person<'_>) {
    let well_known = format!("/.well-known/oauth-authorization-server{}", person.demo.base);
    let metadata = person.demo.get(&well_known).expect(200).json();
    let endpoint =
        metadata["device_authorization_endpoint"].as_str().expect("the endpoint is there").to_owned();
    let client =
        client(person, "tv").set_device_authorization_url(DeviceAuthorizationUrl::new(endpoint).unwrap());
    let start = |person: &Person<'_>| -> StandardDeviceAuthorizationResponse {
        let request = client.exchange_device_code().add_scope(Scope::new("notes.read".to_owned()));
        request.request(&http(person)).expect("codes")
    };
    let link = |started: &StandardDeviceAuthorizationResponse| {
        started.verification_uri_complete().expect("a link with the code").secret().to_owned()
    };
    let started = start(person);
    // It polls once before anybody has decided.
    let polled = std::cell::Cell::new(0);
    let sleep = |_| polled.set(polled.get() + 1);
    let early = client.exchange_device_access_token(&started).request(
        &http(person),
        sleep,
        Some(std::time::Duration::ZERO),
    );
    assert!(early.is_err());
    person.decide_about_device(&link(&started), true);
    let tokens =
        client.exchange_device_access_token(&started).request(&http(person), sleep, None).expect("tokens");
    assert_eq!(who(person, &tokens)["client_id"], "tv");
    let refresh_token = tokens.refresh_token().expect("a refresh token");
    client.exchange_refresh_token(refresh_token).request(&http(person)).expect("tokens");
    let started = start(person);
    person.decide_about_device(&link(&started), false);
    match client.exchange_device_access_token(&started).request(&http(person), sleep, None) {
        Err(RequestTokenError::ServerResponse(refusal)) => {
            assert_eq!(refusal.error(), &DeviceCodeErrorResponseType::AccessDenied);
        }
        other => panic!("{other:?}"),
    }
}
