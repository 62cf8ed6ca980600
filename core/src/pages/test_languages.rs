//! Tests of both catalogues, and of the pages in every language.

use super::test_parsed_page::ParsedPage;
use super::test_samples::{OTHER_VALUES, every_variant};
use super::*;

/// All fields of a catalogue. The compiler rejects a list that lacks one.
macro_rules! fields {
    ($texts:expr) => {
        fields!($texts;
            plain: go_on, allow, deny, signed_in_as, sent_to, full_address, website, privacy_policy,
                terms_of_service, opens_in_new_tab, self_registered, loopback_only, scopes, details, no_scopes, undescribed_scope,
                scope_openid, scope_profile, scope_email, scope_address, scope_phone, scope_offline_access,
                account, account_expired, applications, no_applications, no_token, withdraw_access, access_withdrawn,
                more_applications, sessions, this_browser, other_browser, sign_out_there, signed_out_there,
                sign_out_elsewhere, signed_out_elsewhere, more_sessions, change_password, current_password,
                new_password, repeat_password, password_changed, password_incomplete, password_wrong,
                passwords_differ, password_too_long, not_you, sign_in, username, password, sign_in_incomplete, sign_in_wrong, sign_in_expired, consent, form_post,
                device, device_hint, device_code, device_code_missing, device_code_unknown, device_code_expired,
                device_confirm, device_shows, device_source, device_warning, device_connected, device_refused,
                sign_out_question, sign_out, stay, signed_out, signed_out_advice, stayed, stayed_advice,
                error_tries, error_tries_advice, error_server, error_server_advice, error_request,
                error_request_advice;
            phrases: sent_to_this_device, sent_to_app, about_client, sign_in_for, consent_for, on_the_way,
                device_confirm_for, device_connected_to, device_refused_for, sign_out_for, described_at, access_since, newest_token,
                signed_in_since, password_too_short, error_status;
            waits: too_many_tries)
    };
    ($texts:expr; plain: $($plain:ident),*; phrases: $($phrase:ident),*; waits: $($wait:ident),*) => {{
        let Texts { $($plain,)* $($phrase,)* $($wait,)* } = $texts;
        (
            [$((stringify!($plain), $plain)),*],
            [$((stringify!($phrase), $phrase)),*],
            [$((stringify!($wait), $wait)),*],
        )
    }};
}

/// Name and words of each text, without what the page puts into it.
fn words(texts: &Texts) -> Vec<(&'static str, String)> {
    let (plain, phrases, waits) = fields!(texts);
    let plain = plain.into_iter().map(|(name, text)| (name, text.to_string()));
    let phrases = phrases.into_iter().map(|(name, phrase)| (name, phrase.around("")));
    let waits = waits.into_iter().map(|(name, wait)| (name, wait(Wait::Seconds(1))));
    plain.chain(phrases).chain(waits).collect()
}

/// `language` with `text(name)` in place of each of its texts.
fn replaced(language: Language, text: impl Fn(&str) -> String, wait: fn(Wait) -> String) -> Language {
    language.with_texts(|texts| {
        let (plain, phrases, waits) = fields!(texts);
        for (name, own) in plain {
            *own = text(name).into();
        }
        for (name, own) in phrases {
            *own = Phrase::new(text(name), text(name));
        }
        for (_, own) in waits {
            *own = wait;
        }
    })
}

/// All text of a page: its title and its body.
fn text_of(html: &Html) -> String {
    let page = ParsedPage::checked(html.body());
    format!("{}\n{}", page.text_of("title"), page.text())
}

#[test]
fn every_text_is_on_a_page() {
    let marked = replaced(Language::english(), |name| format!("[{name}]"), |_| "[too_many_tries]".to_owned());
    let pages = every_variant(&BuiltInPages::default(), &marked, "7");
    let text: String = pages.iter().map(text_of).collect();
    for (name, _) in words(marked.texts()) {
        assert!(text.contains(&format!("[{name}]")), "{name} is on no page");
    }
}

#[test]
fn no_word_is_outside_of_the_catalogue() {
    let blank = replaced(Language::english(), |_| "§".to_owned(), |_| "§".to_owned());
    for html in every_variant(&BuiltInPages::default(), &blank, "7") {
        let mut text = text_of(&html);
        for value in OTHER_VALUES {
            text = text.replace(value, "");
        }
        assert!(!text.contains(char::is_alphabetic), "{text}");
    }
}

#[test]
fn no_text_is_empty_or_the_same_in_both_languages() {
    let (english, german) = (Language::english(), Language::german());
    for ((name, english), (_, german)) in words(english.texts()).into_iter().zip(words(german.texts())) {
        assert!(!english.trim().is_empty() && !german.trim().is_empty(), "{name}");
        let international = ["website", "device_code"].contains(&name);
        assert_eq!(english == german, international, "{name}");
    }
}

#[test]
fn german_pages_contain_no_english() {
    const ENGLISH_WORDS: [&str; 16] = [
        "the",
        "you",
        "your",
        "and",
        "is",
        "to",
        "of",
        "not",
        "with",
        "this",
        "page",
        "sign",
        "again",
        "access",
        "for",
        "application",
    ];
    let german = Language::german();
    for html in every_variant(&BuiltInPages::default(), &german, "7") {
        assert_eq!(ParsedPage::checked(html.body()).only("html")["lang"], "de");
        let mut text = text_of(&html);
        for value in OTHER_VALUES {
            text = text.replace(value, "");
        }
        for word in text.split(|c: char| !c.is_alphabetic()) {
            assert!(!ENGLISH_WORDS.contains(&word.to_lowercase().as_str()), "{word:?} in {text}");
        }
    }
}

#[test]
fn waiting_times_have_their_number_and_unit() {
    let (english, german) = (Language::english(), Language::german());
    for (seconds, english_words, german_words) in [
        (0, "Wait a second and", "Warten Sie eine Sekunde und"),
        (61, "Wait 61 seconds and", "Warten Sie 61 Sekunden und"),
        (600, "Wait 10 minutes and", "Warten Sie 10 Minuten und"),
        (7200, "Wait 2 hours and", "Warten Sie 2 Stunden und"),
    ] {
        let wait = Wait::of_secs(seconds);
        assert!((english.texts().too_many_tries)(wait).contains(english_words));
        assert!((german.texts().too_many_tries)(wait).contains(german_words));
    }
}

#[test]
fn a_page_is_marked_with_its_language_and_direction() {
    let texts = Language::english().into_texts();
    let hebrew = Language::new("he", Direction::RightToLeft, texts).unwrap();
    for (language, direction) in [(hebrew, Some("rtl")), (Language::german(), None)] {
        for html in every_variant(&BuiltInPages::default(), &language, "7") {
            let page = ParsedPage::checked(html.body());
            let root = page.only("html");
            assert_eq!(root["lang"], language.tag());
            assert_eq!(root.get("dir").map(String::as_str), direction);
        }
    }
}

#[test]
fn a_changed_text_is_escaped() {
    let changed = Language::english().with_texts(|texts| texts.sign_in = "<b>Log in</b>".into());
    let form = Form { action: "/form", hidden: &[] };
    let html = BuiltInPages::default().sign_in(&SignInPage::new(&changed, form));
    let page = ParsedPage::checked(html.body());
    assert!(page.all("b").is_empty() && page.text().contains("<b>Log in</b>"));
}
