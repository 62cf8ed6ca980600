//! `GET /`, and the small routes that need no file of their own.

use gridauth::{Access, Response};
use http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use serde_json::json;

use crate::{App, answers};

/// Links of the application's own, with what they are.
const OWN_LINKS: [(&str, &str); 4] = [
    ("/private", "a private page, for any valid token"),
    ("/notes", "your notes: to read them takes the scope notes.read, to write them notes.write"),
    ("/whoami", "whom your token speaks for"),
    ("/health", "whether the store can be reached"),
];

impl App {
    /// Answers `GET /`.
    pub fn home(&self) -> Response {
        let mut page = String::from(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>gridauth demo</title>\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"></head>\n<body>\n\
             <h1>gridauth demo</h1>\n\
             <p>A small web application that is its own OAuth 2 authorization server. Sign up with \
             <code>POST /sign_up</code>, sign in with <code>POST /</code>, both with <code>username</code> and \
             <code>password</code>, and take the access token you get as a bearer token to the routes below.</p>\n\
             <h2>The application</h2>\n<ul>\n",
        );
        for (path, words) in OWN_LINKS {
            page.push_str(&format!("<li><a href=\"{path}\">{path}</a>: {words}</li>\n"));
        }
        page.push_str("</ul>\n<h2>The authorization server</h2>\n<ul>\n");
        for path in self.auth().paths() {
            let path = escape(&path);
            // What a browser would ask for in vain is not a link.
            page.push_str(&if path.starts_with("/.well-known/") {
                format!("<li><a href=\"{path}\">{path}</a></li>\n")
            } else {
                format!("<li><code>{path}</code></li>\n")
            });
        }
        page.push_str("</ul>\n</body>\n</html>\n");
        let mut response = answers::answer(StatusCode::OK, "text/html; charset=utf-8", page);
        let headers = response.headers_mut();
        let policy = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'";
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
        response
    }

    /// Answers `GET /private`.
    pub fn private(&self) -> Response {
        answers::text(StatusCode::OK, "This is a private page only viewable if you're logged in.")
    }

    /// Answers `GET /whoami`.
    pub fn who_am_i(&self, access: &Access) -> Response {
        let answer = json!({
            "sub": access.subject(),
            "client_id": access.client(),
            "scope": access.scope(),
        });
        answers::json(self.auth(), StatusCode::OK, &answer)
    }

    /// Answers `GET /health`.
    pub async fn health(&self) -> Response {
        match self.auth().store().ping().await {
            Ok(()) => answers::text(StatusCode::OK, "ok"),
            Err(error) => {
                tracing::warn!(%error, "the store cannot be reached");
                let mut response =
                    answers::text(StatusCode::SERVICE_UNAVAILABLE, "the store cannot be reached");
                response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
                response
            }
        }
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
