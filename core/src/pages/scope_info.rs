//! What pages show about a scope.

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
    /// use gridauth::pages::ScopeInfo;
    ///
    /// assert_eq!(ScopeInfo::standard("email").description, Some("See your email address"));
    /// assert_eq!(ScopeInfo::standard("notes.read").description, None);
    /// ```
    #[must_use]
    pub fn standard(token: &'a str) -> Self {
        let description = match token {
            "openid" => Some("Know who you are"),
            "profile" => Some("See your name and profile"),
            "email" => Some("See your email address"),
            "address" => Some("See your postal address"),
            "phone" => Some("See your phone number"),
            "offline_access" => Some("Keep this access while you are away"),
            _ => None,
        };
        Self { token, description }
    }
}
