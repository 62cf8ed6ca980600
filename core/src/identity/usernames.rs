use std::borrow::Cow;

use icu_properties::props::{BidiControl, BinaryProperty, DefaultIgnorableCodePoint};
use precis_profiles::Nickname;
use precis_profiles::precis_core::profile::{Rules, stabilize};

/// How the names of users are compared. Two names that compare as equal are one account.
///
/// A name has 1 to 255 characters. None of them is a control character, a line or paragraph separator, a character that nobody
/// sees (zero-width spaces and joiners, the soft hyphen, variation selectors, the blank braille pattern) or a bidirectional formatting character. It is kept
/// and shown as it was typed.
///
/// The rows of a store depend on this: users who signed up under one setting are not found under another.
///
/// ```
/// use gridauth::identity::UsernameComparison;
///
/// let key = |name| UsernameComparison::Nickname.key(name);
/// assert_eq!(key(" Bob "), key("bob"));
/// assert_eq!(key("\u{ff22}ob"), key("bob")); // fullwidth
/// assert_ne!(UsernameComparison::Exact.key("Bob"), UsernameComparison::Exact.key("bob"));
/// assert_eq!(key("b\u{200b}ob"), None); // zero-width space
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum UsernameComparison {
    /// By the PRECIS profile Nickname (RFC 8266 section 2.4): without surrounding spaces, spaces collapsed, compatibility forms and
    /// case mapped. Characters of every version of Unicode are allowed.
    #[default]
    Nickname,
    /// Character by character.
    Exact,
}

impl UsernameComparison {
    /// The form in which a name is compared and found; `None` where no user can have it.
    pub fn key(self, name: &str) -> Option<Cow<'_, str>> {
        if !is_username(name) {
            return None;
        }
        match self {
            Self::Exact => Some(Cow::Borrowed(name)),
            Self::Nickname => {
                let profile = Nickname::new();
                let compared = stabilize(name, |name| {
                    let name = profile.additional_mapping_rule(name)?;
                    let name = lower_case(name);
                    profile.normalization_rule(name)
                });
                // A compatibility form can be much longer than what was typed.
                compared.ok().filter(|key| is_username(key))
            }
        }
    }
}

/// The case mapping of RFC 8266 section 2.1: `toLowerCase` of Unicode, letter by letter. The profile's own maps nothing before the first
/// upper-case letter, and a titlecase letter is none.
fn lower_case(name: Cow<'_, str>) -> Cow<'_, str> {
    if name.chars().all(|letter| letter.to_lowercase().eq([letter])) {
        return name;
    }
    name.chars().flat_map(char::to_lowercase).collect::<String>().into()
}

/// Whether a name may be a user's, however names are compared.
pub(super) fn is_username(name: &str) -> bool {
    (1..=255).contains(&name.chars().count()) && name.chars().all(is_shown)
}

/// Characters that are shown as nothing, though no property of Unicode says so: braille pattern blank, two blanks of Egyptian
/// hieroglyphs, the Khitan filler and the musical null notehead.
const BLANK: [char; 5] = ['\u{2800}', '\u{13441}', '\u{13442}', '\u{16fe4}', '\u{1d159}'];

/// Whether a reader can see a character, and it does not change how others are shown.
fn is_shown(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '\u{2028}' | '\u{2029}' | '\u{fff9}'..='\u{fffb}')
        && !BLANK.contains(&c)
        && !DefaultIgnorableCodePoint::for_char(c)
        && !BidiControl::for_char(c)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(name: &str) -> Option<Cow<'_, str>> {
        UsernameComparison::Nickname.key(name)
    }

    #[test]
    fn spellings_of_one_name_have_one_key() {
        for spelling in
            ["bob", "Bob", " bob", "BOB ", "\u{ff22}\u{ff4f}\u{ff42}", "\u{3000}bob", "\u{a0}bob\u{2003}"]
        {
            assert_eq!(key(spelling).as_deref(), Some("bob"), "{spelling:?}");
        }
        assert_eq!(key("a  b"), key("a\u{2003}b"));
        assert_eq!(key("Jo\u{308}rg"), key("J\u{d6}RG"));
        assert_eq!(key("\u{fb01}n"), key("fin"));
        for (one, other) in [("bob", "b0b"), ("a b", "ab"), ("m\u{e4}rz", "marz")] {
            assert_ne!(key(one), key(other));
        }
        // Newer than the version of Unicode that the registry of PRECIS properties stands at.
        assert!(key("\u{1fae8}").is_some());
    }

    /// RFC 8266 section 2.1 maps case, and these four are neither lower nor upper case.
    #[test]
    fn titlecase_letters_are_lower_case_in_the_key() {
        for (title, lower) in [
            ("\u{1fbc}", "\u{1fb3}"),
            ("\u{1f88}", "\u{1f80}"),
            ("\u{1fcc}", "\u{1fc3}"),
            ("\u{1ffc}", "\u{1ff3}"),
            ("\u{1c5}", "\u{1c6}"),
        ] {
            assert_eq!(key(title), key(lower), "{title}");
            assert_eq!(key(&format!("{title}A")), key(&format!("{lower}a")), "{title}");
            assert_eq!(key(&format!("A{title}")), key(&format!("a{lower}")), "{title}");
        }
    }

    #[test]
    fn what_nobody_sees_is_in_no_name() {
        for odd in [
            "\0",
            "\n",
            "\u{7f}",
            "\u{85}",
            "\u{ad}",
            "\u{34f}",
            "\u{61c}",
            "\u{115f}",
            "\u{180e}",
            "\u{200b}",
            "\u{200c}",
            "\u{200d}",
            "\u{200e}",
            "\u{200f}",
            "\u{2028}",
            "\u{2029}",
            "\u{202a}",
            "\u{202e}",
            "\u{2060}",
            "\u{2066}",
            "\u{2069}",
            "\u{3164}",
            "\u{fe0f}",
            "\u{feff}",
            "\u{fff9}",
            "\u{e0001}",
            "\u{e0100}",
            "\u{2800}",
            "\u{13441}",
            "\u{16fe4}",
            "\u{1d159}",
        ] {
            for comparison in [UsernameComparison::Nickname, UsernameComparison::Exact] {
                assert_eq!(comparison.key(&format!("bob{odd}")), None, "{odd:?}");
            }
        }
        for empty in ["", " ", "\u{3000} "] {
            assert_eq!(key(empty), None, "{empty:?}");
        }
        // One character that stands for 18.
        assert_eq!(key(&"\u{fdfa}".repeat(255)), None);
    }

    proptest! {
        #[test]
        fn a_key_is_its_own_key(name in "\\PC{1,20}") {
            if let Some(once) = key(&name) {
                prop_assert_eq!(key(&once), Some(once.clone()));
                prop_assert!(once.len() <= crate::store::Key::MAX_ID_BYTES);
            }
        }

        #[test]
        fn a_name_and_its_lower_case_are_one_account(name in "(\\p{Lt}|\\p{Lu}|\\p{Greek}|\\PC){1,12}") {
            let lower: String = name.chars().flat_map(char::to_lowercase).collect();
            // A letter may become two, and the name too long.
            if let (Some(one), Some(other)) = (key(&name), key(&lower)) {
                prop_assert_eq!(one, other);
            }
        }
    }
}
