//! A language of the pages.

use super::texts::Texts;
use super::{english, german};

/// A language that pages can be shown in: its tag, its writing direction and its texts.
///
/// ```
/// use gridauth::pages::Language;
///
/// let german = Language::german()
///     .with_texts(|texts| texts.username = "Mitgliedsnummer".into())
///     .with_scope("notes.read", "Ihre Notizen lesen");
/// assert_eq!((german.tag(), &*german.texts().username), ("de", "Mitgliedsnummer"));
/// ```
#[derive(Clone, Debug)]
pub struct Language {
    tag: String,
    direction: Direction,
    texts: Texts,
    scopes: Vec<(String, String)>,
}

/// A writing direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// As English is written.
    LeftToRight,
    /// As Arabic and Hebrew are written.
    RightToLeft,
}

/// The text is not a language tag.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a language tag such as fr or pt-BR (BCP 47)")]
pub struct InvalidLanguageTag(String);

impl Language {
    /// A language with this tag (BCP 47).
    ///
    /// Users get it who ask for this tag or for a longer one. `fr` serves readers of `fr-CA` too, but `pt-BR` does not
    /// serve those who ask for `pt`.
    ///
    /// # Errors
    /// [`InvalidLanguageTag`] if the tag is not well-formed.
    pub fn new(
        tag: impl Into<String>,
        direction: Direction,
        texts: Texts,
    ) -> Result<Self, InvalidLanguageTag> {
        let tag = tag.into();
        if !is_tag(&tag) {
            return Err(InvalidLanguageTag(tag.chars().take(40).collect()));
        }
        Ok(Self { tag, direction, texts, scopes: Vec::new() })
    }

    /// English, with the tag `en`.
    #[must_use]
    pub fn english() -> Self {
        Self::of_ours("en", english::texts())
    }

    /// German, with the tag `de`.
    #[must_use]
    pub fn german() -> Self {
        Self::of_ours("de", german::texts())
    }

    fn of_ours(tag: &str, texts: Texts) -> Self {
        Self { tag: tag.to_owned(), direction: Direction::LeftToRight, texts, scopes: Vec::new() }
    }

    /// Changes some of the texts.
    #[must_use]
    pub fn with_texts(mut self, change: impl FnOnce(&mut Texts)) -> Self {
        change(&mut self.texts);
        self
    }

    /// Describes a scope in this language, in place of the description that the server has for all languages.
    #[must_use]
    pub fn with_scope(mut self, token: impl Into<String>, words: impl Into<String>) -> Self {
        self.scopes.push((token.into(), words.into()));
        self
    }

    /// The tag.
    #[must_use]
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// The writing direction.
    #[must_use]
    pub fn direction(&self) -> Direction {
        self.direction
    }

    /// The texts.
    #[must_use]
    pub fn texts(&self) -> &Texts {
        &self.texts
    }

    /// The texts, to build another language on.
    #[must_use]
    pub fn into_texts(self) -> Texts {
        self.texts
    }

    /// The description of a scope that was set for this language.
    #[must_use]
    pub fn scope(&self, token: &str) -> Option<&str> {
        // The last one counts.
        self.scopes.iter().rev().find(|(own, _)| own == token).map(|(_, words)| words.as_str())
    }
}

/// The longest tag or range, in bytes. RFC 5646 section 4.4.1 suggests it as the limit of a fixed buffer.
const LONGEST: usize = 35;

/// Whether this is a basic language range other than `*` (RFC 4647 section 2.1). Every language tag is one.
pub(super) fn is_tag(text: &str) -> bool {
    let mut subtags = text.split('-');
    let primary = subtags.next().unwrap_or_default();
    let is_subtag = |subtag: &str| {
        (1..=8).contains(&subtag.len()) && subtag.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    text.len() <= LONGEST
        && is_subtag(primary)
        && primary.bytes().all(|byte| byte.is_ascii_alphabetic())
        && subtags.all(is_subtag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_tag_names_a_language() {
        for tag in ["fr", "pt-BR", "zh-Hant-TW", "de-CH-1996", "x-klingon"] {
            let language = Language::new(tag, Direction::LeftToRight, english::texts());
            assert_eq!(language.unwrap().tag(), tag);
        }
        for tag in
            ["", "*", "fr_FR", "fr-", "-fr", "fr fr", "fr-*", "französisch", "1a", "abcdefghi", "\"><b>"]
        {
            assert!(Language::new(tag, Direction::LeftToRight, english::texts()).is_err(), "{tag:?}");
        }
        assert!(Language::new("a-".repeat(40) + "b", Direction::LeftToRight, english::texts()).is_err());
    }

    #[test]
    fn a_scope_can_be_described_again() {
        let language =
            Language::german().with_scope("notes.read", "Lesen").with_scope("notes.read", "Ansehen");
        assert_eq!((language.scope("notes.read"), language.scope("email")), (Some("Ansehen"), None));
    }
}
