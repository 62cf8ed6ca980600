use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A set of scope tokens, in the order of their first occurrence (RFC 6749 section 3.3).
///
/// ```
/// use gridauth::protocol::Scope;
///
/// let scope: Scope = "notes.read notes.write".parse()?;
/// assert!(scope.contains("notes.read"));
/// assert!(scope.covers(&"notes.write".parse()?));
/// # Ok::<(), gridauth::protocol::ScopeError>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Scope(Box<str>);

/// A scope contains a character that RFC 6749 section 3.3 does not allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a scope is a space-separated list of tokens of printable ASCII without quote and backslash")]
pub struct ScopeError;

fn is_space(byte: &u8) -> bool {
    *byte == b' '
}

impl Scope {
    /// The empty scope.
    pub fn empty() -> Self {
        Self::default()
    }

    /// Whether the scope has no tokens.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The tokens, in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.split(' ').filter(|token| !token.is_empty())
    }

    /// Whether `token` is in the scope.
    pub fn contains(&self, token: &str) -> bool {
        self.contains_bytes(token.as_bytes())
    }

    /// Compares bytes, which is faster than comparing characters: every guard does it.
    fn contains_bytes(&self, token: &[u8]) -> bool {
        !token.is_empty() && self.0.as_bytes().split(is_space).any(|own| own == token)
    }

    /// Whether every token of `other` is in the scope.
    pub fn covers(&self, other: &Scope) -> bool {
        other.iter().all(|token| self.contains(token))
    }

    /// Whether every token of the space-separated list `tokens` is in the scope.
    pub fn covers_list(&self, tokens: &str) -> bool {
        // Often a token has exactly the scope that a guard requires.
        *self.0 == *tokens
            || tokens.as_bytes().split(is_space).all(|token| token.is_empty() || self.contains_bytes(token))
    }

    /// The tokens of this scope, then those of `other` that it lacks.
    #[must_use]
    pub fn union(&self, other: &Scope) -> Self {
        Self::collect(self.iter().chain(other.iter()))
    }

    /// The tokens for which `keep` returns true.
    #[must_use]
    pub fn filter(&self, mut keep: impl FnMut(&str) -> bool) -> Self {
        Self::collect(self.iter().filter(|token| keep(token)))
    }

    /// The tokens, separated by single spaces, as they are sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn collect<'a>(tokens: impl Iterator<Item = &'a str>) -> Self {
        let mut list: Vec<&str> = Vec::new();
        for token in tokens {
            if !list.contains(&token) {
                list.push(token);
            }
        }
        Self(list.join(" ").into())
    }
}

impl FromStr for Scope {
    type Err = ScopeError;

    /// Parses a space-separated list of tokens. Repeated tokens and repeated spaces count once.
    fn from_str(text: &str) -> Result<Self, ScopeError> {
        if !text.bytes().all(|b| matches!(b, b' ' | 0x21 | 0x23..=0x5b | 0x5d..=0x7e)) {
            return Err(ScopeError);
        }
        if !text.contains(' ') {
            return Ok(Self(text.into()));
        }
        Ok(Self::collect(text.split(' ').filter(|token| !token.is_empty())))
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl Serialize for Scope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Scope {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn repeated_tokens_and_spaces_are_collapsed() {
        let scope: Scope = "  b  a b ".parse().unwrap();
        assert_eq!(scope.as_str(), "b a");
        assert!(" ".parse::<Scope>().unwrap().is_empty());
    }

    #[test]
    fn forbidden_characters_are_rejected() {
        for bad in ["a\tb", "a\"", "a\\b", "é", "a\0", "a\nb", "\u{7f}"] {
            assert_eq!(bad.parse::<Scope>(), Err(ScopeError), "{bad:?}");
        }
    }

    #[test]
    fn tokens_are_compared_whole() {
        let scope: Scope = "notes.read".parse().unwrap();
        assert!(!scope.contains("notes"));
        assert!(!scope.covers_list("notes.read notes.write"));
        assert!(scope.covers(&Scope::empty()));
    }

    proptest! {
        #[test]
        fn scopes_round_trip(text in "[ -~]{0,60}") {
            if let Ok(scope) = text.parse::<Scope>() {
                prop_assert_eq!(scope.as_str().parse::<Scope>().unwrap(), scope.clone());
                for token in text.split(' ').filter(|t| !t.is_empty()) {
                    prop_assert!(scope.contains(token));
                }
            }
        }

        #[test]
        fn exactly_the_allowed_characters_parse(text in ".*") {
            let allowed = text.bytes().all(|b| b == b' ' || (0x21..=0x7e).contains(&b) && b != b'"' && b != b'\\');
            prop_assert_eq!(text.parse::<Scope>().is_ok(), allowed);
        }
    }
}
