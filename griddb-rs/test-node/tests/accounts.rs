//! Users, databases and privileges.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "this is a test")]

mod common;

use common::server::{Account, Server, on_every_server, secret};
use common::{Bytes, Client, GET_ROW, Mode, PUT_CONTAINER, Table, partition_of};
use griddb_test_node::Options;

const PUT_USER: i32 = 155;
const DROP_USER: i32 = 156;
const PUT_DATABASE: i32 = 158;
const DROP_DATABASE: i32 = 159;
const PUT_PRIVILEGE: i32 = 160;
const DROP_PRIVILEGE: i32 = 161;

fn named(name: &str) -> Bytes {
    Bytes::new().i32(0).string(name)
}

fn user(name: &str, password: &str) -> Bytes {
    named(name).u8(0).u8(1).string(&secret(password)).u8(0)
}

fn database(name: &str) -> Bytes {
    named(name).u8(0).i32(0).u8(0)
}

fn privilege(database: &str, user: &str, kind: &str) -> Bytes {
    named(database).u8(0).i32(1).string(user).string(kind)
}

/// A user and a database, dropped at the end.
struct Scene<'a> {
    server: &'a Server,
    admin: Client,
    user: String,
    database: String,
}

impl<'a> Scene<'a> {
    async fn set(server: &'a Server) -> Self {
        let mut admin = server.client().await;
        let (user_name, database_name) = (server.name("u"), server.name("d"));
        assert_eq!(admin.call(PUT_USER, 0, user(&user_name, "sesame")).await.code(), 0);
        assert_eq!(admin.call(PUT_DATABASE, 0, database(&database_name)).await.code(), 0);
        Self { server, admin, user: user_name, database: database_name }
    }

    fn account(&self, database: Option<&str>) -> Account {
        let database = database.map(str::to_owned);
        Account { database, ..Account::new(&self.user, "sesame", &self.server.account.cluster) }
    }

    async fn may(&mut self, kind: &str) -> i32 {
        let privilege = privilege(&self.database, &self.user, kind);
        self.admin.call(PUT_PRIVILEGE, 0, privilege).await.code()
    }

    /// Logs the user in to the database. Returns the code of the answer, and the database id if there is one.
    async fn log_in(&self, client: &mut Client) -> Result<i64, i32> {
        let answer = client.log_in_as(&self.account(Some(&self.database)), true).await;
        if answer.status != 0 {
            return Err(answer.code());
        }
        Ok(i64::from_le_bytes(answer.body[1..9].try_into().unwrap()))
    }

    async fn strike(mut self) {
        let user = self.user.clone();
        self.admin.call(DROP_PRIVILEGE, 0, privilege(&self.database, &user, "ALL")).await;
        self.admin.call(DROP_DATABASE, 0, named(&self.database)).await;
        self.admin.call(DROP_USER, 0, named(&user)).await;
    }
}

/// A container key in a database other than `public`.
fn key_in(database: i64, name: &str) -> Bytes {
    let key = Bytes::new().u8(1).i64(database).sized(name.as_bytes());
    Bytes::new().sized(&key.raw(&vec![0; name.len().div_ceil(8)]).0)
}

async fn connected(server: &Server) -> Client {
    let mut client = Client::dial(server.address).await;
    assert_eq!(client.connect().await.status, 0);
    client
}

async fn make(client: &mut Client, server: &Server, key: Bytes, name: &str) -> Result<Table, i32> {
    let partition = partition_of(name, server.partitions);
    let body = Bytes::new().i32(0).raw(&key.0).u8(0).u8(0);
    let body = body.i32(3).string("k").u8(0).u8(4).string("v").u8(0).u8(0).string("n").u8(5).u8(0);
    let answer = client.call(PUT_CONTAINER, partition, body.i16(1).i16(0).string("")).await;
    match answer.code() {
        0 => Ok(Table { partition, id: i64::from_le_bytes(answer.body[4..12].try_into().unwrap()) }),
        code => Err(code),
    }
}

