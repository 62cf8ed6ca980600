//! The response types of OpenID Connect beside `code` (OpenID Connect Core sections 3.2 and 3.3, OAuth 2.0 Multiple Response Type
//! Encoding Practices).

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use gridauth::grant::extension::OpenId;
use gridauth::grant::{
    AuthorizationCode, AuthorizationPlan, AuthorizationRequest, Extension, GrantExt, Implicit, TokenDraft,
    TokenRequest,
};
use gridauth::jose::Algorithm;
use gridauth::model::{AccessTokenFormat, AuthMethod, GrantData};
use gridauth::protocol::OAuthError;
use gridauth::store::Kind;
use gridauth::{Builder, Client, GridAuth, Store};
use serde_json::{Value, json};

use crate::log::Warnings;
use crate::provider::*;
use crate::support::*;

const WITH_ID_TOKEN: [&str; 4] = ["id_token", "id_token token", "code id_token", "code id_token token"];

#[tokio::test]
async fn every_response_type_in_every_mode_serves_public_and_confidential_clients() {
    let server = provider().await;
    let poster = server.auth.confidential_client("poster", "web-secret").await.unwrap();
    let poster = of_all_types(poster.redirect_uri(REDIRECT)).auth_method(AuthMethod::Post);
    server.auth.put_client(poster.build().unwrap()).await.unwrap();
    for response_type in RESPONSE_TYPES {
        for mode in ["", "fragment", "form_post"] {
            for (client, redirect) in [("web", REDIRECT), ("poster", REDIRECT), ("spa", SPA)] {
                let about = format!("{response_type}, {mode}, {client}");
                let more = [("client_id", client), ("redirect_uri", redirect), ("response_mode", mode)];
                let page = server.sign_in(&request(response_type, &more)).await.page;
                match mode {
                    "form_post" => {
                        assert_eq!(page.status(), 200, "{about}");
                        assert!(text(&page).contains(&format!("action=\"{redirect}\"")), "{about}");
                    }
                    _ => assert!(location(&page).starts_with(&format!("{redirect}#")), "{about}"),
                }
                assert_eq!(page.headers()["cache-control"], "no-store", "{about}");
                let told = parameters(&page);
                let mut expected = BTreeSet::from(["state", "iss"]);
                if has(response_type, "code") {
                    expected.insert("code");
                }
                if has(response_type, "id_token") {
                    expected.insert("id_token");
                }
                if has(response_type, "token") {
                    expected.extend(["access_token", "token_type", "expires_in", "scope"]);
                    assert_eq!((&*told["token_type"], &*told["expires_in"]), ("Bearer", "3600"), "{about}");
                    assert!(is_valid(&server, &told["access_token"]).await, "{about}");
                }
                // Never a refresh token (RFC 6749 section 4.2.2).
                assert_eq!(told.keys().map(String::as_str).collect::<BTreeSet<_>>(), expected, "{about}");
                assert_eq!((&*told["state"], &*told["iss"]), ("xyz", ISSUER), "{about}");
                if let Some(id_token) = told.get("id_token") {
                    let claims = verified(&server, id_token).await;
                    assert_eq!((&claims["aud"], &claims["azp"]), (&json!(client), &json!(client)), "{about}");
                }
            }
        }
    }
}

#[tokio::test]
async fn the_id_token_has_the_hashes_of_what_comes_with_it() {
    let server = provider().await;
    for algorithm in [Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa] {
        put_web(&server, |web| web.metadata("id_token_signed_response_alg", algorithm.name().into())).await;
        for response_type in WITH_ID_TOKEN {
            let told = answered(&server, &request(response_type, &[])).await;
            let claims = verified(&server, &told["id_token"]).await;
            let hash = |name: &str| told.get(name).map_or(Value::Null, |text| half_hash(algorithm, text));
            for (claim, of) in [("at_hash", "access_token"), ("c_hash", "code"), ("s_hash", "state")] {
                assert_eq!(claims[claim], hash(of), "{algorithm} {response_type} {claim}");
            }
            assert_eq!(claims["iss"], ISSUER);
            assert_eq!(claims["sub"], "israel");
            assert_eq!(claims["nonce"], NONCE);
            assert_eq!(claims["auth_time"], 1_700_000_000);
            assert_eq!(claims["iat"], 1_700_000_000);
            assert_eq!(claims["amr"], json!(["pwd"]));
            assert!(claims["sid"].is_string() && claims["exp"].as_i64() > claims["iat"].as_i64());
        }
    }
    let without_state = answered(&server, &request("code id_token", &[("state", "")])).await;
    assert_eq!(verified(&server, &without_state["id_token"]).await["s_hash"], Value::Null);
    assert!(!without_state.contains_key("state"));
}

