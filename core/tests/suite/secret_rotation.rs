//! Client secrets that are replaced without an outage.

use std::time::Duration;

use gridauth::clients::{ClientSecretHash, GeneratedSecret, generate_client_secret};
use gridauth::env::{Clock, SystemEntropy};
use gridauth::model::{AuthMethod, SharedSecret};
use gridauth::store::memory::MemoryStore;
use gridauth::store::{Key, Kind};
use gridauth::{Client, RotateSecretError, Store};
use gridauth_test_stores::{Call, Failing, Failure};

use crate::client_assertions::{ask, by_secret, claims_of, for_machines, server_secret};
use crate::support::*;

const HOUR: Duration = Duration::from_secs(3600);
const FORM: [(&str, &str); 3] = [("grant_type", "password"), ("username", "israel"), ("password", "imru")];

async fn status_of(server: &Server, method: &AuthMethod, id: &str, secret: &str) -> u16 {
    let response = match method {
        AuthMethod::Post => {
            let form = [&FORM[..], &[("client_id", id), ("client_secret", secret)]].concat();
            server.post("/oauth/token", &[], &form).await
        }
        _ => server.post("/oauth/token", &[("authorization", &basic(id, secret))], &FORM).await,
    };
    response.status().as_u16()
}

async fn web(server: &Server, secret: &str) -> u16 {
    status_of(server, &AuthMethod::Basic, "web", secret).await
}

async fn rotate(server: &Server, id: &str, overlap: Duration) -> GeneratedSecret {
    server.auth.rotate_client_secret(id, overlap).await.unwrap()
}

/// For each method that sends a secret, and for chosen and generated ones.
#[tokio::test]
async fn both_secrets_are_valid_until_the_overlap_ends() {
    for method in [AuthMethod::Basic, AuthMethod::Post] {
        for is_chosen in [true, false] {
            let server = server().await;
            let generated = generate_client_secret(&SystemEntropy).unwrap();
            let (client, old) = match is_chosen {
                true => (server.auth.confidential_client("robot", "chosen").await.unwrap(), "chosen"),
                false => {
                    let hash = ClientSecretHash::of_generated(&generated);
                    (Client::confidential("robot", hash), generated.as_str())
                }
            };
            let robot = client.auth_method(method.clone()).grant_types(["password"]).response_types([""; 0]);
            server.auth.put_client(robot.build().unwrap()).await.unwrap();
            let new = rotate(&server, "robot", HOUR).await;
            let expected = server.clock.now().after(HOUR);
            let robot = server.auth.client("robot").await.unwrap().unwrap();
            assert!(robot.former_secrets_expire(server.clock.now()).eq([expected]));
            let status = async |secret: &str| status_of(&server, &method, "robot", secret).await;
            server.advance(3599);
            assert_eq!((status(old).await, status(new.as_str()).await), (200, 200), "{method:?} {is_chosen}");
            server.advance(1);
            assert_eq!((status(old).await, status(new.as_str()).await), (401, 200), "{method:?} {is_chosen}");
            assert_eq!(status("wrong").await, 401);
        }
    }
}

#[tokio::test]
async fn a_client_with_a_shared_secret_has_two_as_well() {
    let server = server().await;
    let first = "the first secret that is shared, 32 bytes or more";
    let sharer = Client::with_shared_secret("sharer", SharedSecret::chosen(first));
    server.auth.put_client(for_machines(sharer).build().unwrap()).await.unwrap();
    let status = async |secret: &str| ask(&server, &by_secret(secret, &claims_of(&server, "sharer"))).await.0;
    let second = rotate(&server, "sharer", HOUR).await;
    assert_eq!((status(first).await, status(second.as_str()).await), (200, 200));
    let third = rotate(&server, "sharer", HOUR / 2).await;
    for secret in [first, second.as_str(), third.as_str()] {
        assert_eq!(status(secret).await, 200);
    }
    server.advance(1800);
    assert_eq!((status(second.as_str()).await, status(first).await), (401, 200));
    server.advance(1800);
    assert_eq!((status(first).await, status(third.as_str()).await), (401, 200));
    let row = server.auth.store().get(Key::new(Kind::Client, "sharer")).await.unwrap().unwrap();
    for secret in [first, second.as_str(), third.as_str()] {
        assert!(!row.body().contains(secret), "{}", row.body());
    }
}

/// Another secret of the application reseals those that end soon too.
#[tokio::test]
async fn former_secrets_are_sealed_anew_with_the_present_one() {
    let store = Store::memory();
    let server = server_with(|builder| builder.store(store.clone())).await;
    let first = "the first secret that is shared, 32 bytes or more";
    let sharer = Client::with_shared_secret("sharer", SharedSecret::chosen(first));
    server.auth.put_client(for_machines(sharer).build().unwrap()).await.unwrap();
    let second = rotate(&server, "sharer", HOUR).await;
    let sealed = server_with(|builder| builder.store(store.clone()).secret(server_secret(1))).await;
    // The store's own secret is gone, so whatever opens is sealed under the new one.
    assert!(ids(&store, Kind::Setting).await.is_empty());
    for secret in [first, second.as_str()] {
        assert_eq!(ask(&sealed, &by_secret(secret, &claims_of(&sealed, "sharer"))).await.0, 200);
    }
}

#[tokio::test]
async fn a_leaked_secret_ends_at_once_with_all_before_it() {
    let server = server().await;
    let second = rotate(&server, "web", HOUR).await;
    let third = rotate(&server, "web", Duration::ZERO).await;
    for secret in ["web-secret", second.as_str()] {
        assert_eq!(web(&server, secret).await, 401);
    }
    assert_eq!(web(&server, third.as_str()).await, 200);
}

