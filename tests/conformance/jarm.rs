//! Signed authorization responses (JWT Secured Authorization Response Mode for OAuth 2.0).

use gridauth::env::{Clock, SystemClock};
use gridauth::jose::{Jws, KeySet};
use gridauth_conformance::oauth::{CodeRequest, Redirect, Tokens, form_post};
use gridauth_conformance::{Browser, Context, Demo, Options, Response, audit, cases, seed};
use serde_json::{Value, json};

cases! {
    "JARM 2.3" => a_response_is_one_signed_token,
    "JARM 2.1" => errors_are_signed_too,
    "JARM 2.3.1" => a_token_never_goes_into_a_query,
    "JARM 3" => the_algorithm_is_the_one_that_the_client_asks_for,
    "JARM 4" => the_modes_are_in_the_metadata,
}

/// The only parameter of a response in this mode: the token.
#[track_caller]
fn token(response: &Response, mode: &str) -> String {
    let pairs = match mode {
        "form_post.jwt" => form_post(response).1,
        "fragment.jwt" => Redirect::of(response).fragment,
        _ => Redirect::of(response).query,
    };
    let [(name, token)] = &pairs[..] else { panic!("not one parameter: {pairs:?}") };
    assert_eq!(name, "response");
    audit::secret(token);
    token.clone()
}

/// The claims of a response, once its signature and its own claims are right.
#[track_caller]
fn opened(app: &Demo, token: &str) -> Value {
    let jws = Jws::parse(token).unwrap();
    let keys = KeySet::from_jwks(&app.get(&app.endpoint("jwks")).expect(200).json()).unwrap();
    assert!(keys.signer_of(&jws).is_some(), "no published key has signed {token}");
    let claims: Value = jws.claims().unwrap();
    assert_eq!((&claims["iss"], &claims["aud"]), (&json!(app.issuer), &json!("web")));
    let left = claims["exp"].as_i64().unwrap() - SystemClock.now().as_secs();
    assert!((1..=600).contains(&left), "{left}");
    if let Some(code) = claims["code"].as_str() {
        audit::secret(code);
    }
    claims
}

fn a_response_is_one_signed_token(context: &Context) {
    for app in [context.app(), context.https()] {
        let user = context.user_at(app);
        let mut browser = Browser::new(app);
        for mode in ["jwt", "query.jwt", "fragment.jwt", "form_post.jwt"] {
            let request = CodeRequest::web().with("state", "s&t").with("response_mode", mode);
            let answer = browser.go_through(&request.pairs(), &user);
            let claims = opened(app, &token(&answer, mode));
            assert_eq!(claims["state"], "s&t");
            Tokens::of(&request.redeem(app, claims["code"].as_str().unwrap()));
        }
    }
}

fn errors_are_signed_too(context: &Context) {
    let (app, user) = (context.app(), context.user());
    for mode in ["jwt", "query.jwt", "fragment.jwt", "form_post.jwt"] {
        let request = CodeRequest::web().with("state", "s&t").with("response_mode", mode);
        for (name, value, error) in [
            ("scope", "nothing", "invalid_scope"),
            ("prompt", "none", "login_required"),
            ("max_age", "soon", "invalid_request"),
            ("response_type", "magic", "unsupported_response_type"),
        ] {
            let answer = request.clone().with(name, value).open(app);
            let claims = opened(app, &token(&answer, mode));
            assert_eq!((&claims["error"], &claims["state"]), (&json!(error), &json!("s&t")));
            assert_eq!(claims["code"], Value::Null);
        }
        let mut browser = Browser::new(app);
        let page = browser.authorize(&request.pairs());
        let page = browser.sign_in(&page, &user);
        let claims = opened(app, &token(&browser.deny(&page), mode));
        assert_eq!(claims["error"], "access_denied");
    }
    // Nothing is redirected to a place that the client has not registered.
    let request =
        CodeRequest::web().with("response_mode", "jwt").with("redirect_uri", "https://evil.example.com/cb");
    assert_eq!(request.open(app).status, 400);
}

fn a_token_never_goes_into_a_query(context: &Context) {
    let mut seed = seed::of(&["web"]);
    let every = ["code", "id_token", "id_token token", "code id_token", "code token", "code id_token token"];
    seed["clients"][0]["response_types"] = json!(every);
    seed["clients"][0]["grant_types"] = json!(["authorization_code", "implicit"]);
    let app = &context.start(&Options::new("signed tokens").seed(&seed));
    let user = context.user_at(app);
    for response_type in &every[1..] {
        let request = CodeRequest::web()
            .with("response_type", response_type)
            .with("scope", "openid notes.read")
            .with("nonce", "n-1")
            .with("state", "s");
        let refused = request.clone().with("response_mode", "query.jwt").open(app);
        let refused = Redirect::of(&refused);
        assert_eq!((refused.in_fragment("error"), &refused.query[..]), (Some("invalid_request"), &[][..]));
        let answer = Browser::new(app).go_through(&request.with("response_mode", "jwt").pairs(), &user);
        let claims = opened(app, &token(&answer, "fragment.jwt"));
        for (word, member) in [("code", "code"), ("id_token", "id_token"), ("token", "access_token")] {
            let wanted = response_type.split(' ').any(|own| own == word);
            assert_eq!(claims[member].is_string(), wanted, "{response_type} {member}");
            audit::secret(claims[member].as_str().unwrap_or_default());
        }
    }
}

fn the_algorithm_is_the_one_that_the_client_asks_for(context: &Context) {
    for algorithm in ["RS256", "ES256", "EdDSA"] {
        let mut seed = seed::of(&["web"]);
        seed["clients"][0]["authorization_signed_response_alg"] = json!(algorithm);
        let app = &context.start(&Options::new("algorithm of responses").seed(&seed));
        let answer = CodeRequest::web().with("response_mode", "jwt").with("prompt", "none").open(app);
        let token = token(&answer, "jwt");
        assert_eq!(Jws::parse(&token).unwrap().algorithm_name(), algorithm);
        assert_eq!(opened(app, &token)["error"], "login_required");
    }
    let answer = CodeRequest::web().with("response_mode", "jwt").with("prompt", "none").open(context.app());
    assert_eq!(Jws::parse(&token(&answer, "jwt")).unwrap().algorithm_name(), "RS256");
}

fn the_modes_are_in_the_metadata(context: &Context) {
    for app in [context.app(), context.https()] {
        let metadata = app.get(&format!("/.well-known/oauth-authorization-server{}", app.base)).json();
        let modes = metadata["response_modes_supported"].as_array().unwrap();
        for mode in ["query", "fragment", "form_post", "jwt", "query.jwt", "fragment.jwt", "form_post.jwt"] {
            assert!(modes.contains(&json!(mode)), "{mode}");
        }
        let algorithms = metadata["authorization_signing_alg_values_supported"].as_array().unwrap();
        for algorithm in ["RS256", "ES256", "EdDSA"] {
            assert!(algorithms.contains(&json!(algorithm)), "{algorithm}");
        }
    }
}
