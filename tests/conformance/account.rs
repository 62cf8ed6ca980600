//! The page of a signed-in user's own account.

use gridauth_conformance::browser::{is_consent, is_sign_in};
use gridauth_conformance::case::User;
use gridauth_conformance::html::{Form, Page};
use gridauth_conformance::oauth::{CodeRequest, Redirect, Tokens, is_valid, refresh};
use gridauth_conformance::{Browser, Context, Options, Request, Response, audit, cases, random, seed};

cases! {
    "DEMO_APP.md, Routes" => without_a_session_the_page_asks_to_sign_in,
    "DEMO_APP.md, Routes" => a_withdrawal_ends_every_token_of_the_application_and_its_consent,
    "DEMO_APP.md, Routes" => a_withdrawal_leaves_other_applications_alone,
    "DEMO_APP.md, Routes" => the_user_is_signed_out_elsewhere,
    "DEMO_APP.md, Routes" => the_user_signs_out,
    "DEMO_APP.md, Policies" => a_new_password_ends_all_other_sessions_and_all_grants,
    "DEMO_APP.md, Policies" => wrong_current_passwords_are_throttled,
    "DEMO_APP.md, Routes" => nobody_changes_the_account_of_another,
    "DEMO_APP.md, Pages" => a_form_needs_its_own_csrf_token,
    "DEMO_APP.md, Pages" => a_form_from_another_site_is_refused,
    "RFC 9110 9.2.1" => get_changes_nothing,
    "DEMO_APP.md, Pages" => the_page_cannot_be_framed_or_cached,
    "DEMO_APP.md, Pages" => what_others_wrote_is_only_text,
    "DEMO_APP.md, Routes" => the_way_back_stays_on_this_origin,
    "DEMO_APP.md, Routes" => doubled_fields_and_huge_bodies_are_refused,
    "DEMO_APP.md, Routes" => the_metadata_does_not_name_the_page,
    "DEMO_APP.md, Pages" => another_person_can_sign_in_from_the_consent_page,
    "DEMO_APP.md, Pages" => the_page_works_below_the_path_of_the_issuer,
}

/// The fields of a form as a browser sends them.
type Fields = Vec<(String, String)>;

fn open(browser: &mut Browser<'_>) -> Response {
    let path = browser.app.endpoint("account");
    browser.get(&path)
}

/// A browser in which the user has signed in on the page of the account.
#[track_caller]
fn sign_in<'a>(app: &'a gridauth_conformance::Demo, user: &User) -> (Browser<'a>, Response) {
    let mut browser = Browser::new(app);
    let page = open(&mut browser);
    let entered = browser.sign_in(&page, user).expect(303);
    assert_eq!(entered.header("location"), Some(app.endpoint("account").as_str()), "{entered:#}");
    let page = open(&mut browser).expect(200);
    assert!(is_account(&page), "{page:#}");
    (browser, page)
}