#[tokio::test]
async fn the_words_may_come_in_any_order_and_only_once() {
    let server = provider().await;
    for order in [
        "code id_token token",
        "code token id_token",
        "id_token code token",
        "id_token token code",
        "token code id_token",
        "token id_token code",
    ] {
        let told = answered(&server, &request(order, &[])).await;
        assert!(["code", "id_token", "access_token"].iter().all(|name| told.contains_key(*name)), "{order}");
    }
    // The client may have registered them in yet another order.
    put_web(&server, |web| web.response_types(["token code", "token id_token"])).await;
    for order in ["code token", "id_token token"] {
        assert!(answered(&server, &request(order, &[])).await.contains_key("access_token"), "{order}");
    }
    for bad in [
        "id_token id_token",
        "code code",
        "token token",
        "code id_token code",
        "code id_token token token",
        "code  id_token",
        " id_token",
        "id_token ",
        "code,id_token",
        "ID_TOKEN",
        "code id_token none",
        "none",
    ] {
        let back = server.get(&request(bad, &[("code_challenge", "")]), None).await;
        assert_eq!(error_of(&back), "unsupported_response_type", "{bad:?}");
        // Whoever expects a token does not look into the query.
        let in_fragment = bad.split(' ').any(|word| word == "token" || word == "id_token");
        assert_eq!(location(&back).contains('#'), in_fragment, "{bad:?}");
    }
}

#[tokio::test]
async fn the_query_is_refused() {
    let server = provider().await;
    for response_type in RESPONSE_TYPES {
        for mode in ["query", "query.jwt", "QUERY", "web_message"] {
            let back = server.get(&request(response_type, &[("response_mode", mode)]), None).await;
            assert!(location(&back).starts_with(&format!("{REDIRECT}#")), "{}", location(&back));
            assert_eq!(error_of(&back), "invalid_request", "{response_type} {mode}");
        }
    }
}

#[tokio::test]
async fn a_nonce_is_required_with_an_id_token() {
    let server = provider().await;
    for response_type in WITH_ID_TOKEN {
        let back = server.get(&request(response_type, &[("nonce", "")]), None).await;
        assert_eq!(error_of(&back), "invalid_request", "{response_type}");
        let empty = format!("{}&nonce=", request(response_type, &[("nonce", "")]));
        assert_eq!(error_of(&server.get(&empty, None).await), "invalid_request", "{response_type}");
        let doubled = format!("{}&nonce=other", request(response_type, &[]));
        assert_eq!(error_of(&server.get(&doubled, None).await), "invalid_request", "{response_type}");
    }
    for response_type in ["code", "code token"] {
        let told = answered(&server, &request(response_type, &[("nonce", "")])).await;
        assert!(told.contains_key("code"), "{response_type}");
    }
}

#[tokio::test]
async fn an_id_token_needs_the_scope_openid() {
    let server = provider().await;
    for response_type in WITH_ID_TOKEN {
        for scope in ["", "notes.read", "profile email"] {
            let back = server.get(&request(response_type, &[("scope", scope)]), None).await;
            assert_eq!(error_of(&back), "invalid_request", "{response_type} {scope:?}");
        }
    }
    let told = answered(&server, &request("code token", &[("scope", "notes.read")])).await;
    assert_eq!(told["scope"], "notes.read");
    let (_, tokens) = server.token(&redeem(&told["code"])).await;
    assert_eq!((&tokens["scope"], &tokens["id_token"]), (&json!("notes.read"), &Value::Null));
    put_web(&server, |web| web.scope("notes.read")).await;
    let back = server.get(&request("id_token", &[]), None).await;
    assert_eq!(error_of(&back), "invalid_scope");
}

