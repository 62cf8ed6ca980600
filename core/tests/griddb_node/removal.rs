//! Revoked grants are gone, whatever the database cannot do for a while and whatever its rows contain.

use gridauth::MintRequest;
use gridauth::env::Timestamp;
use gridauth::identity::Users;
use gridauth::store::{By, Key, Kind, Query, Row};
use gridauth::token::Secret;
use griddb_test_node::{ErrorCode, Fault, FaultOrder, Statement};

use super::support::*;
use super::{node, open, spoil};

/// The number of grant containers, and the unreachable one.
const CONTAINERS: usize = 4;
const BROKEN: usize = 2;

/// The number of grants in each container.
async fn grants(client: &griddb_rs::Client) -> [usize; CONTAINERS] {
    let mut grants = [0; CONTAINERS];
    for (number, grants) in grants.iter_mut().enumerate() {
        let container = client.open(&format!("GRIDAUTH_GRANTS_{number:02}@{number}")).await.unwrap();
        *grants = container.query("select *").rows().await.unwrap().len();
    }
    grants
}

/// A user's grants are in several partitions. All are revoked except those in the partition that does not answer.
#[tokio::test]
async fn an_unreachable_partition_does_not_block_the_others() {
    let node = node().await;
    let store = open(&node, "retry_for=500ms&statement_timeout=500ms&lock_timeout=0s").await;
    let server = server_with(|builder| builder.store(store)).await;
    let client = griddb_rs::Client::connect(&node.url()).await.unwrap();
    while grants(&client).await.contains(&0) {
        server.auth.mint(MintRequest::for_user("israel").client("web")).await.unwrap();
    }
    let before = grants(&client).await;
    let broken = client.open(&format!("GRIDAUTH_GRANTS_{BROKEN:02}@{BROKEN}")).await.unwrap();
    let refused = FaultOrder::new(Fault::Refuse(ErrorCode::PARTITION_STATE)).on(Statement::QueryTql);
    let partition = broken.partition().try_into().unwrap();
    node.faults().order(refused.in_partition(partition).always());
    assert!(server.auth.revoke_client("web").await.is_err());
    node.faults().clear();
    assert_eq!(grants(&client).await, [0, 0, before[BROKEN], 0]);
    server.auth.revoke_client("web").await.unwrap();
    assert_eq!(grants(&client).await, [0; CONTAINERS]);
}

/// It is listed with its columns, so it can be revoked, and so can the others on its page.
#[tokio::test]
async fn a_damaged_row_hides_no_others() {
    let node = node().await;
    let store = open(&node, "").await;
    let server = server_with(|builder| builder.store(store)).await;
    let browser = server.sign_in(&authorize_uri(&[])).await;
    let row = Row::new(Timestamp::from_millis(1), "{}").with_user(Some("israel"));
    server.auth.store().insert(Key::new(Kind::Session, "spoilt"), row.with_scope(Some("a"))).await.unwrap();
    spoil(&node, "GRIDAUTH_SESSIONS", "spoilt").await;

    let sessions = Query::new(Kind::Session, By::User("israel"));
    let page = server.auth.store().list(sessions).await.unwrap();
    assert_eq!(page.entries.len(), 2);
    let spoilt = page.entries.iter().find(|entry| entry.id == "spoilt").unwrap();
    assert_eq!((spoilt.row.scope(), spoilt.row.body()), (Some("a"), ""));

    server.auth.end_sessions("israel").await.unwrap();
    assert_eq!(ids(server.auth.store(), Kind::Session).await, [""; 0]);
    assert!(
        text(&server.get(&authorize_uri(&[]), Some(&browser.cookie)).await).contains("name=\"password\"")
    );
}

#[tokio::test]
async fn a_user_with_a_damaged_row_can_be_removed() {
    let node = node().await;
    let store = open(&node, "").await;
    let server = server_with(|builder| builder.store(store)).await;
    let (_, tokens) = server.token(&redeem(&server.code().await)).await;
    spoil(&node, "GRIDAUTH_USERS", "israel").await;

    let users = server.auth.users();
    let password = Secret::from("imru, and more");
    // Nobody takes the row for a valid one.
    assert!(users.check_password("israel", &password).await.is_err());
    assert!(server.auth.set_password("israel", &password).await.is_err());
    assert!(users.sign_up("israel", &password).await.is_err());
    assert!(server.auth.remove_user("israel").await.unwrap());
    assert!(!server.auth.remove_user("israel").await.unwrap());
    assert!(!server.is_valid(&tokens).await);
    users.sign_up("israel", &password).await.unwrap();
}

/// A decision about a damaged row sees the error.
#[tokio::test]
async fn updating_a_damaged_row_is_an_error() {
    let node = node().await;
    let store = open(&node, "").await;
    let server = server_with(|builder| builder.store(store)).await;
    let code = server.code().await;
    let [id] = &ids(server.auth.store(), Kind::Grant).await[..] else { panic!("one grant") };
    let number = crc32fast::hash(id.as_bytes()) as usize % CONTAINERS;
    spoil(&node, &format!("GRIDAUTH_GRANTS_{number:02}@{number}"), id).await;
    assert_eq!(server.token(&redeem(&code)).await.0, 500);
}
