//! The languages of the pages, and the choice among them.

use super::language::{Language, is_tag};

/// The languages that pages can be shown in. By default these are English and German.
///
/// ```
/// use gridauth::pages::Languages;
///
/// let languages = Languages::default();
/// assert_eq!(languages.tags().collect::<Vec<_>>(), ["en", "de"]);
/// assert_eq!(languages.choose(Some("nl de-CH"), None).tag(), "de");
/// assert_eq!(languages.choose(None, Some("nl, en;q=0.5, de;q=0.8")).tag(), "de");
/// assert_eq!(languages.choose(None, None).tag(), "en");
/// ```
#[derive(Clone, Debug)]
pub struct Languages {
    fallback: Language,
    others: Vec<Language>,
}

impl Default for Languages {
    fn default() -> Self {
        Self::only(Language::english()).with(Language::german())
    }
}

impl Languages {
    /// This language alone. Users who can read no other get it in any case.
    #[must_use]
    pub fn only(fallback: Language) -> Self {
        Self { fallback, others: Vec::new() }
    }

    /// Adds a language, or replaces the one with the same tag.
    #[must_use]
    pub fn with(mut self, language: Language) -> Self {
        let mut present = std::iter::once(&mut self.fallback).chain(&mut self.others);
        match present.find(|own| own.tag().eq_ignore_ascii_case(language.tag())) {
            Some(own) => *own = language,
            None => self.others.push(language),
        }
        self
    }

    /// The tag of each language: `ui_locales_supported` of the server's metadata.
    pub fn tags(&self) -> impl Iterator<Item = &str> {
        self.all().map(Language::tag)
    }

    /// The language for a user: by the request's `ui_locales` (OpenID Connect Core section 3.1.2.1), else by the
    /// browser's `Accept-Language` (RFC 9110 section 12.5.4), else the first language.
    ///
    /// Each requested tag is looked up as in RFC 4647 section 3.4, so `de-CH` finds `de`. What is not well-formed is
    /// skipped.
    #[must_use]
    pub fn choose(&self, ui_locales: Option<&str>, accept_language: Option<&str>) -> &Language {
        let wanted =
            ui_locales.unwrap_or_default().split(' ').filter(|tag| !tag.is_empty()).take(MOST_RANGES);
        let accepted = accepted(accept_language.unwrap_or_default());
        wanted.chain(accepted).find_map(|range| self.look_up(range)).unwrap_or(&self.fallback)
    }

    fn all(&self) -> impl Iterator<Item = &Language> {
        std::iter::once(&self.fallback).chain(&self.others)
    }

    /// RFC 4647 section 3.4. `*` finds nothing: it stands for the default, which comes last anyway.
    fn look_up(&self, range: &str) -> Option<&Language> {
        let mut range = Some(range).filter(|range| is_tag(range));
        while let Some(tag) = range {
            if let Some(found) = self.all().find(|own| own.tag().eq_ignore_ascii_case(tag)) {
                return Some(found);
            }
            range = shortened(tag);
        }
        None
    }
}

/// A browser sends few ranges. The rest of a longer list is ignored.
const MOST_RANGES: usize = 32;

/// A range without its last subtag, and without the single character that introduced it.
fn shortened(range: &str) -> Option<&str> {
    let (rest, _) = range.rsplit_once('-')?;
    match rest.rsplit_once('-') {
        Some((shorter, last)) if last.len() == 1 => Some(shorter),
        None if rest.len() == 1 => None,
        _ => Some(rest),
    }
}

/// The ranges of an `Accept-Language`, the preferred ones first.
fn accepted(header: &str) -> impl Iterator<Item = &str> {
    let mut ranges: Vec<(u16, &str)> = header.split(',').take(MOST_RANGES).filter_map(weighted).collect();
    // Stable, so equally preferred ones keep their order.
    ranges.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight));
    ranges.into_iter().map(|(_, range)| range)
}

/// A range with its weight in thousandths; `None` if it is not acceptable or its weight is not well-formed.
fn weighted(element: &str) -> Option<(u16, &str)> {
    let (range, parameter) = match element.split_once(';') {
        None => (element, None),
        Some((range, parameter)) => (range, Some(parameter)),
    };
    let weight = parameter.map_or(Some(1000), |parameter| {
        let (name, value) = parameter.split_once('=')?;
        if name.trim().eq_ignore_ascii_case("q") { thousandths(value.trim()) } else { None }
    })?;
    (weight > 0).then_some((weight, range.trim()))
}

