//! How a deployment customizes the built-in pages: name, logo, accent colour, languages.

use url::Url;

use super::color::{Color, InvalidColor};
use super::content_security_policy::{InvalidSource, Source};
use super::languages::Languages;

/// The light backgrounds in `style.css`: the page, then the card.
pub(super) const LIGHT_SURFACES: [Color; 2] = [Color::rgb(0xf3, 0xf4, 0xf6), Color::rgb(0xff, 0xff, 0xff)];
/// The backgrounds for `prefers-color-scheme: dark`.
pub(super) const DARK_SURFACES: [Color; 2] = [Color::rgb(0x10, 0x13, 0x18), Color::rgb(0x1a, 0x1e, 0x25)];

const DEFAULT_ACCENT: Color = Color::rgb(0x1d, 0x4e, 0xd8);

/// How the built-in pages look.
///
/// ```
/// use gridauth::pages::{BuiltInPages, Theme};
///
/// let theme = Theme::builder("Field notes").logo_uri("/static/logo.svg").accent("#0f766e").build()?;
/// let pages = BuiltInPages::new(theme);
/// # Ok::<(), gridauth::pages::ThemeError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Theme {
    name: Option<String>,
    logo: Option<Logo>,
    accent: Color,
    languages: Languages,
}

#[derive(Clone, Debug)]
struct Logo {
    uri: String,
    source: Source,
}

/// Why a [`Theme`] cannot be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ThemeError {
    /// The name is empty. No page would say whose it is.
    #[error("the theme's name is empty: use the name that users know the service by")]
    EmptyName,
    /// The accent is not a valid colour.
    #[error("the theme's accent: {0}")]
    Accent(#[from] InvalidColor),
    /// A page cannot load the logo.
    #[error(
        "the theme's logo {uri:?}: {reason}; use an http or https URL, a path such as /logo.svg, or a data:image/ URL"
    )]
    Logo {
        /// The first 100 characters of the URI.
        uri: String,
        /// Why it cannot be loaded.
        reason: &'static str,
    },
}

impl Theme {
    /// Starts a theme for the service that users know as `name`.
    pub fn builder(name: impl Into<String>) -> ThemeBuilder {
        ThemeBuilder { name: name.into(), logo_uri: None, accent: None, languages: Languages::default() }
    }

    /// The name that users know the service by. The default theme has none.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The URI of the logo.
    #[must_use]
    pub fn logo_uri(&self) -> Option<&str> {
        self.logo.as_ref().map(|logo| logo.uri.as_str())
    }

    /// The colour of buttons.
    #[must_use]
    pub fn accent(&self) -> Color {
        self.accent
    }

    /// The languages of the pages.
    #[must_use]
    pub fn languages(&self) -> &Languages {
        &self.languages
    }

    pub(super) fn logo_source(&self) -> Option<&Source> {
        self.logo.as_ref().map(|logo| &logo.source)
    }
}

/// A plain theme without a name.
impl Default for Theme {
    fn default() -> Self {
        Self { name: None, logo: None, accent: DEFAULT_ACCENT, languages: Languages::default() }
    }
}

/// Builds a [`Theme`].
#[derive(Clone, Debug)]
#[must_use = "call `build` to get the theme"]
pub struct ThemeBuilder {
    name: String,
    logo_uri: Option<String>,
    accent: Option<String>,
    languages: Languages,
}

impl ThemeBuilder {
    /// Shows a logo next to the name. The URI is an `http` or `https` URL, an absolute path on the issuer's origin,
    /// or a `data:image/…` URL. The policy of the pages allows images from there only.
    pub fn logo_uri(mut self, uri: impl Into<String>) -> Self {
        self.logo_uri = Some(uri.into());
        self
    }

    /// Sets the colour of buttons, as `#rgb` or `#rrggbb`. The colours of button text and of links are derived from
    /// it, so that they are readable with any accent.
    pub fn accent(mut self, color: impl Into<String>) -> Self {
        self.accent = Some(color.into());
        self
    }

    /// Sets the languages of the pages, and with them every text. By default these are English and German.
    pub fn languages(mut self, languages: Languages) -> Self {
        self.languages = languages;
        self
    }

    /// Checks the settings and builds the theme.
    ///
    /// # Errors
    /// [`ThemeError`] for the first invalid setting.
    pub fn build(self) -> Result<Theme, ThemeError> {
        if self.name.trim().is_empty() {
            return Err(ThemeError::EmptyName);
        }
        let accent = self.accent.map_or(Ok(DEFAULT_ACCENT), |color| color.parse())?;
        let logo = self.logo_uri.map(Logo::parse).transpose()?;
        Ok(Theme { name: Some(self.name), logo, accent, languages: self.languages })
    }
}

impl Logo {
    fn parse(uri: String) -> Result<Self, ThemeError> {
        let refuse = |reason| ThemeError::Logo { uri: uri.chars().take(100).collect(), reason };
        if uri.chars().any(|c| c.is_whitespace() || c.is_control() || c == '\\') {
            return Err(refuse("it contains white space, a control character or a backslash"));
        }
        let source = if uri.starts_with('/') && !uri.starts_with("//") {
            Source::own_origin()
        } else if uri.get(..11).is_some_and(|start| start.eq_ignore_ascii_case("data:image/")) {
            Source::data()
        } else {
            let url = Url::parse(&uri).map_err(|_| refuse("it is not an absolute URL"))?;
            Source::origin_of(&url).map_err(|error| {
                refuse(match error {
                    InvalidSource::Scheme => "its scheme is not supported",
                    InvalidSource::Host => {
                        "its host contains a character that a Content-Security-Policy cannot express"
                    }
                })
            })?
        };
        Ok(Self { uri, source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invalid_theme_is_rejected_with_the_reason() {
        assert_eq!(Theme::builder("  ").build().unwrap_err(), ThemeError::EmptyName);
        let error = Theme::builder("Notes").accent("blue").build().unwrap_err();
        assert_eq!(
            error.to_string(),
            "the theme's accent: \"blue\" is not a colour of the form #rgb or #rrggbb"
        );
        for uri in [
            "",
            "logo.png",
            "//evil.example/logo",
            "/\\evil.example",
            "javascript:alert(1)",
            "data:text/html,x",
            "file:///x",
            "https://a;script-src.example/x",
            "https://a,b.example/",
            "https://a*.example/",
            "https://x.example/a b",
            "http://",
        ] {
            let error = Theme::builder("Notes").logo_uri(uri).build().unwrap_err();
            assert!(matches!(error, ThemeError::Logo { .. }), "{uri:?}: {error}");
        }
    }

    #[test]
    fn the_policy_source_is_the_origin_of_the_logo() {
        for (uri, source) in [
            ("/logo.svg", "'self'"),
            ("data:image/png;base64,AAAA", "data:"),
            ("https://cdn.example/logo.svg?v=2", "https://cdn.example"),
            ("http://127.0.0.1:8080/logo.svg", "http://127.0.0.1:8080"),
            ("https://[::1]/logo.svg", "https://[::1]"),
        ] {
            let theme = Theme::builder("Notes").logo_uri(uri).build().unwrap();
            assert_eq!(theme.logo_uri(), Some(uri));
            assert_eq!(theme.logo_source().unwrap().to_string(), source);
        }
    }
}
