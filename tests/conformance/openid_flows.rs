//! The response types of OpenID Connect beside `code`: implicit and hybrid (OpenID Connect Core sections 3.2 and 3.3).

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gridauth_conformance::browser::{is_consent, is_sign_in};
use gridauth_conformance::case::User;
use gridauth_conformance::oauth::{
    CodeRequest, Redirect, Tokens, form_post, introspect, is_valid, refresh, token,
};
use gridauth_conformance::{Browser, Context, Demo, Request, Response, audit, cases};
use serde_json::Value;
use sha2::{Digest, Sha256};

cases! {
    "OAuth multiple response types 5" => every_response_type_returns_what_its_name_says,
    "OAuth multiple response types 5" => every_response_type_can_be_posted,
    "OAuth multiple response types 2" => the_order_of_the_words_does_not_matter,
    "OAuth multiple response types 2" => a_word_that_is_doubled_or_unknown_is_refused,
    "OAuth multiple response types 5" => none_of_them_uses_the_query,
    "OpenID Core 3.2.2.1" => an_id_token_needs_a_nonce,
    "OpenID Core 3.1.2.1" => an_id_token_needs_the_scope_openid,
    "OpenID Core 3.3.2.11" => the_hashes_bind_what_comes_together,
    "OpenID Core 3.3.3.6" => both_id_tokens_are_about_the_same_sign_in,
    "OpenID Core 5.4" => a_lone_id_token_has_the_claims_of_the_scopes,
    "OpenID Core 5.3" => the_front_channel_token_opens_userinfo,
    "RFC 6749 4.1.2" => a_second_use_of_the_code_ends_the_front_channel_token,
    "RFC 6749 4.2.2" => no_refresh_token_comes_from_the_front,
    "OpenID Registration 2" => a_client_uses_only_its_response_types,
    "RFC 7636 4.4.1" => a_public_client_needs_a_challenge_where_a_code_comes_back,
    "OpenID Core 3.2.2.6" => errors_come_where_the_tokens_would,
    "OpenID Core 3.1.2.1" => prompt_none_shows_no_page,
    "OpenID Discovery 3" => the_metadata_lists_them,
    "DEMO_APP.md, Policies" => consent_is_asked_as_for_a_code,
    "issue 14 section 7" => parameters_missing_doubled_empty_and_huge,
}

const RESPONSE_TYPES: [&str; 5] =
    ["id_token", "id_token token", "code id_token", "code token", "code id_token token"];

const NONCE: &str = "n-0S6_WzA2Mj";

/// A confidential and a public client that may use all of them.
const CLIENTS: [(&str, &str); 2] =
    [("openid", "https://openid.example.com/cb"), ("openid-spa", "https://openid-spa.example.com/cb")];

fn has(response_type: &str, word: &str) -> bool {
    response_type.split(' ').any(|own| own == word)
}

/// A request of the confidential client.
fn request(response_type: &str) -> CodeRequest {
    request_of(CLIENTS[0], response_type)
}

fn request_of((client, redirect_uri): (&str, &str), response_type: &str) -> CodeRequest {
    let request = CodeRequest::new(client, redirect_uri)
        .with("response_type", response_type)
        .with("scope", "openid notes.read")
        .with("state", "s&t")
        .with("nonce", NONCE);
    match has(response_type, "code") {
        true => request,
        false => request.without("code_challenge").without("code_challenge_method"),
    }
}

/// The parameters of an authorization response.
struct Told(Vec<(String, String)>);

impl Told {
    /// In the fragment of a redirect, with nothing in its query.
    #[track_caller]
    fn in_fragment(response: &Response) -> Self {
        let redirect = Redirect::of(response);
        assert!(redirect.query.is_empty(), "{redirect:?}");
        Self(redirect.fragment).without_duplicates()
    }

    #[track_caller]
    fn without_duplicates(self) -> Self {
        let names: BTreeSet<&str> = self.0.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names.len(), self.0.len(), "{:?}", self.0);
        self
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    #[track_caller]
    fn expect(&self, name: &str) -> &str {
        self.get(name).unwrap_or_else(|| panic!("no {name}: {:?}", self.0))
    }

