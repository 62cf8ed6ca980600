//! Sample pages, filled with text that tries to break out of its context.

use http::StatusCode;
use proptest::prelude::*;

use super::*;

/// Text that tries to break out of its context.
pub(super) fn hostile_text() -> impl Strategy<Value = String> {
    let fragment = prop_oneof![
        any::<String>(),
        "[&<>\"'=/ a-z\\-!\\[\\]\0\r\n\t`;#]{0,12}",
        proptest::sample::select(vec![
            "<script>",
            "</script>",
            "</style>",
            "</title>",
            "</bdi>",
            "</main>",
            "<!--",
            "-->",
            "<![CDATA[",
            "]]>",
            "\"",
            "'",
            "\">",
            "'>",
            " autofocus onfocus=x ",
            "&lt;",
            "&#60;",
            "&#x3c;",
            "&amp",
            "&quot;",
            "&",
            "<",
            ">",
            "\0",
            "\r",
            "\r\n",
            "\n",
            "\u{85}",
            "\u{2028}",
            "\u{202E}",
            "\u{2066}",
            "\u{FEFF}",
            "\u{FFFE}",
            "\u{10FFFF}",
            "`",
            "javascript:alert(1)",
            "<plaintext>",
            "<a href=//x>",
            "</form><form action=//x>",
            "\u{1b}[2J",
            "عربى",
            "e\u{301}",
            "👩‍👩‍👧",
        ])
        .prop_map(str::to_owned),
    ];
    proptest::collection::vec(fragment, 0..8).prop_map(|fragments| fragments.concat())
}

/// Every page, with `text` wherever untrusted text can appear.
pub(super) fn every_page(pages: &BuiltInPages, text: &str) -> Vec<(&'static str, Html)> {
    let hidden = [("csrf", text), (text, "1"), ("submit", text)];
    let form = Form { action: text, hidden: &hidden };
    let uri = format!("https://shop.example/{text}");
    let uri = WebUri::parse(&uri).expect("a path may hold anything");
    let mut client = ClientInfo::new(text);
    client.name = Some(text);
    (client.uri, client.policy_uri, client.tos_uri) = (Some(uri), Some(uri), Some(uri));
    let scopes =
        [ScopeInfo { token: text, description: None }, ScopeInfo { token: text, description: Some(text) }];

    let mut sign_in = SignInPage::new(form);
    (sign_in.client, sign_in.username) = (Some(client), Some(text));
    let mut sign_in_again = sign_in;
    sign_in_again.failure = Some(SignInFailure::WrongCredentials);
    let mut device_code = DeviceCodePage::new(form);
    (device_code.user_code, device_code.failure) = (Some(text), Some(DeviceCodeFailure::UnknownOrExpired));
    let mut error = ErrorPage::new(StatusCode::BAD_REQUEST, text, text);
    error.detail = Some(text);
    let mut logout = LogoutConfirmPage::new(form);
    (logout.client, logout.user) = (Some(client), Some(text));
    vec![
        ("sign_in", pages.sign_in(&sign_in)),
        ("sign_in_again", pages.sign_in(&sign_in_again)),
        (
            "consent",
            pages.consent(&ConsentPage::new(form, client, Destination::new(uri.as_str()), text, &scopes)),
        ),
        ("error", pages.error(&error)),
        ("form_post", pages.form_post(&FormPostPage::new(uri, &hidden, client))),
        ("device_code", pages.device_code(&device_code)),
        ("device_confirm", pages.device_confirm(&DeviceConfirmPage::new(form, client, text, text, &scopes))),
        ("device_done", pages.device_done(&DeviceDonePage::new(client, true))),
        ("logout_confirm", pages.logout_confirm(&logout)),
        ("logout_done", pages.logout_done(&LogoutDonePage::new(true))),
    ]
}
