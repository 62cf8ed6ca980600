//! The authorization code grant (RFC 6749 section 4.1): from the request to the tokens.

use gridauth_conformance::browser::is_sign_in;
use gridauth_conformance::case::HTTPS_ISSUER;
use gridauth_conformance::oauth::{
    CodeRequest, Redirect, Tokens, form_post, introspect, is_valid, refresh, token,
};
use gridauth_conformance::seed::WEB_CB;
use gridauth_conformance::{Browser, Context, Request, cases};

cases! {
    "RFC 6749 4.1" => a_code_becomes_tokens,
    "RFC 6749 4.1.2" => the_state_comes_back_as_it_was,
    "RFC 6749 3.1" => an_empty_state_counts_as_omitted,
    "RFC 9207 2" => the_issuer_is_in_every_answer,
    "RFC 9207 2" => the_iss_parameter_has_the_path_of_the_issuer,
    "RFC 6749 4.1.2" => a_code_is_redeemed_once,
    "RFC 6749 4.1.2" => a_second_use_revokes_what_the_first_gave,
    "RFC 6749 4.1.3" => a_code_is_bound_to_its_client,
    "RFC 6749 4.1.3" => another_client_does_not_use_up_a_code,
    "RFC 6749 4.1.3" => a_code_is_bound_to_its_redirect_uri,
    "RFC 6749 4.1.3" => a_redirect_uri_omitted_from_both_requests_is_the_registered_one,
    "RFC 6749 4.1.3" => a_redirect_uri_in_the_request_must_be_repeated,
    "RFC 6749 4.1.3" => a_missing_code_is_invalid_request,
    "RFC 6749 4.1.3" => a_made_up_code_is_refused,
    "RFC 6749 4.1.3" => the_client_must_authenticate,
    "RFC 6749 4.1.3" => a_public_client_must_name_itself,
    "RFC 6749 4.1.4" => a_client_without_the_refresh_grant_gets_no_refresh_token,
    "RFC 6749 3.3" => the_granted_scope_is_in_the_response,
    "RFC 6749 3.3" => scope_at_the_token_endpoint_cannot_widen,
    "RFC 6749 4.1.1" => a_post_that_is_not_our_form_is_a_new_request,
    "OAuth form_post" => the_response_can_be_posted,
    "OAuth multiple response types" => the_response_can_be_in_the_fragment,
    "OAuth multiple response types" => an_unknown_response_mode_is_refused,
    "RFC 6749 3.1.2" => a_query_of_the_redirect_uri_is_kept,
    "RFC 9700 4.12" => the_browser_is_sent_on_with_303_and_no_referrer,
    "RFC 6749 10.5" => a_code_cannot_be_guessed,
    "DEMO_APP.md, Start" => codes_and_tokens_are_not_interchangeable,
}

fn a_code_becomes_tokens(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let tokens = CodeRequest::web().tokens(app, &user);
    assert!(is_valid(app, &tokens.access));
    assert_eq!(tokens.expires_in, 3600);
    assert!(tokens.refresh.is_some());
    let about = introspect(app, &tokens.access);
    assert_eq!(about["username"], user.username);
    assert_eq!(about["client_id"], "web");
}

fn the_state_comes_back_as_it_was(context: &Context) {
    let (app, user) = (context.app(), context.user());
    for state in ["xyz", "a b&c=d#e?f+g%41\"<>\\'é€", &"s".repeat(2000)] {
        let redirect = CodeRequest::web().with("state", state).go_through(app, &user);
        assert_eq!(redirect.get("state"), Some(state));
        assert!(redirect.get("code").is_some());
    }
    assert_eq!(CodeRequest::web().go_through(app, &user).get("state"), None);
    let denied =
        CodeRequest::web().with("state", "st").with("scope", "nothing").refused(app, "invalid_scope");
    assert_eq!(denied.get("state"), Some("st"));
}

fn an_empty_state_counts_as_omitted(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let redirect = CodeRequest::web().with("state", "").go_through(app, &user);
    assert_eq!(redirect.get("state").unwrap_or_default(), "");
}