fn is_account(page: &Response) -> bool {
    page.text().contains(r#"value="sign_out""#)
}

/// The forms of a page that do this.
fn forms(page: &Response, action: &str) -> Vec<Form> {
    let forms = Page::read(page.text()).forms.into_iter();
    forms.filter(|form| form.field("action") == Some(action)).collect()
}

#[track_caller]
fn form(page: &Response, action: &str) -> Form {
    let mut found = forms(page, action);
    assert_eq!(found.len(), 1, "forms that do {action}: {page:#}");
    found.remove(0)
}

#[track_caller]
fn withdrawal(page: &Response, client_id: &str) -> Form {
    let found = forms(page, "withdraw").into_iter().find(|form| form.field("client_id") == Some(client_id));
    found.unwrap_or_else(|| panic!("no form for {client_id}: {page:#}"))
}

fn send(browser: &mut Browser<'_>, form: &Form, fields: &Fields) -> Response {
    let fields: Vec<(&str, &str)> =
        fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    browser.send(Request::form(&form.action, &fields))
}

fn press(browser: &mut Browser<'_>, form: &Form) -> Response {
    send(browser, form, &form.fields.clone())
}

/// A token response that the user has consented to for the client `web`, in this browser.
#[track_caller]
fn tokens(browser: &mut Browser<'_>, user: &User) -> Tokens {
    let request = CodeRequest::web();
    let back = Redirect::of(&browser.go_through(&request.pairs(), user));
    let code = back.get("code").unwrap_or_else(|| panic!("no code: {back:?}")).to_owned();
    Tokens::of(&request.redeem(browser.app, &code))
}

fn without_a_session_the_page_asks_to_sign_in(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let mut browser = Browser::new(app);
    let page = open(&mut browser).expect(200);
    assert!(is_sign_in(&page), "{page:#}");
    let wrong = User { password: audit_secret("wrong"), ..user.clone() };
    let refused = browser.sign_in(&page, &wrong).expect(400);
    assert!(is_sign_in(&refused), "{refused:#}");
    let (mut browser, page) = sign_in(app, &user);
    assert!(page.text().contains(&user.username) && forms(&page, "withdraw").is_empty(), "{page:#}");
    // The session is the one of the authorization endpoint too.
    let consent = browser.authorize(&CodeRequest::web().pairs());
    assert!(is_consent(&consent), "{consent:#}");
}

fn audit_secret(label: &str) -> String {
    let secret = random::secret_of(&random::unique(label));
    audit::secret(&secret);
    secret
}

fn a_withdrawal_ends_every_token_of_the_application_and_its_consent(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let (mut browser, _) = sign_in(app, &user);
    let all = [tokens(&mut browser, &user), tokens(&mut browser, &user)];
    // Consent is remembered.
    browser.authorize(&CodeRequest::web().pairs()).expect(303);
    let page = open(&mut browser).expect(200);
    let done = press(&mut browser, &withdrawal(&page, "web")).expect(200);
    assert!(is_account(&done) && forms(&done, "withdraw").is_empty(), "{done:#}");
    for tokens in &all {
        assert!(!is_valid(app, &tokens.access));
        refresh(app, "web", tokens.refresh()).expect_error(400, "invalid_grant");
    }
    let consent = browser.authorize(&CodeRequest::web().pairs());
    assert!(is_consent(&consent), "{consent:#}");
    // It can be repeated.
    press(&mut browser, &withdrawal(&page, "web")).expect(200);
}

fn a_withdrawal_leaves_other_applications_alone(context: &Context) {
    let (app, user, other) = (context.app(), context.user(), context.user());
    let (mut browser, _) = sign_in(app, &user);
    let mine = tokens(&mut browser, &user);
    let others = CodeRequest::web().tokens(app, &other);
    let legacy = gridauth_conformance::oauth::password_tokens(app, &user, "notes.read");
    let page = open(&mut browser).expect(200);
    assert_eq!(forms(&page, "withdraw").len(), 2, "{page:#}");
    press(&mut browser, &withdrawal(&page, "web")).expect(200);
    assert!(!is_valid(app, &mine.access) && is_valid(app, &others.access) && is_valid(app, &legacy.access));
}

fn the_user_is_signed_out_elsewhere(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let (mut here, page) = sign_in(app, &user);
    assert!(forms(&page, "sign_out_there").is_empty() && forms(&page, "sign_out_elsewhere").is_empty());
    let (mut there, _) = sign_in(app, &user);
    let made_there = tokens(&mut there, &user);
    let page = open(&mut here);
    press(&mut here, &form(&page, "sign_out_there")).expect(200);
    assert!(is_sign_in(&open(&mut there)) && is_account(&open(&mut here)));
    assert!(!is_valid(app, &made_there.access), "the grant was made in that session");
    let mut others = [sign_in(app, &user).0, sign_in(app, &user).0];
    let page = open(&mut here);
    assert_eq!(forms(&page, "sign_out_there").len(), 2);
    let done = press(&mut here, &form(&page, "sign_out_elsewhere")).expect(200);
    assert!(forms(&done, "sign_out_there").is_empty(), "{done:#}");
    assert!(others.iter_mut().all(|other| is_sign_in(&open(other))) && is_account(&open(&mut here)));
}

fn the_user_signs_out(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let (mut browser, page) = sign_in(app, &user);
    let made = tokens(&mut browser, &user);
    let (cookies, out) = (browser.cookies.clone(), press(&mut browser, &form(&page, "sign_out")).expect(200));
    assert!(!is_account(&out) && Page::read(out.text()).forms.is_empty(), "{out:#}");
    assert!(is_sign_in(&open(&mut browser)) && !is_valid(app, &made.access));
    // The cookie of the ended session is worth nothing.
    assert!(is_sign_in(&open(&mut Browser { app, cookies })));
}

const PASSWORDS: [&str; 3] = ["current_password", "new_password", "repeat_password"];

fn change(page: &Response, current: &str, new: &str) -> (Form, Fields) {
    let form = form(page, "change_password");
    let values: Vec<(&str, &str)> = PASSWORDS.into_iter().zip([current, new, new]).collect();
    let fields = form.filled(&values, None);
    (form, fields)
}

fn a_new_password_ends_all_other_sessions_and_all_grants(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let (mut browser, page) = sign_in(app, &user);
    let (mut other, _) = sign_in(app, &user);
    let made = tokens(&mut browser, &user);
    let changed = User { password: audit_secret("changed"), ..user.clone() };
    let (form, fields) = change(&page, &user.password, &changed.password);
    assert_eq!(form.visible, PASSWORDS);
    let done = send(&mut browser, &form, &fields).expect(200);
    assert!(is_account(&done), "{done:#}");
    assert!(is_account(&open(&mut browser)) && is_sign_in(&open(&mut other)));
    assert!(!is_valid(app, &made.access));
    refresh(app, "web", made.refresh()).expect_error(400, "invalid_grant");
    let page = open(&mut Browser::new(app));
    Browser::new(app).sign_in(&page, &user);
    let page = open(&mut other);
    other.sign_in(&page, &user).expect(400);
    sign_in(app, &changed);
    // A wrong current password, two new ones, and one that is not allowed change nothing.
    let page = open(&mut browser);
    let (form, good) = change(&page, &changed.password, "yet another password");
    for (name, value) in [
        ("current_password", user.password.as_str()),
        ("current_password", ""),
        ("new_password", "a different one"),
        ("new_password", ""),
        ("repeat_password", "a different one"),
    ] {
        let fields = form.filled(&[(name, value)], None);
        let fields: Fields = good
            .iter()
            .zip(fields)
            .map(|(good, own)| if own.0 == name { own } else { good.clone() })
            .collect();
        let refused = send(&mut browser, &form, &fields).expect(400);
        assert!(is_account(&refused), "{refused:#}");
        assert!(!refused.text().contains("yet another password"), "a password is in the page");
    }
    for bad in ["abc", &"x".repeat(1025)] {
        let (form, fields) = change(&page, &changed.password, bad);
        send(&mut browser, &form, &fields).expect(400);
    }
    sign_in(app, &changed);
}

fn wrong_current_passwords_are_throttled(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let (mut browser, page) = sign_in(app, &user);
    let guess = |browser: &mut Browser<'_>, page: &Response| {
        let (form, fields) = change(page, &audit_secret("guess"), "a new password");
        send(browser, &form, &fields)
    };
    let answers: Vec<Response> = (0..21).map(|_| guess(&mut browser, &page)).collect();
    let (last, before) = answers.split_last().expect("21 answers");
    assert!(before.iter().all(|answer| answer.status == 400), "{:?}", before.last());
    assert_eq!(last.status, 429, "{last:#}");
    let wait: u64 = last.header("retry-after").and_then(|wait| wait.parse().ok()).expect("Retry-After");
    assert!((1..=60).contains(&wait) && is_account(last), "{last:#}");
}

