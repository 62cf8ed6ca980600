//! The authorization endpoint: which errors the user sees on a page, and which the client gets by a redirect.

use gridauth_conformance::browser::{is_consent, is_sign_in};
use gridauth_conformance::html::Page;
use gridauth_conformance::oauth::{CodeRequest, Pkce, Redirect};
use gridauth_conformance::seed::WEB_CB;
use gridauth_conformance::{Browser, Context, Request, Response, cases};

cases! {
    "RFC 6749 4.1.2.1" => an_unknown_client_is_an_error_page,
    "RFC 6749 4.1.2.1" => a_redirect_uri_that_does_not_match_is_an_error_page,
    "RFC 9700 2.1" => redirect_uris_are_compared_character_by_character,
    "RFC 6749 3.1.2.3" => a_client_with_several_redirect_uris_must_name_one,
    "RFC 6749 3.1.2.3" => a_client_without_redirect_uri_cannot_ask,
    "RFC 8252 7.3" => the_port_of_a_loopback_redirect_may_be_any,
    "RFC 8252 7.3" => nothing_else_of_a_loopback_redirect_may_differ,
    "RFC 8252 7.1" => a_private_scheme_is_a_redirect_uri,
    "RFC 6749 4.1.2.1" => a_repeated_client_id_or_redirect_uri_redirects_nowhere,
    "RFC 6749 3.1" => any_other_repeated_parameter_is_reported_to_the_client,
    "RFC 6749 3.1" => a_repeated_state_is_not_sent_back,
    "RFC 6749 3.1.1" => a_missing_response_type_is_reported_to_the_client,
    "RFC 6749 4.1.2.1" => an_unknown_response_type_is_reported_to_the_client,
    "RFC 6749 4.1.2.1" => a_client_uses_only_its_response_types_and_grants,
    "RFC 6749 4.1.2.1" => a_scope_beyond_the_clients_is_reported_to_the_client,
    "RFC 6749 3.3" => a_malformed_scope_is_reported_to_the_client,
    "RFC 6749 3.1" => unknown_parameters_are_ignored,
    "RFC 6749 3.1" => a_parameter_without_value_counts_as_omitted,
    "RFC 9700 4.11" => errors_do_not_make_an_open_redirector,
    "DEMO_APP.md, Policies" => errors_are_the_same_signed_in_or_not,
    "RFC 6749 3.1.2.4" => an_error_page_leads_nowhere_and_shows_no_input,
    "RFC 7636 4.4.1" => a_public_client_without_challenge_is_refused,
    "RFC 7636 4.2" => plain_is_refused,
    "RFC 7636 4.2" => a_malformed_challenge_is_refused,
    "RFC 7636 4.6" => the_verifier_must_match_the_challenge,
    "RFC 7636 4.1" => a_malformed_verifier_never_matches,
    "RFC 7636 4.6" => a_missing_verifier_is_refused,
    "RFC 9700 2.1.1" => a_verifier_without_challenge_is_refused,
    "RFC 9700 4.8.2" => a_challenge_method_without_challenge_is_refused,
    "RFC 7636 4.6" => a_wrong_verifier_does_not_use_up_the_code,
    "RFC 7636 B" => the_example_of_the_rfc_works,
    "DEMO_APP.md, Policies" => a_confidential_client_may_do_without_pkce,
}

/// The response is an error page that redirects nowhere.
#[track_caller]
fn on_a_page(answer: &Response) {
    assert_eq!(answer.status, 400, "{answer:#}");
    assert_eq!(answer.header("location"), None, "{answer:#}");
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
    let page = Page::read(answer.text());
    assert!(page.forms.is_empty(), "{answer:#}");
    assert!(!page.all("meta").iter().any(|meta| meta.iter().any(|(name, _)| name == "http-equiv")));
}

fn an_unknown_client_is_an_error_page(context: &Context) {
    for id in ["nobody", "WEB", "web ", " web", "", "%00", "é", &"x".repeat(5000)] {
        on_a_page(&CodeRequest::web().with("client_id", id).open(context.app()));
    }
    on_a_page(&CodeRequest::web().without("client_id").open(context.app()));
}

