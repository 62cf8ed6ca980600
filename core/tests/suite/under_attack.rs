//! Behind a proxy, under attack: who is kept out, and who is not (DEMO_APP.md, Policies).

use bytes::Bytes;
use gridauth::identity::{HashingSettings, SignUpError, ThrottleSettings};
use gridauth::store::memory::MemoryStore;
use gridauth::token::Secret;
use gridauth::{GridAuth, Peer, Response, Store};
use gridauth_test_stores::Counting;

use crate::log;
use crate::support::*;

/// What a proxy at 10.0.0.1 sends on for a client, with this password.
async fn forwarded(server: &Server, client: &str, username: &str, password: &str) -> u16 {
    sign_in(&server.auth, client, username, password).await.status().as_u16()
}

async fn sign_in(auth: &GridAuth, client: &str, username: &str, password: &str) -> Response {
    let form = [("grant_type", "password"), ("username", username), ("password", password)];
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let request = http::Request::post("/oauth/token")
        .header("content-type", "application/x-www-form-urlencoded")
        .header("authorization", basic("web", "web-secret"))
        .header("x-forwarded-for", client)
        .extension(Peer([10, 0, 0, 1].into()));
    auth.handle(request.body(Bytes::from(body)).unwrap()).await
}

async fn behind_proxy(settings: ThrottleSettings) -> Server {
    let proxies = "10.0.0.0/8".parse().unwrap();
    server_with(|builder| builder.trusted_proxies(proxies).throttle(settings)).await
}

#[tokio::test]
async fn a_guesser_behind_the_proxy_keeps_nobody_else_out() {
    let server = behind_proxy(ThrottleSettings::default().source_failures(30)).await;
    for _ in 0..20 {
        assert_eq!(forwarded(&server, "192.0.2.1", "israel", "guess").await, 400);
    }
    assert_eq!(forwarded(&server, "192.0.2.1", "israel", "imru").await, 429);
    assert_eq!(forwarded(&server, "198.51.100.9, 192.0.2.1", "israel", "imru").await, 429);
    for number in 0..10 {
        assert_eq!(forwarded(&server, "192.0.2.1", &format!("nobody {number}"), "guess").await, 400);
    }
    assert_eq!(forwarded(&server, "192.0.2.1", "miriam", "guess").await, 429);
    assert_eq!(forwarded(&server, "192.0.2.2", "israel", "imru").await, 200);
}

#[tokio::test]
async fn a_peer_that_is_no_trusted_proxy_cannot_choose_its_address() {
    let server = server().await;
    for number in 0..20 {
        assert_eq!(forwarded(&server, &format!("192.0.2.{number}"), "israel", "guess").await, 400);
    }
    assert_eq!(forwarded(&server, "192.0.2.99", "israel", "imru").await, 429);
}

#[tokio::test]
async fn a_distributed_guess_leaves_the_owner_their_source_and_their_browser() {
    let server = behind_proxy(ThrottleSettings::default()).await;
    assert_eq!(forwarded(&server, "203.0.113.7", "israel", "imru").await, 200);
    let page = server.get(&authorize_uri(&[]), None).await;
    let form_cookie = cookie(&page).unwrap();
    let signed_in = server.submit_sign_in(&page, &form_cookie, "israel", "imru").await;
    let both = format!("{form_cookie}; {}", cookie(&signed_in).unwrap());
    // The session has ended, and the browser is elsewhere.
    server.advance(24 * 60 * 60);
    for number in 0..100 {
        assert_eq!(forwarded(&server, &format!("192.0.2.{number}"), "israel", "guess").await, 400);
    }
    assert_eq!(forwarded(&server, "192.0.2.200", "israel", "imru").await, 429);
    assert_eq!(forwarded(&server, "203.0.113.7", "israel", "imru").await, 200);
    for (cookies, status, fields) in [(&form_cookie, 429, "name=\"password\""), (&both, 200, "decision")] {
        let (csrf, request) = (hidden(&page, "csrf"), hidden(&page, "authorization_request"));
        let form = [
            ("csrf", &*csrf),
            ("authorization_request", &request),
            ("username", "israel"),
            ("password", "imru"),
        ];
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let sent = http::Request::post("/oauth/authorize")
            .header("content-type", "application/x-www-form-urlencoded")
            .header("cookie", cookies)
            .header("x-forwarded-for", "192.0.2.201")
            .extension(Peer([10, 0, 0, 1].into()));
        let answer = server.auth.handle(sent.body(Bytes::from(body)).unwrap()).await;
        assert_eq!(answer.status(), status, "{}", text(&answer));
        assert!(text(&answer).contains(fields), "{}", text(&answer));
    }
}

