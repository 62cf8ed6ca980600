/// How an access token is presented (RFC 6749 section 7.1): the value of `token_type`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenType {
    /// `Bearer` (RFC 6750): whoever holds the token may use it.
    #[default]
    Bearer,
    /// `DPoP` (RFC 9449): the token comes with a proof of possession of a key.
    DPoP,
}

impl TokenType {
    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bearer => "Bearer",
            Self::DPoP => "DPoP",
        }
    }
}
