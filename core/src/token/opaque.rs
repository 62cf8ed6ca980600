use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use super::{Digest, GrantId, Secret};
use crate::env::{Entropy, EntropyError};

/// The kind of a token. The prefix of a token shows it to people who find one in a log, and to secret scanners.
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

    /// The prefix of every token of this kind.
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
const JWT_LABEL: u8 = b'j';
/// How the claims of the server's JSON Web Tokens begin. Then comes the `jti`.
const JWT_START: &[u8] = br#"{"jti":""#;
/// The length of a `jti`: the grant's id and 128 random bits in base64url.
const JWT_ID: usize = 43;

/// A newly generated token: its text for the client, its digest for the store.
#[derive(Debug)]
pub struct NewToken {
    /// What the client receives.
    pub text: Secret,
    /// What the store keeps.
    pub digest: Digest,
}

/// The random part that all refresh tokens of a grant share.
pub(crate) type Family = Zeroizing<[u8; FAMILY]>;

/// The random part of a code or an access token.
pub(crate) type TokenSecret = Zeroizing<[u8; SECRET]>;

impl NewToken {
    /// Generates a code or an access token of `grant`.
    pub(crate) fn make(kind: TokenKind, grant: GrantId, secret: &TokenSecret) -> Self {
        let mut bytes = Zeroizing::new([0; ID + SECRET]);
        bytes[..ID].copy_from_slice(grant.as_bytes());
        bytes[ID..].copy_from_slice(&secret[..]);
        Self::of(kind, &bytes[..])
    }

    /// Generates a refresh token of `grant`: the family that all of its refresh tokens share, and 256 random bits.
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

impl NewToken {
    /// An access token that is a JSON Web Token with a [`jti`](new_jwt_id) at its start. The digest is that of the whole text.
    pub(crate) fn of_jwt(text: Secret) -> Self {
        let digest = Digest::of(JWT_LABEL, &[text.expose().as_bytes()]);
        Self { text, digest }
    }
}

/// The `jti` of an access token that is a JSON Web Token. It names the grant's row, so a guard on the store finds that.
pub(crate) fn new_jwt_id(grant: GrantId, entropy: &dyn Entropy) -> Result<String, EntropyError> {
    let mut bytes = [0; ID + 16];
    bytes[..ID].copy_from_slice(grant.as_bytes());
    entropy.fill(&mut bytes[ID..])?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
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

/// The refresh token family of a grant that begins with a code, derived from the secret of that code. This gives away
/// nothing: a family lets its holder revoke the grant, and so does a code, presented a second time.
pub(crate) fn family_of_code(secret: &[u8]) -> Family {
    let mut family = Zeroizing::new([0; FAMILY]);
    family.copy_from_slice(&Digest::of(CODE_FAMILY_LABEL, &[secret]).as_bytes()[..FAMILY]);
    family
}

/// The random bytes of a grant's id. They commit to the client and to a secret that the grant's tokens contain. So a
/// token proves by itself which grant it may revoke, and revocation need not read the row.
///
/// The id holds 74 bits of the commitment. To find another secret for an id is infeasible, and would only revoke that
/// one grant.
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

/// A presented token, parsed but not yet validated.
pub struct PresentedToken {
    kind: TokenKind,
    is_jwt: bool,
    bytes: [u8; ID + FAMILY + SECRET],
    length: usize,
    digest: Digest,
}

impl PresentedToken {
    /// Parses a token of any kind. `None` for a text that is not a token: each token has exactly one spelling.
    pub fn parse(text: &str) -> Option<Self> {
        let opaque = TokenKind::ALL.into_iter().find_map(|kind| Self::parse_kind(kind, text));
        opaque.or_else(|| Self::parse_jwt(text.as_bytes()))
    }

    /// Parses a token of this kind.
    pub fn parse_kind(kind: TokenKind, text: &str) -> Option<Self> {
        Self::parse_bytes(kind, text.as_bytes())
    }

    /// Like [`parse_kind`](Self::parse_kind), from bytes that may not be UTF-8.
    #[inline]
    pub(crate) fn parse_bytes(kind: TokenKind, text: &[u8]) -> Option<Self> {
        let encoded = text.strip_prefix(kind.prefix().as_bytes())?;
        let expected = if kind == TokenKind::Refresh { ID + FAMILY + SECRET } else { ID + SECRET };
        if encoded.len() != (expected * 4).div_ceil(3) {
            return None;
        }
        // Not wiped: the request holds the same secret in plaintext, and outlives this value.
        let mut bytes = [0; ID + FAMILY + SECRET];
        let length = URL_SAFE_NO_PAD.decode_slice(encoded, &mut bytes[..]).ok()?;
        if length != expected {
            return None;
        }
        let digest = Digest::of(kind.label(), &[&bytes[..expected]]);
        Some(Self { kind, is_jwt: false, bytes, length, digest })
    }

    /// Parses an access token that is a JSON Web Token of this server: it names a row, and the digest of its whole text is what the
    /// row has. So neither its signature nor its claims need to be looked at.
    pub(crate) fn parse_jwt(text: &[u8]) -> Option<Self> {
        // A header of the server has at least 50 characters; anything else is not worth a search.
        let payload = text.iter().position(|byte| *byte == b'.').filter(|dot| *dot < 512)? + 1;
        // 68 characters are 51 bytes: the start and the whole id.
        let start = text.get(payload..payload + 68)?;
        let mut claims = [0; JWT_START.len() + JWT_ID];
        if URL_SAFE_NO_PAD.decode_slice(start, &mut claims) != Ok(claims.len()) {
            return None;
        }
        let mut bytes = [0; ID + FAMILY + SECRET];
        let id = claims.strip_prefix(JWT_START)?;
        if URL_SAFE_NO_PAD.decode_slice(id, &mut bytes[..]) != Ok(ID + 16) {
            return None;
        }
        let digest = Digest::of(JWT_LABEL, &[text]);
        Some(Self { kind: TokenKind::Access, is_jwt: true, bytes, length: ID + 16, digest })
    }

    /// The kind that the token claims to be.
    pub fn kind(&self) -> TokenKind {
        self.kind
    }

    /// Whether it is a JSON Web Token.
    pub(crate) fn is_jwt(&self) -> bool {
        self.is_jwt
    }

    /// The grant that the token claims to belong to.
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

    /// Whether the token proves by itself that it belongs to the grant that it names, and that the grant is this
    /// client's. `false` proves nothing: an access token of a grant with refresh tokens carries no proof, nor does a JWT.
    pub(crate) fn proves_grant_of(&self, client_id: &str) -> bool {
        if self.is_jwt {
            return false;
        }
        let commitment = match self.kind {
            TokenKind::Access => commitment(self.secret(), client_id),
            TokenKind::Refresh => commitment(&self.family()[..], client_id),
            TokenKind::Code => commitment(&family_of_code(self.secret())[..], client_id),
        };
        self.grant_id().has_random(&commitment)
    }

    /// The secret part. Only the holder of the token can derive keys from it.
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
    fn tokens_round_trip() {
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
    fn a_token_of_one_kind_is_not_valid_as_another() {
        let code = NewToken::make(TokenKind::Code, id(), &secret());
        let disguised = code.text.expose().replace("gac_", "gat_");
        let read = PresentedToken::parse_kind(TokenKind::Access, &disguised).unwrap();
        assert!(!read.digest().matches(&code.digest));
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text in ".{0,120}") {
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