#[tokio::test]
async fn guesses_too_long_to_be_a_password_count_like_any_other() {
    let server = server().await;
    let long = "x".repeat(1025);
    let guess = [("grant_type", "password"), ("username", "israel"), ("password", &*long)];
    for _ in 0..20 {
        assert_eq!(server.token(&guess).await.0, 400);
    }
    assert_eq!(server.token(&guess).await.0, 429);
    let client = [("authorization", &*basic("web", &long))];
    let form = [("grant_type", "client_credentials")];
    for _ in 0..20 {
        assert_eq!(server.post("/oauth/token", &client, &form).await.status(), 401);
    }
    let right = [("authorization", &*basic("web", "web-secret"))];
    assert_eq!(server.post("/oauth/token", &right, &form).await.status(), 429);
}

#[tokio::test]
async fn a_sign_up_is_validated_before_anything_is_looked_up() {
    let store = Counting::all(MemoryStore::new());
    let auth = GridAuth::builder(ISSUER).store(Store::new(store.clone())).build().await.unwrap();
    let before = store.count();
    for (username, password) in
        [("a\nb", "imru".to_owned()), ("israel", String::new()), ("israel", "x".repeat(1025))]
    {
        let refused = auth.users().sign_up(username, &Secret::from(password)).await;
        assert!(matches!(refused, Err(SignUpError::Username | SignUpError::Password)), "{refused:?}");
    }
    assert_eq!(store.count(), before);
}

/// Sign-ups occupy at most half of the hashes, so a sign-in waits for few of them.
#[tokio::test(flavor = "multi_thread")]
async fn three_hundred_sign_ups_at_once_do_not_keep_people_from_signing_in() {
    let hashing = HashingSettings::default().max_concurrent(2).max_queued(100);
    let server = server_with(|builder| builder.hashing(hashing)).await;
    let sign_ups: Vec<_> = (0..300)
        .map(|number| {
            let users = server.auth.users().clone();
            tokio::spawn(async move {
                users.sign_up(&format!("user {number}"), &Secret::from("a good password")).await.is_ok()
            })
        })
        .collect();
    // Until the queue is full, and most of them have been told so.
    while sign_ups.iter().filter(|sign_up| sign_up.is_finished()).count() < 240 {
        tokio::task::yield_now().await;
    }
    let form = [("grant_type", "password"), ("username", "israel"), ("password", "imru")];
    for _ in 0..5 {
        assert_eq!(server.token(&form).await.0, 200);
    }
    let waiting = sign_ups.iter().filter(|sign_up| !sign_up.is_finished()).count();
    assert!(waiting > 0, "all sign-ups were done before the sign-ins");
    for sign_up in sign_ups {
        sign_up.await.unwrap();
    }
}