    /// It has what the response type names, and nothing else.
    #[track_caller]
    fn expect_exactly(&self, app: &Demo, response_type: &str) {
        let mut expected = BTreeSet::from(["state", "iss"]);
        for (word, names) in [
            ("code", &["code"][..]),
            ("id_token", &["id_token"]),
            ("token", &["access_token", "token_type", "expires_in", "scope"]),
        ] {
            if has(response_type, word) {
                expected.extend(names);
            }
        }
        let names: BTreeSet<&str> = self.0.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, expected, "{response_type}");
        assert_eq!((self.expect("state"), self.expect("iss")), ("s&t", &*app.issuer));
        if has(response_type, "token") {
            assert_eq!(self.expect("token_type").to_lowercase(), "bearer");
            assert_eq!(self.expect("expires_in"), "3600");
            assert!(is_valid(app, self.expect("access_token")));
        }
    }

    #[track_caller]
    fn expect_error(&self, error: &str) {
        assert_eq!(self.get("error"), Some(error), "{:?}", self.0);
        for name in ["code", "id_token", "access_token"] {
            assert_eq!(self.get(name), None, "{:?}", self.0);
        }
    }
}

/// Goes the whole way in a new browser.
#[track_caller]
fn go_through(app: &Demo, request: &CodeRequest, user: &User) -> Told {
    Told::in_fragment(&Browser::new(app).go_through(&request.pairs(), user))
}

#[track_caller]
fn refused(app: &Demo, request: &CodeRequest, error: &str) {
    Told::in_fragment(&request.open(app)).expect_error(error);
}

/// The claims of an ID token of this server. Its header names a published key; the core's own tests verify signatures.
#[track_caller]
fn claims(app: &Demo, id_token: &str) -> Value {
    audit::secret(id_token);
    let parts: Vec<&str> = id_token.split('.').collect();
    assert_eq!(parts.len(), 3, "{id_token}");
    let decode = |part: &str| -> Value {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).expect("base64url")).expect("JSON")
    };
    let header = decode(parts[0]);
    assert_eq!(header["alg"], "RS256");
    let jwks = app.get(&app.endpoint("jwks")).expect(200).json();
    let keys = jwks["keys"].as_array().expect("keys");
    assert!(keys.iter().any(|key| key["kid"] == header["kid"] && key["alg"] == "RS256"), "{jwks}");
    let claims = decode(parts[1]);
    assert_eq!(claims["iss"], app.issuer);
    claims
}

/// `at_hash`, `c_hash` and `s_hash` of RS256.
fn half_hash(text: &str) -> Value {
    URL_SAFE_NO_PAD.encode(&Sha256::digest(text)[..16]).into()
}

fn every_response_type_returns_what_its_name_says(context: &Context) {
    let (app, user) = (context.app(), context.user());
    for client in CLIENTS {
        for response_type in RESPONSE_TYPES {
            let request = request_of(client, response_type);
            let told = go_through(app, &request, &user);
            told.expect_exactly(app, response_type);
            if let Some(id_token) = told.get("id_token") {
                let claims = claims(app, id_token);
                assert_eq!((&claims["aud"], &claims["nonce"]), (&client.0.into(), &NONCE.into()));
            }
            if let Some(code) = told.get("code") {
                Tokens::of(&request.redeem(app, code));
            }
            if let Some(access) = told.get("access_token") {
                let about = introspect(app, access);
                assert_eq!(
                    (&about["username"], &about["client_id"]),
                    (&user.username.clone().into(), &client.0.into())
                );
            }
        }
    }
}

fn every_response_type_can_be_posted(context: &Context) {
    let (app, user) = (context.app(), context.user());
    for (client, redirect_uri) in CLIENTS {
        for response_type in RESPONSE_TYPES {
            let request =
                request_of((client, redirect_uri), response_type).with("response_mode", "form_post");
            let answer = Browser::new(app).go_through(&request.pairs(), &user);
            let (action, fields) = form_post(&answer);
            assert_eq!(action, redirect_uri);
            Told(fields).without_duplicates().expect_exactly(app, response_type);
            assert_eq!(answer.header("cache-control"), Some("no-store"));
        }
    }
}

