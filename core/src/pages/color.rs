//! The accent colour of a theme, and the colours derived from it so that text stays readable.

use std::fmt;
use std::str::FromStr;

/// The contrast that WCAG 2.2 level AA requires of text (success criterion 1.4.3).
const MIN_CONTRAST: f64 = 4.5;

/// A colour, written as `#rgb` or `#rrggbb`.
///
/// ```
/// use gridauth::pages::Color;
///
/// let accent: Color = "#0b57d0".parse()?;
/// assert_eq!(accent.to_string(), "#0b57d0");
/// assert!("rebeccapurple".parse::<Color>().is_err());
/// # Ok::<(), gridauth::pages::InvalidColor>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Color {
    red: u8,
    green: u8,
    blue: u8,
}

/// The text is not a colour of the form `#rgb` or `#rrggbb`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a colour of the form #rgb or #rrggbb")]
pub struct InvalidColor(String);

impl FromStr for Color {
    type Err = InvalidColor;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).ok_or_else(|| InvalidColor(text.chars().take(40).collect()))
    }
}

fn parse(text: &str) -> Option<Color> {
    let digits: Vec<u8> = text
        .strip_prefix('#')?
        .chars()
        .map(|digit| digit.to_digit(16).and_then(|value| u8::try_from(value).ok()))
        .collect::<Option<_>>()?;
    match digits[..] {
        [r, g, b] => Some(Color::rgb(r * 17, g * 17, b * 17)),
        [r1, r2, g1, g2, b1, b2] => Some(Color::rgb(r1 * 16 + r2, g1 * 16 + g2, b1 * 16 + b2)),
        _ => None,
    }
}

impl fmt::Display for Color {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:02x}{:02x}{:02x}", self.red, self.green, self.blue)
    }
}

impl Color {
    pub(super) const BLACK: Self = Self::rgb(0, 0, 0);
    pub(super) const WHITE: Self = Self::rgb(255, 255, 255);

    pub(super) const fn rgb(red: u8, green: u8, blue: u8) -> Self {
        Self { red, green, blue }
    }

    /// The contrast ratio between two colours, from 1 to 21, as WCAG 2.2 defines it.
    #[must_use]
    pub fn contrast(self, other: Self) -> f64 {
        let (one, two) = (self.luminance(), other.luminance());
        (one.max(two) + 0.05) / (one.min(two) + 0.05)
    }

    fn luminance(self) -> f64 {
        let linear = |channel: u8| {
            let value = f64::from(channel) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(self.red) + 0.7152 * linear(self.green) + 0.0722 * linear(self.blue)
    }

    /// The colour of text on this background: white if its contrast suffices, otherwise black.
    pub(super) fn text_on(self) -> Self {
        if self.contrast(Self::WHITE) >= MIN_CONTRAST { Self::WHITE } else { Self::BLACK }
    }

    /// This colour, mixed with just enough of `end` to be readable as text on each of `backgrounds`.
    pub(super) fn readable_on(self, backgrounds: &[Self], end: Self) -> Self {
        const STEPS: u16 = 50;
        let readable =
            |color: &Self| backgrounds.iter().all(|background| color.contrast(*background) >= MIN_CONTRAST);
        (0..STEPS).map(|step| self.mixed_with(end, step, STEPS)).find(readable).unwrap_or(end)
    }

    fn mixed_with(self, other: Self, part: u16, whole: u16) -> Self {
        let channel = |from: u8, to: u8| {
            let sum = u32::from(from) * u32::from(whole - part) + u32::from(to) * u32::from(part);
            u8::try_from(sum / u32::from(whole)).unwrap_or(u8::MAX)
        };
        Self::rgb(
            channel(self.red, other.red),
            channel(self.green, other.green),
            channel(self.blue, other.blue),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::theme::{DARK_SURFACES, LIGHT_SURFACES};
    use proptest::prelude::*;

    #[test]
    fn only_hexadecimal_colors_are_accepted() {
        for (text, color) in
            [("#fff", "#ffffff"), ("#1Af", "#11aaff"), ("#0B57d0", "#0b57d0"), ("#000000", "#000000")]
        {
            assert_eq!(text.parse::<Color>().unwrap().to_string(), color);
        }
        for text in [
            "",
            "#",
            "fff",
            "#ff",
            "#ffff",
            "#fffff",
            "#fffffff",
            "#ffffffff",
            "#ggg",
            "#+1+1+1",
            "red",
            "#fff ",
            " #fff",
            "#fff;}",
            "rgb(0,0,0)",
            "var(--x)",
            "#١٢٣",
            "#ＦＦＦ",
        ] {
            assert!(text.parse::<Color>().is_err(), "{text:?} was accepted");
        }
    }

    #[test]
    fn contrast_follows_wcag() {
        assert!((Color::BLACK.contrast(Color::WHITE) - 21.0).abs() < 1e-9);
        assert!((Color::WHITE.contrast(Color::WHITE) - 1.0).abs() < 1e-9);
        // The lightest grey that WCAG allows on white, and the next lighter one.
        assert!(Color::rgb(0x76, 0x76, 0x76).contrast(Color::WHITE) >= MIN_CONTRAST);
        assert!(Color::rgb(0x77, 0x77, 0x77).contrast(Color::WHITE) < MIN_CONTRAST);
    }

    #[test]
    fn a_readable_color_is_not_changed() {
        let accent = Color::rgb(0x0b, 0x57, 0xd0);
        assert_eq!(accent.readable_on(&LIGHT_SURFACES, Color::BLACK), accent);
        assert_ne!(accent.readable_on(&DARK_SURFACES, Color::WHITE), accent);
    }

    proptest! {
        #[test]
        fn text_is_readable_whatever_the_accent(red: u8, green: u8, blue: u8) {
            let accent = Color::rgb(red, green, blue);
            prop_assert!(accent.contrast(accent.text_on()) >= MIN_CONTRAST);
            for (surfaces, end) in [(LIGHT_SURFACES, Color::BLACK), (DARK_SURFACES, Color::WHITE)] {
                let ink = accent.readable_on(&surfaces, end);
                for surface in surfaces {
                    prop_assert!(ink.contrast(surface) >= MIN_CONTRAST);
                }
            }
        }

        #[test]
        fn every_color_round_trips(red: u8, green: u8, blue: u8) {
            let color = Color::rgb(red, green, blue);
            prop_assert_eq!(color.to_string().parse::<Color>(), Ok(color));
        }

        #[test]
        fn the_parser_never_panics(text: String) {
            let _ = text.parse::<Color>();
        }
    }
}
