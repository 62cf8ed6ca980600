//! The sign-in and consent pages: forms, cookies, CSRF protection, headers, and remembered consent.

use gridauth_conformance::browser::{is_consent, is_sign_in};
use gridauth_conformance::html::Page;
use gridauth_conformance::oauth::{CodeRequest, Redirect, Tokens};
use gridauth_conformance::{Browser, Context, Request, Response, cases, record};

cases! {
    "DEMO_APP.md, Pages" => the_sign_in_form_has_username_and_password,
    "DEMO_APP.md, Pages" => the_consent_page_names_client_destination_and_every_scope,
    "DEMO_APP.md, Pages" => the_consent_page_has_words_for_every_scope,
    "DEMO_APP.md, Pages" => every_page_works_without_script_and_is_accessible,
    "OpenID Connect Core 3.1.2.1" => the_request_and_the_browser_choose_the_language,
    "DEMO_APP.md, Pages" => pages_cannot_be_framed_or_cached,
    "RFC 6749 10.2" => a_wrong_password_asks_again,
    "RFC 6749 10.2" => an_unknown_user_reads_the_same_as_a_wrong_password,
    "DEMO_APP.md, Pages" => missing_fields_ask_again,
    "RFC 6749 4.1.2.1" => a_denial_is_reported_to_the_client,
    "DEMO_APP.md, Policies" => a_refusal_is_not_remembered,
    "DEMO_APP.md, Policies" => consent_is_remembered,
    "DEMO_APP.md, Policies" => consent_is_remembered_per_client_and_user,
    "DEMO_APP.md, Policies" => a_wider_request_asks_again,
    "DEMO_APP.md, Policies" => consents_add_up,
    "DEMO_APP.md, Policies" => consent_is_remembered_per_origin_of_the_redirect_uri,
    "RFC 8252 8.6" => a_native_public_client_asks_each_time,
    "RFC 6749 3.1" => somebody_signed_in_is_not_asked_again,
    "RFC 6265bis" => the_cookie_is_protected_from_scripts_and_other_sites,
    "RFC 6265bis 4.1.3.2" => under_https_the_cookie_is_secure_and_bound_to_the_host,
    "DESIGN.md, rules" => signing_in_replaces_the_cookie,
    "DESIGN.md, rules" => a_planted_cookie_is_worth_nothing,
    "RFC 6265 5.4" => a_cookie_of_another_application_hides_none_of_ours,
    "RFC 6749 10.12" => a_form_from_another_browser_is_rejected,
    "RFC 6749 10.12" => a_form_without_the_cookie_is_rejected,
    "RFC 6749 10.12" => a_csrf_token_is_for_one_request_and_purpose,
    "RFC 6749 10.12" => a_broken_csrf_token_is_rejected,
    "DEMO_APP.md, Routes" => a_decision_without_csrf_token_is_a_new_request,
    "RFC 6749 10.12" => one_user_cannot_send_the_consent_form_of_another,
    "DESIGN.md, rules" => a_changed_request_in_the_form_is_checked_again,
    "DEMO_APP.md, Pages" => the_forms_post_to_their_own_origin_below_the_issuers_path,
    "RFC 6749 3.1" => a_form_sent_twice_does_no_harm,
    "OWASP ASVS 3.2" => two_browsers_have_two_sessions,
    "DEMO_APP.md, Pages" => an_unknown_decision_decides_nothing,
}

/// A new browser in which this user is signed in, and the consent page that it shows.
#[track_caller]
fn at_consent<'a>(
    context: &'a Context,
    request: &CodeRequest,
    user: &gridauth_conformance::case::User,
) -> (Browser<'a>, Response) {
    let mut browser = Browser::new(context.app());
    let page = browser.authorize(&request.pairs());
    let page = browser.sign_in(&page, user);
    assert!(is_consent(&page), "{page:#}");
    (browser, page)
}

fn the_sign_in_form_has_username_and_password(context: &Context) {
    let page = CodeRequest::web().open(context.app()).expect(200);
    let read = Page::read(page.text());
    assert_eq!(read.form().visible, ["username", "password"]);
    assert!(read.text.contains("Web shop"), "the page names the client: {}", read.text);
    let password =
        read.all("input").into_iter().find(|input| input.contains(&("name".into(), "password".into())));
    let password = password.expect("an input for the password");
    assert!(password.contains(&("type".into(), "password".into())));
    assert!(!password.iter().any(|(name, value)| name == "value" && !value.is_empty()));
    assert!(password.contains(&("autocomplete".into(), "current-password".into())));
}

