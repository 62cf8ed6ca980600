//! The language of the pages: `ui_locales` of the request, then the browser's, then English.

use bytes::Bytes;
use gridauth::Client;
use gridauth::http::Response;
use gridauth::pages::{Direction, Language, Languages, Theme};

use crate::support::*;

/// What the page is marked with, and its heading.
fn language_and_heading(response: &Response) -> (String, String) {
    let html = text(response);
    let between = |start: &str, end: &str| {
        let (_, rest) = html.split_once(start).unwrap();
        rest.split_once(end).unwrap().0.to_owned()
    };
    (between("<html lang=\"", "\""), between("<h1>", "</h1>"))
}

fn german(heading: &str) -> (String, String) {
    ("de".to_owned(), heading.to_owned())
}

async fn get_in(server: &Server, uri: &str, accept_language: &[&str]) -> Response {
    let mut request = http::Request::get(uri);
    for line in accept_language {
        request = request.header("accept-language", *line);
    }
    server.auth.handle(request.body(Bytes::new()).unwrap()).await
}

#[tokio::test]
async fn the_request_then_the_browser_choose_the_language() {
    let server = server().await;
    for (ui_locales, accept_language, language) in [
        ("", &[][..], "en"),
        ("", &["de"], "de"),
        ("", &["fr, de-AT;q=0.5, en;q=0.4"], "de"),
        ("", &["fr", "de"], "de"),
        ("de-CH", &["en"], "de"),
        ("fr de en", &[], "de"),
        ("en", &["de"], "en"),
        ("fr", &["de"], "de"),
        ("\u{1f600} <b>", &["%%,;q", "\u{e9}"], "en"),
    ] {
        let uri = authorize_uri(&[("ui_locales", ui_locales)]);
        let page = get_in(&server, &uri, accept_language).await;
        assert_eq!(page.status(), 200, "{ui_locales}");
        assert_eq!(language_and_heading(&page).0, language, "{ui_locales:?} {accept_language:?}");
    }
}

#[tokio::test]
async fn every_page_on_the_way_is_in_the_language_of_the_request() {
    let server = server().await;
    let uri = authorize_uri(&[
        ("ui_locales", "de"),
        ("scope", "openid notes.read"),
        ("response_mode", "form_post"),
    ]);
    let first = server.get(&uri, None).await;
    assert_eq!(language_and_heading(&first), german("Anmelden"));
    let form_cookie = cookie(&first).unwrap();
    let wrong = server.submit_sign_in(&first, &form_cookie, "israel", "guess").await;
    assert_eq!(language_and_heading(&wrong), german("Anmelden"));
    assert!(text(&wrong).contains("passen nicht zusammen"), "{}", text(&wrong));
    let consent = server.sign_in(&uri).await;
    assert_eq!(language_and_heading(&consent.page), german("Zugriff erlauben?"));
    assert!(text(&consent.page).contains("Wissen, wer Sie sind"), "{}", text(&consent.page));
    assert_eq!(language_and_heading(&consent.allow(&server).await), german("Fast geschafft"));
}

#[tokio::test]
async fn an_error_page_is_in_the_language_of_the_request() {
    let server = server().await;
    let nobody = "/oauth/authorize?client_id=nobody";
    let heading = || german("Dieser Link funktioniert nicht");
    assert_eq!(language_and_heading(&server.get(&format!("{nobody}&ui_locales=de"), None).await), heading());
    assert_eq!(language_and_heading(&get_in(&server, nobody, &["de"]).await), heading());
    // The query cannot be read, so only the browser has a say.
    assert_eq!(
        language_and_heading(&get_in(&server, "/oauth/authorize?a=%zz&ui_locales=en", &["de"]).await),
        heading()
    );
    let posted = server.post("/oauth/authorize", &[], &[("client_id", "nobody"), ("ui_locales", "de")]).await;
    assert_eq!(language_and_heading(&posted), heading());
    // A form whose request is no longer valid.
    let form = [("csrf", "x"), ("authorization_request", "client_id=nobody&ui_locales=de")];
    assert_eq!(language_and_heading(&server.post("/oauth/authorize", &[], &form).await), heading());
}

#[tokio::test]
async fn an_application_adds_a_language_and_describes_its_scopes() {
    let hebrew = Language::new("he", Direction::RightToLeft, Language::english().into_texts())
        .unwrap()
        .with_texts(|texts| texts.consent = "לאשר גישה?".into())
        .with_scope("notes.read", "לקרוא את הפתקים");
    let theme = Theme::builder("Notes").languages(Languages::default().with(hebrew)).build().unwrap();
    let server = server_with(|builder| builder.theme(theme)).await;
    let page = server.sign_in(&authorize_uri(&[("ui_locales", "he-IL")])).await.page;
    assert_eq!(language_and_heading(&page), ("he".to_owned(), "לאשר גישה?".to_owned()));
    assert!(text(&page).contains("<html lang=\"he\" dir=\"rtl\">"));
    assert!(text(&page).contains("לקרוא את הפתקים"), "{}", text(&page));
}

#[tokio::test]
async fn every_value_of_display_shows_the_page() {
    let server = server().await;
    for display in ["page", "popup", "touch", "wap", "hologram", "\"><b>"] {
        let page = server.get(&authorize_uri(&[("display", display)]), None).await;
        assert_eq!(page.status(), 200, "{display}");
        assert_eq!(language_and_heading(&page).1, "Sign in", "{display}");
    }
}

#[tokio::test]
async fn of_a_client_that_registered_itself_both_pages_say_so() {
    let server = server().await;
    let stranger = Client::public("stranger")
        .redirect_uri("https://stranger.example/cb")
        .scope("notes.read")
        .self_registered(true);
    server.auth.put_client(stranger.build().unwrap()).await.unwrap();
    let uri = authorize_uri(&[("client_id", "stranger"), ("redirect_uri", "https://stranger.example/cb")]);
    let sign_in = server.get(&uri, None).await;
    let consent = server.sign_in(&uri).await.page;
    for page in [sign_in, consent] {
        let shown = text(&page);
        assert!(
            shown.contains("registered itself") && shown.contains("<bdi>https://stranger.example</bdi>"),
            "{shown}"
        );
    }
    let shown = text(&server.get(&authorize_uri(&[]), None).await);
    assert!(!shown.contains("registered itself"), "{shown}");
}

#[tokio::test]
async fn the_sign_in_page_links_to_the_clients_policy_and_terms() {
    let server = server().await;
    let client = Client::public("shop")
        .redirect_uri("https://shop.example/cb")
        .scope("notes.read")
        .metadata("policy_uri", "https://shop.example/policy".into())
        .metadata("tos_uri", "https://shop.example/terms".into())
        .metadata("logo_uri", "https://shop.example/logo.png".into());
    server.auth.put_client(client.build().unwrap()).await.unwrap();
    let uri = authorize_uri(&[("client_id", "shop"), ("redirect_uri", "https://shop.example/cb")]);
    let shown = text(&server.get(&uri, None).await);
    assert!(
        shown.contains("href=\"https://shop.example/policy\"")
            && shown.contains("href=\"https://shop.example/terms\""),
        "{shown}"
    );
    // Until the server serves it from its own origin, no browser loads it.
    assert!(!shown.contains("logo.png"), "{shown}");
}
