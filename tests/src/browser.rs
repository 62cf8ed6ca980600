//! A browser that keeps cookies and sends forms.

use crate::case::User;
use crate::demo::Demo;
use crate::html::Page;
use crate::http::{Request, Response};

/// A browser without scripts.
pub struct Browser<'a> {
    /// The application that it visits.
    pub app: &'a Demo,
    /// Its cookies.
    pub cookies: Vec<(String, String)>,
}

impl<'a> Browser<'a> {
    /// A browser without cookies.
    pub fn new(app: &'a Demo) -> Self {
        Self { app, cookies: Vec::new() }
    }

    /// Sends a request with its cookies, and keeps the cookies that the response sets.
    #[track_caller]
    pub fn send(&mut self, mut request: Request) -> Response {
        if !self.cookies.is_empty() {
            let pairs: Vec<String> =
                self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request = request.header("Cookie", pairs.join("; "));
        }
        let response = self.app.send(&request);
        for cookie in response.headers_named("set-cookie") {
            if let Some((name, value)) = cookie.split(';').next().unwrap_or_default().split_once('=') {
                self.cookies.retain(|(own, _)| own != name);
                if !value.is_empty() {
                    self.cookies.push((name.to_owned(), value.to_owned()));
                }
            }
        }
        response
    }

    /// Opens a page.
    #[track_caller]
    pub fn get(&mut self, target: &str) -> Response {
        self.send(Request::get(target))
    }

    /// Goes to the authorization endpoint with these parameters.
    #[track_caller]
    pub fn authorize(&mut self, parameters: &[(&str, &str)]) -> Response {
        let path = self.app.endpoint("authorize");
        self.send(Request::query(&path, parameters))
    }

    /// Sends the only form of a page.
    ///
    /// # Panics
    /// If the page does not have exactly one form, or the form lacks an input or the button, or does not post to its own
    /// origin.
    #[track_caller]
    pub fn submit(
        &mut self,
        page: &Response,
        inputs: &[(&str, &str)],
        button: Option<(&str, &str)>,
    ) -> Response {
        let page = Page::read(page.text());
        let form = page.form();
        assert_eq!(form.method, "post");
        assert!(
            form.action.starts_with('/') && !form.action.starts_with("//"),
            "not its own origin: {form:?}"
        );
        let sent = form.filled(inputs, button);
        let sent: Vec<(&str, &str)> =
            sent.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        self.send(Request::form(&form.action, &sent))
    }

    /// Signs in on a sign-in page.
    ///
    /// # Panics
    /// If it is not one.
    #[track_caller]
    pub fn sign_in(&mut self, page: &Response, user: &User) -> Response {
        assert_eq!(page.status, 200, "{page:#}");
        self.submit(page, &[("username", &user.username), ("password", &user.password)], None)
    }

    /// Allows on a consent page.
    ///
    /// # Panics
    /// If it is not one.
    #[track_caller]
    pub fn allow(&mut self, page: &Response) -> Response {
        assert_eq!(page.status, 200, "{page:#}");
        self.submit(page, &[], Some(("decision", "allow")))
    }

    /// Denies on a consent page.
    ///
    /// # Panics
    /// If it is not one.
    #[track_caller]
    pub fn deny(&mut self, page: &Response) -> Response {
        assert_eq!(page.status, 200, "{page:#}");
        self.submit(page, &[], Some(("decision", "deny")))
    }

    /// Goes the whole way from the request to the redirect: signs in and allows, if asked.
    #[track_caller]
    pub fn go_through(&mut self, parameters: &[(&str, &str)], user: &User) -> Response {
        let mut answer = self.authorize(parameters);
        if is_sign_in(&answer) {
            answer = self.sign_in(&answer, user);
        }
        if is_consent(&answer) {
            answer = self.allow(&answer);
        }
        answer
    }
}

/// Whether a response is the sign-in page.
pub fn is_sign_in(response: &Response) -> bool {
    has_form(response, |page| page.forms[0].visible == ["username", "password"])
}

/// Whether a response is the page that asks for the code of a device.
pub fn is_code_page(response: &Response) -> bool {
    has_form(response, |page| page.forms[0].visible == ["user_code"])
}

/// Whether a response is the consent page, or the question whether to connect a device.
pub fn is_consent(response: &Response) -> bool {
    has_form(response, |page| page.forms[0].buttons.iter().any(|(name, _)| name == "decision"))
}

fn has_form(response: &Response, fits: impl Fn(&Page) -> bool) -> bool {
    let html = response.headers_named("content-type").first().is_some_and(|own| own.starts_with("text/html"));
    html && Some(Page::read(&String::from_utf8_lossy(&response.body)))
        .is_some_and(|p| p.forms.len() == 1 && fits(&p))
}