fn the_consent_page_names_client_destination_and_every_scope(context: &Context) {
    let user = context.user();
    let request = CodeRequest::web().with("scope", "notes.read notes.write email");
    let (_, page) = at_consent(context, &request, &user);
    let read = Page::read(page.text());
    for shown in
        ["Web shop", "https://client.example.com", "notes.read", "notes.write", "email", &*user.username]
    {
        assert!(read.text.contains(shown), "{shown} is not on the page: {}", read.text);
    }
    let buttons = [("decision", "allow"), ("decision", "deny"), ("other_account", "yes")];
    let buttons = buttons.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(read.form().buttons, buttons);
    let native = CodeRequest::new("native", "http://127.0.0.1:4711/native");
    let (_, page) = at_consent(context, &native, &user);
    assert!(Page::read(page.text()).text.contains("127.0.0.1:4711"), "{page:#}");
}

fn the_consent_page_has_words_for_every_scope(context: &Context) {
    let request = CodeRequest::new("wide", "https://wide.example.com/cb")
        .with("scope", "openid email all notes.read notes.write custom.thing");
    let (_, page) = at_consent(context, &request, &context.user());
    let text = Page::read(page.text()).text;
    for shown in [
        "Know who you are openid",
        "See your email address email",
        "Use your account all",
        "Read your notes notes.read",
        "Write notes for you notes.write",
        "Access that is not described further custom.thing",
    ] {
        assert!(text.contains(shown), "{shown:?} is not on the page: {text}");
    }
}

fn the_request_and_the_browser_choose_the_language(context: &Context) {
    let heading = |page: &Response| Page::read(page.text()).text;
    let request = CodeRequest::web().with("ui_locales", "nl de-CH");
    assert!(heading(&request.open(context.app())).contains("Anmelden"));
    let (_, consent) = at_consent(context, &request.with("scope", "email notes.read"), &context.user());
    let text = heading(&consent);
    for shown in ["Zugriff erlauben?", "Ihre E-Mail-Adresse sehen email", "Ihre Notizen lesen notes.read"] {
        assert!(text.contains(shown), "{shown:?} is not on the page: {text}");
    }
    let nobody = Request::get("/oauth/authorize?client_id=nobody");
    let page = context.app().send(&nobody.header("accept-language", "fr, de;q=0.5, en;q=0.1"));
    assert!(heading(&page).contains("Dieser Link funktioniert nicht"), "{page:#}");
}

fn every_page_works_without_script_and_is_accessible(context: &Context) {
    let user = context.user();
    let sign_in = CodeRequest::web().open(context.app());
    let (_, consent) = at_consent(context, &CodeRequest::web(), &user);
    let error = CodeRequest::web().with("client_id", "nobody").open(context.app());
    for answer in [sign_in, consent, error] {
        let page = Page::read(answer.text());
        let has = |element: &str, name: &str, value: &str| {
            page.all(element)
                .iter()
                .any(|attributes| attributes.iter().any(|(n, v)| n == name && v.contains(value)))
        };
        assert!(answer.text().starts_with("<!DOCTYPE html>"), "{answer:#}");
        assert!(has("html", "lang", "en"));
        assert!(has("meta", "content", "width=device-width"));
        assert!(!page.title.trim().is_empty());
        assert_eq!((page.all("h1").len(), page.all("main").len()), (1, 1));
        assert!(page.all("script").is_empty());
        assert!(
            !page
                .elements
                .iter()
                .flat_map(|(_, attributes)| attributes)
                .any(|(name, _)| name.starts_with("on"))
        );
        for input in page.all("input") {
            let get = |name: &str| input.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str());
            if get("type") != Some("hidden") {
                assert!(has("label", "for", get("id").expect("an id")), "{input:?} has no label");
            }
        }
    }
}