fn nobody_changes_the_account_of_another(context: &Context) {
    let (app, victim, attacker) = (context.app(), context.user(), context.user());
    let (mut first, _) = sign_in(app, &victim);
    let (mut second, _) = sign_in(app, &victim);
    let made = tokens(&mut first, &victim);
    let page = open(&mut first);
    let (mut foreign, own_page) = sign_in(app, &attacker);
    let (password, fields) = change(&page, &victim.password, "taken over by me");
    let (out_there, withdraw) = (form(&page, "sign_out_there"), withdrawal(&page, "web"));
    // The victim's forms as they are.
    for (form, fields) in
        [(&password, fields), (&out_there, out_there.fields.clone()), (&withdraw, withdraw.fields.clone())]
    {
        send(&mut foreign, form, &fields).expect(403);
    }
    // And with every token that the attacker's page has.
    let tokens: Vec<String> = Page::read(own_page.text())
        .forms
        .iter()
        .filter_map(|form| form.field("csrf").map(str::to_owned))
        .collect();
    assert!(tokens.len() >= 2);
    for token in &tokens {
        for form in [&out_there, &withdraw] {
            send(&mut foreign, form, &form.filled(&[("csrf", token)], None)).expect(403);
        }
    }
    assert!(is_valid(app, &made.access));
    assert!(is_account(&open(&mut first)) && is_account(&open(&mut second)));
}

