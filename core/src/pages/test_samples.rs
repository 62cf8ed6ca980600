//! Sample pages, filled with text that tries to break out of its context.

use std::sync::LazyLock;

use http::StatusCode;
use proptest::prelude::*;

use super::*;

pub(super) static ENGLISH: LazyLock<Language> = LazyLock::new(Language::english);

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

const MOMENT: Moment = Moment::from_unix_secs(0);

/// Every page, with `text` wherever untrusted text can appear.
pub(super) fn every_page(pages: &BuiltInPages, language: &Language, text: &str) -> Vec<(&'static str, Html)> {
    let hidden = [("csrf", text), (text, "1"), ("submit", text)];
    let form = Form { action: text, hidden: &hidden };
    let uri = format!("https://shop.example/{text}");
    let uri = WebUri::parse(&uri).expect("a path may hold anything");
    let mut client = ClientInfo::new(text);
    client.name = Some(text);
    (client.uri, client.policy_uri, client.tos_uri) = (Some(uri), Some(uri), Some(uri));
    client.self_registered = true;
    client.loopback_only = true;
    client.document_host = Some(text);
    // A path with a backslash is not shown.
    let logo = format!("/logo/{}", text.replace('\\', ""));
    client.logo = Some(&logo);
    let destination = Destination::new(uri.as_str());
    let scopes =
        [ScopeInfo { token: text, description: None }, ScopeInfo { token: text, description: Some(text) }];

    let mut sign_in = SignInPage::new(language, form);
    (sign_in.client, sign_in.username) = (Some(client), Some(text));
    sign_in.destination = Some(&destination);
    let mut sign_in_again = sign_in;
    sign_in_again.failure = Some(SignInFailure::WrongCredentials);
    let mut device_code = DeviceCodePage::new(language, form);
    (device_code.user_code, device_code.failure) = (Some(text), Some(DeviceCodeFailure::UnknownOrExpired));
    let mut device_confirm = DeviceConfirmPage::new(language, form, client, text, text, &scopes);
    let details = [text.to_owned()];
    (device_confirm.source, device_confirm.details) = (Some(text), &details);
    let mut error = ErrorPage::new(language, StatusCode::BAD_REQUEST, text, text);
    error.detail = Some(text);
    let mut consent = ConsentPage::new(language, form, client, destination.clone(), text, &scopes);
    (consent.other_account, consent.details) = (Some(text), &details);
    let mut account = AccountPage::new(language, text);
    account.failure = Some(AccountFailure::PasswordRefused(text));
    let applications = [ApplicationAccess::new(client, &scopes, MOMENT, form)];
    let mut sessions = [SignedInBrowser::this(MOMENT), SignedInBrowser::other(MOMENT, form)];
    sessions[1].name = Some(text);
    (account.applications, account.sessions) = (&applications, &sessions);
    (account.sign_out_others, account.password, account.sign_out) = (Some(form), Some(form), Some(form));
    let mut logout = LogoutConfirmPage::new(language, form);
    (logout.client, logout.user) = (Some(client), Some(text));
    let mut logout_done = LogoutDonePage::new(language, true);
    let frames = [uri, uri];
    (logout_done.client, logout_done.frames) = (Some(client), &frames);
    logout_done.return_to = ReturnUri::parse(uri.as_str()).ok();
    vec![
        ("sign_in", pages.sign_in(&sign_in)),
        ("sign_in_again", pages.sign_in(&sign_in_again)),
        ("consent", pages.consent(&consent)),
        ("account", pages.account(&account)),
        ("error", pages.error(&error)),
        ("form_post", pages.form_post(&FormPostPage::new(language, uri, &hidden, client))),
        ("device_code", pages.device_code(&device_code)),
        ("device_confirm", pages.device_confirm(&device_confirm)),
        ("device_done", pages.device_done(&DeviceDonePage::new(language, client, true))),
        ("logout_confirm", pages.logout_confirm(&logout)),
        ("logout_done", pages.logout_done(&logout_done)),
    ]
}

/// Every page in every variant, so that each text is on one of them. What is not a text of the catalogue is `value` or
/// one of [`OTHER_VALUES`].
pub(super) fn every_variant(pages: &BuiltInPages, language: &Language, value: &str) -> Vec<Html> {
    let texts = language.texts();
    let form = Form { action: "/form", hidden: &[] };
    let client = ClientInfo::new(value);
    let mut found: Vec<Html> = every_page(pages, language, value).into_iter().map(|(_, html)| html).collect();

    let tries = || SignInFailure::TooManyTries { retry_after_secs: 600 };
    for failure in [SignInFailure::MissingFields, tries(), SignInFailure::FormExpired] {
        found.push(pages.sign_in(&SignInPage { failure: Some(failure), ..SignInPage::new(language, form) }));
    }
    let standard = ["openid", "profile", "email", "address", "phone", "offline_access"];
    let standard = standard.map(|token| ScopeInfo { token: value, ..ScopeInfo::standard(token, texts) });
    for (uri, scopes) in [(OTHER_VALUES[0], &standard[..]), (OTHER_VALUES[1], &[]), (value, &[])] {
        let destination = Destination::new(uri);
        found.push(pages.consent(&ConsentPage::new(language, form, client, destination, value, scopes)));
    }
    let tries = DeviceCodeFailure::TooManyTries { retry_after_secs: 60 };
    for failure in [DeviceCodeFailure::Missing, tries, DeviceCodeFailure::FormExpired] {
        let page = DeviceCodePage { failure: Some(failure), ..DeviceCodePage::new(language, form) };
        found.push(pages.device_code(&page));
    }
    found.push(pages.device_done(&DeviceDonePage::new(language, client, false)));
    let mut application = ApplicationAccess::new(client, &[], MOMENT, form);
    application.newest_token = Some(MOMENT);
    for failure in [
        AccountFailure::FormExpired,
        AccountFailure::MissingFields,
        AccountFailure::WrongPassword,
        AccountFailure::PasswordsDiffer,
        AccountFailure::PasswordTooLong,
        AccountFailure::PasswordTooShort { min_characters: 7 },
    ] {
        found.push(
            pages.account(&AccountPage { failure: Some(failure), ..AccountPage::new(language, value) }),
        );
    }
    for done in [
        AccountChange::AccessWithdrawn,
        AccountChange::SignedOutThere,
        AccountChange::SignedOutElsewhere,
        AccountChange::PasswordChanged,
    ] {
        let page = AccountPage {
            done: Some(done),
            applications: &[application],
            sessions: &[SignedInBrowser::this(MOMENT)],
            more_applications: true,
            more_sessions: true,
            ..AccountPage::new(language, value)
        };
        found.push(pages.account(&page));
    }
    for (title, advice) in [
        (&texts.error_tries, &texts.error_tries_advice),
        (&texts.error_server, &texts.error_server_advice),
        (&texts.error_request, &texts.error_request_advice),
    ] {
        found.push(pages.error(&ErrorPage::new(language, StatusCode::BAD_REQUEST, title, advice)));
    }
    for signed_out in [true, false] {
        found.push(pages.logout_done(&LogoutDonePage::new(language, signed_out)));
    }
    found
}

/// The redirect URIs on the pages of [`every_variant`], the parts of them that a page shows, and the moment.
pub(super) const OTHER_VALUES: [&str; 8] = [
    "http://127.0.0.1:4711/7",
    "com.example.app:/7",
    "http://127.0.0.1:4711",
    "com.example.app",
    "https://shop.example/7",
    "https://shop.example",
    super::form_post::SCRIPT,
    "1970-01-01 00:00 UTC",
];
