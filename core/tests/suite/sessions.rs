//! Sessions: who is signed in, and what can change that.

use gridauth::identity::UsersError;
use gridauth::token::Secret;
use gridauth::{Client, User};

use crate::support::*;

#[tokio::test]
async fn a_post_from_another_site_does_not_end_a_session() {
    let server = server().await;
    let form = [
        ("client_id", "web"),
        ("redirect_uri", REDIRECT),
        ("response_type", "code"),
        ("scope", "notes.read"),
    ];
    // The browser sends no cookie with the request.
    let page = server.post("/oauth/authorize", &[], &form).await;
    assert_eq!(page.status(), 200);
    let set = cookie(&page).unwrap();
    assert!(set.starts_with("__Host-gridauth-form=") && !set.contains("__Host-gridauth="), "{set}");
    // A browser that reports a cross-site request is redirected to repeat it with its cookies.
    let again = server.post("/oauth/authorize", &[("sec-fetch-site", "cross-site")], &form).await;
    assert_eq!(again.status(), 303);
    assert!(location(&again).starts_with("/oauth/authorize?client_id=web&"));
    assert_eq!(cookie(&again), None);
}

#[tokio::test]
async fn cookies_are_bound_to_the_origin_and_hidden_from_scripts() {
    let server = server().await;
    let first = server.get(&authorize_uri(&[]), None).await;
    let browser = server.sign_in(&authorize_uri(&[])).await;
    for (page, name) in [(first, "__Host-gridauth-form="), (browser.page, "__Host-gridauth=")] {
        let mut set = page.headers().get_all("set-cookie").iter();
        let cookie = set.next().unwrap().to_str().unwrap();
        assert!(set.next().is_none());
        assert!(cookie.starts_with(name), "{cookie}");
        assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Lax; Secure"), "{cookie}");
    }
}

/// On plain `http` anybody on the host, or on a sibling of it, can set a cookie of our name.
#[tokio::test]
async fn foreign_cookies_of_our_names_do_not_hide_ours() {
    let server = server().await;
    let foreign: String = ["A", "B", "C"]
        .map(|letter| {
            let value = letter.repeat(43);
            format!("__Host-gridauth={value}; __Host-gridauth-form={value}; ")
        })
        .concat();
    let page = server.get(&authorize_uri(&[]), None).await;
    let form_cookie = cookie(&page).unwrap();
    let page = server.submit_sign_in(&page, &format!("{foreign}{form_cookie}"), "israel", "imru").await;
    assert!(text(&page).contains("decision"), "{}", text(&page));
    let cookie = format!("{foreign}{form_cookie}; {}", cookie(&page).unwrap());
    let back = Browser { cookie: cookie.clone(), page }.allow(&server).await;
    assert_eq!(back.status(), 303, "{}", text(&back));
    assert!(location_parameter(&back, "code").is_some());
    // Signed in, with nothing left to ask.
    assert_eq!(server.get(&authorize_uri(&[]), Some(&cookie)).await.status(), 303);
    // A page that is shown while the foreign cookies are there comes back to this browser.
    let wider = authorize_uri(&[("scope", "notes.read notes.write")]);
    let page = server.get(&wider, Some(&cookie)).await;
    let back = Browser { cookie, page }.allow(&server).await;
    assert!(location_parameter(&back, "code").is_some(), "{}", text(&back));
}

#[tokio::test]
async fn revoking_a_user_and_a_new_password_sign_them_out() {
    let server = server().await;
    let browser = server.sign_in(&authorize_uri(&[])).await;
    browser.allow(&server).await;
    assert_eq!(server.get(&authorize_uri(&[]), Some(&browser.cookie)).await.status(), 303);
    server.auth.revoke_user("israel").await.unwrap();
    assert_eq!(server.get(&authorize_uri(&[]), Some(&browser.cookie)).await.status(), 200);

    let browser = server.sign_in(&authorize_uri(&[])).await;
    assert!(server.auth.set_password("israel", &Secret::from("another password")).await.unwrap());
    assert!(
        text(&server.get(&authorize_uri(&[]), Some(&browser.cookie)).await).contains("name=\"password\"")
    );
    assert!(!server.auth.set_password("nobody", &Secret::from("another password")).await.unwrap());
    assert!(server.auth.remove_user("israel").await.unwrap());
    assert!(!server.auth.remove_user("israel").await.unwrap());
}