/// OpenID Connect Core section 5.4.
#[tokio::test]
async fn a_lone_id_token_has_the_claims_of_the_scopes() {
    let server = provider().await;
    let scope = ("scope", "openid profile email");
    for response_type in WITH_ID_TOKEN {
        let told = answered(&server, &request(response_type, &[scope])).await;
        let claims = verified(&server, &told["id_token"]).await;
        let is_lone = response_type == "id_token";
        assert_eq!(claims["email"] == "israel@example.com", is_lone, "{response_type}: {claims}");
        assert_eq!(claims["name"] == "Israel", is_lone, "{response_type}: {claims}");
        assert_eq!(claims["phone_number"], Value::Null);
        if let Some(access_token) = told.get("access_token") {
            let (_, info) = userinfo(&server, access_token).await;
            assert_eq!((&info["sub"], &info["email"]), (&json!("israel"), &json!("israel@example.com")));
        }
    }
    // What is asked for by name is there in each.
    let by_name = ("claims", r#"{"id_token": {"email": null}}"#);
    for response_type in WITH_ID_TOKEN {
        let told = answered(&server, &request(response_type, &[by_name])).await;
        assert_eq!(verified(&server, &told["id_token"]).await["email"], "israel@example.com");
    }
}

async fn userinfo(server: &Server, access_token: &str) -> (u16, Value) {
    let request =
        http::Request::get("/oauth/userinfo").header("authorization", format!("Bearer {access_token}"));
    answer(server.auth.handle(request.body(bytes::Bytes::new()).unwrap()).await)
}

/// OpenID Connect Core section 3.3.3.6.
#[tokio::test]
async fn both_id_tokens_of_a_hybrid_request_are_about_the_same() {
    let server = provider().await;
    for response_type in ["code id_token", "code id_token token"] {
        let told = answered(&server, &request(response_type, &[])).await;
        server.advance(30);
        let (status, tokens) = server.token(&redeem(&told["code"])).await;
        assert_eq!(status, 200, "{tokens}");
        let first = verified(&server, &told["id_token"]).await;
        let second = verified(&server, &string(&tokens, "id_token")).await;
        for claim in ["iss", "sub", "aud", "nonce", "auth_time", "acr", "amr", "azp", "sid"] {
            assert_eq!(first[claim], second[claim], "{claim}");
        }
        let at_hash = half_hash(Algorithm::Rs256, &string(&tokens, "access_token"));
        assert_eq!((&second["at_hash"], &second["c_hash"]), (&at_hash, &Value::Null));
        assert!(tokens["refresh_token"].is_string());
        let (_, later) = server.token(&refresh(&string(&tokens, "refresh_token"))).await;
        let later = verified(&server, &string(&later, "id_token")).await;
        assert_eq!((&later["sub"], &later["nonce"]), (&first["sub"], &Value::Null));
    }
    let told = answered(&server, &request("code token", &[])).await;
    let (_, tokens) = server.token(&redeem(&told["code"])).await;
    assert_eq!(verified(&server, &string(&tokens, "id_token")).await["nonce"], NONCE);
}

#[tokio::test]
async fn a_pairwise_client_knows_the_user_by_one_subject() {
    let server = provider().await;
    put_web(&server, |web| web.metadata("subject_type", "pairwise".into())).await;
    let told = answered(&server, &request("code id_token token", &[])).await;
    let (_, tokens) = server.token(&redeem(&told["code"])).await;
    let subject = verified(&server, &told["id_token"]).await["sub"].clone();
    assert_ne!(subject, "israel");
    assert_eq!(verified(&server, &string(&tokens, "id_token")).await["sub"], subject);
    assert_eq!(userinfo(&server, &told["access_token"]).await.1["sub"], subject);
    let lone = answered(&server, &request("id_token", &[])).await;
    assert_eq!(verified(&server, &lone["id_token"]).await["sub"], subject);
}

/// RFC 6749 section 4.1.2: a second use of the code revokes all tokens that are based on it.
#[tokio::test]
async fn a_code_used_twice_ends_the_front_channel_token() {
    for format in [AccessTokenFormat::Opaque, AccessTokenFormat::Jwt] {
        let server = provider_with(|builder| builder.access_token_format(format)).await;
        for response_type in ["code token", "code id_token token"] {
            let told = answered(&server, &request(response_type, &[])).await;
            assert_eq!(ids(server.auth.store(), Kind::Grant).await.len(), 1, "one row for code and token");
            let (status, tokens) = server.token(&redeem(&told["code"])).await;
            assert_eq!(status, 200, "{tokens}");
            assert_eq!(ids(server.auth.store(), Kind::Grant).await.len(), 1);
            assert_ne!(tokens["access_token"], told["access_token"]);
            let front = told["access_token"].as_str();
            assert!(is_valid(&server, front).await && server.is_valid(&tokens).await);
            assert_eq!(server.token(&redeem(&told["code"])).await.1["error"], "invalid_grant");
            assert!(!is_valid(&server, front).await && !server.is_valid(&tokens).await);
            assert!(ids(server.auth.store(), Kind::Grant).await.is_empty());
        }
    }
}

#[tokio::test]
async fn the_front_channel_token_outlives_its_code_and_is_revoked_alone() {
    let server = provider().await;
    let told = answered(&server, &request("code token", &[])).await;
    server.advance(61);
    assert_eq!(server.token(&redeem(&told["code"])).await.1["error"], "invalid_grant");
    assert!(is_valid(&server, &told["access_token"]).await, "an expired code is not a used one");
    server.advance(3600);
    assert!(!is_valid(&server, &told["access_token"]).await);

    let told = answered(&server, &request("code token", &[])).await;
    let credentials = basic("web", "web-secret");
    let headers = [("authorization", credentials.as_str())];
    let revoked = server.post("/oauth/revoke", &headers, &[("token", &told["access_token"])]).await;
    assert_eq!(revoked.status(), 200);
    assert!(!is_valid(&server, &told["access_token"]).await);
    let (status, tokens) = server.token(&redeem(&told["code"])).await;
    assert_eq!(status, 200, "{tokens}");
    // And the token of the implicit one, which has a grant of its own.
    let told = answered(&server, &request("id_token token", &[])).await;
    server.post("/oauth/revoke", &headers, &[("token", &told["access_token"])]).await;
    assert!(!is_valid(&server, &told["access_token"]).await);
}

/// An ID token gives access to nothing.
#[tokio::test]
async fn an_id_token_alone_leaves_no_grant() {
    let server = provider().await;
    let told = answered(&server, &request("id_token", &[])).await;
    assert!(told.contains_key("id_token"));
    assert!(ids(server.auth.store(), Kind::Grant).await.is_empty());
}

#[tokio::test]
async fn a_signer_that_fails_stores_nothing() {
    let signer = TestSigner::new();
    for (format, signatures) in [(AccessTokenFormat::Opaque, 0), (AccessTokenFormat::Jwt, 1)] {
        let own = signer.clone();
        let server = provider_with(|builder| builder.signer(own).access_token_format(format)).await;
        for response_type in RESPONSE_TYPES {
            let needed = usize::from(has(response_type, "id_token"))
                + if has(response_type, "token") { signatures } else { 0 };
            for works in 0..needed {
                for mode in ["fragment", "form_post"] {
                    signer.fail_after(works);
                    let uri = request(response_type, &[("response_mode", mode)]);
                    let page = signed_in(&server, &uri).await;
                    assert_eq!(error_of(&page), "temporarily_unavailable", "{response_type}");
                    assert!(ids(server.auth.store(), Kind::Grant).await.is_empty(), "{response_type}");
                }
            }
            signer.recover();
        }
        signer.recover();
        assert!(answered(&server, &request("code id_token token", &[])).await.contains_key("id_token"));
    }
}

#[tokio::test]
async fn errors_come_in_the_mode_of_the_response_type() {
    let server = provider().await;
    put_web(&server, |web| web.first_party(false)).await;
    for response_type in RESPONSE_TYPES {
        for mode in ["fragment", "form_post"] {
            let about = format!("{response_type} {mode}");
            let uri = |more: &[(&str, &str)]| {
                let mut all = vec![("response_mode", mode)];
                all.extend(more);
                request(response_type, &all)
            };
            let check = |page: &gridauth::Response, error: &str| {
                assert_eq!(error_of(page), error, "{about}");
                assert_eq!(parameters(page)["state"], "xyz", "{about}");
                match mode {
                    "fragment" => assert!(location(page).starts_with(&format!("{REDIRECT}#")), "{about}"),
                    _ => assert_eq!(page.status(), 200, "{about}"),
                }
            };
            for (name, value, error) in [
                ("scope", "nothing", "invalid_scope"),
                ("prompt", "none", "login_required"),
                ("prompt", "none login", "invalid_request"),
                ("max_age", "-1", "invalid_request"),
                ("claims", "[]", "invalid_request"),
                ("id_token_hint", "x.y.z", "invalid_request"),
                ("request", "x", "request_not_supported"),
            ] {
                check(&server.get(&uri(&[(name, value)]), None).await, error);
            }
            check(&server.get(&format!("{}&scope=openid", uri(&[])), None).await, "invalid_request");
            let browser = server.sign_in(&uri(&[])).await;
            check(&browser.decide(&server, "deny").await, "access_denied");
            let again = server.get(&uri(&[("prompt", "none")]), Some(&browser.cookie)).await;
            check(&again, "consent_required");
        }
    }
}

/// OpenID Connect Dynamic Client Registration section 2, the table of `response_types`.
#[tokio::test]
async fn a_client_needs_the_response_type_and_its_grant_types() {
    let server = provider().await;
    for response_type in RESPONSE_TYPES {
        let needed = match response_type {
            "id_token" | "id_token token" => &["implicit"][..],
            _ => &["authorization_code", "implicit"],
        };
        put_web(&server, |web| web.grant_types(needed.iter().copied())).await;
        let told = answered(&server, &request(response_type, &[])).await;
        assert!(!told.contains_key("error"), "{response_type}: {told:?}");
        for missing in needed {
            let rest = needed.iter().copied().filter(|own| own != missing);
            put_web(&server, |web| web.grant_types(rest.chain(["refresh_token"]))).await;
            let back = server.get(&request(response_type, &[]), None).await;
            assert_eq!(error_of(&back), "unauthorized_client", "{response_type} without {missing}");
        }
        put_web(&server, |web| {
            web.response_types(RESPONSE_TYPES.into_iter().chain(["code"]).filter(|own| *own != response_type))
        })
        .await;
        let back = server.get(&request(response_type, &[]), None).await;
        assert_eq!(error_of(&back), "unauthorized_client", "{response_type} is not registered");
    }
}

#[tokio::test]
async fn pkce_protects_the_codes() {
    let server = provider().await;
    let without = [("code_challenge", ""), ("code_challenge_method", "")];
    let spa = [("client_id", "spa"), ("redirect_uri", SPA)];
    for response_type in RESPONSE_TYPES {
        let public = server.get(&request(response_type, &[without, spa].concat()), None).await;
        match has(response_type, "code") {
            true => assert_eq!(error_of(&public), "invalid_request", "{response_type}"),
            false => assert_eq!(public.status(), 200, "{response_type} has nothing to protect"),
        }
        if !has(response_type, "code") {
            continue;
        }
        let plain = server.get(&request(response_type, &[("code_challenge_method", "plain")]), None).await;
        assert_eq!(error_of(&plain), "invalid_request");
        let told = answered(&server, &request(response_type, &spa)).await;
        let mut wrong = redeem(&told["code"]).to_vec();
        wrong.retain(|(name, _)| *name != "code_verifier" && *name != "redirect_uri");
        wrong.extend([("client_id", "spa"), ("redirect_uri", SPA)]);
        let (_, refused) = answer(server.post("/oauth/token", &[], &wrong).await);
        assert_eq!(refused["error"], "invalid_grant", "{response_type}");
        let (status, tokens) = spa_token(&server, &told["code"]).await;
        assert_eq!(status, 200, "{response_type}: {tokens}");
        // A confidential client may do without.
        let told = answered(&server, &request(response_type, &without)).await;
        let mut form = redeem(&told["code"]).to_vec();
        form.retain(|(name, _)| *name != "code_verifier");
        assert_eq!(server.token(&form).await.0, 200, "{response_type}");
    }
}

/// Counts what it is asked, and keeps something between the two requests.
#[derive(Clone, Default)]
struct Counting(Arc<AtomicUsize>);

impl Extension for Counting {
    fn name(&self) -> &str {
        "counting"
    }

    fn check_authorization(
        &self,
        _request: &AuthorizationRequest,
        plan: &mut AuthorizationPlan,
    ) -> Result<(), OAuthError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        plan.keep("counting", json!(true));
        Ok(())
    }

    fn check_token(&self, _request: &TokenRequest<'_>, kept: &GrantData) -> Result<(), OAuthError> {
        match kept.get("counting") {
            Some(_) => Ok(()),
            None => Err(OAuthError::invalid_grant("nothing is kept")),
        }
    }
}

