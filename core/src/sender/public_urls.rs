use url::Url;

use crate::protocol::Issuer;

/// Where the routes of this process are reached from outside: what comes before the path of a request, as a client sees it. It comes
/// from configuration, never from the `Host` header of a request.
#[derive(Clone, Debug)]
pub(crate) struct PublicUrls(Vec<String>);

impl PublicUrls {
    /// The origin of the issuer; where a proxy strips the issuer's path, its routes are below that path too.
    pub(crate) fn of_issuer(issuer: &Issuer, strips_path: bool) -> Self {
        let origin = &issuer.url[..issuer.url.len() - issuer.path.len()];
        let mut urls = vec![origin.to_owned()];
        if strips_path && !issuer.path.is_empty() {
            urls.push(issuer.url.clone());
        }
        Self(urls)
    }

    /// These URLs: each is an origin, or an origin and a path that a proxy strips.
    ///
    /// # Errors
    /// What to change about one of them.
    pub(crate) fn of(urls: &[String]) -> Result<Self, &'static str> {
        let urls = urls.iter().map(|url| Issuer::parse(url).map(|parsed| parsed.url));
        urls.collect::<Result<_, _>>().map(Self)
    }

    /// Adds such a URL.
    ///
    /// # Errors
    /// What to change about it.
    pub(crate) fn add(&mut self, url: &str) -> Result<(), &'static str> {
        self.0.push(Issuer::parse(url)?.url);
        Ok(())
    }

    /// Whether `url` is that of a request to `path`, apart from query and fragment (RFC 9449 section 4.3). Both are compared in their
    /// normal form (RFC 3986 sections 6.2.2 and 6.2.3).
    pub(crate) fn name(&self, url: &str, path: &str) -> bool {
        let is_exact = |base: &String| url.strip_prefix(base.as_str()) == Some(path);
        if self.0.iter().any(is_exact) {
            return true;
        }
        let Some(url) = normal_form(url) else { return false };
        self.0.iter().any(|base| normal_form(&format!("{base}{path}")).as_ref() == Some(&url))
    }
}

/// A URL of the schemes `http` and `https` in its normal form, without query and fragment.
fn normal_form(text: &str) -> Option<String> {
    // A URL parser drops some of these, and takes a backslash for a slash.
    if !text.bytes().all(|byte| matches!(byte, 0x21..=0x7e) && byte != b'\\') {
        return None;
    }
    let (scheme, rest) = text.split_once("://")?;
    // A URL parser takes no host for the one that follows.
    if rest.starts_with('/') {
        return None;
    }
    if !["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        return None;
    }
    let url = Url::parse(text).ok()?;
    if !url.username().is_empty() || url.password().is_some() || text.contains('@') {
        return None;
    }
    Some(format!("{}{}", url.origin().ascii_serialization(), normal_path(url.path())))
}

/// Decodes unreserved characters, and writes the others with upper-case digits.
fn normal_path(path: &str) -> String {
    let mut normal = String::with_capacity(path.len());
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('%') {
        normal.push_str(before);
        let digits = after.get(..2).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') => {
                normal.push(char::from(byte));
                rest = &after[2..];
            }
            Some(byte) => {
                normal.push_str(&format!("%{byte:02X}"));
                rest = &after[2..];
            }
            None => {
                normal.push('%');
                rest = after;
            }
        }
    }
    normal.push_str(rest);
    normal
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn urls(issuer: &str, strips: bool) -> PublicUrls {
        PublicUrls::of_issuer(&Issuer::parse(issuer).unwrap(), strips)
    }

    #[test]
    fn a_url_is_compared_in_its_normal_form() {
        let urls = urls("https://id.example.com", false);
        for good in [
            "https://id.example.com/a%20b/~x",
            "HTTPS://ID.example.com:443/a%20b/~x",
            "https://id.example.com/a%20b/%7Ex",
            "https://id.example.com/a%20b/%7ex?y=1#z",
            "https://id.example.com/c/../a%20b/./~x",
        ] {
            assert!(urls.name(good, "/a%20b/~x"), "{good}");
        }
        assert!(urls.name("https://id.example.com/A%2fb", "/A%2Fb"));
        assert!(urls.name("https://id.example.com", "/"));
    }

    #[test]
    fn another_url_is_not_taken_for_it() {
        let urls = urls("https://id.example.com", true);
        for bad in [
            "",
            "/notes",
            "notes",
            "http://id.example.com/notes",
            "https://id.example.com:8443/notes",
            "https://id.example.com.evil.example/notes",
            "https://id.example.com@evil.example/notes",
            "https://evil@id.example.com/notes",
            "https://@id.example.com/notes",
            "https://id.example.com\\@evil.example/notes",
            "https://id.example.com/notes/",
            "https://id.example.com/Notes",
            "https://id.example.com//notes",
            "https://id.example.com/notes%00",
            "https://id.example.com/notes%2F",
            "https://id.example.com/no\ttes",
            " https://id.example.com/notes",
            "https:id.example.com/notes",
            "https:///id.example.com/notes",
            "ftp://id.example.com/notes",
        ] {
            assert!(!urls.name(bad, "/notes"), "{bad}");
        }
    }

    #[test]
    fn a_stripped_prefix_is_part_of_the_url_where_a_proxy_strips_it() {
        let issuer = "https://id.example.com/tenant";
        for strips in [false, true] {
            let urls = urls(issuer, strips);
            assert!(urls.name("https://id.example.com/tenant/oauth/token", "/tenant/oauth/token"));
            assert_eq!(urls.name("https://id.example.com/tenant/oauth/token", "/oauth/token"), strips);
        }
        let other = PublicUrls::of(&["https://api.example.com/v1".to_owned()]).unwrap();
        assert!(other.name("https://api.example.com/v1/notes", "/notes"));
        assert!(PublicUrls::of(&["https://api.example.com/v1/".to_owned()]).is_err());
    }

    proptest! {
        #[test]
        fn whatever_is_sent_is_compared(url in any::<String>(), path in any::<String>()) {
            let _ = urls("https://id.example.com", true).name(&url, &path);
        }

        #[test]
        fn a_path_names_itself_and_no_other(one in "(/[a-zA-Z0-9._~-]{1,4}){1,3}", other in "(/[a-zA-Z0-9._~-]{1,4}){1,3}") {
            let plain = |path: &str| path.split('/').all(|segment| !matches!(segment, "." | ".."));
            prop_assume!(plain(&one) && plain(&other));
            let urls = urls("https://id.example.com", false);
            prop_assert_eq!(urls.name(&format!("https://id.example.com{one}"), &other), one == other);
        }
    }
}
