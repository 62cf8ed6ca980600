use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

/// The application's secret, under which the server seals what it keeps in the store and has to read again: its signing keys above
/// all. The same for all processes of one store. It has at least 32 bytes and is best random: `openssl rand -base64 32`.
///
/// ```
/// use gridauth::keys::ServerSecret;
///
/// let secret: ServerSecret = "bm90IGEgc2VjcmV0LCBhbiBleGFtcGxlIG9mIDMyIGI=".parse()?;
/// assert!("too short".parse::<ServerSecret>().is_err());
/// # Ok::<(), gridauth::keys::ServerSecretError>(())
/// ```
#[derive(Clone)]
pub struct ServerSecret(Zeroizing<Vec<u8>>);

/// Why a text or bytes cannot be the server's secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ServerSecretError {
    /// It is neither base64 nor hex.
    #[error("it is neither base64 nor hex")]
    Encoding,
    /// It has less than 32 bytes.
    #[error("it has less than 32 bytes")]
    Short,
}

impl ServerSecret {
    /// From bytes.
    ///
    /// # Errors
    /// [`ServerSecretError::Short`] if there are less than 32.
    pub fn from_bytes(bytes: impl Into<Vec<u8>>) -> Result<Self, ServerSecretError> {
        let bytes = Zeroizing::new(bytes.into());
        if bytes.len() < 32 { Err(ServerSecretError::Short) } else { Ok(Self(bytes)) }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// From base64 or hex. What has hex digits alone is read as hex.
impl FromStr for ServerSecret {
    type Err = ServerSecretError;

    fn from_str(text: &str) -> Result<Self, ServerSecretError> {
        let text = text.trim();
        if text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Self::from_bytes(hex(text).ok_or(ServerSecretError::Encoding)?);
        }
        let decoded = [STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD]
            .iter()
            .find_map(|alphabet| alphabet.decode(text).ok());
        Self::from_bytes(decoded.ok_or(ServerSecretError::Encoding)?)
    }
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}

impl fmt::Debug for ServerSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServerSecret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_from_base64_and_hex() {
        let bytes: Vec<u8> = (0..32).map(|number| number * 7 + 3).collect();
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        for text in [
            STANDARD.encode(&bytes),
            STANDARD_NO_PAD.encode(&bytes),
            URL_SAFE.encode(&bytes),
            URL_SAFE_NO_PAD.encode(&bytes),
            hex.clone(),
            hex.to_uppercase(),
            format!(" {hex}\n"),
        ] {
            assert_eq!(text.parse::<ServerSecret>().unwrap().bytes(), bytes, "{text}");
        }
    }

    #[test]
    fn what_is_short_or_no_encoding_is_refused() {
        for (text, error) in [
            ("", ServerSecretError::Short),
            ("00ff", ServerSecretError::Short),
            ("abc", ServerSecretError::Encoding),
            ("not base64!", ServerSecretError::Encoding),
            (&"a".repeat(63), ServerSecretError::Encoding),
            // 62 hex digits are 31 bytes, although as base64 they would be 46.
            (&"a".repeat(62), ServerSecretError::Short),
            (&STANDARD.encode([1; 31]), ServerSecretError::Short),
        ] {
            assert_eq!(text.parse::<ServerSecret>().map(drop), Err(error), "{text}");
        }
    }
}