fn a_form_needs_its_own_csrf_token(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let (mut browser, _) = sign_in(app, &user);
    let made = tokens(&mut browser, &user);
    let page = open(&mut browser);
    let (withdraw, sign_out) = (withdrawal(&page, "web"), form(&page, "sign_out"));
    let of_another = sign_out.field("csrf").expect("a token").to_owned();
    for token in ["", "AAAA", of_another.as_str()] {
        let refused = send(&mut browser, &withdraw, &withdraw.filled(&[("csrf", token)], None)).expect(403);
        assert!(is_account(&refused), "{refused:#}");
    }
    let without: Fields = withdraw.fields.iter().filter(|(name, _)| name != "csrf").cloned().collect();
    send(&mut browser, &withdraw, &without).expect(403);
    // The token of one application withdraws no other.
    let other = withdraw.filled(&[("client_id", "spa")], None);
    send(&mut browser, &withdraw, &other).expect(403);
    let unknown = sign_out.filled(&[("action", "burn")], None);
    send(&mut browser, &sign_out, &unknown).expect(403);
    assert!(is_valid(app, &made.access) && is_account(&open(&mut browser)));
}

fn a_form_from_another_site_is_refused(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let (mut browser, page) = sign_in(app, &user);
    let form = form(&page, "sign_out");
    let fields: Vec<(&str, &str)> =
        form.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let request = Request::form(&form.action, &fields).header("Sec-Fetch-Site", "cross-site");
    browser.send(request).expect(400);
    assert!(is_account(&open(&mut browser)));
}

fn get_changes_nothing(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let (mut browser, _) = sign_in(app, &user);
    let made = tokens(&mut browser, &user);
    let page = open(&mut browser);
    for form in Page::read(page.text()).forms {
        let fields: Vec<(&str, &str)> =
            form.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let shown = browser.send(Request::query(&form.action, &fields)).expect(200);
        assert!(is_account(&shown), "{shown:#}");
        browser.send(Request::new("HEAD", format!("{}?action=sign_out", form.action))).expect(200);
    }
    assert!(is_valid(app, &made.access) && is_account(&open(&mut browser)));
    for method in ["PUT", "DELETE", "PATCH"] {
        browser.send(Request::new(method, app.endpoint("account"))).expect(405);
    }
}

fn the_page_cannot_be_framed_or_cached(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let (mut browser, page) = sign_in(app, &user);
    let refused = press(&mut browser, &form(&page, "change_password"));
    for answer in [&page, &refused] {
        let policy = answer.header("content-security-policy").unwrap_or_default();
        assert!(
            policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
            "{answer:#}"
        );
        assert_eq!(answer.header("x-frame-options"), Some("DENY"), "{answer:#}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{answer:#}");
        assert_eq!(answer.header("referrer-policy"), Some("same-origin"), "{answer:#}");
        assert!(answer.header("access-control-allow-origin").is_none(), "{answer:#}");
        let read = Page::read(answer.text());
        assert!(read.all("script").is_empty() && !read.forms.is_empty());
        assert!(
            read.forms.iter().all(|form| form.action == app.endpoint("account") && form.method == "post")
        );
    }
}

fn what_others_wrote_is_only_text(context: &Context) {
    let user = User { username: "<b>\"mal'lory\"&amp;".to_owned(), ..User::new() };
    let name = "<script>alert(1)</script>\"'><form action=//evil.example>";
    let app = context.start(&Options::new("account-text").seed(&serde_json::json!({
        "users": [{"username": user.username, "password": user.password}],
        "clients": [{
            "client_id": "web", "client_secret": random::secret_of("web"), "client_name": name,
            "redirect_uris": [seed::WEB_CB], "scope": "notes.read",
        }],
    })));
    let (mut browser, _) = sign_in(&app, &user);
    let request = CodeRequest::web().with("scope", "notes.read");
    browser.go_through(&request.pairs(), &user).expect(303);
    let page = open(&mut browser);
    let read = Page::read(page.text());
    assert!(read.all("script").is_empty() && read.all("b").is_empty(), "{page:#}");
    assert!(read.forms.iter().all(|form| form.action == app.endpoint("account")));
    assert!(read.text.contains(name) && read.text.contains(&user.username), "{}", read.text);
}

