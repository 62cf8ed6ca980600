//! The secrets of a client: the present one, and those before it that are still valid.

use super::client::Body;
use super::former_secret::FormerSecret;
use super::{Client, ClientSecretHash, SealedSecret};
use crate::env::Timestamp;

impl Client {
    /// The most secrets before the present one that stay valid at the same time.
    pub const MAX_FORMER_SECRETS: usize = 3;

    /// When the present secret expires (RFC 7591 section 3.2.1, `client_secret_expires_at`); `None` if it does not, or there is none.
    pub fn secret_expires(&self) -> Option<Timestamp> {
        self.body.secret_expires
    }

    /// When the secrets before the present one expire, those that are valid at `now`.
    pub fn former_secrets_expire(&self, now: Timestamp) -> impl Iterator<Item = Timestamp> {
        self.former(now).map(|former| former.expires)
    }

    /// Whether it has a secret, of whatever form.
    pub fn has_secret(&self) -> bool {
        self.unsealed.is_some() || self.body.secret.is_some() || self.body.sealed_secret.is_some()
    }

    /// The hashes of the secrets that are valid now, that of the present one first.
    pub(crate) fn secrets(&self, now: Timestamp) -> impl Iterator<Item = &ClientSecretHash> {
        let present = self.body.secret.iter().filter(move |_| self.has_valid_secret(now));
        present.chain(self.former(now).filter_map(|former| former.secret.as_ref()))
    }

    /// The sealed secrets that are valid now, the present one first.
    pub(crate) fn sealed_secrets(&self, now: Timestamp) -> impl Iterator<Item = &SealedSecret> {
        let present = self.body.sealed_secret.iter().filter(move |_| self.has_valid_secret(now));
        present.chain(self.former(now).filter_map(|former| former.sealed_secret.as_ref()))
    }

    pub(crate) fn has_valid_secret(&self, now: Timestamp) -> bool {
        self.body.secret_expires.is_none_or(|expires| now < expires)
    }

    fn former(&self, now: Timestamp) -> impl Iterator<Item = &FormerSecret> {
        self.body.former_secrets.iter().filter(move |former| now < former.expires)
    }

    /// The client with a new secret. The present one stays valid until `until` at the latest, unless that has passed; then those before
    /// it end too.
    pub(crate) fn with_new_secret(&self, new: NewSecret, until: Timestamp, now: Timestamp) -> Self {
        let mut next = self.clone();
        let body = &mut next.body;
        body.former_secrets.retain(|former| now < former.expires && now < until);
        let expires = body.secret_expires.map_or(until, |own| own.min(until));
        if now < expires {
            let (secret, sealed_secret) = (body.secret.take(), body.sealed_secret.take());
            body.former_secrets.push(FormerSecret { secret, sealed_secret, expires });
        }
        while body.former_secrets.len() > Self::MAX_FORMER_SECRETS {
            let first = body.former_secrets.iter().enumerate().min_by_key(|(_, former)| former.expires);
            let Some((first, _)) = first else { break };
            body.former_secrets.remove(first);
        }
        (body.secret, body.sealed_secret) = match new {
            NewSecret::Hash(hash) => (Some(hash), None),
            NewSecret::Sealed(sealed) => (None, Some(sealed)),
        };
        body.secret_expires = None;
        next
    }
}

impl Body {
    /// All sealed secrets, whether they are valid or not.
    pub(crate) fn all_sealed_secrets(&self) -> impl Iterator<Item = &SealedSecret> {
        let former = self.former_secrets.iter().filter_map(|former| former.sealed_secret.as_ref());
        self.sealed_secret.iter().chain(former)
    }

    /// Puts the same secret in its place, sealed in another way. Returns whether it was there.
    pub(crate) fn replace_sealed_secret(&mut self, stored: &SealedSecret, resealed: &SealedSecret) -> bool {
        let former = self.former_secrets.iter_mut().filter_map(|former| former.sealed_secret.as_mut());
        let place = self.sealed_secret.iter_mut().chain(former).find(|own| *own == stored);
        place.map(|place| place.clone_from(resealed)).is_some()
    }
}

/// A new secret, in the form in which it is stored.
#[derive(Clone)]
pub(crate) enum NewSecret {
    Hash(ClientSecretHash),
    Sealed(SealedSecret),
}
