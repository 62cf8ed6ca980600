//! The style sheet of the built-in pages, in the colours of a theme.

use super::color::Color;
use super::theme::{DARK_SURFACES, LIGHT_SURFACES, Theme};

/// A finished style sheet. It consists of this crate's own text and of colours, so it needs no escaping.
#[derive(Clone, Debug)]
pub(super) struct Stylesheet(String);

impl Stylesheet {
    pub(super) fn of(theme: &Theme) -> Self {
        let accent = theme.accent();
        let on_accent = accent.text_on();
        let ink = accent.readable_on(&LIGHT_SURFACES, Color::BLACK);
        let dark_ink = accent.readable_on(&DARK_SURFACES, Color::WHITE);
        let mut css = format!(
            ":root{{--accent:{accent};--on-accent:{on_accent};--ink:{ink};{}}}\n\
             @media (prefers-color-scheme:dark){{:root{{--ink:{dark_ink};{}}}}}\n",
            surfaces(LIGHT_SURFACES),
            surfaces(DARK_SURFACES),
        );
        // Browsers turn every line end into a line feed before they compute the digest.
        for line in include_str!("style.css").lines() {
            css.push_str(line.trim());
            css.push('\n');
        }
        Self(css)
    }

    pub(super) fn css(&self) -> &str {
        &self.0
    }
}

fn surfaces([page, card]: [Color; 2]) -> String {
    format!("--page:{page};--card:{card}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_style_sheet_needs_no_escaping_and_loads_nothing() {
        let sheet = Stylesheet::of(&Theme::default());
        for forbidden in ["<", "\r", "url(", "@import", "expression"] {
            assert!(!sheet.css().contains(forbidden), "{forbidden}");
        }
        assert_eq!(sheet.css().matches('{').count(), sheet.css().matches('}').count());
    }
}