#[tokio::test]
async fn the_extensions_of_the_code_grant_hold_for_hybrid_codes() {
    let counting = Counting::default();
    let server = {
        let inner = server().await;
        let auth = GridAuth::builder(ISSUER).store(Store::memory()).clock(Arc::clone(&inner.clock));
        let auth = auth
            .grant(AuthorizationCode::new().with(counting.clone()))
            .openid(OpenId::new().implicit().hybrid())
            .signer(TestSigner::new());
        Server { auth: auth.build().await.unwrap(), clock: inner.clock }
    };
    server.auth.put_user("israel", &"imru".into(), "israel", Default::default()).await.unwrap();
    put_web(&server, |web| web).await;
    let told = answered(&server, &request("code id_token", &[])).await;
    assert!(counting.0.load(Ordering::SeqCst) > 0);
    let (status, tokens) = server.token(&redeem(&told["code"])).await;
    assert_eq!(status, 200, "{tokens}");
    counting.0.store(0, Ordering::SeqCst);
    answered(&server, &request("id_token", &[])).await;
    assert_eq!(counting.0.load(Ordering::SeqCst), 0, "no code, no rule about codes");
}

/// Adds members to responses, some of them under names that are taken.
struct Meddling;

#[gridauth::async_trait]
impl Extension for Meddling {
    fn name(&self) -> &str {
        "meddling"
    }