fn the_order_of_the_words_does_not_matter(context: &Context) {
    let (app, user) = (context.app(), context.user());
    for (order, usual) in [
        ("token id_token", "id_token token"),
        ("id_token code", "code id_token"),
        ("token code", "code token"),
        ("token id_token code", "code id_token token"),
        ("id_token code token", "code id_token token"),
    ] {
        go_through(app, &request(order), &user).expect_exactly(app, usual);
    }
}

fn a_word_that_is_doubled_or_unknown_is_refused(context: &Context) {
    let app = context.app();
    for bad in [
        "id_token id_token",
        "code id_token code",
        "token code token",
        "id_token none",
        "id_token  token",
        " id_token",
    ] {
        refused(app, &request(bad), "unsupported_response_type");
    }
}

fn none_of_them_uses_the_query(context: &Context) {
    let app = context.app();
    for response_type in RESPONSE_TYPES {
        for mode in ["query", "unknown"] {
            refused(app, &request(response_type).with("response_mode", mode), "invalid_request");
        }
    }
}

fn an_id_token_needs_a_nonce(context: &Context) {
    let (app, user) = (context.app(), context.user());
    for response_type in RESPONSE_TYPES {
        let without = [request(response_type).without("nonce"), request(response_type).with("nonce", "")];
        for request in without {
            match has(response_type, "id_token") {
                true => refused(app, &request, "invalid_request"),
                false => go_through(app, &request, &user).expect_exactly(app, response_type),
            }
        }
    }
}

fn an_id_token_needs_the_scope_openid(context: &Context) {
    let (app, user) = (context.app(), context.user());
    for response_type in RESPONSE_TYPES {
        for request in
            [request(response_type).with("scope", "notes.read"), request(response_type).without("scope")]
        {
            match has(response_type, "id_token") {
                true => refused(app, &request, "invalid_request"),
                false => go_through(app, &request, &user).expect_exactly(app, response_type),
            }
        }
    }
}

fn the_hashes_bind_what_comes_together(context: &Context) {
    let (app, user) = (context.app(), context.user());
    for response_type in RESPONSE_TYPES.into_iter().filter(|own| has(own, "id_token")) {
        let told = go_through(app, &request(response_type), &user);
        let claims = claims(app, told.expect("id_token"));
        for (claim, name) in [("at_hash", "access_token"), ("c_hash", "code"), ("s_hash", "state")] {
            assert_eq!(
                claims[claim],
                told.get(name).map_or(Value::Null, half_hash),
                "{response_type} {claim}"
            );
        }
    }
}

fn both_id_tokens_are_about_the_same_sign_in(context: &Context) {
    let (app, user) = (context.app(), context.user());
    for response_type in ["code id_token", "code id_token token"] {
        let request = request(response_type);
        let told = go_through(app, &request, &user);
        let response = request.redeem(app, told.expect("code"));
        let second = response.json()["id_token"].as_str().expect("an ID token").to_owned();
        let (first, second) = (claims(app, told.expect("id_token")), claims(app, &second));
        for same in ["iss", "sub", "aud", "nonce", "auth_time", "sid"] {
            assert_eq!(first[same], second[same], "{same}");
        }
        assert_eq!(second["at_hash"], half_hash(&Tokens::of(&response).access));
        assert_eq!(second["c_hash"], Value::Null);
    }
}

fn a_lone_id_token_has_the_claims_of_the_scopes(context: &Context) {
    let (app, user) = (context.app(), context.user());
    for response_type in RESPONSE_TYPES.into_iter().filter(|own| has(own, "id_token")) {
        let told = go_through(app, &request(response_type).with("scope", "openid profile"), &user);
        let claims = claims(app, told.expect("id_token"));
        let expected = if response_type == "id_token" { user.username.clone().into() } else { Value::Null };
        assert_eq!(claims["preferred_username"], expected, "{response_type}");
    }
}