fn pages_cannot_be_framed_or_cached(context: &Context) {
    // The headers are checked on every response; this makes sure that there are three kinds of pages to check.
    let user = context.user();
    let sign_in = CodeRequest::web().open(context.app());
    let (_, consent) = at_consent(context, &CodeRequest::web(), &user);
    let error = CodeRequest::web().with("client_id", "nobody").open(context.app());
    for page in [sign_in, consent, error] {
        assert_eq!(page.header("x-frame-options"), Some("DENY"));
        assert_eq!(page.header("cache-control"), Some("no-store"));
        assert!(page.header("content-security-policy").unwrap().contains("frame-ancestors 'none'"));
        assert_eq!(page.header("referrer-policy"), Some("same-origin"));
    }
}

fn a_wrong_password_asks_again(context: &Context) {
    let user = context.user();
    let mut browser = Browser::new(context.app());
    let page = browser.authorize(&CodeRequest::web().pairs());
    let again = browser.submit(&page, &[("username", &user.username), ("password", "wrong password")], None);
    assert!((400..404).contains(&again.status), "{again:#}");
    assert!(is_sign_in(&again), "{again:#}");
    assert_eq!(Page::read(again.text()).form().field("username"), Some(&*user.username));
    assert_eq!(Page::read(again.text()).form().field("password").unwrap_or_default(), "");
    // The request is still there: the right password continues it.
    let inputs = [("username", user.username.as_str()), ("password", user.password.as_str())];
    assert!(is_consent(&browser.submit(&again, &inputs, None)));
    // Passwords are case-sensitive.
    let mut other = Browser::new(context.app());
    let page = other.authorize(&CodeRequest::web().pairs());
    let upper = user.password.to_uppercase();
    assert!(is_sign_in(&other.submit(&page, &[("username", &user.username), ("password", &upper)], None)));
}

fn an_unknown_user_reads_the_same_as_a_wrong_password(context: &Context) {
    let user = context.user();
    let answer = |username: &str| {
        let mut browser = Browser::new(context.app());
        let page = browser.authorize(&CodeRequest::web().pairs());
        let answer = browser.submit(&page, &[("username", username), ("password", "wrong password")], None);
        let text = Page::read(answer.text()).text;
        (answer.status, text.replace(username, "NAME"))
    };
    assert_eq!(answer(&user.username), answer("somebody-who-never-signed-up"));
}

fn missing_fields_ask_again(context: &Context) {
    let user = context.user();
    for (username, password) in [("", "x"), (&*user.username, ""), ("", "")] {
        let mut browser = Browser::new(context.app());
        let page = browser.authorize(&CodeRequest::web().pairs());
        let again = browser.submit(&page, &[("username", username), ("password", password)], None);
        assert!(is_sign_in(&again), "{again:#}");
    }
}

fn a_denial_is_reported_to_the_client(context: &Context) {
    let user = context.user();
    let (mut browser, page) = at_consent(context, &CodeRequest::web().with("state", "s"), &user);
    let redirect = Redirect::of(&browser.deny(&page)).expect_error("access_denied");
    assert_eq!((redirect.uri.as_str(), redirect.get("state")), ("https://client.example.com/cb", Some("s")));
}

fn a_refusal_is_not_remembered(context: &Context) {
    let user = context.user();
    let request = CodeRequest::web();
    let (mut browser, page) = at_consent(context, &request, &user);
    Redirect::of(&browser.deny(&page)).expect_error("access_denied");
    let again = browser.authorize(&request.pairs());
    assert!(is_consent(&again), "{again:#}");
    assert!(Redirect::of(&browser.allow(&again)).get("code").is_some());
}

fn consent_is_remembered(context: &Context) {
    let user = context.user();
    let request = CodeRequest::web().with("scope", "notes.read notes.write");
    let (mut browser, page) = at_consent(context, &request, &user);
    Redirect::of(&browser.allow(&page));
    assert!(Redirect::of(&browser.authorize(&request.pairs())).get("code").is_some());
    // A narrower scope is covered by the consent.
    let less = CodeRequest::web().with("scope", "notes.write");
    assert!(Redirect::of(&browser.authorize(&less.pairs())).get("code").is_some());
    // Consent belongs to the user, not to the browser.
    let mut other = Browser::new(context.app());
    let page = other.authorize(&request.pairs());
    assert!(Redirect::of(&other.sign_in(&page, &user)).get("code").is_some());
}