fn the_issuer_is_in_every_answer(context: &Context) {
    let (app, user) = (context.app(), context.user());
    assert_eq!(CodeRequest::web().go_through(app, &user).get("iss"), Some(&*app.issuer));
    let refused =
        CodeRequest::web().with("response_type", "unknown").refused(app, "unsupported_response_type");
    assert_eq!(refused.get("iss"), Some(&*app.issuer));
    let mut browser = Browser::new(app);
    let request = CodeRequest::web().with("scope", "notes.write");
    let page = browser.authorize(&request.pairs());
    let page = browser.sign_in(&page, &user);
    let denied = Redirect::of(&browser.deny(&page)).expect_error("access_denied");
    assert_eq!(denied.get("iss"), Some(&*app.issuer));
}

fn the_iss_parameter_has_the_path_of_the_issuer(context: &Context) {
    let app = context.https();
    let user = context.user_at(app);
    let redirect = CodeRequest::web().go_through(app, &user);
    assert_eq!(redirect.get("iss"), Some(HTTPS_ISSUER));
    let request = CodeRequest::web();
    let tokens = request.tokens(app, &user);
    assert_eq!(introspect(app, &tokens.access)["iss"], HTTPS_ISSUER);
}

fn a_code_is_redeemed_once(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let request = CodeRequest::web();
    let code = request.code(app, &user);
    Tokens::of(&request.redeem(app, &code));
    request.redeem(app, &code).expect_error(400, "invalid_grant");
    request.redeem(app, &code).expect_error(400, "invalid_grant");
}

fn a_second_use_revokes_what_the_first_gave(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let request = CodeRequest::web();
    let code = request.code(app, &user);
    let tokens = Tokens::of(&request.redeem(app, &code));
    let later = Tokens::of(&refresh(app, "web", tokens.refresh()));
    request.redeem(app, &code).expect_error(400, "invalid_grant");
    for access in [&tokens.access, &later.access] {
        assert!(!is_valid(app, access));
        assert_eq!(introspect(app, access)["active"], false);
    }
    refresh(app, "web", later.refresh()).expect_error(400, "invalid_grant");
}

fn a_code_is_bound_to_its_client(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let request = CodeRequest::web();
    let code = request.code(app, &user);
    // The other client even has the same redirect URI.
    token(app, "other", &request.redemption(&code)).expect_error(400, "invalid_grant");
    token(app, "spa", &request.redemption(&code)).expect_error(400, "invalid_grant");
}

fn another_client_does_not_use_up_a_code(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let request = CodeRequest::web();
    let code = request.code(app, &user);
    token(app, "other", &request.redemption(&code)).expect_error(400, "invalid_grant");
    let tokens = Tokens::of(&request.redeem(app, &code));
    // Nor can it get the tokens revoked once the code is used.
    token(app, "other", &request.redemption(&code)).expect_error(400, "invalid_grant");
    assert!(is_valid(app, &tokens.access));
}

fn a_code_is_bound_to_its_redirect_uri(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let request = CodeRequest::new("native", "http://127.0.0.1:4001/native");
    let code = request.code(app, &user);
    for wrong in ["http://127.0.0.1:4002/native", "http://127.0.0.1/native", "com.example.app:/cb"] {
        let redemption = request.clone().with("redirect_uri", wrong);
        redemption.redeem(app, &code).expect_error(400, "invalid_grant");
    }
    let web = CodeRequest::web();
    let code = web.code(app, &user);
    for wrong in
        ["https://client.example.com/cb/", "https://client.example.com/cb?x=1", "https://evil.example/"]
    {
        web.clone().with("redirect_uri", wrong).redeem(app, &code).expect_error(400, "invalid_grant");
    }
}

fn a_redirect_uri_omitted_from_both_requests_is_the_registered_one(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let request = CodeRequest::web().without("redirect_uri");
    let redirect = request.go_through(app, &user);
    assert_eq!(redirect.uri, WEB_CB);
    Tokens::of(&request.redeem(app, redirect.get("code").unwrap()));
}

fn a_redirect_uri_in_the_request_must_be_repeated(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let request = CodeRequest::web();
    let code = request.code(app, &user);
    let forgetful = request.clone().without("redirect_uri");
    forgetful.redeem(app, &code).expect_error(400, "invalid_grant");
}