#[tokio::test]
async fn the_number_of_secrets_is_bounded_and_the_first_to_end_gives_way() {
    let server = server().await;
    let mut secrets = vec!["web-secret".to_owned()];
    for hours in [4, 1, 3, 2] {
        secrets.push(rotate(&server, "web", HOUR * hours).await.as_str().to_owned());
    }
    let mut valid = Vec::new();
    for secret in &secrets {
        valid.push(web(&server, secret).await == 200);
    }
    // Each was valid for as long as the rotation after it said: 4, 1, 3 and 2 hours.
    assert_eq!(valid, [true, false, true, true, true]);
}

#[tokio::test]
async fn an_end_of_its_own_is_kept() {
    let server = server().await;
    let ends = server.clock.now().after(HOUR);
    let edited = server.auth.edit_client("web", |client| client.secret_expires(Some(ends))).await.unwrap();
    assert_eq!(edited.unwrap().secret_expires(), Some(ends));
    let new = rotate(&server, "web", HOUR * 2).await;
    assert_eq!(server.auth.client("web").await.unwrap().unwrap().secret_expires(), None);
    assert_eq!(web(&server, "web-secret").await, 200);
    server.advance(3600);
    assert_eq!((web(&server, "web-secret").await, web(&server, new.as_str()).await), (401, 200));
    let now = server.clock.now();
    server.auth.edit_client("web", |client| client.secret_expires(Some(now))).await.unwrap();
    assert_eq!(web(&server, new.as_str()).await, 401);
}

/// While a chosen secret is valid, guesses at it count, and they keep nobody out who has the generated one.
#[tokio::test]
async fn guesses_are_throttled_as_long_as_there_is_something_to_guess() {
    let server = server().await;
    let new = rotate(&server, "web", HOUR).await;
    for _ in 0..20 {
        assert_eq!(web(&server, "guess").await, 401);
    }
    assert_eq!(web(&server, "guess").await, 429);
    assert_eq!(web(&server, "web-secret").await, 429);
    assert_eq!(web(&server, new.as_str()).await, 200);
    server.advance(3600);
    for _ in 0..30 {
        assert_eq!(web(&server, "guess").await, 401);
    }
    assert_eq!(web(&server, new.as_str()).await, 200);
}

#[tokio::test]
async fn guesses_at_a_chosen_shared_secret_do_not_keep_the_generated_one_out() {
    let server = server().await;
    let first = "the first secret that is shared, 32 bytes or more";
    let sharer = Client::with_shared_secret("sharer", SharedSecret::chosen(first));
    server.auth.put_client(for_machines(sharer).build().unwrap()).await.unwrap();
    let new = rotate(&server, "sharer", HOUR).await;
    let status = async |secret: &str| ask(&server, &by_secret(secret, &claims_of(&server, "sharer"))).await.0;
    for _ in 0..20 {
        assert_eq!(status("guess").await, 401);
    }
    assert_eq!((status(first).await, status(new.as_str()).await), (429, 200));
}

#[tokio::test]
async fn a_client_without_a_secret_gets_none() {
    let server = server().await;
    let public = server.auth.rotate_client_secret("spa", HOUR).await;
    assert!(matches!(public, Err(RotateSecretError::NoSecret)), "{public:?}");
    let nobody = server.auth.rotate_client_secret("nobody", HOUR).await;
    assert!(matches!(nobody, Err(RotateSecretError::NoClient)), "{nobody:?}");
}

/// Whoever does not get the answer rotates again. The programs of the client notice nothing.
#[tokio::test]
async fn a_rotation_whose_answer_was_lost_may_be_repeated() {
    let store = Failing::new(MemoryStore::new());
    let server = server_with(|builder| builder.store(Store::new(store.clone()))).await;
    store.fail(Failure::After, |call| matches!(call, Call::Update(_)));
    assert!(server.auth.rotate_client_secret("web", HOUR).await.is_err());
    store.recover();
    assert_eq!(web(&server, "web-secret").await, 200);
    let new = rotate(&server, "web", HOUR).await;
    assert_eq!((web(&server, "web-secret").await, web(&server, new.as_str()).await), (200, 200));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_64_rotations_at_the_same_time_the_last_ones_are_valid() {
    let server = server().await;
    let rotations: Vec<_> = (0..64)
        .map(|_| {
            let auth = server.auth.clone();
            tokio::spawn(async move { auth.rotate_client_secret("web", HOUR).await.unwrap() })
        })
        .collect();
    let mut secrets = Vec::new();
    for rotation in rotations {
        secrets.push(rotation.await.unwrap());
    }
    let mut valid = 0;
    for secret in &secrets {
        valid += usize::from(web(&server, secret.as_str()).await == 200);
    }
    assert!((1..=1 + Client::MAX_FORMER_SECRETS).contains(&valid), "{valid}");
    let now = server.clock.now();
    let client = server.auth.client("web").await.unwrap().unwrap();
    assert!(client.former_secrets_expire(now).count() <= Client::MAX_FORMER_SECRETS);
}

/// A client that is registered anew has the one secret that it is registered with.
#[tokio::test]
async fn a_registration_ends_all_former_secrets() {
    let server = server().await;
    let new = rotate(&server, "web", HOUR).await;
    let web_again = server.auth.confidential_client("web", "another").await.unwrap();
    let web_again = web_again.grant_types(["password"]).response_types([""; 0]).build().unwrap();
    server.auth.put_client(web_again).await.unwrap();
    let found =
        (web(&server, "web-secret").await, web(&server, new.as_str()).await, web(&server, "another").await);
    assert_eq!(found, (401, 401, 200));
}
