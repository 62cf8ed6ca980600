use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{ChaCha20Poly1305, KeyInit};
use hmac::{Hmac, Mac};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::PresentedToken;
use crate::env::{Entropy, EntropyError};

const NONCE: usize = 12;

/// A text that is encrypted under a token: only the holder of the token can open it. The cipher is ChaCha20-Poly1305
/// (RFC 8439), under a key that HMAC-SHA256 derives from the token's secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed(Box<[u8]>);

impl Sealed {
    pub(crate) fn seal(
        under: &PresentedToken,
        text: &[u8],
        entropy: &dyn Entropy,
    ) -> Result<Self, EntropyError> {
        let mut nonce = [0; NONCE];
        entropy.fill(&mut nonce)?;
        let grant = under.grant_id();
        let payload = Payload { msg: text, aad: grant.as_bytes() };
        let sealed = cipher(under).and_then(|cipher| cipher.encrypt(&nonce.into(), payload).ok());
        let sealed = sealed.ok_or_else(|| EntropyError("sealing failed".to_owned()))?;
        Ok(Self([&nonce[..], &sealed].concat().into()))
    }

    pub(crate) fn open(&self, under: &PresentedToken) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, sealed) = self.0.split_first_chunk::<NONCE>()?;
        let grant = under.grant_id();
        let payload = Payload { msg: sealed, aad: grant.as_bytes() };
        cipher(under)?.decrypt(&(*nonce).into(), payload).ok().map(Zeroizing::new)
    }
}

fn cipher(under: &PresentedToken) -> Option<ChaCha20Poly1305> {
    let mut derive = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(under.secret()).ok()?;
    derive.update(b"gridauth: the successor of a refresh token");
    let key = Zeroizing::new(<[u8; 32]>::from(derive.finalize().into_bytes()));
    ChaCha20Poly1305::new_from_slice(&key[..]).ok()
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealed(..)")
    }
}

impl Serialize for Sealed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&URL_SAFE_NO_PAD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Sealed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'_, str>::deserialize(deserializer)?;
        let bytes = URL_SAFE_NO_PAD.decode(text.as_bytes()).map_err(serde::de::Error::custom)?;
        Ok(Self(bytes.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::opaque::{NewToken, new_family};
    use super::*;
    use crate::env::{SystemEntropy, Timestamp};
    use crate::token::GrantId;

    fn refresh_token() -> PresentedToken {
        let id = GrantId::new(Timestamp::from_millis(1), &[1; 10]);
        let family = new_family(&SystemEntropy).unwrap();
        let token = NewToken::make_refresh(id, &family, &SystemEntropy).unwrap();
        PresentedToken::parse(token.text.expose()).unwrap()
    }

    #[test]
    fn only_its_own_token_opens_it() {
        let (token, other) = (refresh_token(), refresh_token());
        let sealed = Sealed::seal(&token, b"successor", &SystemEntropy).unwrap();
        assert_eq!(&**sealed.open(&token).unwrap(), b"successor");
        assert!(sealed.open(&other).is_none());
        assert!(Sealed(Box::new([0; 5])).open(&token).is_none());
    }
}