/// A right password is no failure, so nothing but the hash queue slows its sender down.
#[tokio::test(flavor = "multi_thread")]
async fn one_source_with_right_passwords_does_not_keep_others_from_signing_in() {
    let hashing = HashingSettings::default().max_concurrent(1).max_queued(40);
    let proxies = "10.0.0.0/8".parse().unwrap();
    let server = server_with(|builder| builder.trusted_proxies(proxies).hashing(hashing)).await;
    // The secret of the client is remembered, and costs no more hashes.
    assert_eq!(forwarded(&server, "192.0.2.1", "israel", "imru").await, 200);
    let flood: Vec<_> = (0..150)
        .map(|_| {
            let auth = server.auth.clone();
            tokio::spawn(async move { sign_in(&auth, "192.0.2.9", "israel", "imru").await })
        })
        .collect();
    while flood.iter().filter(|request| request.is_finished()).count() < 100 {
        tokio::task::yield_now().await;
    }
    for client in ["192.0.2.1", "192.0.2.2", "2001:db8::1"] {
        assert_eq!(forwarded(&server, client, "israel", "imru").await, 200, "{client}");
    }
    assert!(flood.iter().any(|request| !request.is_finished()), "the flood was over before the sign-ins");
    let mut refused = 0;
    for request in flood {
        let answer = request.await.unwrap();
        match answer.status().as_u16() {
            503 => {
                refused += 1;
                assert!(answer.headers().contains_key("retry-after"), "{answer:?}");
            }
            status => assert_eq!(status, 200),
        }
    }
    assert!(refused >= 100, "{refused}");
}

#[tokio::test]
async fn a_proxy_that_names_nobody_is_one_limited_source() {
    let server = behind_proxy(ThrottleSettings::default().sign_ups(3)).await;
    let warnings = log::Warnings::default();
    let _keeping = warnings.keep();
    let head = |forwarded: &[&'static [u8]]| {
        let mut request = http::Request::get("/").extension(Peer([10, 0, 0, 1].into()));
        for field in forwarded {
            request = request.header("x-forwarded-for", *field);
        }
        request.body(()).unwrap()
    };
    let sign_up = async |forwarded: &[&'static [u8]], name: &str| {
        server.auth.sign_up(&head(forwarded), name, &Secret::from("a good password")).await
    };
    sign_up(&[], "a").await.unwrap();
    sign_up(&[b"\xff"], "b").await.unwrap();
    sign_up(&[b"192.0.2.1, unknown"], "c").await.unwrap();
    let refused = sign_up(&[], "d").await;
    assert!(matches!(refused, Err(SignUpError::TooMany(_))), "{refused:?}");
    sign_up(&[b"\xff, 192.0.2.1"], "d").await.unwrap();
    let told = warnings.kept();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("10.0.0.1") && told[0].contains("X-Forwarded-For"), "{told:?}");
}

/// What a client inside a trusted network writes into the header is not believed.
#[tokio::test]
async fn a_client_in_a_trusted_network_cannot_choose_its_address() {
    let server = behind_proxy(ThrottleSettings::default().source_failures(30)).await;
    for number in 0..20 {
        let header = format!("10.77.1.{number}, 10.1.1.1");
        assert_eq!(forwarded(&server, &header, "israel", "guess").await, 400, "{number}");
    }
    assert_eq!(forwarded(&server, "10.77.1.99, 10.1.1.1", "israel", "imru").await, 429);
    for number in 0..10 {
        let header = format!("10.77.1.{number}, 10.1.1.1");
        assert_eq!(forwarded(&server, &header, &format!("nobody {number}"), "guess").await, 400);
    }
    assert_eq!(forwarded(&server, "10.1.1.1", "miriam", "guess").await, 429);
    assert_eq!(forwarded(&server, "10.1.1.2", "israel", "imru").await, 200);
}