fn consent_is_remembered_per_client_and_user(context: &Context) {
    let user = context.user();
    let (mut browser, page) = at_consent(context, &CodeRequest::web(), &user);
    Redirect::of(&browser.allow(&page));
    let other_client = CodeRequest::new("other", "https://client.example.com/cb");
    assert!(is_consent(&browser.authorize(&other_client.pairs())));
    at_consent(context, &CodeRequest::web(), &context.user());
}

fn a_wider_request_asks_again(context: &Context) {
    let user = context.user();
    let (mut browser, page) = at_consent(context, &CodeRequest::web(), &user);
    Redirect::of(&browser.allow(&page));
    let wider = CodeRequest::web().with("scope", "notes.read notes.write");
    let page = browser.authorize(&wider.pairs());
    assert!(is_consent(&page), "{page:#}");
    Redirect::of(&browser.deny(&page)).expect_error("access_denied");
    // After a denial the narrow consent stands and the wide one does not.
    assert!(is_consent(&browser.authorize(&wider.pairs())));
    assert!(Redirect::of(&browser.authorize(&CodeRequest::web().pairs())).get("code").is_some());
}

fn consents_add_up(context: &Context) {
    let user = context.user();
    let (mut browser, page) = at_consent(context, &CodeRequest::web().with("scope", "notes.read"), &user);
    Redirect::of(&browser.allow(&page));
    let page = browser.authorize(&CodeRequest::web().with("scope", "notes.write").pairs());
    Redirect::of(&browser.allow(&page));
    let both = CodeRequest::web().with("scope", "notes.read notes.write");
    assert!(Redirect::of(&browser.authorize(&both.pairs())).get("code").is_some());
}

fn consent_is_remembered_per_origin_of_the_redirect_uri(context: &Context) {
    let user = context.user();
    let request = CodeRequest::new("two-uris", "https://two.example.com/other");
    let (mut browser, page) = at_consent(context, &request, &user);
    Redirect::of(&browser.allow(&page));
    // Another path of the same origin.
    let same = CodeRequest::new("two-uris", "https://two.example.com/cb?tenant=1");
    assert!(Redirect::of(&browser.authorize(&same.pairs())).get("code").is_some());
    let other = CodeRequest::new("two-uris", "https://two.example.com:8443/cb");
    let page = browser.authorize(&other.pairs());
    assert!(is_consent(&page), "{page:#}");
    Redirect::of(&browser.allow(&page));
    for allowed in [request, other] {
        assert!(Redirect::of(&browser.authorize(&allowed.pairs())).get("code").is_some());
    }
}

/// Any program on the device can be that client.
fn a_native_public_client_asks_each_time(context: &Context) {
    let user = context.user();
    for uri in ["http://127.0.0.1:4711/native", "http://[::1]/native", "com.example.app:/cb"] {
        let request = CodeRequest::new("native", uri);
        let (mut browser, page) = at_consent(context, &request, &user);
        for _ in 0..2 {
            assert!(Redirect::of(&browser.allow(&page)).get("code").is_some());
            let page = browser.authorize(&request.pairs());
            assert!(is_consent(&page), "{uri}: {page:#}");
        }
    }
    // Nobody else can be a public client at an https redirect URI.
    let web = CodeRequest::new("spa-refresh", "https://spa.example.com/cb");
    let (mut browser, page) = at_consent(context, &web, &user);
    Redirect::of(&browser.allow(&page));
    assert!(Redirect::of(&browser.authorize(&web.pairs())).get("code").is_some());
}

fn somebody_signed_in_is_not_asked_again(context: &Context) {
    let user = context.user();
    let (mut browser, _) = at_consent(context, &CodeRequest::web(), &user);
    let page = browser.authorize(&CodeRequest::new("other", "https://client.example.com/cb").pairs());
    assert!(is_consent(&page), "{page:#}");
}

/// The name of the only cookie that a response sets, and its attributes in lower case.
#[track_caller]
fn cookie(response: &Response) -> (String, Vec<String>) {
    let set = response.header("set-cookie").expect("a Set-Cookie");
    let (pair, attributes) = set.split_once(';').expect("attributes");
    let (name, value) = pair.split_once('=').unwrap();
    assert!(value.len() >= 22, "128 random bits do not fit in {} characters", value.len());
    (name.to_owned(), attributes.split(';').map(|part| part.trim().to_ascii_lowercase()).collect())
}