fn the_front_channel_token_opens_userinfo(context: &Context) {
    let (app, user) = (context.app(), context.user());
    for response_type in RESPONSE_TYPES.into_iter().filter(|own| has(own, "token")) {
        let told = go_through(app, &request(response_type).with("scope", "openid profile"), &user);
        let request = Request::get(app.endpoint("userinfo")).bearer(told.expect("access_token"));
        let info = app.send(&request).expect(200).json();
        assert_eq!(info["preferred_username"], user.username);
        if let Some(id_token) = told.get("id_token") {
            assert_eq!(info["sub"], claims(app, id_token)["sub"]);
        }
    }
}

fn a_second_use_of_the_code_ends_the_front_channel_token(context: &Context) {
    let (app, user) = (context.app(), context.user());
    for response_type in ["code token", "code id_token token"] {
        let request = request(response_type);
        let told = go_through(app, &request, &user);
        let access = told.expect("access_token");
        let tokens = Tokens::of(&request.redeem(app, told.expect("code")));
        assert!(is_valid(app, access) && is_valid(app, &tokens.access));
        request.redeem(app, told.expect("code")).expect_error(400, "invalid_grant");
        assert!(!is_valid(app, access) && !is_valid(app, &tokens.access));
        refresh(app, "openid", tokens.refresh()).expect_error(400, "invalid_grant");
    }
}

fn no_refresh_token_comes_from_the_front(context: &Context) {
    let (app, user) = (context.app(), context.user());
    for response_type in RESPONSE_TYPES {
        let request = request(response_type).with("scope", "openid offline_access notes.read");
        let told = go_through(app, &request, &user);
        assert_eq!(told.get("refresh_token"), None, "{response_type}");
        if let Some(access) = told.get("access_token") {
            token(app, "openid", &[("grant_type", "refresh_token"), ("refresh_token", access)])
                .expect_error(400, "invalid_grant");
        }
    }
}

fn a_client_uses_only_its_response_types(context: &Context) {
    let app = context.app();
    for response_type in RESPONSE_TYPES {
        // Registered for `code` alone.
        let web = ("web", gridauth_conformance::seed::WEB_CB);
        refused(app, &request_of(web, response_type), "unauthorized_client");
    }
    // Registered for the response type, and not for both grant types that it needs.
    let half = ("openid-half", "https://openid-half.example.com/cb");
    refused(app, &request_of(half, "code id_token"), "unauthorized_client");
    let implicit = request_of(half, "id_token");
    assert!(is_sign_in(&implicit.open(app)));
}

fn a_public_client_needs_a_challenge_where_a_code_comes_back(context: &Context) {
    let (app, user) = (context.app(), context.user());
    for response_type in RESPONSE_TYPES {
        let request = request_of(CLIENTS[1], response_type);
        if !has(response_type, "code") {
            assert!(is_sign_in(&request.open(app)), "{response_type}");
            continue;
        }
        refused(
            app,
            &request.clone().without("code_challenge").without("code_challenge_method"),
            "invalid_request",
        );
        refused(app, &request.clone().with("code_challenge_method", "plain"), "invalid_request");
        let told = go_through(app, &request, &user);
        let code = told.expect("code");
        let mut wrong = request.redemption(code);
        wrong.retain(|(name, _)| *name != "code_verifier");
        token(app, CLIENTS[1].0, &wrong).expect_error(400, "invalid_grant");
        Tokens::of(&request.redeem(app, code));
    }
}

fn errors_come_where_the_tokens_would(context: &Context) {
    let (app, user) = (context.app(), context.user());
    for response_type in RESPONSE_TYPES {
        let request = request(response_type);
        for (name, value, error) in [
            ("scope", "nothing", "invalid_scope"),
            ("prompt", "none", "login_required"),
            ("prompt", "none login", "invalid_request"),
            ("max_age", "soon", "invalid_request"),
            ("claims", "{", "invalid_request"),
            ("request_uri", "https://c.example/r", "invalid_request_uri"),
        ] {
            let request = request.clone().with(name, value);
            let told = Told::in_fragment(&request.open(app));
            told.expect_error(error);
            assert_eq!((told.expect("state"), told.expect("iss")), ("s&t", &*app.issuer));
            let posted = request.with("response_mode", "form_post").open(app);
            Told(form_post(&posted).1).expect_error(error);
        }
        let mut browser = Browser::new(app);
        let page = browser.authorize(&request.pairs());
        let page = browser.sign_in(&page, &user);
        Told::in_fragment(&browser.deny(&page)).expect_error("access_denied");
    }
}

