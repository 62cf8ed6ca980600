//! The application's own pages in place of the built-in ones, and a theme for the built-in ones.

use gridauth::pages::{
    BuiltInPages, ConsentPage, ErrorPage, Form, Html, Pages, SignInFailure, SignInPage, Theme,
};

use crate::support::*;

/// Sign-in, consent and error pages of the application; the other pages stay built-in.
struct OwnPages(BuiltInPages);

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

fn form(form: &Form<'_>, inputs: &str) -> String {
    let hidden: String = form
        .hidden
        .iter()
        .map(|(name, value)| {
            format!("<input type=\"hidden\" name=\"{}\" value=\"{}\">", escape(name), escape(value))
        })
        .collect();
    format!("<form method=\"post\" action=\"{}\">{hidden}{inputs}</form>", escape(form.action))
}

fn page(heading: &str, content: &str) -> Html {
    Html::new(format!("<!DOCTYPE html><title>Acme</title><h1>Acme: {heading}</h1>{content}"))
}

impl Pages for OwnPages {
    fn built_in(&self) -> &BuiltInPages {
        &self.0
    }

    fn sign_in(&self, given: &SignInPage<'_>) -> Html {
        let failed = match given.failure {
            Some(SignInFailure::WrongCredentials) => "<p id=\"acme-failure\">No, not quite.</p>",
            _ => "",
        };
        let client = given.client.map_or("", |client| client.display_name());
        let inputs =
            "<input name=\"username\"><input name=\"password\" type=\"password\"><button>Go</button>";
        page("who are you?", &format!("<p>{}</p>{failed}{}", escape(client), form(&given.form, inputs)))
    }

    fn consent(&self, given: &ConsentPage<'_>) -> Html {
        let scopes: String =
            given.scopes.iter().map(|scope| format!("<li>{}</li>", escape(scope.token))).collect();
        let buttons = "<button name=\"decision\" value=\"allow\">Fine</button>";
        page(
            "is that fine?",
            &format!("<p>{}</p><ul>{scopes}</ul>{}", escape(given.user), form(&given.form, buttons)),
        )
    }

    fn error(&self, given: &ErrorPage<'_>) -> Html {
        page("that went wrong", &format!("<p>{}</p>", escape(given.description)))
    }
}

#[tokio::test]
async fn a_code_flow_goes_through_the_applications_own_pages() {
    let server = server_with(|builder| builder.pages(OwnPages(BuiltInPages::default()))).await;
    let first = server.get(&authorize_uri(&[]), None).await;
    assert_eq!(first.status(), 200);
    assert!(text(&first).contains("Acme: who are you?") && text(&first).contains("<p>web</p>"));
    // The server's rules for pages also apply to the application's own.
    assert_eq!(first.headers()["cache-control"], "no-store");
    assert_eq!(first.headers()["x-frame-options"], "DENY");
    assert!(first.headers()["content-security-policy"].to_str().unwrap().contains("frame-ancestors 'none'"));

    let form_cookie = cookie(&first).unwrap();
    let wrong = server.submit_sign_in(&first, &form_cookie, "israel", "guess").await;
    assert!(text(&wrong).contains("acme-failure"), "{}", text(&wrong));

    let consent = server.submit_sign_in(&first, &form_cookie, "israel", "imru").await;
    let shown = text(&consent);
    assert!(shown.contains("Acme: is that fine?") && shown.contains("<li>notes.read</li>"), "{shown}");
    let cookie = format!("{form_cookie}; {}", cookie(&consent).unwrap());
    let back = Browser { cookie, page: consent }.allow(&server).await;
    let code = location_parameter(&back, "code").unwrap();
    let (status, tokens) = server.token(&redeem(&code)).await;
    assert_eq!(status, 200, "{tokens}");
    assert!(server.is_valid(&tokens).await);

    let failed = server.get("/oauth/authorize?client_id=nobody", None).await;
    assert_eq!(failed.status(), 400);
    assert!(text(&failed).contains("Acme: that went wrong"), "{}", text(&failed));
    // A page that was not replaced is the built-in one.
    let browser = server.sign_in(&authorize_uri(&[("scope", "notes.write")])).await;
    assert!(text(&browser.page).contains("Acme"));
    let posted = authorize_uri(&[("response_mode", "form_post")]);
    let posted = server.get(&posted, Some(&browser.cookie)).await;
    assert_eq!(posted.status(), 200);
    assert!(!text(&posted).contains("Acme") && text(&posted).contains("name=\"code\""), "{}", text(&posted));
}

#[tokio::test]
async fn a_theme_shows_name_logo_and_colour_on_every_page() {
    let theme = Theme::builder("Field notes").logo_uri("/static/logo.svg").accent("#0f766e").build().unwrap();
    let server = server_with(|builder| builder.theme(theme)).await;
    let sign_in = server.get(&authorize_uri(&[]), None).await;
    let consent = server.sign_in(&authorize_uri(&[])).await.page;
    let error = server.get("/oauth/authorize?client_id=nobody", None).await;
    for (name, page) in [("sign-in", sign_in), ("consent", consent), ("error", error)] {
        let shown = text(&page);
        assert!(shown.contains("Field notes"), "{name}: {shown}");
        assert!(shown.contains("src=\"/static/logo.svg\""), "{name}: {shown}");
        assert!(shown.contains("--accent:#0f766e"), "{name}: {shown}");
        let policy = page.headers()["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("img-src 'self'"), "{name}: the logo may be loaded: {policy}");
    }
    let plain = text(&crate::support::server().await.get(&authorize_uri(&[]), None).await);
    assert!(!plain.contains("<img") && !plain.contains("#0f766e"), "{plain}");
}