fn a_redirect_uri_that_does_not_match_is_an_error_page(context: &Context) {
    for uri in [
        "https://evil.example/cb",
        "javascript:alert(1)",
        "data:text/html,x",
        "//client.example.com/cb",
        "/cb",
        "x",
    ] {
        on_a_page(&CodeRequest::web().with("redirect_uri", uri).open(context.app()));
    }
}

fn redirect_uris_are_compared_character_by_character(context: &Context) {
    for uri in [
        "https://client.example.com/cb/",
        "https://client.example.com/cb?",
        "https://client.example.com/cb?x=1",
        "https://client.example.com/cb#",
        "https://client.example.com/cb#x",
        "https://client.example.com/CB",
        "https://CLIENT.example.com/cb",
        "HTTPS://client.example.com/cb",
        "http://client.example.com/cb",
        "https://client.example.com:443/cb",
        "https://client.example.com:8443/cb",
        "https://client.example.com/x/../cb",
        "https://client.example.com/./cb",
        "https://client.example.com/%63b",
        "https://client.example.com//cb",
        "https://client.example.com/cb/../../evil",
        "https://client.example.com\\@evil.example/cb",
        "https://client.example.com@evil.example/cb",
        "https://evil@client.example.com/cb",
        "https://client.example.com.evil.example/cb",
        "https://evil.example/https://client.example.com/cb",
        " https://client.example.com/cb",
        "https://client.example.com/cb ",
        "https://client.example.com/cb\u{200b}",
        "https://xn--client.example.com/cb",
    ] {
        on_a_page(&CodeRequest::web().with("redirect_uri", uri).open(context.app()));
    }
}

fn a_client_with_several_redirect_uris_must_name_one(context: &Context) {
    let app = context.app();
    let request = CodeRequest::new("two-uris", "https://two.example.com/other");
    assert!(is_sign_in(&request.open(app)));
    on_a_page(&request.clone().without("redirect_uri").open(app));
    on_a_page(&request.clone().with("redirect_uri", "").open(app));
    // The query is part of it.
    on_a_page(&request.clone().with("redirect_uri", "https://two.example.com/cb").open(app));
    on_a_page(&request.with("redirect_uri", "https://two.example.com/cb?tenant=2").open(app));
}

fn a_client_without_redirect_uri_cannot_ask(context: &Context) {
    for uri in ["https://client.example.com/cb", "http://127.0.0.1/cb", ""] {
        on_a_page(&CodeRequest::new("no-uri", uri).open(context.app()));
    }
    on_a_page(&CodeRequest::new("machine", WEB_CB).without("redirect_uri").open(context.app()));
}

fn the_port_of_a_loopback_redirect_may_be_any(context: &Context) {
    let (app, user) = (context.app(), context.user());
    for uri in [
        "http://127.0.0.1/native",
        "http://127.0.0.1:80/native",
        "http://127.0.0.1:49152/native",
        "http://[::1]:49152/native",
    ] {
        let request = CodeRequest::new("native", uri);
        let redirect = request.go_through(app, &user);
        assert_eq!(redirect.uri, uri);
        request.redeem(app, redirect.get("code").unwrap()).expect(200);
    }
}

fn nothing_else_of_a_loopback_redirect_may_differ(context: &Context) {
    for uri in [
        "https://127.0.0.1:5000/native",
        "http://127.0.0.1:5000/",
        "http://127.0.0.1:5000/native/",
        "http://127.0.0.1:5000/native?x=1",
        "http://127.0.0.1:5000/native#x",
        "http://127.0.0.2:5000/native",
        "http://127.1:5000/native",
        "http://2130706433:5000/native",
        "http://0.0.0.0:5000/native",
        "http://127.0.0.1:99999/native",
        "http://127.0.0.1:/native",
        "http://127.0.0.1:+80/native",
        "http://127.0.0.1: 80/native",
        "http://127.0.0.1:80:80/native",
        "http://127.0.0.1:80@evil.example/native",
        "http://127.0.0.1.evil.example:80/native",
        "http://evil@127.0.0.1:80/native",
        "http://[::2]:80/native",
        "http://[::1].evil.example/native",
    ] {
        on_a_page(&CodeRequest::new("native", uri).open(context.app()));
    }
}

