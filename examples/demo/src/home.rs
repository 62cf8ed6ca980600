//! `GET /` and the small routes that need no file of their own.

use gridauth::pages::{ContentSecurityPolicy, Html};
use gridauth::{Access, Response};
use http::header::RETRY_AFTER;
use http::{HeaderValue, StatusCode};
use serde_json::json;

use crate::{App, responses};

/// Links to the application's own routes, with their descriptions.
const OWN_LINKS: [(&str, &str); 5] = [
    ("/private", "a private page, for any valid token"),
    ("/notes", "your notes: to read them takes the scope notes.read, to write them notes.write"),
    ("/whoami", "whom your token speaks for"),
    ("/vault", "what you see only shortly after you have signed in"),
    ("/health", "whether the store can be reached"),
];

/// The style sheet. The page's policy allows it by its digest.
const STYLE: &str = include_str!("home.css");

/// The forms. Their responses are JSON, because programs post to the same routes.
const FORMS: &str = r#"<div class="forms">
<form method="post" action="/sign_up" aria-labelledby="sign-up">
<h2 id="sign-up">Sign up</h2>
<p class="muted">Makes an account that lasts as long as the store.</p>
<label for="new-username">Username</label>
<input id="new-username" name="username" autocomplete="username" autocapitalize="none" spellcheck="false" maxlength="255" required>
<label for="new-password">Password</label>
<input id="new-password" name="password" type="password" autocomplete="new-password" maxlength="1024" required>
<button>Sign up</button>
</form>
<form method="post" action="/" aria-labelledby="sign-in">
<h2 id="sign-in">Sign in</h2>
<p class="muted">Answers with an access token, for the routes below.</p>
<label for="username">Username</label>
<input id="username" name="username" autocomplete="username" autocapitalize="none" spellcheck="false" required>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required>
<button>Sign in</button>
</form>
</div>
"#;

impl App {
    /// Answers `GET /`.
    pub fn home(&self) -> Response {
        let mut page = format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>gridauth demo</title>\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
             <style>{STYLE}</style></head>\n<body>\n<main>\n\
             <h1>gridauth demo</h1>\n\
             <p>A small web application that is its own OAuth 2 authorization server. Sign up, sign in, and take the \
             access token that you get as a bearer token to the application's routes.</p>\n\
             {FORMS}<h2>The application</h2>\n<dl>\n",
        );
        for (path, words) in OWN_LINKS {
            page.push_str(&format!("<div><dt><a href=\"{path}\">{path}</a></dt><dd>{words}</dd></div>\n"));
        }
        page.push_str("</dl>\n<h2>The authorization server</h2>\n<ul>\n");
        for path in self.auth().paths() {
            let path = escape(&path);
            // The others are for programs, so they are not links.
            if path.contains("/.well-known/") {
                page.push_str(&format!("<li><a href=\"{path}\"><code>{path}</code></a></li>\n"));
            } else {
                page.push_str(&format!("<li><code>{path}</code></li>\n"));
            }
        }
        page.push_str("</ul>\n</main>\n</body>\n</html>\n");
        let policy = ContentSecurityPolicy::nothing().inline_style(STYLE);
        Html::new(page).with_policy(&policy).into_response(StatusCode::OK)
    }

    /// Answers `GET /private`.
    pub fn private(&self) -> Response {
        responses::text(StatusCode::OK, "This is a private page only viewable if you're logged in.")
    }

    /// Answers `GET /vault`.
    pub fn vault(&self) -> Response {
        responses::text(StatusCode::OK, "The vault is open: you signed in a short while ago.")
    }

    /// Answers `GET /whoami`.
    pub fn who_am_i(&self, access: &Access) -> Response {
        let mut answer = json!({
            "sub": access.subject(),
            "client_id": access.client(),
            "scope": access.scope(),
        });
        if let Some(username) = access.username() {
            answer["username"] = json!(username);
        }
        responses::json(self.auth(), StatusCode::OK, &answer)
    }

    /// Answers `GET /health`.
    pub async fn health(&self) -> Response {
        match self.auth().store().ping().await {
            Ok(()) => responses::text(StatusCode::OK, "ok"),
            Err(error) => {
                tracing::warn!(%error, "the store cannot be reached");
                let mut response =
                    responses::text(StatusCode::SERVICE_UNAVAILABLE, "the store cannot be reached");
                response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
                response
            }
        }
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
