use std::fmt;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RSA_PSS_SHA256,
    RsaKeyPair,
};
use serde::Serialize;
use zeroize::Zeroizing;

use super::jws::signing_input;
use super::{Algorithm, PublicKey, encode};

/// A private key could not be made, read or used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the private key cannot be {0}")]
pub struct KeyFailure(pub(crate) &'static str);

/// A private key for signing, with the one algorithm that it is for.
pub struct PrivateKey {
    pair: Pair,
    algorithm: Algorithm,
    public: PublicKey,
}

enum Pair {
    Rsa(RsaKeyPair),
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl PrivateKey {
    /// Makes a key; one for RSA has 2048 bits and takes some tenths of a second. The randomness is that of the cryptographic
    /// library.
    ///
    /// # Errors
    /// [`KeyFailure`] if the cryptographic library cannot make one.
    pub fn generate(algorithm: Algorithm) -> Result<Self, KeyFailure> {
        let failed = |_| KeyFailure("made");
        let pair = match algorithm {
            Algorithm::Rs256 | Algorithm::Ps256 => {
                Pair::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).map_err(failed)?)
            }
            Algorithm::Es256 => {
                Pair::P256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(failed)?)
            }
            Algorithm::EdDsa => Pair::Ed25519(Ed25519KeyPair::generate().map_err(failed)?),
        };
        Self::of(pair, algorithm)
    }

    /// Reads a key from PKCS #8 (RFC 5958).
    ///
    /// # Errors
    /// [`KeyFailure`] if it is not a key for this algorithm.
    pub fn from_pkcs8(algorithm: Algorithm, der: &[u8]) -> Result<Self, KeyFailure> {
        let failed = |_| KeyFailure("read");
        let pair = match algorithm {
            Algorithm::Rs256 | Algorithm::Ps256 => Pair::Rsa(RsaKeyPair::from_pkcs8(der).map_err(failed)?),
            Algorithm::Es256 => {
                Pair::P256(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der).map_err(failed)?)
            }
            Algorithm::EdDsa => Pair::Ed25519(Ed25519KeyPair::from_pkcs8(der).map_err(failed)?),
        };
        Self::of(pair, algorithm)
    }

    fn of(pair: Pair, algorithm: Algorithm) -> Result<Self, KeyFailure> {
        let public = match &pair {
            Pair::Rsa(pair) => {
                let (n, e) = (pair.public_key().modulus(), pair.public_key().exponent());
                Some(PublicKey::rsa(
                    algorithm,
                    n.big_endian_without_leading_zero(),
                    e.big_endian_without_leading_zero(),
                ))
            }
            Pair::P256(pair) => PublicKey::p256(pair.public_key().as_ref()),
            Pair::Ed25519(pair) => PublicKey::ed25519(pair.public_key().as_ref()),
        };
        Ok(Self { pair, algorithm, public: public.ok_or(KeyFailure("read"))? })
    }

    /// The key as PKCS #8 (RFC 5958), for a store that keeps it sealed.
    ///
    /// # Errors
    /// [`KeyFailure`] if the cryptographic library fails.
    pub fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, KeyFailure> {
        let failed = |_| KeyFailure("written");
        Ok(Zeroizing::new(match &self.pair {
            Pair::Rsa(pair) => pair.as_der().map_err(failed)?.as_ref().to_vec(),
            Pair::P256(pair) => pair.to_pkcs8v1().map_err(failed)?.as_ref().to_vec(),
            Pair::Ed25519(pair) => pair.to_pkcs8().map_err(failed)?.as_ref().to_vec(),
        }))
    }

    /// Its algorithm.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The public key. Its `kid` is the thumbprint.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Signs.
    ///
    /// # Errors
    /// [`KeyFailure`] if the cryptographic library fails.
    pub fn sign(&self, input: &[u8]) -> Result<Vec<u8>, KeyFailure> {
        let failed = |_| KeyFailure("used");
        match &self.pair {
            Pair::Rsa(pair) => {
                let padding = match self.algorithm {
                    Algorithm::Ps256 => &RSA_PSS_SHA256,
                    _ => &RSA_PKCS1_SHA256,
                };
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(padding, &SystemRandom::new(), input, &mut signature).map_err(failed)?;
                Ok(signature)
            }
            Pair::P256(pair) => Ok(pair.sign(&SystemRandom::new(), input).map_err(failed)?.as_ref().to_vec()),
            Pair::Ed25519(pair) => Ok(pair.try_sign(input).map_err(failed)?.as_ref().to_vec()),
        }
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrivateKey").field("public", &self.public).finish_non_exhaustive()
    }
}

/// A signed JSON Web Token (RFC 7519) of this type.
///
/// # Errors
/// [`KeyFailure`] if the key cannot sign, or the claims cannot be written.
pub fn sign(key: &PrivateKey, typ: &str, claims: &impl Serialize) -> Result<String, KeyFailure> {
    let id = key.public.id().unwrap_or_default();
    let mut token = signing_input(key.algorithm, typ, id, claims).map_err(|_| KeyFailure("used"))?;
    let signature = key.sign(token.as_bytes())?;
    token.push('.');
    token.push_str(&encode(signature));
    Ok(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_survives_its_pkcs8_and_fits_no_other_algorithm() {
        for algorithm in Algorithm::ALL {
            let key = PrivateKey::generate(algorithm).unwrap();
            let der = key.to_pkcs8().unwrap();
            let read = PrivateKey::from_pkcs8(algorithm, &der).unwrap();
            assert_eq!(read.public().to_jwk(), key.public().to_jwk());
            assert!(key.public().verifies(algorithm, b"input", &read.sign(b"input").unwrap()));
            for other in Algorithm::ALL {
                let is_rsa = |one| matches!(one, Algorithm::Rs256 | Algorithm::Ps256);
                let fits = other == algorithm || is_rsa(other) && is_rsa(algorithm);
                assert_eq!(PrivateKey::from_pkcs8(other, &der).is_ok(), fits, "{algorithm} as {other}");
            }
        }
    }
}