fn prompt_none_shows_no_page(context: &Context) {
    let (app, user) = (context.app(), context.user());
    for response_type in RESPONSE_TYPES {
        let request = request(response_type);
        let mut browser = Browser::new(app);
        browser.go_through(&request.pairs(), &user);
        let silent = request.clone().with("prompt", "none");
        Told::in_fragment(&browser.authorize(&silent.pairs())).expect_exactly(app, response_type);
        let wider = silent.with("scope", "openid email notes.read");
        Told::in_fragment(&browser.authorize(&wider.pairs())).expect_error("consent_required");
        assert!(is_sign_in(&browser.authorize(&request.clone().with("prompt", "login").pairs())));
        assert!(is_sign_in(&browser.authorize(&request.with("max_age", "0").pairs())));
    }
}

fn the_metadata_lists_them(context: &Context) {
    let metadata = context.app().get("/.well-known/openid-configuration").expect(200).json();
    let list = |member: &str| -> BTreeSet<String> {
        let values = metadata[member].as_array().expect("a list").iter();
        values.map(|value| value.as_str().expect("a text").to_owned()).collect()
    };
    let types = list("response_types_supported");
    for response_type in RESPONSE_TYPES.into_iter().chain(["code", "token"]) {
        assert!(types.contains(response_type), "{response_type}: {types:?}");
    }
    let grants = list("grant_types_supported");
    assert!(grants.contains("implicit") && grants.contains("authorization_code"), "{grants:?}");
}

fn consent_is_asked_as_for_a_code(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let mut browser = Browser::new(app);
    let lone = request("id_token").with("scope", "openid");
    let page = browser.authorize(&lone.pairs());
    assert!(is_sign_in(&page));
    let page = browser.sign_in(&page, &user);
    assert!(is_consent(&page), "{page:#}");
    Told::in_fragment(&browser.allow(&page)).expect_exactly(app, "id_token");
    // It is remembered, for all response types.
    for response_type in RESPONSE_TYPES {
        let again = browser.authorize(&request(response_type).with("scope", "openid").pairs());
        Told::in_fragment(&again).expect_exactly(app, response_type);
    }
}

fn parameters_missing_doubled_empty_and_huge(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let huge = "x".repeat(3000);
    for response_type in RESPONSE_TYPES {
        let whole = request(response_type);
        for name in [
            "response_type",
            "scope",
            "nonce",
            "prompt",
            "max_age",
            "claims",
            "response_mode",
            "id_token_hint",
        ] {
            let doubled = whole.clone().without(name).and(name, "1").and(name, "2");
            let redirect = Redirect::of(&doubled.open(app));
            let error = redirect.get("error").or(redirect.in_fragment("error"));
            assert_eq!(error, Some("invalid_request"), "{response_type} {name}");
        }
        for (name, error) in [
            ("prompt", "invalid_request"),
            ("max_age", "invalid_request"),
            ("claims", "invalid_request"),
            ("id_token_hint", "invalid_request"),
            ("response_mode", "invalid_request"),
            ("scope", "invalid_scope"),
        ] {
            refused(app, &whole.clone().with(name, &huge), error);
        }
        for name in
            ["prompt", "max_age", "claims", "response_mode", "id_token_hint", "acr_values", "login_hint"]
        {
            assert!(is_sign_in(&whole.clone().with(name, "").open(app)), "an empty {name} counts as omitted");
        }
        for name in ["client_id", "redirect_uri"] {
            whole.clone().and(name, "x").open(app).expect(400);
            whole.clone().with(name, &huge).open(app).expect(400);
        }
        let told = go_through(app, &whole.with("nonce", &huge).with("state", "s&t"), &user);
        if let Some(id_token) = told.get("id_token") {
            assert_eq!(claims(app, id_token)["nonce"], huge);
        }
    }
}
