//! What pages show about a scope.

use super::texts::Texts;

/// A requested scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScopeInfo<'a> {
    /// The scope token (RFC 6749 section 3.3).
    pub token: &'a str,
    /// What it allows the client to do, in words for the user.
    pub description: Option<&'a str>,
}

impl<'a> ScopeInfo<'a> {
    /// `token`, with a description if it is one of OpenID Connect's own scopes (OpenID Connect Core sections 3.1.2.1,
    /// 5.4 and 11).
    ///
    /// ```
    /// use gridauth::pages::{Language, ScopeInfo};
    ///
    /// let english = Language::english();
    /// assert_eq!(ScopeInfo::standard("email", english.texts()).description, Some("See your email address"));
    /// assert_eq!(ScopeInfo::standard("notes.read", english.texts()).description, None);
    /// ```
    #[must_use]
    pub fn standard(token: &'a str, texts: &'a Texts) -> Self {
        Self { token, description: texts.standard_scope(token) }
    }
}
