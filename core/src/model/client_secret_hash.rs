use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::PasswordHash;

const DIGEST: &str = "sha256:";

/// The hash of a client secret, as it is stored: `sha256:` and a base64url digest for a generated secret, an argon2id
/// PHC string for a chosen one. A stored string that is neither stays as it is and matches no secret.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Box<str>", into = "Box<str>")]
pub struct ClientSecretHash {
    text: Box<str>,
    form: Form,
}

#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Form {
    /// The SHA-256 digest of a generated secret.
    Digest([u8; 32]),
    /// The hash of a chosen secret.
    Chosen(PasswordHash),
    /// Neither.
    Unreadable,
}

impl ClientSecretHash {
    /// The hash of a generated secret with this digest.
    pub(crate) fn of_digest(digest: [u8; 32]) -> Self {
        let text = format!("{DIGEST}{}", URL_SAFE_NO_PAD.encode(digest));
        Self { text: text.into(), form: Form::Digest(digest) }
    }

    /// The hash of a chosen secret, which is hashed like a password.
    pub(crate) fn of_password(hash: PasswordHash) -> Self {
        Self { text: hash.as_str().into(), form: Form::Chosen(hash) }
    }

    /// The form of the hash.
    pub(crate) fn form(&self) -> &Form {
        &self.form
    }

    /// Whether it is of a secret that was generated.
    pub(crate) fn is_generated(&self) -> bool {
        matches!(self.form, Form::Digest(_))
    }

    /// Whether it is of this generated secret, in constant time.
    pub(crate) fn is_of_generated(&self, secret: &str) -> bool {
        matches!(&self.form, Form::Digest(own) if bool::from(own.ct_eq(&digest(secret))))
    }

    /// The string to store. It may allow guessing the secret, so it must not go into a log or a response.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// The digest that is stored for a generated secret.
pub(crate) fn digest(secret: &str) -> [u8; 32] {
    Sha256::digest(secret).into()
}

impl From<Box<str>> for ClientSecretHash {
    fn from(text: Box<str>) -> Self {
        let form = match text.strip_prefix(DIGEST) {
            Some(digest) => URL_SAFE_NO_PAD
                .decode(digest)
                .ok()
                .and_then(|digest| digest.try_into().ok())
                .map_or(Form::Unreadable, Form::Digest),
            // The rest is parsed when a secret is checked.
            None if text.starts_with("$argon2id$") => Form::Chosen(PasswordHash::from_phc(&text)),
            None => Form::Unreadable,
        };
        Self { text, form }
    }
}

impl From<ClientSecretHash> for Box<str> {
    fn from(hash: ClientSecretHash) -> Self {
        hash.text
    }
}

impl fmt::Debug for ClientSecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let form = match self.form {
            Form::Digest(_) => "sha256",
            Form::Chosen(_) => "argon2id",
            Form::Unreadable => "unreadable",
        };
        write!(f, "ClientSecretHash({form}, …)")
    }
}
