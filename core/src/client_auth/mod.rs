//! How clients authenticate (RFC 6749 section 2.3).

mod secret;
pub use secret::ClientSecretHash;