fn a_private_scheme_is_a_redirect_uri(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let request = CodeRequest::new("native", "com.example.app:/cb");
    let redirect = request.go_through(app, &user);
    assert_eq!(redirect.uri, "com.example.app:/cb");
    request.redeem(app, redirect.get("code").unwrap()).expect(200);
    on_a_page(&request.clone().with("redirect_uri", "com.example.app:/cb/x").open(app));
    on_a_page(&request.with("redirect_uri", "com.example.app://cb").open(app));
}

fn a_repeated_client_id_or_redirect_uri_redirects_nowhere(context: &Context) {
    let app = context.app();
    for request in [
        CodeRequest::web().and("client_id", "web"),
        CodeRequest::web().and("client_id", "other"),
        CodeRequest::web().and("redirect_uri", WEB_CB),
        CodeRequest::web().and("redirect_uri", "https://evil.example/"),
        CodeRequest::web().and("redirect_uri", ""),
        CodeRequest::web().with("redirect_uri", "https://evil.example/").and("redirect_uri", WEB_CB),
    ] {
        on_a_page(&request.open(app));
        on_a_page(&app.send(&Request::form("/oauth/authorize", &request.pairs())));
    }
}

fn any_other_repeated_parameter_is_reported_to_the_client(context: &Context) {
    let app = context.app();
    let whole = CodeRequest::web().with("response_mode", "query").with("state", "s").with("unknown", "1");
    for (name, value) in whole.parameters.clone() {
        if ["client_id", "redirect_uri", "state"].contains(&name.as_str()) {
            continue;
        }
        for again in [value.as_str(), "", "else"] {
            let request = whole.clone().and(&name, again);
            let redirect = request.refused(app, "invalid_request");
            assert_eq!(redirect.uri, WEB_CB);
            assert_eq!(redirect.get("state"), Some("s"));
            let posted = app.send(&Request::form("/oauth/authorize", &request.pairs()));
            Redirect::of(&posted).expect_error("invalid_request");
        }
    }
}

fn a_repeated_state_is_not_sent_back(context: &Context) {
    let request = CodeRequest::web().and("state", "one").and("state", "two");
    let redirect = request.refused(context.app(), "invalid_request");
    assert_eq!(redirect.get("state"), None);
}

fn a_missing_response_type_is_reported_to_the_client(context: &Context) {
    for request in [CodeRequest::web().without("response_type"), CodeRequest::web().with("response_type", "")]
    {
        request.refused(context.app(), "invalid_request");
    }
}

fn an_unknown_response_type_is_reported_to_the_client(context: &Context) {
    for kind in ["unknown", "CODE", "code ", "none", "code code", "device_code"] {
        let answer = CodeRequest::web().with("response_type", kind).open(context.app());
        let redirect = Redirect::of(&answer);
        let error = redirect.get("error").or(redirect.in_fragment("error"));
        assert_eq!(error, Some("unsupported_response_type"), "{kind:?}: {redirect:?}");
    }
}

fn a_client_uses_only_its_response_types_and_grants(context: &Context) {
    let app = context.app();
    // Registered for code only; an error of the implicit grant is in the fragment (RFC 6749 section 4.2.2.1).
    let answer = CodeRequest::web().with("response_type", "token").open(app);
    assert_eq!(Redirect::of(&answer).in_fragment("error"), Some("unauthorized_client"));
    // Registered for token only.
    let request = CodeRequest::new("implicit", "https://implicit.example.com/cb");
    request.refused(app, "unauthorized_client");
    // Registered for what the server does not support.
    CodeRequest::new("unusable", "https://u.example.com/cb").refused(app, "unauthorized_client");
}

fn a_scope_beyond_the_clients_is_reported_to_the_client(context: &Context) {
    let app = context.app();
    for scope in ["all", "notes.read all", "notes.read notes.write", "NOTES.READ", "notes.readx", "notes"] {
        CodeRequest::new("spa", "http://127.0.0.1/cb").with("scope", scope).refused(app, "invalid_scope");
    }
    CodeRequest::new("no-scope", "https://noscope.example.com/cb").refused(app, "invalid_scope");
}

