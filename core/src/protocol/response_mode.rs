use serde::{Deserialize, Serialize};

/// How the authorization response reaches the client (OAuth 2.0 Multiple Response Type Encoding Practices, and OAuth
/// 2.0 Form Post Response Mode).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResponseMode {
    /// In the query of the redirect URI.
    Query,
    /// In the fragment of the redirect URI, which the browser does not send to the server.
    Fragment,
    /// In the body of a form that the browser posts to the redirect URI.
    FormPost,
}

impl ResponseMode {
    /// All modes, in the order of the metadata.
    pub const ALL: [Self; 3] = [Self::Query, Self::Fragment, Self::FormPost];

    /// The name, as requests and metadata use it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Fragment => "fragment",
            Self::FormPost => "form_post",
        }
    }

    /// The mode with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.as_str() == name)
    }
}