fn the_way_back_stays_on_this_origin(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let path = app.endpoint("account");
    let mut browser = Browser::new(app);
    let page = browser.send(Request::query(&path, &[("return_to", "/notes?page=2")])).expect(200);
    let entered = browser.sign_in(&page, &user).expect(303);
    assert_eq!(entered.header("location"), Some("/notes?page=2"), "{entered:#}");
    let back = browser.send(Request::query(&path, &[("return_to", "/")])).expect(303);
    assert_eq!(back.header("location"), Some("/"));
    for elsewhere in [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example/",
        "\\\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        " //evil.example",
        "javascript:alert(1)",
        "notes",
    ] {
        for browser in [&mut browser, &mut Browser::new(app)] {
            let refused = browser.send(Request::query(&path, &[("return_to", elsewhere)])).expect(400);
            assert!(refused.header("location").is_none(), "{elsewhere:?}: {refused:#}");
        }
    }
}

fn doubled_fields_and_huge_bodies_are_refused(context: &Context) {
    let (app, user) = (context.app(), context.user());
    let (mut browser, _) = sign_in(app, &user);
    let made = tokens(&mut browser, &user);
    let page = open(&mut browser);
    let good = withdrawal(&page, "web");
    for (name, value) in &good.fields {
        let doubled = good.fields.iter().cloned().chain([(name.clone(), value.clone())]).collect();
        send(&mut browser, &good, &doubled).expect(400);
    }
    let long = good.fields.iter().cloned().chain([("x".to_owned(), "y".repeat(70_000))]).collect();
    send(&mut browser, &good, &long).expect(413);
    let many: Fields = (0..5_000).map(|number| (format!("f{number}"), String::new())).collect();
    assert!((400..500).contains(&send(&mut browser, &good, &many).status));
    let encoded = gridauth_conformance::http::encode(
        &good.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect::<Vec<_>>(),
    );
    browser.send(Request::post(&good.action).body("text/plain", encoded)).expect(400);
    browser.send(Request::raw_form(&good.action, &b"csrf=%ff&action=withdraw"[..])).expect(400);
    let path = app.endpoint("account");
    browser.send(Request::get(format!("{path}?return_to=/&return_to=/"))).expect(400);
    browser.send(Request::get(format!("{path}?return_to=/{}", "a".repeat(4_000)))).expect(400);
    assert!(is_valid(app, &made.access));
}

fn the_metadata_does_not_name_the_page(context: &Context) {
    let app = context.app();
    for document in ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"] {
        assert!(!app.get(document).expect(200).text().contains("/account"), "{document}");
    }
}

fn another_person_can_sign_in_from_the_consent_page(context: &Context) {
    let (app, one, other) = (context.app(), context.user(), context.user());
    let (mut browser, _) = sign_in(app, &one);
    let consent = browser.authorize(&CodeRequest::web().pairs());
    assert!(is_consent(&consent) && consent.text().contains(&one.username), "{consent:#}");
    let page = browser.submit(&consent, &[], Some(("other_account", "yes")));
    assert!(is_sign_in(&page), "{page:#}");
    let consent = browser.sign_in(&page, &other);
    assert!(is_consent(&consent) && consent.text().contains(&other.username), "{consent:#}");
    assert!(!consent.text().contains(&one.username));
    browser.allow(&consent).expect(303);
    let page = open(&mut browser);
    assert!(page.text().contains(&other.username), "{page:#}");
}

fn the_page_works_below_the_path_of_the_issuer(context: &Context) {
    let app = context.https();
    let user = context.user_at(app);
    let (mut browser, page) = sign_in(app, &user);
    let out = press(&mut browser, &form(&page, "sign_out")).expect(200);
    assert!(!is_account(&out) && is_sign_in(&open(&mut browser)));
}