    fn prepares_tokens(&self, _client: &Client) -> bool {
        true
    }

    async fn prepare_token(&self, draft: &mut TokenDraft<'_>) -> Result<(), OAuthError> {
        draft.add_member("front", json!(draft.is_front_channel().to_string()));
        for name in ["code", "access_token", "state", "iss"] {
            draft.add_member(name, json!("meddled"));
        }
        Ok(())
    }
}

#[tokio::test]
async fn an_extension_adds_to_the_response_and_replaces_nothing() {
    let server = provider_with(|builder| builder.extension(Meddling)).await;
    let told = answered(&server, &request("code id_token token", &[])).await;
    assert_eq!(told["front"], "true");
    assert!(told.values().all(|value| value != "meddled"), "{told:?}");
    let (_, tokens) = server.token(&redeem(&told["code"])).await;
    assert_eq!(tokens["front"], "false");
}

/// The response type `token` is OAuth's: it has no ID token, and by default it serves public clients alone.
#[tokio::test]
async fn token_alone_is_not_of_openid_connect() {
    let server = provider().await;
    put_web(&server, |web| web.response_types(["token", "id_token token"])).await;
    assert_eq!(error_of(&server.get(&request("token", &[]), None).await), "unauthorized_client");
    assert!(answered(&server, &request("id_token token", &[])).await.contains_key("access_token"));
    let spa = of_all_types(Client::public("spa").redirect_uri(SPA)).response_types(["token"]);
    server.auth.put_client(spa.build().unwrap()).await.unwrap();
    let told = answered(&server, &request("token", &[("client_id", "spa"), ("redirect_uri", SPA)])).await;
    assert!(told.contains_key("access_token") && !told.contains_key("id_token"), "{told:?}");
}