fn the_cookie_is_protected_from_scripts_and_other_sites(context: &Context) {
    let user = context.user();
    let mut browser = Browser::new(context.app());
    let page = browser.authorize(&CodeRequest::web().pairs());
    let signed_in = browser.sign_in(&page, &user);
    for response in [page, signed_in] {
        let (_, attributes) = cookie(&response);
        assert!(attributes.contains(&"httponly".to_owned()), "{attributes:?}");
        assert!(attributes.contains(&"path=/".to_owned()), "{attributes:?}");
        // Not Strict, since the browser comes from the client's site.
        assert!(attributes.contains(&"samesite=lax".to_owned()), "{attributes:?}");
        assert!(!attributes.iter().any(|attribute| attribute.starts_with("domain")), "{attributes:?}");
    }
}

fn under_https_the_cookie_is_secure_and_bound_to_the_host(context: &Context) {
    let app = context.https();
    let user = context.user_at(app);
    let mut browser = Browser::new(app);
    let page = browser.authorize(&CodeRequest::web().pairs());
    let signed_in = browser.sign_in(&page, &user);
    for response in [page, signed_in] {
        let (name, attributes) = cookie(&response);
        assert!(name.starts_with("__Host-"), "{name}");
        for needed in ["secure", "httponly", "path=/", "samesite=lax"] {
            assert!(attributes.contains(&needed.to_owned()), "{needed}: {attributes:?}");
        }
    }
    // Under plain http a browser would reject a cookie with these.
    let (name, attributes) = cookie(&CodeRequest::web().open(context.app()));
    assert!(!name.starts_with("__") && !attributes.contains(&"secure".to_owned()));
}

fn signing_in_replaces_the_cookie(context: &Context) {
    let user = context.user();
    let mut browser = Browser::new(context.app());
    let page = browser.authorize(&CodeRequest::web().pairs());
    let before = browser.cookies.clone();
    browser.sign_in(&page, &user);
    assert_ne!(before, browser.cookies);
    // The cookie from before the sign-in is not signed in.
    let mut fixed = Browser { app: context.app(), cookies: before };
    assert!(is_sign_in(&fixed.authorize(&CodeRequest::web().pairs())));
}

fn a_planted_cookie_is_worth_nothing(context: &Context) {
    let user = context.user();
    let mut attacker = Browser::new(context.app());
    let page = attacker.authorize(&CodeRequest::web().pairs());
    let planted = attacker.cookies.clone();
    let mut victim = Browser { app: context.app(), cookies: planted.clone() };
    victim.sign_in(&page, &user);
    let mut attacker = Browser { app: context.app(), cookies: planted };
    assert!(is_sign_in(&attacker.authorize(&CodeRequest::web().pairs())));
    // A cookie that the server never issued is not adopted either.
    let name = attacker.cookies[0].0.clone();
    for value in ["A".repeat(43), "x".to_owned(), String::new(), "A".repeat(5000), "é".to_owned()] {
        let mut stranger = Browser { app: context.app(), cookies: vec![(name.clone(), value)] };
        assert!(is_sign_in(&stranger.authorize(&CodeRequest::web().pairs())));
    }
}

/// Cookies of other applications on the host come with ours, and may have any bytes.
/// Rocket drops a header that is not UTF-8 before anybody sees it.
fn a_cookie_of_another_application_hides_none_of_ours(context: &Context) {
    let user = context.user();
    let others: [&[u8]; 5] =
        ["theme=caf\u{e9}".as_bytes(), b"gridauth=x; gridauth-form=y", b"=;;", b"theme=caf\xe9", b"\xff\xfe"];
    for other in others {
        let is_seen = context.combination.framework.name != "rocket" || std::str::from_utf8(other).is_ok();
        if std::str::from_utf8(other).is_err() {
            // The frameworks differ from here on.
            record::stop();
        }
        let mut browser = Browser::new(context.app());
        let page = browser.authorize(&CodeRequest::web().pairs());
        let form = Page::read(page.text()).form().clone();
        let sent = form.filled(&[("username", &user.username), ("password", &user.password)], None);
        let sent: Vec<(&str, &str)> = sent.iter().map(|(name, value)| (&**name, &**value)).collect();
        let (name, value) = &browser.cookies[0];
        let cookies = [other, b"; ", name.as_bytes(), b"=", value.as_bytes()].concat();
        let answer = context.app().send(&Request::form(&form.action, &sent).header("Cookie", cookies));
        assert_eq!(is_consent(&answer), is_seen, "{other:?}: {answer:#}");
    }
}

