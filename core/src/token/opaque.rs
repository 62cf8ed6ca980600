use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use super::{Digest, GrantId, Secret};
use crate::env::{Entropy, EntropyError};

/// What a token of ours is for. Its prefix says so, to people who find one in a log and to scanners that look for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TokenKind {
    /// An authorization code.
    Code,
    /// An access token.
    Access,
    /// A refresh token.
    Refresh,
}

impl TokenKind {
    const ALL: [Self; 3] = [Self::Code, Self::Access, Self::Refresh];

    /// What every token of the kind begins with.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Code => "gac_",
            Self::Access => "gat_",
            Self::Refresh => "gar_",
        }
    }

    const fn label(self) -> u8 {
        match self {
            Self::Code => b'c',
            Self::Access => b'a',
            Self::Refresh => b'r',
        }
    }
}

const ID: usize = 16;
const FAMILY: usize = 16;
const SECRET: usize = 32;
const FAMILY_LABEL: u8 = b'f';
const CODE_FAMILY_LABEL: u8 = b'F';
const COMMITMENT_LABEL: u8 = b'g';

/// A token that was just made: its text for the client, its digest for the store.
#[derive(Debug)]
pub struct NewToken {
    /// What the client gets.
    pub text: Secret,
    /// What the store keeps.
    pub digest: Digest,
}

/// The random part that all refresh tokens of a grant share.
pub(crate) type Family = Zeroizing<[u8; FAMILY]>;

/// The random part of a code or an access token.
pub(crate) type TokenSecret = Zeroizing<[u8; SECRET]>;

impl NewToken {
    /// Makes a code or an access token of `grant`.
    pub(crate) fn make(kind: TokenKind, grant: GrantId, secret: &TokenSecret) -> Self {
        let mut bytes = Zeroizing::new([0; ID + SECRET]);
        bytes[..ID].copy_from_slice(grant.as_bytes());
        bytes[ID..].copy_from_slice(&secret[..]);
        Self::of(kind, &bytes[..])
    }

    /// Makes a refresh token of `grant`: the family that all of its refresh tokens share, and 256 random bits.
    pub(crate) fn make_refresh(
        grant: GrantId,
        family: &Family,
        entropy: &dyn Entropy,
    ) -> Result<Self, EntropyError> {
        let mut bytes = Zeroizing::new([0; ID + FAMILY + SECRET]);
        bytes[..ID].copy_from_slice(grant.as_bytes());
        bytes[ID..ID + FAMILY].copy_from_slice(&family[..]);
        entropy.fill(&mut bytes[ID + FAMILY..])?;
        Ok(Self::of(TokenKind::Refresh, &bytes[..]))
    }

    fn of(kind: TokenKind, bytes: &[u8]) -> Self {
        let mut text = String::with_capacity(kind.prefix().len() + bytes.len() * 4 / 3 + 3);
        text.push_str(kind.prefix());
        URL_SAFE_NO_PAD.encode_string(bytes, &mut text);
        Self { text: text.into(), digest: Digest::of(kind.label(), &[bytes]) }
    }
}

/// A new family.
pub(crate) fn new_family(entropy: &dyn Entropy) -> Result<Family, EntropyError> {
    let mut family = Zeroizing::new([0; FAMILY]);
    entropy.fill(&mut family[..])?;
    Ok(family)
}

/// A new secret, of 256 random bits.
pub(crate) fn new_token_secret(entropy: &dyn Entropy) -> Result<TokenSecret, EntropyError> {
    let mut secret = Zeroizing::new([0; SECRET]);
    entropy.fill(&mut secret[..])?;
    Ok(secret)
}

/// The family of the refresh tokens that a code gives. Who has the code can end the grant with it, by using it again; so
/// the family, with which one can do no more, may follow from it.
pub(crate) fn family_of_code(secret: &[u8]) -> Family {
    let mut family = Zeroizing::new([0; FAMILY]);
    family.copy_from_slice(&Digest::of(CODE_FAMILY_LABEL, &[secret]).as_bytes()[..FAMILY]);
    family
}

/// What the id of a grant has for random bytes: they commit to a secret that the grant's tokens have and to its client, so
/// that a token proves by itself whose grant it may end, and revocation need not read the row. Of these bytes 74 bits are
/// in the id: finding other secrets for an id is out of reach, and would end that one grant.
pub(crate) fn commitment(secret: &[u8], client_id: &str) -> [u8; 10] {
    let mut commitment = [0; 10];
    let digest = Digest::of(COMMITMENT_LABEL, &[&[secret.len() as u8], secret, client_id.as_bytes()]);
    commitment.copy_from_slice(&digest.as_bytes()[..10]);
    commitment
}

/// The digest of a family.
pub(crate) fn family_digest(family: &Family) -> Digest {
    Digest::of(FAMILY_LABEL, &[&family[..]])
}

/// A token that somebody presented, read but not yet believed.
pub struct PresentedToken {
    kind: TokenKind,
    bytes: [u8; ID + FAMILY + SECRET],
    length: usize,
    digest: Digest,
}

impl PresentedToken {
    /// Reads a token of any kind. `None` is a text that was never one of ours: each token has one spelling only.
    pub fn parse(text: &str) -> Option<Self> {
        TokenKind::ALL.into_iter().find_map(|kind| Self::parse_kind(kind, text))
    }

    /// Reads a token of this kind.
    pub fn parse_kind(kind: TokenKind, text: &str) -> Option<Self> {
        Self::parse_bytes(kind, text.as_bytes())
    }

