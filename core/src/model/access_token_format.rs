use serde::{Deserialize, Serialize};

/// What an access token is. To a client it is an opaque text either way (RFC 6749 section 1.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AccessTokenFormat {
    /// Random bits. Only the server and guards on its store can check it.
    #[default]
    Opaque,
    /// A signed JSON Web Token (RFC 9068), which anybody can check by the published keys. Guards on the server's store find its row
    /// all the same, so there it ends the moment it is revoked; elsewhere it is valid until it expires.
    Jwt,
}