fn a_malformed_scope_is_reported_to_the_client(context: &Context) {
    for scope in ["notes.read \"x\"", "notes.read\\", "é", "notes.read\u{a0}notes.write"] {
        CodeRequest::web().with("scope", scope).refused(context.app(), "invalid_scope");
    }
}

fn unknown_parameters_are_ignored(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let request = CodeRequest::web().with("foo", "bar").with("ui_locales", "de").with("a b", "\u{1f600}");
    assert!(request.go_through(app, &user).get("code").is_some());
}

fn a_parameter_without_value_counts_as_omitted(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let request = CodeRequest::web()
        .with("response_mode", "")
        .with("scope", "")
        .with("code_challenge", "")
        .with("code_challenge_method", "");
    assert!(request.go_through(app, &user).get("code").is_some());
    // For a public client that is not enough.
    let public = CodeRequest::new("spa", "http://127.0.0.1/cb").with("code_challenge", "");
    public.refused(app, "invalid_request");
}

fn errors_do_not_make_an_open_redirector(context: &Context) {
    let app = context.app();
    // RFC 9700 section 4.11.2: the server never redirects to a URI that the client did not register, whatever else is wrong.
    for request in [
        CodeRequest::web().with("redirect_uri", "https://evil.example/").with("scope", "nothing"),
        CodeRequest::web().with("redirect_uri", "https://evil.example/").with("response_type", "x"),
        CodeRequest::web().with("redirect_uri", "https://evil.example/").and("state", "1").and("state", "2"),
        CodeRequest::web().with("client_id", "nobody").with("redirect_uri", "https://evil.example/"),
        CodeRequest::new("spa", "https://evil.example/").without("code_challenge"),
    ] {
        on_a_page(&request.open(app));
        on_a_page(&app.send(&Request::form("/oauth/authorize", &request.pairs())));
    }
}

fn errors_are_the_same_signed_in_or_not(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let mut browser = Browser::new(app);
    Redirect::of(&browser.go_through(&CodeRequest::web().pairs(), &user));
    let refused = CodeRequest::web().with("scope", "nothing");
    Redirect::of(&browser.authorize(&refused.pairs())).expect_error("invalid_scope");
    on_a_page(&browser.authorize(&CodeRequest::web().with("redirect_uri", "https://evil.example/").pairs()));
    on_a_page(&browser.authorize(&CodeRequest::web().with("client_id", "nobody").pairs()));
}

fn an_error_page_leads_nowhere_and_shows_no_input(context: &Context) {
    let marked = "https://evil.example/<script>alert(1)</script>";
    let answer =
        CodeRequest::web().with("redirect_uri", marked).with("state", "<b>st4te</b>").open(context.app());
    on_a_page(&answer);
    let page = Page::read(answer.text());
    assert!(page.all("a").is_empty() && page.all("script").is_empty(), "{answer:#}");
    assert!(!answer.text().contains("st4te") && !answer.text().contains("<script>alert"), "{answer:#}");
    let answer = CodeRequest::web().with("client_id", "<img src=x onerror=alert(1)>").open(context.app());
    assert!(Page::read(answer.text()).all("img").is_empty(), "{answer:#}");
}

fn a_public_client_without_challenge_is_refused(context: &Context) {
    let app = context.app();
    for (client, uri) in [("spa", "http://127.0.0.1/cb"), ("spa-refresh", "https://spa.example.com/cb")] {
        let request = CodeRequest::new(client, uri);
        request
            .clone()
            .without("code_challenge")
            .without("code_challenge_method")
            .refused(app, "invalid_request");
        request.without("code_challenge").refused(app, "invalid_request");
    }
}

fn plain_is_refused(context: &Context) {
    let app = context.app();
    for request in [CodeRequest::web(), CodeRequest::new("spa", "http://127.0.0.1/cb")] {
        request.clone().with("code_challenge_method", "plain").refused(app, "invalid_request");
        // RFC 7636 section 4.3: a missing method means plain.
        request.clone().without("code_challenge_method").refused(app, "invalid_request");
        request.clone().with("code_challenge_method", "s256").refused(app, "invalid_request");
        request.with("code_challenge_method", "S512").refused(app, "invalid_request");
    }
}

