//! What is taken back is gone, whatever the database cannot do for a while and whatever its rows hold.

use gridauth::MintRequest;
use gridauth::env::Timestamp;
use gridauth::identity::Users;
use gridauth::store::{By, Key, Kind, Query, Row};
use gridauth::token::Secret;
use griddb_test_node::{ErrorCode, Fault, FaultOrder, Statement};

use super::support::*;
use super::{node, open, spoil};

/// In how many containers grants are, and which of them is out of reach.
const CONTAINERS: usize = 4;
const BROKEN: usize = 2;

/// How many grants are in each container.
async fn grants(client: &griddb_rs::Client) -> [usize; CONTAINERS] {
    let mut grants = [0; CONTAINERS];
    for (number, grants) in grants.iter_mut().enumerate() {
        let container = client.open(&format!("GRIDAUTH_GRANTS_{number:02}@{number}")).await.unwrap();
        *grants = container.query("select *").rows().await.unwrap().len();
    }
    grants
}

/// A user's few grants are in several partitions. All end but those in one that does not answer.
#[tokio::test]
async fn a_partition_out_of_reach_keeps_nothing_of_the_others() {
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

/// It is listed with its columns, so that it can be taken back, and so can the others of its page.
#[tokio::test]
async fn a_row_that_cannot_be_read_hides_none() {
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
async fn a_user_whose_row_cannot_be_read_goes() {
    let node = node().await;
    let store = open(&node, "").await;
    let server = server_with(|builder| builder.store(store)).await;
    let (_, tokens) = server.token(&redeem(&server.code().await)).await;
    spoil(&node, "GRIDAUTH_USERS", "israel").await;

    let users = server.auth.users();
    let password = Secret::from("imru");
    // Nobody takes the row for a good one.
    assert!(users.check_password("israel", &password).await.is_err());
    assert!(server.auth.set_password("israel", &password).await.is_err());
    assert!(users.sign_up("israel", &password).await.is_err());
    assert!(server.auth.remove_user("israel").await.unwrap());
    assert!(!server.auth.remove_user("israel").await.unwrap());
    assert!(server.auth.authenticate_token(&string(&tokens, "access_token")).await.is_err());
    users.sign_up("israel", &password).await.unwrap();
}

/// What decides about a row that is spoilt is told so.
#[tokio::test]
async fn a_change_of_a_row_that_cannot_be_read_is_an_error() {
    let node = node().await;
    let store = open(&node, "").await;
    let server = server_with(|builder| builder.store(store)).await;
    let code = server.code().await;
    let [id] = &ids(server.auth.store(), Kind::Grant).await[..] else { panic!("one grant") };
    let number = crc32fast::hash(id.as_bytes()) as usize % CONTAINERS;
    spoil(&node, &format!("GRIDAUTH_GRANTS_{number:02}@{number}"), id).await;
    assert_eq!(server.token(&redeem(&code)).await.0, 500);
}