/// A `qvalue` (RFC 9110 section 12.4.2).
fn thousandths(qvalue: &str) -> Option<u16> {
    let (whole, fraction) = qvalue.split_once('.').unwrap_or((qvalue, ""));
    if fraction.len() > 3 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let fraction = format!("{fraction:0<3}").parse().ok()?;
    match (whole, fraction) {
        ("0", fraction) => Some(fraction),
        ("1", 0) => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::{Direction, Texts};
    use proptest::prelude::*;

    fn languages() -> Languages {
        let texts = || -> Texts { Language::english().into_texts() };
        let add = |tag| Language::new(tag, Direction::LeftToRight, texts()).unwrap();
        Languages::default().with(add("pt-BR")).with(add("zh-Hant"))
    }

    fn chosen(ui_locales: Option<&str>, accept_language: Option<&str>) -> String {
        languages().choose(ui_locales, accept_language).tag().to_owned()
    }

    #[test]
    fn a_longer_tag_finds_its_language() {
        for (wanted, found) in [
            ("de", "de"),
            ("DE", "de"),
            ("de-CH", "de"),
            ("de-CH-1996", "de"),
            ("de-x-private", "de"),
            ("de-a-x-b", "de"),
            ("zh-hant-CN-x-private1-private2", "zh-Hant"),
            ("pt-BR", "pt-BR"),
            ("pt", "en"),
            ("zh", "en"),
            ("fr de", "de"),
            ("fr-CA de en", "de"),
            ("en de", "en"),
            ("  de", "de"),
            ("* de", "de"),
            ("d", "en"),
            ("x-de", "en"),
            ("deu", "en"),
            ("de_CH", "en"),
            ("de-", "en"),
            ("de-*", "en"),
            ("", "en"),
        ] {
            assert_eq!(chosen(Some(wanted), None), found, "{wanted:?}");
        }
    }

    #[test]
    fn the_browser_is_asked_by_weight() {
        for (accepted, found) in [
            ("de", "de"),
            ("de-CH, de;q=0.9, en;q=0.8", "de"),
            ("en;q=0.8,de;q=0.9", "de"),
            ("de;q=0.8, en;q=0.8", "de"),
            ("fr, de;q=0.1, *;q=0.5", "de"),
            ("de;q=0", "en"),
            ("de;q=0.000, pt-BR;q=0.001", "pt-BR"),
            ("de ; Q=1.000", "de"),
            ("*", "en"),
            ("*, de", "de"),
            ("de;q=1.001, pt-BR", "pt-BR"),
            ("de;q=2, pt-BR", "pt-BR"),
            ("de;q=, pt-BR;q=0.1", "pt-BR"),
            ("de;q=0.1234, pt-BR;q=0.1", "pt-BR"),
            ("de;q=-1, pt-BR;q=0.1", "pt-BR"),
            ("de;level=1, pt-BR;q=0.1", "pt-BR"),
            (",,;,de", "de"),
            ("", "en"),
        ] {
            assert_eq!(chosen(None, Some(accepted)), found, "{accepted:?}");
        }
    }

    #[test]
    fn the_request_counts_before_the_browser() {
        assert_eq!(chosen(Some("de"), Some("en")), "de");
        assert_eq!(chosen(Some("fr nl"), Some("de")), "de");
        assert_eq!(chosen(Some("fr"), Some("nl")), "en");
    }

    #[test]
    fn the_first_language_is_the_fallback() {
        let german = Languages::only(Language::german()).with(Language::english());
        assert_eq!(german.choose(Some("fr"), None).tag(), "de");
        assert_eq!(german.choose(Some("en"), None).tag(), "en");
    }

    #[test]
    fn a_language_replaces_the_one_with_its_tag() {
        let own = Language::german().with_texts(|texts| texts.allow = "Ja".into());
        let languages = Languages::default().with(own);
        assert_eq!(languages.tags().collect::<Vec<_>>(), ["en", "de"]);
        assert_eq!(languages.choose(Some("de"), None).texts().allow, "Ja");
    }

    #[test]
    fn the_rest_of_a_long_list_is_ignored() {
        assert_eq!(chosen(Some(&("fr ".repeat(32) + "de")), None), "en");
        assert_eq!(chosen(None, Some(&("fr,".repeat(32) + "de"))), "en");
        let endless = "de-".repeat(1_000_000);
        assert_eq!(chosen(Some(&endless), Some(&endless)), "en");
    }

    fn odd_list() -> impl Strategy<Value = String> {
        let part = prop_oneof![
            any::<String>(),
            "[a-zA-Z0-9*;,=. q_-]{0,20}",
            proptest::sample::select(vec![
                "de", "de-CH", "en", "*", ";q=", "0.5", ",", " ", "-", "-x-", "\u{e9}"
            ])
            .prop_map(str::to_owned),
        ];
        proptest::collection::vec(part, 0..12).prop_map(|parts| parts.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn any_input_chooses_a_language_that_was_asked_for(ui_locales in odd_list(), accept in odd_list()) {
            let languages = languages();
            let found = languages.choose(Some(&ui_locales), Some(&accept)).tag().to_ascii_lowercase();
            let asked = format!("{ui_locales} {accept}").to_ascii_lowercase();
            prop_assert!(found == "en" || asked.contains(&found), "{} for {:?}", found, asked);
        }

        #[test]
        fn whatever_comes_later_a_tag_that_is_there_wins(
            tag in proptest::sample::select(vec!["en", "de", "pt-BR", "zh-Hant"]),
            region in "(-[A-Z]{2})?",
            rest in odd_list(),
        ) {
            let wanted = format!("{tag}{region} {rest}");
            prop_assert_eq!(chosen(Some(&wanted), Some(&rest)), tag);
        }
    }
}
