//! Who has access to what, and ending it.

use std::collections::BTreeSet;

use gridauth::env::Clock;
use gridauth::model::GrantSummary;
use gridauth::store::{Key, Kind, Row};
use gridauth::{GridAuth, ListOptions, MintRequest};

use crate::support::*;

async fn mint(server: &Server, subject: &str, client: &str, scope: &str) -> String {
    let request = MintRequest::for_user(subject).client(client).scope(scope);
    server.auth.mint(request).await.unwrap().access_token.expose().to_owned()
}

async fn grants(auth: &GridAuth, subject: &str) -> Vec<GrantSummary> {
    let (mut all, mut options) = (Vec::new(), ListOptions::new().limit(3));
    loop {
        let page = auth.grants(subject, options.clone()).await.unwrap();
        all.extend(page.items);
        match page.next {
            Some(next) => options = options.after(next),
            None => return all,
        }
    }
}

async fn is_valid(server: &Server, token: &str) -> bool {
    server.auth.authenticate(&gridauth::http::BearerToken::new(token)).await.is_ok()
}

#[tokio::test]
async fn a_grant_says_who_has_what_since_when() {
    let server = server().await;
    let signed_in = server.clock.now();
    let code = server.code().await;
    let [before] = <[GrantSummary; 1]>::try_from(grants(&server.auth, "israel").await).unwrap();
    assert_eq!((before.access_tokens, before.newest_token, before.is_renewable), (0, None, true));
    server.advance(5);
    let (_, tokens) = server.token(&redeem(&code)).await;
    server.advance(5);
    let (_, tokens) = server.token(&refresh(&string(&tokens, "refresh_token"))).await;
    let [grant] = <[GrantSummary; 1]>::try_from(grants(&server.auth, "israel").await).unwrap();
    assert_eq!(grant.id, before.id);
    assert_eq!((&*grant.client_id, grant.subject.as_deref()), ("web", Some("israel")));
    assert_eq!((&*grant.grant_type, grant.scope.as_str()), ("authorization_code", "notes.read"));
    assert_eq!((grant.access_tokens, grant.newest_token), (2, Some(server.clock.now())));
    assert_eq!((grant.auth_time, grant.session.is_some()), (Some(signed_in), true));
    assert_eq!(server.auth.grant(grant.id).await.unwrap(), Some(grant.clone()));

    assert!(server.auth.revoke_grant(grant.id).await.unwrap());
    assert!(!server.is_valid(&tokens).await);
    assert_eq!(server.token(&refresh(&string(&tokens, "refresh_token"))).await.0, 400);
    assert!(grants(&server.auth, "israel").await.is_empty());
    assert_eq!(server.auth.grant(grant.id).await.unwrap(), None);
    assert!(!server.auth.revoke_grant(grant.id).await.unwrap());
}

#[tokio::test]
async fn an_id_is_read_as_it_is_written() {
    let server = server().await;
    mint(&server, "israel", "web", "notes.read").await;
    let grant = grants(&server.auth, "israel").await.remove(0);
    assert_eq!(grant.id.to_string().parse(), Ok(grant.id));
    assert_eq!(grant.id.to_string().to_uppercase().parse(), Ok(grant.id));
    for bad in ["", "x", "../x", &"0".repeat(1000), &format!("{}0", grant.id)] {
        assert!(bad.parse::<gridauth::model::GrantId>().is_err(), "{bad}");
    }
}

#[tokio::test]
async fn grants_are_listed_by_user_and_by_client_and_end_one_by_one() {
    let server = server().await;
    let mut of_web = Vec::new();
    for _ in 0..10 {
        of_web.push(mint(&server, "israel", "web", "notes.read").await);
        mint(&server, "israel", "spa", "notes.read").await;
        mint(&server, "miriam", "web", "notes.read").await;
    }
    let found = grants(&server.auth, "israel").await;
    let ids: BTreeSet<_> = found.iter().map(|grant| grant.id).collect();
    assert_eq!((found.len(), ids.len()), (20, 20));
    let page = server.auth.grants_of_client("web", ListOptions::new()).await.unwrap();
    assert_eq!((page.items.len(), page.next), (20, None));
    assert!(page.items.iter().all(|grant| grant.client_id == "web"));
    let ended = found.iter().find(|grant| grant.client_id == "web").unwrap().id;
    assert!(server.auth.revoke_grant(ended).await.unwrap());
    let mut valid = 0;
    for token in &of_web {
        valid += usize::from(is_valid(&server, token).await);
    }
    assert_eq!(valid, 9);
    // What has expired gives no access, whether or not it has been swept.
    server.advance(3601);
    assert!(grants(&server.auth, "israel").await.is_empty());
    assert!(server.auth.grants_of_client("web", ListOptions::new()).await.unwrap().items.is_empty());
}

#[tokio::test]
async fn the_access_of_a_user_is_one_line_a_client() {
    let server = server().await;
    server.auth.edit_client("web", |client| client.name("Web shop")).await.unwrap();
    let begun = server.clock.now();
    // A consent and a grant, from a sign-in.
    server.tokens().await;
    server.advance(10);
    mint(&server, "israel", "spa", "notes.write").await;
    server.advance(10);
    mint(&server, "israel", "spa", "notes.read").await;
    mint(&server, "miriam", "web", "notes.read").await;
    let access = server.auth.access_of("israel").await.unwrap();
    let lines: Vec<_> = access
        .iter()
        .map(|access| (&*access.client_id, access.client_name.as_deref(), access.grants, access.since))
        .collect();
    assert_eq!(
        lines,
        [
            ("spa", None, 2, begun.after(std::time::Duration::from_secs(10))),
            ("web", Some("Web shop"), 1, begun)
        ]
    );
    assert_eq!(access[0].newest_token, Some(server.clock.now()));
    let scope: BTreeSet<&str> = access[0].scope.iter().collect();
    assert_eq!(scope, BTreeSet::from(["notes.read", "notes.write"]));
    // Once its tokens have expired, what remains is the consent.
    server.advance(100 * 24 * 3600);
    let access = server.auth.access_of("israel").await.unwrap();
    let [web] = &access[..] else { panic!("{access:?}") };
    assert_eq!((&*web.client_id, web.grants, web.newest_token), ("web", 0, None));
    server.auth.withdraw_consent("israel", "web").await.unwrap();
    assert!(server.auth.access_of("israel").await.unwrap().is_empty());
}

#[tokio::test]
async fn damaged_rows_hide_no_access() {
    let server = server().await;
    mint(&server, "israel", "web", "notes.read").await;
    let spoilt = || Row::new(server.clock.now(), "spoilt").with_user(Some("israel")).with_client(Some("web"));
    server.auth.store().put(Key::new(Kind::Grant, "spoilt"), spoilt()).await.unwrap();
    server.auth.store().put(Key::new(Kind::Client, "web"), spoilt()).await.unwrap();
    let page = server.auth.grants("israel", ListOptions::new()).await.unwrap();
    assert_eq!((page.items.len(), page.unreadable), (1, vec!["spoilt".to_owned()]));
    let access = server.auth.access_of("israel").await.unwrap();
    assert_eq!((access.len(), &*access[0].client_id, access[0].grants), (1, "web", 1));
}