#[tokio::test]
async fn a_changed_password_ends_all_but_the_session_that_changed_it() {
    let server = server().await;
    let password = Secret::from("another password");
    let shows_sign_in = async |browser: &Browser| {
        text(&server.get(&authorize_uri(&[]), Some(&browser.cookie)).await).contains("name=\"password\"")
    };
    let own = server.sign_in(&authorize_uri(&[])).await;
    let back = own.allow(&server).await;
    let (_, tokens) = server.token(&redeem(&location_parameter(&back, "code").unwrap())).await;
    let session = {
        let access = string(&tokens, "access_token");
        let access = server.auth.authenticate(&gridauth::http::BearerToken::new(&access)).await.unwrap();
        access.authentication().unwrap().session.clone().unwrap()
    };
    let other = server.sign_in(&authorize_uri(&[])).await;
    assert!(!shows_sign_in(&other).await);
    assert!(server.auth.change_password("israel", &password, &session).await.unwrap());
    assert!(!shows_sign_in(&own).await && shows_sign_in(&other).await);
    assert!(!server.is_valid(&tokens).await);
    assert_eq!(server.token(&refresh(&string(&tokens, "refresh_token"))).await.0, 400);

    // An operator's change ends everything.
    let again = server.get(&authorize_uri(&[]), Some(&own.cookie)).await;
    let (_, tokens) = server.token(&redeem(&location_parameter(&again, "code").unwrap())).await;
    assert!(server.auth.set_password("israel", &Secret::from("yet another one")).await.unwrap());
    assert!(shows_sign_in(&own).await && !server.is_valid(&tokens).await);
}

#[tokio::test]
async fn the_last_sign_in_counts() {
    let server = server().await;
    server.auth.put_user("miriam", &Secret::from("well"), "miriam", Default::default()).await.unwrap();
    // Two tabs show the sign-in page. One user signs in in the first, then another in the second.
    let page = server.get(&authorize_uri(&[]), None).await;
    let form_cookie = cookie(&page).unwrap();
    let first = server.submit_sign_in(&page, &form_cookie, "miriam", "well").await;
    let session = cookie(&first).unwrap();
    let session = session.split("; ").find(|pair| pair.starts_with("__Host-gridauth=")).unwrap();
    let both = format!("{form_cookie}; {session}");
    let second = server.submit_sign_in(&page, &both, "israel", "imru").await;
    assert!(text(&second).contains("israel") && !text(&second).contains("miriam"));
}

#[tokio::test]
async fn spelling_a_name_differently_does_not_bypass_the_throttle() {
    let server = server_with(|builder| {
        builder.users(|name: String, password: Secret| async move {
            let right = name.trim().to_lowercase() == "israel" && password.expose() == "imru";
            Ok::<_, UsersError>(right.then(|| User::new("42")))
        })
    })
    .await;
    let names = ["israel", "Israel", " israel", "ISRAEL "];
    let mut seen = Vec::new();
    for number in 0..21 {
        let form = [("grant_type", "password"), ("username", names[number % 4]), ("password", "guess")];
        seen.push(server.token(&form).await.0);
    }
    assert_eq!(seen.pop(), Some(429));
    assert!(seen.iter().all(|status| *status == 400), "{seen:?}");
}

#[tokio::test]
async fn failures_of_others_do_not_throttle_clients_without_a_guessable_secret() {
    let server = server().await;
    let guess = [
        ("grant_type", "refresh_token"),
        ("refresh_token", "x"),
        ("client_id", "spa"),
        ("client_secret", "x"),
    ];
    for _ in 0..20 {
        assert_eq!(server.post("/oauth/token", &[], &guess).await.status(), 401);
    }
    assert_eq!(server.post("/oauth/token", &[], &guess).await.status(), 429);
    assert_eq!(
        server.post("/oauth/token", &[], &guess[..3]).await.status(),
        400,
        "the public client itself is not throttled"
    );

    let secret = gridauth::clients::generate_client_secret(&gridauth::env::SystemEntropy).unwrap();
    let hash = gridauth::clients::ClientSecretHash::of_generated(&secret);
    let client = Client::confidential("robot", hash).grant_types(["client_credentials"]).build().unwrap();
    server.auth.put_client(client).await.unwrap();
    let form = [("grant_type", "client_credentials")];
    for _ in 0..25 {
        let guessed =
            server.post("/oauth/token", &[("authorization", &basic("robot", "guess"))], &form).await;
        assert_eq!(guessed.status(), 401, "nobody guesses a generated secret");
    }
    let right = basic("robot", secret.as_str());
    assert_eq!(server.post("/oauth/token", &[("authorization", &right)], &form).await.status(), 200);
}
