//! The page of a user's own account.

use gridauth::Response;
use gridauth::identity::PasswordPolicy;
use gridauth::store::{By, Kind};
use gridauth::token::Secret;

use crate::support::*;

const ACCOUNT: &str = "/oauth/account";

/// The fields of each form of a page, in order.
pub(crate) fn forms(page: &Response) -> Vec<Vec<(String, String)>> {
    let text = text(page);
    let attribute = |input: &str, name: &str| {
        let at = input.find(&format!(" {name}=\""))? + name.len() + 3;
        Some(unescaped(&input[at..at + input[at..].find('"')?]))
    };
    let inputs = |form: &str| {
        let inputs = form.split("<input ").skip(1).map(|input| &input[..input.find('>').unwrap()]);
        let inputs = inputs.map(|input| format!(" {input}"));
        inputs
            .filter_map(|input| {
                Some((attribute(&input, "name")?, attribute(&input, "value").unwrap_or_default()))
            })
            .collect()
    };
    text.split("<form ").skip(1).map(|form| inputs(form.split("</form>").next().unwrap())).collect()
}

fn unescaped(text: &str) -> String {
    text.replace("&quot;", "\"")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&#39;", "'")
        .replace("&amp;", "&")
}

/// The form of a page that does this, with these fields filled in.
fn form(page: &Response, action: &str, fill: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut found = forms(page).into_iter().filter(|form| form.contains(&("action".into(), action.into())));
    let mut form = found.next_back().unwrap_or_else(|| panic!("no form {action} in {}", text(page)));
    for (name, value) in fill {
        let field = form.iter_mut().find(|(own, _)| own == name);
        *field.unwrap_or_else(|| panic!("no input {name}")) = ((*name).to_owned(), (*value).to_owned());
    }
    form
}

async fn send(server: &Server, cookie: &str, form: &[(String, String)]) -> Response {
    let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    server.post(ACCOUNT, &[("cookie", cookie)], &form).await
}

/// A browser in which this user has signed in on the account page, and that page.
async fn sign_in(server: &Server, username: &str, password: &str) -> Browser {
    let page = server.get(ACCOUNT, None).await;
    assert_eq!(page.status(), 200);
    let mut form = forms(&page).remove(0);
    for (name, value) in &mut form {
        match name.as_str() {
            "username" => username.clone_into(value),
            "password" => password.clone_into(value),
            _ => {}
        }
    }
    let before = cookie(&page).unwrap();
    let entered = send(server, &before, &form).await;
    assert_eq!(
        (entered.status().as_u16(), location(&entered).as_str()),
        (303, ACCOUNT),
        "{}",
        text(&entered)
    );
    let cookie = format!("{before}; {}", cookie(&entered).unwrap());
    let page = server.get(ACCOUNT, Some(&cookie)).await;
    assert!(text(&page).contains("Your account"), "{}", text(&page));
    Browser { cookie, page }
}

async fn israel(server: &Server) -> Browser {
    sign_in(server, "israel", "imru").await
}

#[tokio::test]
async fn a_withdrawal_ends_the_tokens_at_once_and_consent_is_asked_again() {
    let server = server().await;
    let (tokens, others) = (server.tokens().await, server.tokens().await);
    let browser = israel(&server).await;
    assert!(text(&browser.page).contains("notes.read"));
    let done = send(&server, &browser.cookie, &form(&browser.page, "withdraw", &[])).await;
    assert_eq!(done.status(), 200);
    assert!(
        text(&done).contains("The access was withdrawn") && text(&done).contains("No application has access")
    );
    for tokens in [&tokens, &others] {
        assert!(!server.is_valid(tokens).await);
        assert_eq!(server.token(&refresh(&string(tokens, "refresh_token"))).await.0, 400);
    }
    for kind in [Kind::Grant, Kind::Consent] {
        assert_eq!(ids_by(server.auth.store(), kind, By::User("israel")).await, [""; 0]);
    }
    let page = server.get(&authorize_uri(&[]), Some(&browser.cookie)).await;
    assert!(text(&page).contains("name=\"decision\""), "{}", text(&page));
    // The same form again changes nothing, and is no error.
    let again = send(&server, &browser.cookie, &form(&browser.page, "withdraw", &[])).await;
    assert_eq!(again.status(), 200);
}

