//! What a page may load and run: its `Content-Security-Policy`.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use url::Url;

/// A `Content-Security-Policy` that allows nothing until sources are added.
///
/// Every policy has `default-src 'none'`, `base-uri 'none'` and `frame-ancestors 'none'`. None has `form-action`:
/// browsers also apply it to the redirect that follows a form, and would block the way back to the client.
///
/// ```
/// use gridauth::pages::{ContentSecurityPolicy, Source};
///
/// let policy = ContentSecurityPolicy::nothing().inline_style("h1{color:red}").images_from(Source::own_origin());
/// assert_eq!(
///     policy.to_string(),
///     "default-src 'none'; style-src 'sha256-/D8wWMrWSOjeD/K4IHepvRvJjPxqJbouCB3qbqmBaqY='; img-src 'self'; \
///      base-uri 'none'; frame-ancestors 'none'"
/// );
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct ContentSecurityPolicy {
    styles: Vec<Source>,
    scripts: Vec<Source>,
    images: Vec<Source>,
    fonts: Vec<Source>,
    frames: Vec<Source>,
}

impl ContentSecurityPolicy {
    /// A policy that allows nothing.
    pub fn nothing() -> Self {
        Self::default()
    }

    /// Allows a `<style>` element with exactly this text.
    pub fn inline_style(self, css: &str) -> Self {
        self.styles_from(Source::digest_of(css))
    }

    /// Allows a `<script>` element with exactly this text.
    pub fn inline_script(mut self, script: &str) -> Self {
        add(&mut self.scripts, Source::digest_of(script));
        self
    }

    /// Allows style sheets from `source`.
    pub fn styles_from(mut self, source: Source) -> Self {
        add(&mut self.styles, source);
        self
    }

    /// Allows images from `source`.
    pub fn images_from(mut self, source: Source) -> Self {
        add(&mut self.images, source);
        self
    }

    /// Allows fonts from `source`.
    pub fn fonts_from(mut self, source: Source) -> Self {
        add(&mut self.fonts, source);
        self
    }

    /// Allows frames from `source`.
    pub fn frames_from(mut self, source: Source) -> Self {
        add(&mut self.frames, source);
        self
    }
}

fn add(sources: &mut Vec<Source>, source: Source) {
    if !sources.contains(&source) {
        sources.push(source);
    }
}

/// Writes the value of the header, in ASCII.
impl fmt::Display for ContentSecurityPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("default-src 'none'")?;
        let directives = [
            ("script-src", &self.scripts),
            ("style-src", &self.styles),
            ("img-src", &self.images),
            ("font-src", &self.fonts),
            ("frame-src", &self.frames),
        ];
        for (directive, sources) in directives.into_iter().filter(|(_, sources)| !sources.is_empty()) {
            write!(f, "; {directive}")?;
            sources.iter().try_for_each(|source| write!(f, " {source}"))?;
        }
        f.write_str("; base-uri 'none'; frame-ancestors 'none'")
    }
}

/// A source that a [`ContentSecurityPolicy`] allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source(String);

/// Why a URL's origin cannot be a [`Source`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidSource {
    /// The URL's scheme is neither `http` nor `https`.
    #[error("the URL is neither http nor https")]
    Scheme,
    /// The URL's host contains a character that would end the directive or widen it.
    #[error("the URL's host contains a character that a Content-Security-Policy cannot express")]
    Host,
}

impl Source {
    /// The page's own origin.
    #[must_use]
    pub fn own_origin() -> Self {
        Self("'self'".to_owned())
    }

    /// `data:` URLs.
    #[must_use]
    pub fn data() -> Self {
        Self("data:".to_owned())
    }

    /// The origin of `url`.
    ///
    /// # Errors
    /// [`InvalidSource`] if the URL has no origin that a policy can name.
    pub fn origin_of(url: &Url) -> Result<Self, InvalidSource> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(InvalidSource::Scheme);
        }
        // The URL Standard allows `;`, `,` and `*` in a host. Each of them has a meaning in a policy.
        let plain = |host: &str| {
            host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']'))
        };
        if !url.host_str().is_some_and(plain) {
            return Err(InvalidSource::Host);
        }
        Ok(Self(url.origin().ascii_serialization()))
    }

    fn digest_of(text: &str) -> Self {
        Self(format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text))))
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strictest_policy_loads_nothing_and_cannot_be_framed() {
        let policy = ContentSecurityPolicy::nothing().to_string();
        assert_eq!(policy, "default-src 'none'; base-uri 'none'; frame-ancestors 'none'");
    }

    #[test]
    fn sources_are_listed_in_their_directive() {
        let policy = ContentSecurityPolicy::nothing()
            .inline_script("")
            .styles_from(Source::own_origin())
            .images_from(Source::own_origin())
            .images_from(Source::own_origin())
            .images_from(Source::origin_of(&Url::parse("https://cdn.example/x/y?z").unwrap()).unwrap())
            .fonts_from(Source::data())
            .frames_from(Source::origin_of(&Url::parse("https://rp.example/out?sid=1").unwrap()).unwrap());
        // The SHA-256 digest of the empty string.
        assert_eq!(
            policy.to_string(),
            "default-src 'none'; script-src 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='; style-src 'self'; \
             img-src 'self' https://cdn.example; font-src data:; frame-src https://rp.example; base-uri 'none'; \
             frame-ancestors 'none'"
        );
    }

    #[test]
    fn a_host_cannot_add_a_directive() {
        for uri in [
            "https://a;script-src.example/",
            "https://a,b.example/",
            "https://*.example/",
            "https://a'self'/",
        ] {
            let url = Url::parse(uri).unwrap();
            assert_eq!(Source::origin_of(&url), Err(InvalidSource::Host), "{uri}");
        }
        assert_eq!(Source::origin_of(&Url::parse("data:image/png,").unwrap()), Err(InvalidSource::Scheme));
    }
}