fn a_malformed_challenge_is_refused(context: &Context) {
    let right = Pkce::new().challenge;
    for wrong in [
        "x",
        &right[1..],
        &format!("{right}A"),
        &format!("{right}="),
        &format!("{}+", &right[1..]),
        &format!("{} ", &right[1..]),
        &"A".repeat(128),
    ] {
        CodeRequest::web().with("code_challenge", wrong).refused(context.app(), "invalid_request");
    }
}

fn the_verifier_must_match_the_challenge(context: &Context) {
    let (app, user) = (context.app(), context.user());
    for request in [CodeRequest::web(), CodeRequest::new("spa", "http://127.0.0.1/cb")] {
        let code = request.code(app, &user);
        let stranger = CodeRequest { pkce: Pkce::new(), ..request.clone() };
        stranger.redeem(app, &code).expect_error(400, "invalid_grant");
        // The challenge itself is not a verifier.
        let mut plain = request.clone();
        plain.pkce.verifier.clone_from(&request.pkce.challenge);
        plain.redeem(app, &code).expect_error(400, "invalid_grant");
    }
}

fn a_malformed_verifier_never_matches(context: &Context) {
    let (app, user) = (context.app(), context.user());
    for verifier in
        ["v".repeat(42), "v".repeat(129), format!("{} ", "v".repeat(43)), format!("{}é", "v".repeat(43))]
    {
        let mut request = CodeRequest::web();
        request.pkce.challenge = gridauth_conformance::oauth::challenge_of(&verifier);
        let challenge = request.pkce.challenge.clone();
        request.pkce.verifier = verifier;
        let request = request.with("code_challenge", &challenge);
        let code = request.code(app, &user);
        let answer = request.redeem(app, &code);
        assert_eq!(answer.status, 400, "{answer:#}");
        assert!(["invalid_grant", "invalid_request"].contains(&&*answer.member("error")), "{answer:#}");
    }
}

fn a_missing_verifier_is_refused(context: &Context) {
    let (app, user) = (context.app(), context.user());
    for request in [CodeRequest::web(), CodeRequest::new("spa", "http://127.0.0.1/cb")] {
        let code = request.code(app, &user);
        for verifier in [None, Some("")] {
            let mut parameters = request.redemption(&code);
            parameters.retain(|(name, _)| *name != "code_verifier");
            parameters.extend(verifier.map(|verifier| ("code_verifier", verifier)));
            let answer = gridauth_conformance::oauth::token(app, &request.client_id, &parameters);
            assert_eq!(answer.status, 400, "{answer:#}");
            assert!(["invalid_grant", "invalid_request"].contains(&&*answer.member("error")), "{answer:#}");
        }
    }
}

fn a_verifier_without_challenge_is_refused(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let request = CodeRequest::web().without("code_challenge").without("code_challenge_method");
    let code = request.code(app, &user);
    let mut parameters = request.redemption(&code);
    parameters.push(("code_verifier", &request.pkce.verifier));
    gridauth_conformance::oauth::token(app, "web", &parameters).expect_error(400, "invalid_grant");
}

fn a_challenge_method_without_challenge_is_refused(context: &Context) {
    CodeRequest::web().without("code_challenge").refused(context.app(), "invalid_request");
}

fn a_wrong_verifier_does_not_use_up_the_code(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let request = CodeRequest::new("spa", "http://127.0.0.1/cb");
    let code = request.code(app, &user);
    CodeRequest { pkce: Pkce::new(), ..request.clone() }
        .redeem(app, &code)
        .expect_error(400, "invalid_grant");
    request.redeem(app, &code).expect(200);
}

fn the_example_of_the_rfc_works(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let pkce = Pkce {
        verifier: "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".to_owned(),
        challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM".to_owned(),
    };
    let challenge = pkce.challenge.clone();
    let request = CodeRequest { pkce, ..CodeRequest::web() }.with("code_challenge", &challenge);
    request.tokens(app, &user);
}

fn a_confidential_client_may_do_without_pkce(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let request = CodeRequest::web().without("code_challenge").without("code_challenge_method");
    request.tokens(app, &user);
    let mut browser = Browser::new(app);
    let page = browser.authorize(&request.with("scope", "notes.write").pairs());
    assert!(is_consent(&browser.sign_in(&page, &user)));
}