#[tokio::test]
async fn what_is_shown_is_since_when_and_the_newest_token() {
    let server = server().await;
    let tokens = server.tokens().await;
    server.advance(3600);
    assert_eq!(server.token(&refresh(&string(&tokens, "refresh_token"))).await.0, 200);
    server.advance(3600);
    let page = text(&israel(&server).await.page);
    assert!(page.contains("Access since <time datetime=\"2023-11-14T22:13Z\">"), "{page}");
    assert!(page.contains("Last renewed <time datetime=\"2023-11-14T23:13Z\">"), "{page}");
    assert!(page.contains("Signed in since <time datetime=\"2023-11-15T00:13Z\">"), "{page}");
    // A grant that has expired is no access any more; the consent is.
    server.advance(90 * 24 * 3600);
    let page = text(&israel(&server).await.page);
    assert!(page.contains("It has no access at the moment"), "{page}");
}

#[tokio::test]
async fn nobody_ends_what_is_another_persons() {
    let server = server().await;
    server.auth.put_user("mallory", &Secret::from("mallory!"), "mallory", Default::default()).await.unwrap();
    let tokens = server.tokens().await;
    let (victim, attacker) = (israel(&server).await, sign_in(&server, "mallory", "mallory!").await);
    assert!(!text(&attacker.page).contains("value=\"withdraw\""), "mallory has no application");
    let sessions = ids_by(server.auth.store(), Kind::Session, By::User("israel")).await;
    let second = israel(&server).await;
    // The attacker sends the victim's own form, and forms of their own with the victim's session and client.
    let mut tried = vec![form(&victim.page, "withdraw", &[]), form(&second.page, "sign_out_there", &[])];
    let own = form(&attacker.page, "sign_out", &[]);
    let csrf = own.iter().find(|(name, _)| name == "csrf").unwrap().1.clone();
    for session in &sessions {
        let fields = [("csrf", csrf.as_str()), ("action", "sign_out_there"), ("session", session)];
        tried.push(fields.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec());
    }
    for form in tried {
        assert_eq!(send(&server, &attacker.cookie, &form).await.status(), 403, "{form:?}");
    }
    assert!(server.is_valid(&tokens).await);
    for browser in [&victim, &second] {
        assert!(text(&server.get(ACCOUNT, Some(&browser.cookie)).await).contains("Your account"));
    }
}

#[tokio::test]
async fn each_browser_can_be_signed_out_alone_or_all_others_together() {
    let server = server().await;
    let browsers = [israel(&server).await, israel(&server).await, israel(&server).await];
    let page = server.get(ACCOUNT, Some(&browsers[0].cookie)).await;
    assert_eq!(text(&page).matches("Another browser").count(), 2);
    assert_eq!(text(&page).matches("This browser").count(), 1);
    let is_in = async |browser: &Browser| {
        text(&server.get(ACCOUNT, Some(&browser.cookie)).await).contains("Your account")
    };
    send(&server, &browsers[0].cookie, &form(&page, "sign_out_there", &[])).await;
    assert!(is_in(&browsers[0]).await && (is_in(&browsers[1]).await != is_in(&browsers[2]).await));
    let page = server.get(ACCOUNT, Some(&browsers[0].cookie)).await;
    send(&server, &browsers[0].cookie, &form(&page, "sign_out_elsewhere", &[])).await;
    assert!(is_in(&browsers[0]).await && !is_in(&browsers[1]).await && !is_in(&browsers[2]).await);
    let page = server.get(ACCOUNT, Some(&browsers[0].cookie)).await;
    assert!(!text(&page).contains("value=\"sign_out_elsewhere\""), "there is no other");
    let out = send(&server, &browsers[0].cookie, &form(&page, "sign_out", &[])).await;
    assert_eq!(out.status(), 200);
    assert!(
        text(&out).contains("You are signed out") && cookie(&out).unwrap().starts_with("__Host-gridauth=")
    );
    assert!(!is_in(&browsers[0]).await);
    assert_eq!(ids(server.auth.store(), Kind::Session).await, [""; 0]);
}

