//! A demo application that knows the clients, and the person who signs in to it.

use std::sync::OnceLock;

use gridauth_conformance::browser::{is_consent, is_sign_in};
use gridauth_conformance::case::{HTTPS_ISSUER, User};
use gridauth_conformance::seed::{self, Auth};
use gridauth_conformance::{Browser, Context, Demo, Options, random};
use serde_json::{Value, json};

/// The clients of the seed, each with the redirect URI that it asks for.
const CLIENTS: [(&str, Option<&str>); 9] = [
    ("web", Some(seed::WEB_CB)),
    ("poster", Some("https://poster.example.com/cb")),
    // Registered without a port: a native application only knows its port when it runs (RFC 8252 section 7.3).
    ("spa", Some("http://127.0.0.1:49152/cb")),
    ("spa-refresh", Some("https://spa.example.com/cb")),
    ("machine", None),
    ("demo", None),
    ("resource-server", None),
    ("tv", None),
    (ODD, None),
];

/// The client whose id and secret need the encoding of RFC 6749 section 2.3.1. Only some of the programs encode them, so
/// the secrets of the other clients need no encoding.
pub(crate) const ODD: &str = "od:d cli%ent+";

/// The secret of a client.
pub(crate) fn secret(client_id: &str) -> String {
    if client_id == ODD { seed::secret(client_id) } else { random::secret_of(client_id) }
}

/// The demo applications of a combination.
pub(crate) struct Site {
    pub(crate) context: Context,
    direct: OnceLock<Demo>,
    proxied: OnceLock<Demo>,
}

impl Site {
    pub(crate) fn new(context: Context) -> Self {
        Self { context, direct: OnceLock::new(), proxied: OnceLock::new() }
    }

    /// The one whose issuer is the address that it listens on.
    pub(crate) fn direct(&self) -> &Demo {
        self.direct.get_or_init(|| self.context.start(&Options::new("clients").seed(&clients())))
    }

    /// The one with an `https` issuer that has a path, as behind a proxy that terminates TLS.
    pub(crate) fn proxied(&self) -> &Demo {
        self.proxied.get_or_init(|| {
            let options = Options::new("clients behind a proxy").seed(&clients());
            self.context.start(&options.env("GRIDAUTH_ISSUER", HTTPS_ISSUER))
        })
    }
}

fn clients() -> Value {
    let entries = CLIENTS.iter().map(|(id, _)| {
        let client = seed::client(id);
        let mut entry = client.entry();
        if client.auth != Auth::None {
            entry["client_secret"] = json!(secret(id));
        }
        if *id == "web" {
            // The private part is in `openid_client.mjs`.
            entry["jwks"] = json!({ "keys": [{
                "kty": "EC", "crv": "P-256", "kid": "test-key",
                "x": "gQwrgIcEFtqL-mJeOf098sJJvJUHf96-107WoFx9A88",
                "y": "PG1c-uUfmr5vNbazP9n6hiaCbxllHA4FMiKpFVHjiAU",
            }] });
        }
        entry
    });
    json!({ "clients": entries.collect::<Vec<Value>>() })
}

/// A person at a browser.
pub(crate) struct Person<'a> {
    pub(crate) demo: &'a Demo,
    pub(crate) user: User,
    browser: Browser<'a>,
}

impl<'a> Person<'a> {
    /// A person who has signed up, with a new browser.
    pub(crate) fn new(site: &Site, demo: &'a Demo) -> Self {
        Self { demo, user: site.context.user_at(demo), browser: Browser::new(demo) }
    }

    /// Opens the URL that a client redirects to, signs in if asked, allows or denies if asked, and returns the URL of the
    /// redirect that follows.
    pub(crate) fn visit(&mut self, url: &str, allow: bool) -> String {
        let target = url.strip_prefix(self.origin()).unwrap_or_else(|| panic!("not the issuer's: {url}"));
        let mut answer = self.browser.get(target);
        if is_sign_in(&answer) {
            answer = self.browser.sign_in(&answer, &self.user);
        }
        if is_consent(&answer) {
            answer = if allow { self.browser.allow(&answer) } else { self.browser.deny(&answer) };
        }
        assert_eq!(answer.status, 303, "{answer:#}");
        answer.header("location").expect("a redirect has a location").to_owned()
    }

    /// Opens the link that a device shows, signs in, and allows or denies.
    pub(crate) fn decide_about_device(&mut self, link: &str, allow: bool) {
        let target = link.strip_prefix(self.origin()).unwrap_or_else(|| panic!("not the issuer's: {link}"));
        let mut page = self.browser.get(target);
        if is_sign_in(&page) {
            page = self.browser.sign_in(&page, &self.user);
        }
        assert!(is_consent(&page), "{page:#}");
        let done = if allow { self.browser.allow(&page) } else { self.browser.deny(&page) };
        assert_eq!(done.status, 200, "{done:#}");
    }

    /// Scheme and authority of the issuer.
    pub(crate) fn origin(&self) -> &str {
        self.demo.issuer.strip_suffix(&self.demo.base).expect("the base is the path of the issuer")
    }

    /// What a program is sent before a flow.
    pub(crate) fn briefing(&self, flow: &str) -> Value {
        let clients = CLIENTS.iter().map(|(id, redirect_uri)| {
            let public = seed::client(id).auth == Auth::None;
            let secret = (!public).then(|| secret(id));
            let client = json!({ "client_id": id, "client_secret": secret, "redirect_uri": redirect_uri });
            ((*id).to_owned(), client)
        });
        json!({
            "flow": flow,
            "issuer": self.demo.issuer,
            "app": self.origin(),
            "address": format!("http://{}", self.demo.client.address),
            "username": self.user.username,
            "password": self.user.password,
            "clients": clients.collect::<serde_json::Map<String, Value>>(),
        })
    }
}
