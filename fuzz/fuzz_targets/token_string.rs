//! The text of a token: it is parsed or refused, and each token has only one spelling.
#![no_main]

use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::{Engine, alphabet};
use gridauth::token::{PresentedToken, TokenKind};
use gridauth_fuzz::server::{Server, filled, run};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| run(async {
    let filled = filled(data).await;
    let Ok(text) = std::str::from_utf8(&filled) else { return };
    if let Some(token) = PresentedToken::parse(text) {
        assert!(text.starts_with(token.kind().prefix()));
        let encoded = &text[token.kind().prefix().len()..];
        // Decoding leniently and encoding strictly gives the same text.
        let config = GeneralPurposeConfig::new()
            .with_decode_allow_trailing_bits(true)
            .with_decode_padding_mode(DecodePaddingMode::Indifferent);
        let bytes = GeneralPurpose::new(&alphabet::URL_SAFE, config).decode(encoded).expect("it was parsed");
        assert_eq!(URL_SAFE_NO_PAD.encode(&bytes), encoded);
        assert_eq!(token.grant_id().as_bytes()[..], bytes[..16]);
        for kind in [TokenKind::Code, TokenKind::Access, TokenKind::Refresh] {
            assert_eq!(PresentedToken::parse_kind(kind, text).is_some(), kind == token.kind());
        }
    }
    let server = Server::new().await;
    let good = server.auth.authenticate(&gridauth::http::BearerToken::new(text)).await.is_ok();
    assert_eq!(good, text == gridauth_fuzz::server::secret("{access}").await);
}));