fn a_missing_code_is_invalid_request(context: &Context) {
    let app = context.app();
    for parameters in [
        &[("grant_type", "authorization_code"), ("redirect_uri", WEB_CB)][..],
        &[("grant_type", "authorization_code"), ("redirect_uri", WEB_CB), ("code", "")],
    ] {
        token(app, "web", parameters).expect_error(400, "invalid_request");
    }
}

fn a_made_up_code_is_refused(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let request = CodeRequest::web();
    let code = request.code(app, &user);
    // The last character may hold bits that belong to no byte; the one before it never does.
    let at = code.len() - 2;
    let other = if code.as_bytes()[at] == b'A' { "B" } else { "A" };
    let forged = format!("{}{other}{}", &code[..at], &code[at + 1..]);
    let longer = format!("{code}A");
    let upper = code.to_uppercase();
    for wrong in [&*forged, &longer, &upper, &code[1..], "x", "gac_", "../../etc/passwd", "%00", "\u{e9}"] {
        request.redeem(app, wrong).expect_error(400, "invalid_grant");
    }
    // None of that used up the real code.
    Tokens::of(&request.redeem(app, &code));
}

fn the_client_must_authenticate(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let request = CodeRequest::web();
    let code = request.code(app, &user);
    let mut parameters = request.redemption(&code);
    parameters.push(("client_id", "web"));
    app.send(&Request::form("/oauth/token", &parameters)).expect_error(401, "invalid_client");
    Tokens::of(&request.redeem(app, &code));
}

fn a_public_client_must_name_itself(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let request = CodeRequest::new("spa", "http://127.0.0.1:5000/cb");
    let code = request.code(app, &user);
    app.send(&Request::form("/oauth/token", &request.redemption(&code))).expect_error(401, "invalid_client");
    Tokens::of(&request.redeem(app, &code));
}

fn a_client_without_the_refresh_grant_gets_no_refresh_token(context: &Context) {
    let (app, user) = (context.app(), context.user());
    for (client, uri) in [("defaults", "https://defaults.example.com/cb"), ("spa", "http://127.0.0.1/cb")] {
        assert_eq!(CodeRequest::new(client, uri).tokens(app, &user).refresh, None, "{client}");
    }
}

fn the_granted_scope_is_in_the_response(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let sorted = |scope: &str| {
        let mut tokens: Vec<String> = scope.split(' ').map(str::to_owned).collect();
        tokens.sort();
        tokens
    };
    let tokens = CodeRequest::web().with("scope", "notes.write notes.read").tokens(app, &user);
    assert_eq!(sorted(&tokens.scope), ["notes.read", "notes.write"]);
    // No scope in the request: the whole scope of the client, without openid and offline_access.
    for request in [CodeRequest::web().without("scope"), CodeRequest::web().with("scope", "")] {
        let tokens = request.tokens(app, &user);
        assert_eq!(sorted(&tokens.scope), ["email", "notes.read", "notes.write", "profile"]);
    }
    let empty = CodeRequest::new("no-scope", "https://noscope.example.com/cb").without("scope");
    assert_eq!(empty.tokens(app, &user).scope, "");
}

fn scope_at_the_token_endpoint_cannot_widen(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let request = CodeRequest::web();
    let code = request.code(app, &user);
    let mut parameters = request.redemption(&code);
    parameters.push(("scope", "notes.read notes.write"));
    // RFC 6749 section 4.1.3 has no such parameter, and section 3.2 says to ignore unknown ones.
    let tokens = Tokens::of(&token(app, "web", &parameters));
    assert_eq!(tokens.scope, "notes.read");
    assert_eq!(introspect(app, &tokens.access)["scope"], "notes.read");
    app.send(&Request::json("/notes", &serde_json::json!({"text": "x"})).bearer(&tokens.access)).expect(403);
}