#[tokio::test]
async fn a_new_password_needs_the_current_one_and_ends_all_else() {
    let server = server_with(|builder| {
        let is_name = |name: &str, password: &Secret| password.expose().contains(name);
        let rule = move |name: &str, password: &Secret| {
            if is_name(name, password) { Err("Not your <name>.".to_owned()) } else { Ok(()) }
        };
        builder.password_policy(PasswordPolicy::default().min_characters(8).rule(rule))
    })
    .await;
    let tokens = server.tokens().await;
    let (browser, other) = (israel(&server).await, israel(&server).await);
    let fill = |current, new, repeated| {
        [("current_password", current), ("new_password", new), ("repeat_password", repeated)]
    };
    let long = "x".repeat(1025);
    for (current, new, repeated, words) in [
        ("", "a new password", "a new password", "Enter your current password"),
        ("imru", "", "", "Enter your current password"),
        ("imru", "a new password", "another password", "the same twice"),
        ("imru", "short", "short", "at least 8 characters"),
        ("imru", "israel is my name", "israel is my name", "Not your &lt;name&gt;."),
        ("imru", &long, &long, "too long"),
        ("imri", "a new password", "a new password", "is not right"),
    ] {
        let form = form(&browser.page, "change_password", &fill(current, new, repeated));
        let page = send(&server, &browser.cookie, &form).await;
        assert_eq!(page.status(), 400, "{words}");
        assert!(text(&page).contains(words), "{words}: {}", text(&page));
        assert!(!text(&page).contains("a new password"));
    }
    assert!(server.is_valid(&tokens).await);
    let form = form(&browser.page, "change_password", &fill("imru", "a new password", "a new password"));
    let done = send(&server, &browser.cookie, &form).await;
    assert_eq!(done.status(), 200);
    assert!(text(&done).contains("Your password was changed"), "{}", text(&done));
    assert!(!server.is_valid(&tokens).await);
    assert!(text(&server.get(ACCOUNT, Some(&browser.cookie)).await).contains("Your account"));
    assert!(!text(&server.get(ACCOUNT, Some(&other.cookie)).await).contains("Your account"));
    assert_eq!(sign_in(&server, "israel", "a new password").await.page.status(), 200);
}

#[tokio::test]
async fn guesses_at_the_current_password_are_throttled_with_those_of_sign_ins() {
    let server = server().await;
    let browser = israel(&server).await;
    let fill = [
        ("current_password", "wrong"),
        ("new_password", "a new password!"),
        ("repeat_password", "a new password!"),
    ];
    let form = form(&browser.page, "change_password", &fill);
    let mut last = 400;
    for _ in 0..25 {
        let page = send(&server, &browser.cookie, &form).await;
        last = page.status().as_u16();
        if last == 429 {
            assert!(page.headers().contains_key("retry-after") && text(&page).contains("Wait"));
            break;
        }
    }
    assert_eq!(last, 429);
}

#[tokio::test]
async fn a_form_without_its_token_changes_nothing() {
    let server = server().await;
    let tokens = server.tokens().await;
    let browser = israel(&server).await;
    let good = form(&browser.page, "withdraw", &[]);
    let sign_out = form(&browser.page, "sign_out", &[]);
    let with = |csrf: Option<&str>| -> Vec<(String, String)> {
        let others = good.iter().filter(|(name, _)| name != "csrf").cloned();
        others.chain(csrf.map(|csrf| ("csrf".to_owned(), csrf.to_owned()))).collect()
    };
    let of_another_form = sign_out.iter().find(|(name, _)| name == "csrf").unwrap().1.clone();
    for csrf in [None, Some(""), Some("AAAA"), Some(of_another_form.as_str())] {
        let page = send(&server, &browser.cookie, &with(csrf)).await;
        assert_eq!(page.status(), 403, "{csrf:?}");
        assert!(text(&page).contains("Nothing was changed"));
    }
    // The cookie of the session alone, without that of the form.
    let session = browser.cookie.split("; ").find(|pair| pair.starts_with("__Host-gridauth=")).unwrap();
    assert_eq!(send(&server, session, &good).await.status(), 403);
    // Nobody is signed in: the sign-in page is shown.
    let page = send(&server, "", &good).await;
    assert!(page.status() == 403 && text(&page).contains("name=\"password\""));
    // From another site, even with everything else right.
    let pairs: Vec<(&str, &str)> = good.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let headers = [("cookie", browser.cookie.as_str()), ("sec-fetch-site", "cross-site")];
    assert_eq!(server.post(ACCOUNT, &headers, &pairs).await.status(), 400);
    // A field twice, and an action in the query of a GET.
    let doubled: Vec<_> = good.iter().cloned().chain([("client_id".to_owned(), "web".to_owned())]).collect();
    assert_eq!(send(&server, &browser.cookie, &doubled).await.status(), 400);
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(&pairs).finish();
    assert_eq!(server.get(&format!("{ACCOUNT}?{query}"), Some(&browser.cookie)).await.status(), 200);
    assert!(server.is_valid(&tokens).await);
    // The form itself was good.
    assert_eq!(send(&server, &browser.cookie, &good).await.status(), 200);
    assert!(!server.is_valid(&tokens).await);
}