#[tokio::test]
async fn a_known_browser_is_not_locked_out_by_others_at_its_address() {
    let server = behind_proxy(ThrottleSettings::default().source_failures(50)).await;
    let browser = server.sign_in(&authorize_uri(&[])).await;
    server.advance(24 * 60 * 60);
    let page = server.get(&authorize_uri(&[]), Some(&browser.cookie)).await;
    let (csrf, request) = (hidden(&page, "csrf"), hidden(&page, "authorization_request"));
    let submit = async |password: &str| {
        let form = [
            ("csrf", &*csrf),
            ("authorization_request", &request),
            ("username", "israel"),
            ("password", password),
        ];
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let sent = http::Request::post("/oauth/authorize")
            .header("content-type", "application/x-www-form-urlencoded")
            .header("cookie", &browser.cookie)
            .header("x-forwarded-for", "192.0.2.1")
            .extension(Peer([10, 0, 0, 1].into()));
        server.auth.handle(sent.body(Bytes::from(body)).unwrap()).await
    };
    for _ in 0..20 {
        assert_eq!(forwarded(&server, "192.0.2.1", "israel", "guess").await, 400);
    }
    for number in 0..30 {
        assert_eq!(forwarded(&server, "192.0.2.1", &format!("nobody {number}"), "guess").await, 400);
    }
    assert_eq!(forwarded(&server, "192.0.2.1", "israel", "imru").await, 429);
    assert_eq!(forwarded(&server, "192.0.2.1", "miriam", "imru").await, 429);
    let answer = submit("imru").await;
    assert_eq!(answer.status(), 200, "{}", text(&answer));
    assert!(text(&answer).contains("decision"), "{}", text(&answer));
    // That opens nothing for the others.
    assert_eq!(forwarded(&server, "192.0.2.1", "israel", "imru").await, 429);
    for _ in 0..20 {
        assert_eq!(submit("guess").await.status(), 400);
    }
    assert_eq!(submit("imru").await.status(), 429);
}

#[tokio::test]
async fn sign_ups_from_one_source_are_limited() {
    let server = behind_proxy(ThrottleSettings::default().sign_ups(3)).await;
    let head = |client: &str| {
        let request =
            http::Request::get("/").header("x-forwarded-for", client).extension(Peer([10, 0, 0, 1].into()));
        request.body(()).unwrap()
    };
    let sign_up = async |client: &str, username: &str| {
        server.auth.sign_up(&head(client), username, &Secret::from("a good password")).await
    };
    // What is not valid is not counted.
    assert!(matches!(sign_up("192.0.2.1", "").await, Err(SignUpError::Username)));
    for short in ["imru", "imri", "imro", "imra"] {
        let refused = server.auth.sign_up(&head("192.0.2.1"), "a", &Secret::from(short)).await;
        assert!(matches!(refused, Err(SignUpError::PasswordPolicy(_))), "{refused:?}");
    }
    for name in ["a", "b", "c"] {
        sign_up("192.0.2.1", name).await.unwrap();
    }
    let refused = sign_up("192.0.2.1", "d").await;
    assert!(matches!(refused, Err(SignUpError::TooMany(wait)) if wait.seconds == 60), "{refused:?}");
    sign_up("192.0.2.2", "d").await.unwrap();
    server.advance(60);
    sign_up("192.0.2.1", "e").await.unwrap();
    assert_eq!(server.auth.client_address(&head("192.0.2.1")), Some([192, 0, 2, 1].into()));
}

#[tokio::test]
async fn a_program_whose_adapter_gets_no_address_is_told_once() {
    let server = server().await;
    let warnings = log::Warnings::default();
    let _keeping = warnings.keep();
    let known = http::Request::get("/oauth/token").extension(Peer([127, 0, 0, 1].into()));
    server.auth.handle(known.body(Bytes::new()).unwrap()).await;
    assert_eq!(warnings.kept(), [""; 0]);
    for _ in 0..3 {
        server.get(&authorize_uri(&[]), None).await;
    }
    let mut told = warnings.kept();
    told.retain(|line| !line.contains("no secret is configured"));
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("address of their peer"), "{told:?}");
}

#[tokio::test]
async fn a_block_is_logged_with_its_source_and_without_the_name() {
    let server = behind_proxy(ThrottleSettings::default()).await;
    let warnings = log::Warnings::default();
    let _keeping = warnings.keep();
    for _ in 0..25 {
        forwarded(&server, "192.0.2.1", "israel", "guess").await;
    }
    let told = warnings.kept();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("192.0.2.1") && !told[0].contains("israel"), "{told:?}");
}
