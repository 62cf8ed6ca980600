//! A client that registered itself is no way to send anybody's browser anywhere (RFC 9700 section 4.11.2).

use gridauth::Client;

use crate::support::*;

/// A server with the client `stranger`, which registered itself.
async fn server_with_stranger() -> Server {
    let server = server().await;
    let stranger = Client::public("stranger").redirect_uri("https://evil.example/cb").scope("notes.read");
    server.auth.put_client(stranger.self_registered(true).build().unwrap()).await.unwrap();
    server
}

fn request(more: &[(&str, &str)]) -> String {
    let own = [("client_id", "stranger"), ("redirect_uri", "https://evil.example/cb")];
    authorize_uri(&[&own[..], more].concat())
}

/// What is wrong with a request, each in another check.
const WRONG: [(&str, &str); 5] = [
    ("scope", "notes.write"),
    ("response_type", "token"),
    ("response_type", "nothing"),
    ("response_mode", "nothing"),
    ("code_challenge", ""),
];

#[tokio::test]
async fn an_error_of_a_stranger_is_a_page_until_somebody_has_signed_in() {
    let server = server_with_stranger().await;
    for wrong in WRONG {
        let answer = server.get(&request(&[wrong]), None).await;
        assert_eq!(answer.status(), 400, "{wrong:?}");
        assert_eq!(answer.headers().get("location"), None, "{wrong:?}");
    }
    let browser = server.sign_in(&request(&[])).await;
    for wrong in WRONG {
        let answer = server.get(&request(&[wrong]), Some(&browser.cookie)).await;
        assert_eq!(answer.status(), 303, "{wrong:?}");
        assert!(location_parameter(&answer, "error").is_some(), "{wrong:?}");
        assert!(location(&answer).starts_with("https://evil.example/cb"), "{wrong:?}");
    }
    let denied = browser.decide(&server, "deny").await;
    assert_eq!(location_parameter(&denied, "error").as_deref(), Some("access_denied"));
}

#[tokio::test]
async fn an_error_of_a_client_that_an_operator_registered_is_a_redirect() {
    let server = server().await;
    for wrong in [("scope", "nothing"), ("response_type", "nothing"), ("response_mode", "nothing")] {
        assert_eq!(server.get(&authorize_uri(&[wrong]), None).await.status(), 303, "{wrong:?}");
    }
}