fn a_form_from_another_browser_is_rejected(context: &Context) {
    let user = context.user();
    let request = CodeRequest::web();
    let (_, page) = at_consent(context, &request, &user);
    // The victim is signed in in another browser, which the attacker makes send the attacker's form.
    let (mut victim, _) = at_consent(context, &request, &user);
    let answer = victim.submit(&page, &[], Some(("decision", "allow")));
    assert_ne!(answer.status, 303, "{answer:#}");
    assert!(is_consent(&victim.authorize(&request.pairs())), "nothing was allowed");
}

fn a_form_without_the_cookie_is_rejected(context: &Context) {
    let user = context.user();
    let (_, page) = at_consent(context, &CodeRequest::web(), &user);
    let answer = Browser::new(context.app()).submit(&page, &[], Some(("decision", "allow")));
    assert_eq!(answer.header("location"), None, "{answer:#}");
    let sign_in = CodeRequest::web().open(context.app());
    let inputs = [("username", user.username.as_str()), ("password", user.password.as_str())];
    let answer = Browser::new(context.app()).submit(&sign_in, &inputs, None);
    assert!(!is_consent(&answer), "signed in without the browser's cookie: {answer:#}");
}

fn a_csrf_token_is_for_one_request_and_purpose(context: &Context) {
    let user = context.user();
    let narrow = CodeRequest::web();
    let wide = CodeRequest::web().with("scope", "notes.read notes.write");
    let (mut browser, page) = at_consent(context, &narrow, &user);
    let csrf = |page: &Response| Page::read(page.text()).form().field("csrf").map(str::to_owned);
    let of_narrow = csrf(&page).expect("a CSRF token");
    let wide_page = browser.authorize(&wide.pairs());
    let of_wide = csrf(&wide_page).expect("a CSRF token");
    assert_ne!(of_narrow, of_wide);
    let answer = browser.submit(&wide_page, &[("csrf", &of_narrow)], Some(("decision", "allow")));
    assert_eq!(answer.header("location"), None, "{answer:#}");
    // The token of the sign-in form is not valid for consent.
    let mut fresh = Browser::new(context.app());
    let sign_in = fresh.authorize(&narrow.pairs());
    let of_sign_in = csrf(&sign_in).expect("a CSRF token");
    let consent = fresh.sign_in(&sign_in, &user);
    let answer = fresh.submit(&consent, &[("csrf", &of_sign_in)], Some(("decision", "allow")));
    assert_eq!(answer.header("location"), None, "{answer:#}");
}

fn a_broken_csrf_token_is_rejected(context: &Context) {
    let user = context.user();
    let (mut browser, page) = at_consent(context, &CodeRequest::web(), &user);
    let token = Page::read(page.text()).form().field("csrf").unwrap().to_owned();
    for wrong in [&token[1..], &format!("{token}A"), &token.to_uppercase(), "x", "é"] {
        let answer = browser.submit(&page, &[("csrf", wrong)], Some(("decision", "allow")));
        assert_eq!(answer.header("location"), None, "{answer:#}");
    }
}

fn a_decision_without_csrf_token_is_a_new_request(context: &Context) {
    let user = context.user();
    let request = CodeRequest::web();
    let (mut browser, page) = at_consent(context, &request, &user);
    // The fields of the form are not an authorization request: an error page, and nothing is allowed.
    let answer = browser.submit(&page, &[("csrf", "")], Some(("decision", "allow")));
    assert_eq!(answer.header("location"), None, "{answer:#}");
    // With the parameters of a request, the user is asked; the decision is ignored.
    let mut parameters = request.pairs();
    parameters.push(("decision", "allow"));
    let answer = browser.send(Request::form("/oauth/authorize", &parameters));
    assert!(is_consent(&answer), "{answer:#}");
    // Nor does a password sign anyone in without a CSRF token.
    let mut parameters = request.pairs();
    parameters.extend([("username", user.username.as_str()), ("password", user.password.as_str())]);
    let answer = Browser::new(context.app()).send(Request::form("/oauth/authorize", &parameters));
    assert!(is_sign_in(&answer), "{answer:#}");
}