fn a_post_that_is_not_our_form_is_a_new_request(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let mut browser = Browser::new(app);
    let request = CodeRequest::web().with("state", "posted");
    let page = browser.send(Request::form("/oauth/authorize", &request.pairs())).expect(200);
    assert!(is_sign_in(&page), "{page:#}");
    let page = browser.sign_in(&page, &user);
    let redirect = Redirect::of(&browser.allow(&page));
    assert_eq!(redirect.get("state"), Some("posted"));
    Tokens::of(&request.redeem(app, redirect.get("code").unwrap()));
}

fn the_response_can_be_posted(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let state = "a&b\"<c>'é";
    let request = CodeRequest::web().with("response_mode", "form_post").with("state", state);
    let answer = Browser::new(app).go_through(&request.pairs(), &user);
    let (action, fields) = form_post(&answer);
    assert_eq!(action, WEB_CB);
    let get = |name: &str| fields.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str());
    assert_eq!((get("state"), get("iss")), (Some(state), Some(&*app.issuer)));
    assert_eq!(fields.len(), 3, "{fields:?}");
    Tokens::of(&request.redeem(app, get("code").unwrap()));
    let refused = request.with("scope", "nothing").open(app);
    let (action, fields) = form_post(&refused);
    assert_eq!(action, WEB_CB);
    assert!(fields.contains(&("error".to_owned(), "invalid_scope".to_owned())), "{fields:?}");
}

fn the_response_can_be_in_the_fragment(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let request = CodeRequest::web().with("response_mode", "fragment").with("state", "s");
    let redirect = request.go_through(app, &user);
    assert!(redirect.query.is_empty(), "{redirect:?}");
    assert_eq!(redirect.in_fragment("state"), Some("s"));
    assert_eq!(redirect.in_fragment("iss"), Some(&*app.issuer));
    Tokens::of(&request.redeem(app, redirect.in_fragment("code").unwrap()));
    let refused = Redirect::of(&request.with("scope", "nothing").open(app));
    assert_eq!(refused.in_fragment("error"), Some("invalid_scope"));
}

fn an_unknown_response_mode_is_refused(context: &Context) {
    for mode in ["unknown", "QUERY", "query.JWT", "web_message"] {
        CodeRequest::web().with("response_mode", mode).refused(context.app(), "invalid_request");
    }
}

fn a_query_of_the_redirect_uri_is_kept(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let request = CodeRequest::new("two-uris", "https://two.example.com/cb?tenant=1").with("state", "s");
    let redirect = request.go_through(app, &user);
    assert_eq!(redirect.uri, "https://two.example.com/cb");
    assert_eq!((redirect.get("tenant"), redirect.get("state")), (Some("1"), Some("s")));
    Tokens::of(&request.redeem(app, redirect.get("code").unwrap()));
}

fn the_browser_is_sent_on_with_303_and_no_referrer(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let answer = Browser::new(app).go_through(&CodeRequest::web().pairs(), &user).expect(303);
    let policy = answer.header("referrer-policy").expect("a Referrer-Policy");
    assert!(["no-referrer", "same-origin"].contains(&policy), "{policy}");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}

fn a_code_cannot_be_guessed(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let (first, second) = (CodeRequest::web().code(app, &user), CodeRequest::web().code(app, &user));
    assert_ne!(first, second);
    // 256 random bits do not fit in less.
    assert!(first.len() >= 43 && second.len() >= 43);
    let common = first.bytes().zip(second.bytes()).rev().take_while(|(a, b)| a == b).count();
    assert!(common < 8, "the codes end alike");
}

fn codes_and_tokens_are_not_interchangeable(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let request = CodeRequest::web();
    let code = request.code(app, &user);
    assert!(!is_valid(app, &code), "a code is not an access token");
    refresh(app, "web", &code).expect_error(400, "invalid_grant");
    assert_eq!(introspect(app, &code)["active"], false);
    let tokens = Tokens::of(&request.redeem(app, &code));
    assert!(!is_valid(app, tokens.refresh()), "a refresh token is not an access token");
    refresh(app, "web", &tokens.access).expect_error(400, "invalid_grant");
    request.redeem(app, &tokens.access).expect_error(400, "invalid_grant");
    request.redeem(app, tokens.refresh()).expect_error(400, "invalid_grant");
    assert!(is_valid(app, &tokens.access));
}