#[tokio::test]
async fn prompt_and_max_age_work_as_with_a_code() {
    let server = provider().await;
    for response_type in RESPONSE_TYPES {
        let browser = server.sign_in(&request(response_type, &[])).await;
        let cookie = Some(browser.cookie.as_str());
        server.advance(100);
        let silent = server.get(&request(response_type, &[("prompt", "none")]), cookie).await;
        assert!(!parameters(&silent).contains_key("error"), "{response_type}");
        for (name, value) in [("prompt", "login"), ("prompt", "select_account"), ("max_age", "99")] {
            let page = server.get(&request(response_type, &[(name, value)]), cookie).await;
            assert!(text(&page).contains("name=\"password\""), "{response_type} {name}={value}");
        }
        let too_old =
            server.get(&request(response_type, &[("prompt", "none"), ("max_age", "99")]), cookie).await;
        assert_eq!(error_of(&too_old), "login_required", "{response_type}");
        let recent = server.get(&request(response_type, &[("max_age", "1000")]), cookie).await;
        assert!(!parameters(&recent).contains_key("error"), "{response_type}");
        let consent = server.get(&request(response_type, &[("prompt", "consent")]), cookie).await;
        assert!(text(&consent).contains("name=\"decision\""), "{response_type}");
    }
}

#[tokio::test]
async fn a_person_who_is_gone_gets_no_id_token() {
    let server = provider().await;
    put_web(&server, |web| web.first_party(false)).await;
    let browser = server.sign_in(&request("id_token", &[])).await;
    assert!(server.auth.remove_user("israel").await.unwrap());
    let page = browser.allow(&server).await;
    assert!(!text(&page).contains("id_token="), "{}", text(&page));
    assert_ne!(page.status(), 303);
}