fn one_user_cannot_send_the_consent_form_of_another(context: &Context) {
    let (first, second) = (context.user(), context.user());
    let (mut browser, first_page) = at_consent(context, &CodeRequest::web(), &first);
    let first_cookies = browser.cookies.clone();
    // Another user signs in in the same browser while the page of the first is still open.
    browser.cookies.clear();
    let page = browser.authorize(&CodeRequest::web().pairs());
    browser.sign_in(&page, &second);
    assert_ne!(browser.cookies, first_cookies);
    let answer = browser.submit(&first_page, &[], Some(("decision", "allow")));
    assert_eq!(answer.header("location"), None, "{answer:#}");
}

fn a_changed_request_in_the_form_is_checked_again(context: &Context) {
    let user = context.user();
    let (mut browser, page) = at_consent(context, &CodeRequest::web(), &user);
    let form = Page::read(page.text()).form().clone();
    for (from, to) in
        [("client.example.com", "evil.example"), ("notes.read", "all"), ("web", "other"), ("=code", "=token")]
    {
        let mut sent = form.filled(&[], Some(("decision", "allow")));
        let mut changed = false;
        for (name, value) in &mut sent {
            if name != "csrf" && name != "decision" && value.contains(from) {
                *value = value.replace(from, to);
                changed = true;
            }
        }
        assert!(changed, "{from} is in no field of {form:?}");
        let sent: Vec<(&str, &str)> =
            sent.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let answer = browser.send(Request::form(&form.action, &sent));
        let location = answer.header("location").unwrap_or_default();
        assert!(!location.contains("code=") && !location.contains("access_token"), "{answer:#}");
        assert!(!location.contains("evil.example"), "{answer:#}");
    }
    assert!(Redirect::of(&browser.allow(&page)).get("code").is_some());
}

fn the_forms_post_to_their_own_origin_below_the_issuers_path(context: &Context) {
    let page = CodeRequest::web().open(context.app()).expect(200);
    assert_eq!(Page::read(page.text()).form().action, "/oauth/authorize");
    let page = CodeRequest::web().open(context.https()).expect(200);
    assert_eq!(Page::read(page.text()).form().action, "/tenant/oauth/authorize");
}

fn a_form_sent_twice_does_no_harm(context: &Context) {
    let user = context.user();
    let request = CodeRequest::web();
    let (mut browser, page) = at_consent(context, &request, &user);
    let first = Redirect::of(&browser.allow(&page));
    let second = Redirect::of(&browser.allow(&page));
    assert_ne!(first.get("code"), second.get("code"));
    Tokens::of(&request.redeem(context.app(), second.get("code").unwrap()));
}

fn two_browsers_have_two_sessions(context: &Context) {
    let user = context.user();
    let (first, _) = at_consent(context, &CodeRequest::web(), &user);
    let (second, _) = at_consent(context, &CodeRequest::web(), &user);
    assert_ne!(first.cookies[0].1, second.cookies[0].1);
}

fn an_unknown_decision_decides_nothing(context: &Context) {
    let user = context.user();
    let (mut browser, page) = at_consent(context, &CodeRequest::web(), &user);
    let form = Page::read(page.text()).form().clone();
    for decision in ["", "ALLOW", "yes", "allow deny"] {
        let mut sent = form.filled(&[], None);
        sent.push(("decision".to_owned(), decision.to_owned()));
        let sent: Vec<(&str, &str)> =
            sent.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let answer = browser.send(Request::form(&form.action, &sent));
        assert_eq!(answer.header("location"), None, "{decision:?}: {answer:#}");
    }
    // Neither does a form with no decision, or with both.
    assert_eq!(browser.submit(&page, &[], None).header("location"), None);
    let mut sent = form.filled(&[], Some(("decision", "deny")));
    sent.push(("decision".to_owned(), "allow".to_owned()));
    let sent: Vec<(&str, &str)> = sent.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let answer = browser.send(Request::form(&form.action, &sent));
    assert!(!answer.header("location").unwrap_or_default().contains("code="), "{answer:#}");
}
