//! Writes HTML. No text gets into a page unescaped.
//!
//! Tags are literals of this crate's source, written through the [`html!`] macro. The style sheet has a type of its
//! own. Everything else goes through [`Markup::text`], which escapes it.

use super::stylesheet::Stylesheet;

/// The HTML of a page that is being written.
pub(super) struct Markup(String);

impl Markup {
    /// An empty page, with capacity for a typical one.
    pub(super) fn new() -> Self {
        Self(String::with_capacity(12 * 1024))
    }

    /// Appends tags or fixed text as is. [`html!`] passes nothing but literals.
    pub(super) fn fixed(&mut self, tags: &'static str) {
        self.0.push_str(tags);
    }

    /// Appends text, escaped so that a browser reads exactly `text`, in an element as well as in a quoted attribute.
    ///
    /// NUL is the exception: HTML cannot represent it, so it becomes U+FFFD.
    pub(super) fn text(&mut self, text: &str) {
        let mut rest = text;
        while let Some(at) = rest.find(['&', '<', '>', '"', '\'', '\r', '\0']) {
            let (plain, special) = rest.split_at(at);
            self.0.push_str(plain);
            let reference = match special.as_bytes().first() {
                Some(b'&') => "&amp;",
                Some(b'<') => "&lt;",
                Some(b'>') => "&gt;",
                Some(b'"') => "&quot;",
                Some(b'\'') => "&#39;",
                // A bare carriage return would be read as a line feed.
                Some(b'\r') => "&#13;",
                _ => "\u{FFFD}",
            };
            self.0.push_str(reference);
            rest = &special[1..];
        }
        self.0.push_str(rest);
    }

    /// Appends the style sheet in a `<style>` element.
    pub(super) fn style(&mut self, stylesheet: &Stylesheet) {
        self.0.push_str("<style>");
        self.0.push_str(stylesheet.css());
        self.0.push_str("</style>");
    }

    pub(super) fn into_string(self) -> String {
        self.0
    }
}

/// Writes to a [`Markup`]: literals as they are, `(expression)` as escaped text.
macro_rules! html {
    ($out:expr;) => {{}};
    ($out:expr; $tags:literal $($rest:tt)*) => {{
        $out.fixed($tags);
        $crate::pages::markup::html!($out; $($rest)*);
    }};
    ($out:expr; ($text:expr) $($rest:tt)*) => {{
        $out.text($text);
        $crate::pages::markup::html!($out; $($rest)*);
    }};
}
pub(super) use html;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::test_parsed_page::{HtmlToken, tokenize};
    use proptest::prelude::*;

    #[test]
    fn the_order_is_kept_and_only_text_is_escaped() {
        let mut out = Markup::new();
        html!(out; "<p><b>" ("1 < 2") "</b> & " ("R&D \"x\" 'y'") "</p>");
        assert_eq!(out.into_string(), "<p><b>1 &lt; 2</b> & R&amp;D &quot;x&quot; &#39;y&#39;</p>");
    }

    fn as_a_browser_reads_it(text: &str) -> String {
        text.replace('\0', "\u{FFFD}")
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn text_stays_text_and_round_trips(text in crate::pages::test_samples::hostile_text()) {
            let mut out = Markup::new();
            html!(out; "<p>" (&text) "</p>");
            let read = tokenize(&out.into_string());
            prop_assert_eq!(&read[0], &HtmlToken::open("p", &[]));
            prop_assert_eq!(read.last(), Some(&HtmlToken::Close("p".to_owned())));
            let inner = &read[1..read.len() - 1];
            match inner {
                [] => prop_assert!(text.is_empty()),
                [HtmlToken::Text(seen)] => prop_assert_eq!(seen, &as_a_browser_reads_it(&text)),
                other => prop_assert!(false, "text became {:?}", other),
            }
        }

        #[test]
        fn an_attribute_value_stays_in_its_attribute(text in crate::pages::test_samples::hostile_text()) {
            let mut out = Markup::new();
            html!(out; r#"<input type="hidden" value=""# (&text) r#"">"#);
            let seen = as_a_browser_reads_it(&text);
            let expected = HtmlToken::open("input", &[("type", "hidden"), ("value", &seen)]);
            prop_assert_eq!(tokenize(&out.into_string()), vec![expected]);
        }
    }
}
