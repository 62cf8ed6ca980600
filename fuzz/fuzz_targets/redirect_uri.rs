//! A registered redirect URI and a requested one, one per line: they match if they are the same text, apart from a loopback
//! port.
#![no_main]

use gridauth::protocol::RedirectUri;
use gridauth_fuzz::answer::same_target;
use gridauth_fuzz::input::cut;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (registered, requested) = cut(text.as_bytes(), b'\n');
    let (registered, requested) = (text_of(registered), text_of(requested));
    let Ok(uri) = RedirectUri::parse(registered) else { return };
    assert_eq!(uri.as_str(), registered);
    assert!(uri.matches(registered));
    assert!(!registered.contains('#'));
    // The stored form can be read back.
    let json = serde_json::to_string(&uri).expect("a text");
    assert_eq!(serde_json::from_str::<RedirectUri>(&json).expect("it was written by us"), uri);
    if uri.matches(requested) && requested != registered {
        let (own, other) = (without_port(registered), without_port(requested));
        assert!(own.is_some() && own == other, "{registered} {requested}");
        same_target(registered, requested);
        assert!(RedirectUri::parse(requested).is_ok(), "{requested}");
        assert!(!uri.is_unprotected());
    }
});

fn text_of(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("split at a line end")
}

/// An `http` URI of the loopback without its port.
fn without_port(uri: &str) -> Option<String> {
    for host in ["http://127.0.0.1", "http://[::1]", "http://localhost"] {
        let Some(rest) = uri.strip_prefix(host) else { continue };
        let rest = match rest.strip_prefix(':') {
            Some(port) => port.trim_start_matches(|c: char| c.is_ascii_digit()),
            None => rest,
        };
        return (rest.is_empty() || rest.starts_with(['/', '?'])).then(|| format!("{host}{rest}"));
    }
    None
}
