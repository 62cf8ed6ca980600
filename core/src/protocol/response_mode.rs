use serde::{Deserialize, Serialize};

/// How the authorization response reaches the client (OAuth 2.0 Multiple Response Type Encoding Practices, OAuth 2.0 Form Post
/// Response Mode, and JWT Secured Authorization Response Mode for OAuth 2.0).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResponseMode {
    /// In the query of the redirect URI.
    Query,
    /// In the fragment of the redirect URI, which the browser does not send to the server.
    Fragment,
    /// In the body of a form that the browser posts to the redirect URI.
    FormPost,
    /// A signed token in the query.
    #[serde(rename = "query.jwt")]
    QueryJwt,
    /// A signed token in the fragment.
    #[serde(rename = "fragment.jwt")]
    FragmentJwt,
    /// A signed token in the body of a form.
    #[serde(rename = "form_post.jwt")]
    FormPostJwt,
}

impl ResponseMode {
    /// All modes, in the order of the metadata.
    pub const ALL: [Self; 6] =
        [Self::Query, Self::Fragment, Self::FormPost, Self::QueryJwt, Self::FragmentJwt, Self::FormPostJwt];

    /// The mode that stands for the signed form of the response type's default mode (JARM section 2.3.4).
    pub const JWT: &str = "jwt";

    /// The name, as requests and metadata use it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Fragment => "fragment",
            Self::FormPost => "form_post",
            Self::QueryJwt => "query.jwt",
            Self::FragmentJwt => "fragment.jwt",
            Self::FormPostJwt => "form_post.jwt",
        }
    }

    /// The mode with this name. [`JWT`](Self::JWT) is none: what it is depends on the response type.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.as_str() == name)
    }

    /// Whether the response is one signed token.
    pub const fn is_jwt(self) -> bool {
        matches!(self, Self::QueryJwt | Self::FragmentJwt | Self::FormPostJwt)
    }

    /// The mode that takes the same way with a signed token.
    #[must_use]
    pub const fn signed(self) -> Self {
        match self {
            Self::Query | Self::QueryJwt => Self::QueryJwt,
            Self::Fragment | Self::FragmentJwt => Self::FragmentJwt,
            Self::FormPost | Self::FormPostJwt => Self::FormPostJwt,
        }
    }

    /// The mode that takes the same way with the parameters themselves.
    #[must_use]
    pub const fn plain(self) -> Self {
        match self {
            Self::Query | Self::QueryJwt => Self::Query,
            Self::Fragment | Self::FragmentJwt => Self::Fragment,
            Self::FormPost | Self::FormPostJwt => Self::FormPost,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mode_has_its_name_and_one_signed_form() {
        for mode in ResponseMode::ALL {
            assert_eq!(ResponseMode::from_name(mode.as_str()), Some(mode));
            assert_eq!(serde_json::to_value(mode).unwrap(), mode.as_str());
            assert!(mode.signed().is_jwt() && !mode.plain().is_jwt());
            assert_eq!((mode.signed().plain(), mode.plain().signed()), (mode.plain(), mode.signed()));
        }
        for other in ["", "jwt", "Query", "query.JWT", "web_message"] {
            assert_eq!(ResponseMode::from_name(other), None, "{other}");
        }
    }
}