    /// The same, of what is not yet known to be text.
    #[inline]
    pub(crate) fn parse_bytes(kind: TokenKind, text: &[u8]) -> Option<Self> {
        let encoded = text.strip_prefix(kind.prefix().as_bytes())?;
        let expected = if kind == TokenKind::Refresh { ID + FAMILY + SECRET } else { ID + SECRET };
        if encoded.len() != (expected * 4).div_ceil(3) {
            return None;
        }
        // The request, where the same secret is in clear, outlives this: nothing would be won by wiping it.
        let mut bytes = [0; ID + FAMILY + SECRET];
        let length = URL_SAFE_NO_PAD.decode_slice(encoded, &mut bytes[..]).ok()?;
        if length != expected {
            return None;
        }
        let digest = Digest::of(kind.label(), &[&bytes[..expected]]);
        Some(Self { kind, bytes, length, digest })
    }

    /// What it says it is.
    pub fn kind(&self) -> TokenKind {
        self.kind
    }

    /// The grant that it says it belongs to.
    pub fn grant_id(&self) -> GrantId {
        let mut id = [0; ID];
        id.copy_from_slice(&self.bytes[..ID]);
        GrantId::from_bytes(id)
    }

    /// The digest to compare with the stored one.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// The family of a refresh token.
    pub(crate) fn family(&self) -> Family {
        let mut family = Zeroizing::new([0; FAMILY]);
        family.copy_from_slice(&self.bytes[ID..ID + FAMILY]);
        family
    }

    /// Whether the token shows, by itself, that it belongs to the grant that it names and that this is the client's. `false`
    /// says nothing: an access token of a grant that has refresh tokens shows nothing.
    pub(crate) fn proves_grant_of(&self, client_id: &str) -> bool {
        let commitment = match self.kind {
            TokenKind::Access => commitment(self.secret(), client_id),
            TokenKind::Refresh => commitment(&self.family()[..], client_id),
            TokenKind::Code => commitment(&family_of_code(self.secret())[..], client_id),
        };
        self.grant_id().has_random(&commitment)
    }

    /// The secret part: what a key that only the holder can derive is derived from.
    pub(crate) fn secret(&self) -> &[u8] {
        &self.bytes[self.length - SECRET..self.length]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::env::{SystemEntropy, Timestamp};

    fn id() -> GrantId {
        GrantId::new(Timestamp::from_millis(1_700_000_000_000), &[7; 10])
    }

    fn secret() -> TokenSecret {
        new_token_secret(&SystemEntropy).unwrap()
    }

    #[test]
    fn a_token_proves_the_grant_whose_id_commits_to_it_and_no_other() {
        let (family, secret) = (new_family(&SystemEntropy).unwrap(), secret());
        let now = Timestamp::from_millis(1_700_000_000_000);
        let of_family = GrantId::new(now, &commitment(&family[..], "web"));
        let of_secret = GrantId::new(now, &commitment(&secret[..], "web"));
        let of_code = GrantId::new(now, &commitment(&family_of_code(&secret[..])[..], "web"));
        let proves = |token: NewToken, client: &str| {
            PresentedToken::parse(token.text.expose()).unwrap().proves_grant_of(client)
        };
        let refresh = |id| NewToken::make_refresh(id, &family, &SystemEntropy).unwrap();
        assert!(proves(refresh(of_family), "web"));
        assert!(!proves(refresh(of_family), "other"));
        assert!(!proves(refresh(of_secret), "web"));
        assert!(proves(NewToken::make(TokenKind::Access, of_secret, &secret), "web"));
        assert!(!proves(NewToken::make(TokenKind::Access, of_secret, &secret), "we"));
        assert!(!proves(NewToken::make(TokenKind::Access, of_family, &secret), "web"));
        assert!(proves(NewToken::make(TokenKind::Code, of_code, &secret), "web"));
        assert!(!proves(NewToken::make(TokenKind::Access, of_code, &secret), "web"));
    }

    #[test]
    fn what_is_made_is_read_back() {
        for kind in [TokenKind::Code, TokenKind::Access] {
            let token = NewToken::make(kind, id(), &secret());
            let read = PresentedToken::parse(token.text.expose()).unwrap();
            assert_eq!((read.kind(), read.grant_id(), read.digest()), (kind, id(), &token.digest));
        }
        let family = new_family(&SystemEntropy).unwrap();
        let token = NewToken::make_refresh(id(), &family, &SystemEntropy).unwrap();
        let read = PresentedToken::parse(token.text.expose()).unwrap();
        assert_eq!(read.family(), family);
        assert_eq!((read.grant_id(), read.digest()), (id(), &token.digest));
    }

    #[test]
    fn a_token_of_one_kind_is_none_of_another() {
        let code = NewToken::make(TokenKind::Code, id(), &secret());
        let disguised = code.text.expose().replace("gac_", "gat_");
        let read = PresentedToken::parse_kind(TokenKind::Access, &disguised).unwrap();
        assert!(!read.digest().matches(&code.digest));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".{0,120}") {
            let _ = PresentedToken::parse(&text);
        }

        #[test]
        fn a_token_has_one_spelling(at in 0usize..68, with in "[A-Za-z0-9_=+/ -]") {
            let token = NewToken::make(TokenKind::Access, id(), &secret());
            let mut changed = token.text.expose().to_owned();
            changed.replace_range(at..=at, &with);
            if changed != token.text.expose() {
                let same = PresentedToken::parse(&changed).is_some_and(|read| read.digest().matches(&token.digest));
                prop_assert!(!same);
            }
        }
    }
}
