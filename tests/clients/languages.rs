//! The clients that run as separate programs, and the flows of each.

use crate::tools::{self, Interpreter};

/// A language that clients are written in.
pub(crate) struct Language {
    pub(crate) name: &'static str,
    /// Sets up the interpreter.
    pub(crate) prepare: fn() -> Result<Interpreter, String>,
    pub(crate) clients: &'static [Client],
}

/// A client program and its flows. A flow that its library does not support is left out.
pub(crate) struct Client {
    pub(crate) name: &'static str,
    pub(crate) script: &'static str,
    pub(crate) flows: &'static [&'static str],
}

/// The flow that uses [`Site::proxied`](crate::site::Site::proxied).
pub(crate) const BEHIND_A_PROXY: &str = "behind_a_proxy";

pub(crate) const LANGUAGES: [Language; 2] = [
    Language {
        name: "Python",
        prepare: tools::python,
        clients: &[
            Client {
                name: "authlib",
                script: "authlib_client.py",
                flows: &[
                    "discovery",
                    BEHIND_A_PROXY,
                    "authorization_code",
                    "public_client",
                    "bad_code",
                    "refresh",
                    "client_credentials",
                    "password",
                    "revocation",
                    "introspection",
                    "sign_in",
                ],
            },
            Client {
                name: "requests-oauthlib",
                script: "requests_oauthlib_client.py",
                flows: &[
                    "authorization_code",
                    "public_client",
                    "refused_consent",
                    "bad_code",
                    "refresh",
                    "client_credentials",
                    "password",
                    "revocation",
                ],
            },
        ],
    },
    Language {
        name: "Node",
        prepare: tools::node,
        clients: &[
            Client {
                name: "openid-client",
                script: "openid_client.mjs",
                flows: &[
                    "discovery",
                    BEHIND_A_PROXY,
                    "authorization_code",
                    "public_client",
                    "refused_consent",
                    "bad_code",
                    "refresh",
                    "client_credentials",
                    "encoded_credentials",
                    "password",
                    "revocation",
                    "introspection",
                    "sign_in",
                    "signed_introspection",
                    "pushed_request",
                    "signed_request",
                    "signed_response",
                    "all_three",
                ],
            },
            Client {
                name: "oauth4webapi",
                script: "oauth4webapi_client.mjs",
                flows: &[
                    "discovery",
                    "authorization_code",
                    "bad_code",
                    "refresh",
                    "client_credentials",
                    "revocation",
                    "introspection",
                    "sign_in",
                ],
            },
        ],
    },
];