#[tokio::test]
async fn parameters_missing_doubled_empty_and_huge() {
    let server = provider().await;
    let huge = "x".repeat(7000);
    for response_type in RESPONSE_TYPES {
        for name in [
            "scope",
            "nonce",
            "response_mode",
            "prompt",
            "max_age",
            "claims",
            "display",
            "acr_values",
            "ui_locales",
        ] {
            let whole = request(response_type, &[(name, "1")]);
            let doubled = server.get(&format!("{whole}&{name}=1"), None).await;
            assert_eq!(error_of(&doubled), "invalid_request", "{response_type} {name}");
        }
        let two_states = server.get(&format!("{}&state=abc", request(response_type, &[])), None).await;
        assert!(!parameters(&two_states).contains_key("state"));
        let doubled = format!("{}&response_type=code", request(response_type, &[]));
        assert_eq!(error_of(&server.get(&doubled, None).await), "invalid_request");
        for name in ["client_id", "redirect_uri"] {
            let doubled = format!("{}&{name}=x", request(response_type, &[]));
            assert_eq!(server.get(&doubled, None).await.status(), 400, "{name}");
            assert_eq!(server.get(&request(response_type, &[(name, "x")]), None).await.status(), 400);
        }
        for name in
            ["prompt", "max_age", "claims", "response_mode", "id_token_hint", "ui_locales", "acr_values"]
        {
            let empty = format!("{}&{name}=", request(response_type, &[]));
            assert_eq!(server.get(&empty, None).await.status(), 200, "an empty {name} counts as omitted");
        }
        for (name, error) in [
            ("response_mode", "invalid_request"),
            ("scope", "invalid_scope"),
            ("prompt", "invalid_request"),
            ("max_age", "invalid_request"),
            ("claims", "invalid_request"),
            ("id_token_hint", "invalid_request"),
        ] {
            let back = server.get(&request(response_type, &[(name, &huge)]), None).await;
            assert_eq!(error_of(&back), error, "{response_type} {name}");
        }
        let told = answered(&server, &request(response_type, &[("nonce", &huge), ("state", &huge)])).await;
        assert_eq!(told["state"], huge);
        if let Some(id_token) = told.get("id_token") {
            let claims = verified(&server, id_token).await;
            assert_eq!(
                (&claims["nonce"], &claims["s_hash"]),
                (&json!(huge), &half_hash(Algorithm::Rs256, &huge))
            );
        }
        let longer = "x".repeat(17 * 1024);
        assert_eq!(server.get(&request(response_type, &[("nonce", &longer)]), None).await.status(), 400);
    }
    let missing = server.get(&request("", &[]), None).await;
    assert_eq!(error_of(&missing), "invalid_request");
}

async fn build(configure: impl FnOnce(Builder) -> Builder) -> Result<GridAuth, gridauth::BuildError> {
    configure(GridAuth::builder(ISSUER).store(Store::memory()).signer(TestSigner::new())).build().await
}

async fn metadata(configure: impl FnOnce(Builder) -> Builder) -> Value {
    let auth = build(configure).await.unwrap();
    let server = Server { auth, clock: server().await.clock };
    answer(server.get("/.well-known/openid-configuration", None).await).1
}