#[tokio::test]
async fn after_the_sign_in_the_browser_goes_where_it_was_sent_from() {
    let server = server().await;
    let page = server.get("/oauth/account?return_to=%2Forders%3Fpage%3D2", None).await;
    let browser = cookie(&page).unwrap();
    let mut form = forms(&page).remove(0);
    form.retain(|(name, _)| name == "csrf");
    form.extend(
        [("username", "israel"), ("password", "imru")].map(|(name, value)| (name.into(), value.into())),
    );
    let pairs: Vec<(&str, &str)> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let headers = [("cookie", browser.as_str())];
    // The token is bound to where the browser goes.
    for other in [ACCOUNT, "/oauth/account?return_to=%2Felsewhere"] {
        assert_eq!(server.post(other, &headers, &pairs).await.status(), 403);
    }
    let entered = server.post("/oauth/account?return_to=%2Forders%3Fpage%3D2", &headers, &pairs).await;
    assert_eq!((entered.status().as_u16(), location(&entered).as_str()), (303, "/orders?page=2"));
    let browser = format!("{browser}; {}", cookie(&entered).unwrap());
    let back = server.get("/oauth/account?return_to=%2Forders", Some(&browser)).await;
    assert_eq!((back.status().as_u16(), location(&back).as_str()), (303, "/orders"));
    for other in
        ["https://evil.example/", "//evil.example", "/\\evil.example", "/\t/evil.example", "javascript:x"]
    {
        let encoded: String = form_urlencoded::byte_serialize(other.as_bytes()).collect();
        let page = server.get(&format!("{ACCOUNT}?return_to={encoded}"), Some(&browser)).await;
        assert!(page.status() == 400 && !page.headers().contains_key("location"), "{other}");
    }
    assert_eq!(server.get("/oauth/account?return_to=/a&return_to=/b", Some(&browser)).await.status(), 400);
}

#[tokio::test]
async fn the_page_is_there_where_users_sign_in_or_the_application_wants_it() {
    use gridauth::grant::{AuthorizationCode, ClientCredentials};
    use gridauth::{GridAuth, Store};

    let builder = || GridAuth::builder(ISSUER).store(Store::memory());
    for (builder, is_there) in [
        (builder().grant(AuthorizationCode::new()), true),
        (builder().grant(AuthorizationCode::new()).account_page(false), false),
        (builder().grant(ClientCredentials::new()), false),
        (builder().grant(ClientCredentials::new()).account_page(true), true),
    ] {
        let auth = builder.build().await.unwrap();
        assert_eq!(auth.paths().contains(&ACCOUNT.to_owned()), is_there);
        let answered = auth.handle(http::Request::get(ACCOUNT).body(Default::default()).unwrap()).await;
        assert_eq!(answered.status(), if is_there { 200 } else { 404 });
    }
}

#[tokio::test]
async fn a_person_who_is_not_the_signed_in_one_can_say_so_before_consenting() {
    let server = server().await;
    server.auth.put_user("shira", &Secret::from("shira's!"), "shira", Default::default()).await.unwrap();
    let browser = server.sign_in(&authorize_uri(&[])).await;
    assert!(text(&browser.page).contains("Not you?"));
    let (csrf, request) = (hidden(&browser.page, "csrf"), hidden(&browser.page, "authorization_request"));
    let form = [("csrf", csrf.as_str()), ("authorization_request", &request), ("other_account", "yes")];
    let page = server.post("/oauth/authorize", &[("cookie", &browser.cookie)], &form).await;
    assert!(page.status() == 200 && text(&page).contains("name=\"password\""), "{}", text(&page));
    // Until somebody else signs in, nothing has changed.
    assert_eq!(ids_by(server.auth.store(), Kind::Session, By::User("israel")).await.len(), 1);
    let page = server.submit_sign_in(&page, &browser.cookie, "shira", "shira's!").await;
    assert!(text(&page).contains("shira") && text(&page).contains("name=\"decision\""), "{}", text(&page));
    assert_eq!(ids_by(server.auth.store(), Kind::Session, By::User("israel")).await, [""; 0]);
    // Without the token of the form the button does nothing.
    let form = [("csrf", "AAAA"), ("authorization_request", &request), ("other_account", "yes")];
    let page = server.post("/oauth/authorize", &[("cookie", &browser.cookie)], &form).await;
    assert_ne!(page.status(), 303);
}
