//! The parameters that OpenID Connect adds to an authorization request (OpenID Connect Core section 3.1.2.1).

use serde::{Deserialize, Serialize};

use super::ClaimsRequest;

/// The name under which a grant keeps what an OpenID Connect request asked for.
pub(crate) const KEPT: &str = "openid";

/// What a grant keeps of an OpenID Connect request.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Kept {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) nonce: Option<String>,
    #[serde(default, skip_serializing_if = "ClaimsRequest::is_empty")]
    pub(crate) claims: ClaimsRequest,
}

/// The parameter `prompt`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Prompt {
    pub(crate) none: bool,
    pub(crate) login: bool,
    pub(crate) consent: bool,
    pub(crate) select_account: bool,
}

impl Prompt {
    /// Reads the parameter; the error says what is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        let mut prompt = Self::default();
        for word in text.split(' ').filter(|word| !word.is_empty()) {
            match word {
                "none" => prompt.none = true,
                "login" => prompt.login = true,
                "consent" => prompt.consent = true,
                "select_account" => prompt.select_account = true,
                _ => return Err("prompt has a value that the server does not know"),
            }
        }
        if prompt.none && (prompt.login || prompt.consent || prompt.select_account) {
            return Err("prompt cannot combine none with another value");
        }
        Ok(prompt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prompt_is_a_list_of_known_words() {
        let both = Prompt { login: true, consent: true, ..Prompt::default() };
        assert_eq!(Prompt::parse("consent login"), Ok(both));
        assert_eq!(Prompt::parse("none"), Ok(Prompt { none: true, ..Prompt::default() }));
        for bad in ["none login", "create", "Login", "login,consent"] {
            assert!(Prompt::parse(bad).is_err(), "{bad}");
        }
    }
}