#[tokio::test]
async fn the_metadata_lists_what_is_on() {
    let lists = |metadata: &Value| {
        (metadata["response_types_supported"].clone(), metadata["grant_types_supported"].clone())
    };
    let code = metadata(|builder| builder.grant(AuthorizationCode::new()).openid(OpenId::new())).await;
    assert_eq!(lists(&code), (json!(["code"]), json!(["authorization_code"])));
    let implicit =
        metadata(|builder| builder.grant(AuthorizationCode::new()).openid(OpenId::new().implicit())).await;
    assert_eq!(
        lists(&implicit),
        (json!(["code", "id_token", "id_token token"]), json!(["authorization_code", "implicit"]))
    );
    let all = metadata(|builder| {
        builder
            .grant(AuthorizationCode::new())
            .openid(OpenId::new().hybrid().implicit())
            .grant(Implicit::new())
    })
    .await;
    let types = ["code", "token"].into_iter().chain(RESPONSE_TYPES).collect::<Vec<_>>();
    assert_eq!(lists(&all), (json!(types), json!(["authorization_code", "implicit"])));
    assert_eq!(all["response_modes_supported"], json!(["query", "fragment", "form_post"]));
    let lone = metadata(|builder| builder.openid(OpenId::new().implicit())).await;
    assert_eq!(lists(&lone), (json!(["id_token", "id_token token"]), json!(["implicit"])));
    assert_eq!(lone["response_modes_supported"], json!(["fragment", "form_post"]));
    assert_eq!(lone["code_challenge_methods_supported"], Value::Null);
}

#[tokio::test]
async fn a_response_type_that_is_off_does_not_exist() {
    let server = server_with(|builder| builder.openid(OpenId::new()).signer(TestSigner::new())).await;
    put_web(&server, |web| web).await;
    for response_type in RESPONSE_TYPES {
        let back = server.get(&request(response_type, &[]), None).await;
        assert_eq!(error_of(&back), "unsupported_response_type", "{response_type}");
        assert!(location(&back).starts_with(&format!("{REDIRECT}#")));
    }
}

#[tokio::test]
async fn a_hybrid_code_needs_somebody_who_redeems_it() {
    let error = build(|builder| builder.openid(OpenId::new().hybrid())).await.unwrap_err();
    assert!(error.to_string().contains("AuthorizationCode::new()"), "{error}");
    build(|builder| builder.openid(OpenId::new().implicit())).await.unwrap();
}

#[tokio::test]
async fn access_tokens_in_the_browser_are_warned_about_once() {
    let warnings = Warnings::default();
    let _keeping = warnings.keep();
    build(|builder| builder.grant(AuthorizationCode::new()).openid(OpenId::new().implicit().hybrid()))
        .await
        .unwrap();
    let kept = warnings.kept();
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert!(kept[0].contains("RFC 9700 section 2.1.2"), "{kept:?}");
}

#[tokio::test]
async fn what_a_client_cannot_use_is_told_at_its_registration() {
    let server = provider().await;
    let problems = |client: gridauth::model::ClientBuilder| server.auth.problems_of(&client.build().unwrap());
    let spa = || Client::public("x").redirect_uri(SPA).scope("openid");
    let all = ["authorization_code", "implicit"];
    for good in [
        spa().grant_types(["implicit"]).response_types(["token id_token", "id_token"]),
        spa().grant_types(all).response_types(["token id_token code", "id_token code", "code"]),
        spa().grant_types(all).response_types(["token"]),
    ] {
        assert_eq!(problems(good), [""; 0]);
    }
    let confidential = server.auth.confidential_client("x", "secret").await.unwrap();
    let confidential = || confidential.clone().redirect_uri(SPA).scope("openid").grant_types(all);
    assert_eq!(problems(confidential().response_types(["id_token code", "id_token"])), [""; 0]);
    for (bad, words) in [
        (
            spa().grant_types(["implicit"]).response_types(["id_token code"]),
            &["id_token code", "authorization_code"][..],
        ),
        (spa().response_types(["token id_token"]), &["token id_token", "implicit"]),
        (spa().grant_types(all).response_types(["id_token id_token"]), &["id_token id_token"]),
        (spa().grant_types(all).response_types(["code id_token x"]), &["code id_token x"]),
        // RFC 6749's own implicit grant serves public clients alone.
        (confidential().response_types(["token", "id_token"]), &["implicit", "client_secret_basic"]),
        (Client::public("x").grant_types(["implicit"]).response_types(["token id_token"]), &["redirect_uri"]),
    ] {
        let found = problems(bad);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(words.iter().all(|word| found[0].contains(word)), "{found:?}");
    }
}