async fn a_database_is_open_to_users_with_a_privilege(server: &Server) {
    let mut scene = Scene::set(server).await;
    let mut client = connected(server).await;
    assert_eq!(scene.log_in(&mut client).await, Err(10005));
    // `public` is open to everyone
    assert_eq!(client.log_in_as(&scene.account(None), true).await.status, 0);
    assert_eq!(scene.may("ALL").await, 0);
    let id = scene.log_in(&mut client).await.unwrap();
    assert!(id > 0);
    let name = server.name("t");
    // every key must name the database
    assert_eq!(make(&mut client, server, common::container_key(&name), &name).await.unwrap_err(), 10098);
    let table = make(&mut client, server, key_in(id, &name), &name).await.unwrap();
    assert!(!client.put(table, "a", 1).await);
    assert_eq!(client.get(table, "a").await, Some(1));
    // `public` has none of that name
    assert_eq!(scene.admin.find_table(&name, table.partition).await, None);
    let drop = Bytes::new().i32(0).raw(&key_in(id, &name).0).u8(0xff);
    assert_eq!(client.call(common::DROP_CONTAINER, table.partition, drop).await.code(), 0);
    scene.strike().await;
}

async fn a_user_with_read_privilege_cannot_write(server: &Server) {
    let mut scene = Scene::set(server).await;
    let mut writer = connected(server).await;
    assert_eq!(scene.may("ALL").await, 0);
    let id = scene.log_in(&mut writer).await.unwrap();
    let name = server.name("t");
    let table = make(&mut writer, server, key_in(id, &name), &name).await.unwrap();
    writer.put(table, "a", 1).await;
    // a privilege must be revoked before another one is granted
    assert_ne!(scene.may("READ").await, 0);

    // another user, because a server caches privileges for a while
    let reading = server.name("r");
    assert_eq!(scene.admin.call(PUT_USER, 0, user(&reading, "sesame")).await.code(), 0);
    let may_read = privilege(&scene.database, &reading, "READ");
    assert_eq!(scene.admin.call(PUT_PRIVILEGE, 0, may_read.clone()).await.code(), 0);
    let mut reader = connected(server).await;
    let account = Account { user: reading.clone(), ..scene.account(Some(&scene.database)) };
    assert_eq!(reader.log_in_as(&account, true).await.status, 0);
    assert_eq!(reader.get(table, "a").await, Some(1));
    assert_eq!(reader.try_put(table, "a", 2, Mode::AUTO).await.code(), 10099);
    assert_eq!(reader.try_remove(table, "a", Mode::AUTO).await.code(), 10099);
    let lock = reader.row_head(table, Mode::begin(1).for_update()).sized(b"a");
    assert_eq!(reader.call_with(GET_ROW, table.partition, 1, lock).await.code(), 10099);
    assert_eq!(scene.admin.call(DROP_PRIVILEGE, 0, may_read).await.code(), 0);
    assert_eq!(scene.admin.call(DROP_USER, 0, named(&reading)).await.code(), 0);
    scene.strike().await;
}

async fn only_an_administrator_creates_users_and_databases(server: &Server) {
    let scene = Scene::set(server).await;
    let mut client = server.client_as(&scene.account(None)).await;
    let refused = [
        client.call(PUT_USER, 0, user("somebody", "x")).await.code(),
        client.call(DROP_USER, 0, named(&scene.user)).await.code(),
        client.call(PUT_DATABASE, 0, database("some")).await.code(),
        client.call(DROP_DATABASE, 0, named(&scene.database)).await.code(),
        client.call(PUT_PRIVILEGE, 0, privilege(&scene.database, &scene.user, "ALL")).await.code(),
    ];
    assert_eq!(refused, [10089, 10079, 10079, 10079, 10079]);
    scene.strike().await;
}

async fn a_password_is_replaced_only_on_request(server: &Server) {
    let mut scene = Scene::set(server).await;
    let name = scene.user.clone();
    // the same again
    assert_eq!(scene.admin.call(PUT_USER, 0, user(&name, "sesame")).await.code(), 0);
    assert_eq!(scene.admin.call(PUT_USER, 0, user(&name, "other")).await.code(), 10077);
    let changed = named(&name).u8(0).u8(1).string(&secret("other")).u8(1);
    assert_eq!(scene.admin.call(PUT_USER, 0, changed).await.code(), 0);
    let mut client = connected(server).await;
    assert_eq!(client.log_in_as(&scene.account(None), true).await.code(), 10005);
    let account = Account::new(&name, "other", &server.account.cluster);
    assert_eq!(client.log_in_as(&account, true).await.code(), 0);
    scene.strike().await;
}

on_every_server! { super::Options::new();
    a_database_is_open_to_users_with_a_privilege,
    a_user_with_read_privilege_cannot_write,
    only_an_administrator_creates_users_and_databases,
    a_password_is_replaced_only_on_request,
}
