//! What a token must prove before its grant is revoked (RFC 7009 section 2.1).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::support::*;

const ID: usize = 16;

async fn revoke(server: &Server, client: (&str, &str), token: &str) -> u16 {
    let headers = [("authorization", &*basic(client.0, client.1))];
    server.post("/oauth/revoke", &headers, &[("token", token)]).await.status().as_u16()
}

/// The token with its grant id replaced by that of another token.
fn moved(token: &str, to: &str) -> String {
    let (prefix, encoded) = token.split_at(4);
    let mut bytes = URL_SAFE_NO_PAD.decode(encoded).unwrap();
    let other = URL_SAFE_NO_PAD.decode(&to[4..]).unwrap();
    bytes[..ID].copy_from_slice(&other[..ID]);
    format!("{prefix}{}", URL_SAFE_NO_PAD.encode(bytes))
}

#[tokio::test]
async fn a_token_with_the_id_of_another_grant_revokes_nothing() {
    let server = server().await;
    let (_, mine) = server.token(&redeem(&server.code().await)).await;
    let (_, victim) = server.token(&redeem(&server.code().await)).await;
    let (_, machine) = server.token(&[("grant_type", "client_credentials")]).await;
    let stolen_id = string(&victim, "access_token");
    for forged in [&mine, &machine].into_iter().flat_map(|tokens| {
        let refresh = tokens.get("refresh_token").map(|_| string(tokens, "refresh_token"));
        [Some(string(tokens, "access_token")), refresh].into_iter().flatten().collect::<Vec<_>>()
    }) {
        assert_eq!(revoke(&server, ("web", "web-secret"), &moved(&forged, &stolen_id)).await, 200);
        assert!(server.auth.authenticate(&gridauth::http::BearerToken::new(&stolen_id)).await.is_ok());
    }
    assert_eq!(revoke(&server, ("web", "web-secret"), &string(&mine, "refresh_token")).await, 200);
    assert!(!server.is_valid(&mine).await);
    assert!(server.auth.authenticate(&gridauth::http::BearerToken::new(&stolen_id)).await.is_ok());
}

#[tokio::test]
async fn any_refresh_token_revokes_its_grant_and_an_access_token_only_itself() {
    let server = server().await;
    let (_, first) = server.token(&redeem(&server.code().await)).await;
    let (_, second) = server.token(&refresh(&string(&first, "refresh_token"))).await;
    let (one, other) = (string(&first, "access_token"), string(&second, "access_token"));
    assert_eq!(revoke(&server, ("web", "web-secret"), &one).await, 200);
    assert!(server.auth.authenticate(&gridauth::http::BearerToken::new(&one)).await.is_err());
    assert!(server.auth.authenticate(&gridauth::http::BearerToken::new(&other)).await.is_ok());
    // A rotated refresh token revokes the grant as well.
    assert_eq!(revoke(&server, ("web", "web-secret"), &string(&first, "refresh_token")).await, 200);
    assert!(server.auth.authenticate(&gridauth::http::BearerToken::new(&other)).await.is_err());
    assert_eq!(server.token(&refresh(&string(&second, "refresh_token"))).await.0, 400);
}
