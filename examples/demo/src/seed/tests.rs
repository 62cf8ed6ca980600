use std::sync::Arc;

use gridauth::identity::HashingSettings;
use gridauth::store::memory::MemoryStore;
use gridauth::store::{By, Key, Kind, Query, Row};
use gridauth::token::Secret;
use gridauth::{GridAuth, Store};
use gridauth_test_stores::{Call, Failing, Failure};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn parse(seed: &Value) -> Result<Seed, SeedError> {
    Seed::parse(seed.to_string().as_bytes())
}

fn refused(seed: Value) -> String {
    parse(&seed).unwrap_err().to_string()
}

async fn server() -> GridAuth {
    server_on(Store::memory()).await
}

async fn server_on(store: Store) -> GridAuth {
    let cheap = HashingSettings::default().memory_kib(8).passes(1);
    GridAuth::builder("http://127.0.0.1:8080").store(store).hashing(cheap).build().await.unwrap()
}

/// The stored row of the client.
async fn kept(auth: &GridAuth, client_id: &str) -> Value {
    let row = auth.store().get(Key::new(Kind::Client, client_id)).await.unwrap().unwrap();
    serde_json::from_str(row.body()).unwrap()
}

#[tokio::test]
async fn the_documented_seed_is_loaded() {
    let seed = parse(&json!({
        "users": [
            {"username": "israel", "password": "imru", "name": "Israel", "email": "israel@example.com"},
            {"username": "miriam", "password": "ship", "sub": "248289761001", "email_verified": true},
        ],
        "clients": [
            {"client_id": "web", "client_secret": "web-secret", "client_name": "Web shop",
             "redirect_uris": ["https://client.example.com/cb"],
             "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"],
             "scope": "openid profile email notes.read notes.write",
             "token_endpoint_auth_method": "client_secret_basic", "gridauth_resource_server": true},
            {"client_id": "spa", "token_endpoint_auth_method": "none",
             "redirect_uris": ["http://127.0.0.1/cb"], "scope": "notes.read"},
            {"client_id": "own", "token_endpoint_auth_method": "none", "gridauth_first_party": true,
             "redirect_uris": ["http://127.0.0.1/own"], "scope": "notes.read"},
        ],
    }))
    .unwrap();
    assert_eq!(seed.warnings, [""; 0]);
    let auth = server().await;
    seed.load_into(&auth).await.unwrap();
    let web = auth.client("web").await.unwrap().unwrap();
    assert!(!web.is_public() && web.is_resource_server() && web.allows_grant("refresh_token"));
    assert_eq!(web.name(), Some("Web shop"));
    assert_eq!(web.scope().as_str(), "openid profile email notes.read notes.write");
    assert!(!kept(&auth, "web").await.to_string().contains("web-secret"));
    let spa = auth.client("spa").await.unwrap().unwrap();
    assert!(spa.is_public() && !spa.is_resource_server() && !spa.is_first_party());
    assert!(auth.client("own").await.unwrap().unwrap().is_first_party() && !web.is_first_party());
    assert!(!kept(&auth, "own").await["metadata"].to_string().contains("gridauth"));
    // RFC 7591 section 2: the defaults of absent members.
    assert!(spa.allows_grant("authorization_code") && !spa.allows_grant("refresh_token"));
    assert!(spa.allows_response_type("code") && !spa.allows_response_type("token"));
    for (name, password, subject) in [("israel", "imru", "israel"), ("miriam", "ship", "248289761001")] {
        let row = auth.store().get(Key::new(Kind::User, name)).await.unwrap().unwrap();
        assert_eq!(row.user(), Some(subject));
        assert!(!row.body().contains(&format!("\"{password}\"")));
    }
}

#[tokio::test]
async fn existing_users_and_clients_are_replaced() {
    let auth = server().await;
    let seed = |name: &str, scope: &str| {
        parse(&json!({
            "users": [{"username": "israel", "password": "imru", "name": name}],
            "clients": [{"client_id": "spa", "token_endpoint_auth_method": "none", "scope": scope}],
        }))
        .unwrap()
    };
    auth.users().sign_up("Israel", &Secret::from("before, for long")).await.unwrap();
    for (name, scope) in [("First", "a"), ("Second", "b")] {
        seed(name, scope).load_into(&auth).await.unwrap();
        assert_eq!(auth.client("spa").await.unwrap().unwrap().scope().as_str(), scope);
        let row = auth.store().get(Key::new(Kind::User, "israel")).await.unwrap().unwrap();
        assert!(row.body().contains(name));
    }
}

/// A session and a grant of this subject.
async fn signed_in(auth: &GridAuth, subject: &str) {
    for kind in [Kind::Session, Kind::Grant] {
        let row = Row::new(auth.clock().now(), "").with_user(Some(subject));
        auth.store().put(Key::new(kind, &format!("of {subject}")), row).await.unwrap();
    }
}

/// How many sessions and grants this subject has.
async fn open_doors(auth: &GridAuth, subject: &str) -> usize {
    let mut count = 0;
    for kind in [Kind::Session, Kind::Grant] {
        count += auth.store().list(Query::new(kind, By::User(subject))).await.unwrap().entries.len();
    }
    count
}

#[tokio::test]
async fn a_password_that_a_seed_changes_ends_sessions_and_grants() {
    let auth = server().await;
    let seed = |password: &str, subject: &str, name: &str| {
        parse(&json!({"users": [
            {"username": "israel", "password": password, "sub": subject, "name": name},
            {"username": "miriam", "password": "ship"},
        ]}))
        .unwrap()
    };
    seed("imru", "1", "Israel").load_into(&auth).await.unwrap();
    signed_in(&auth, "1").await;
    signed_in(&auth, "miriam").await;
    // The same seed, and one that changes a claim only.
    for name in ["Israel", "Israel II"] {
        seed("imru", "1", name).load_into(&auth).await.unwrap();
        assert_eq!(open_doors(&auth, "1").await, 2);
    }
    seed("changed", "1", "Israel II").load_into(&auth).await.unwrap();
    assert_eq!((open_doors(&auth, "1").await, open_doors(&auth, "miriam").await), (0, 2));
    for (password, right) in [("imru", false), ("changed", true)] {
        let user = auth.users().check_password("israel", &Secret::from(password)).await.unwrap();
        assert_eq!(user.is_some(), right);
    }
    // Somebody else has the name now.
    signed_in(&auth, "1").await;
    seed("changed", "2", "Israel II").load_into(&auth).await.unwrap();
    assert_eq!((open_doors(&auth, "1").await, open_doors(&auth, "miriam").await), (0, 2));
}

/// A start on a full disk: rows can be read, and nothing else.
#[tokio::test]
async fn a_seed_that_changes_nothing_is_loaded_although_nothing_can_be_written() {
    let store = Failing::new(MemoryStore::new());
    let auth = server_on(Store::new(store.clone())).await;
    let seed = |scope: &str| {
        parse(&json!({
            "users": [{"username": "israel", "password": "imru", "name": "Israel"}],
            "clients": [
                {"client_id": "web", "client_secret": "web-secret", "scope": scope,
                 "grant_types": ["client_credentials"]},
                {"client_id": "spa", "token_endpoint_auth_method": "none", "redirect_uris": ["https://a.example.com"]},
            ],
        }))
        .unwrap()
    };
    seed("a").load_into(&auth).await.unwrap();
    let before = [kept(&auth, "web").await, kept(&auth, "spa").await];
    store.fail(Failure::Before, |call| match call {
        Call::Get(_) | Call::Ping => false,
        // It decides to keep the row.
        Call::Update(_) => false,
        _ => true,
    });
    seed("a").load_into(&auth).await.unwrap();
    assert_eq!([kept(&auth, "web").await, kept(&auth, "spa").await], before);
    assert_eq!(seed("b").load_into(&auth).await.unwrap_err().status(), 1);
}

#[tokio::test]
async fn registered_metadata_is_kept() {
    let members = json!({
        "client_id": "all", "client_secret": "s",
        "client_uri": "https://c.example.com", "client_name#ja": "店",
        "post_logout_redirect_uris": ["https://c.example.com/out"],
        "default_max_age": 3600, "require_pushed_authorization_requests": true,
        "jwks": {"keys": []}, "contacts": ["a@example.com"], "dpop_bound_access_tokens": false,
    });
    let seed = parse(&json!({ "clients": [members] })).unwrap();
    assert_eq!(seed.warnings, [""; 0]);
    let auth = server().await;
    seed.load_into(&auth).await.unwrap();
    let kept = kept(&auth, "all").await;
    for (name, value) in members.as_object().unwrap() {
        if !matches!(name.as_str(), "client_id" | "client_secret") {
            assert_eq!(&kept["metadata"][name], value, "{name}");
        }
    }
}

#[test]
fn what_the_server_does_not_support_is_a_warning() {
    let seed = parse(&json!({ "users": [{"username": "u", "password": "p", "shoe_size": 42}], "comment": 1, "clients": [
        {"client_id": "a", "client_secret": "s", "grant_types": ["password", "urn:ietf:params:oauth:grant-type:device_code"]},
        {"client_id": "b", "client_secret": "s", "response_types": ["code", "token id_token code", "none"]},
        {"client_id": "c", "token_endpoint_auth_method": "example_method", "jwks_uri": "https://c.example.com/jwks"},
        {"client_id": "d", "client_secret": "s", "made_up": [1]},
    ] }))
    .unwrap();
    let about = [
        "users[0] \"u\": \"shoe_size\"",
        "clients[0] \"a\"",
        "clients[1] \"b\"",
        "clients[2] \"c\"",
        "clients[3] \"d\"",
        "\"comment\"",
    ];
    assert_eq!(seed.warnings.len(), about.len(), "{:?}", seed.warnings);
    for (warning, about) in seed.warnings.iter().zip(about) {
        assert!(warning.starts_with(about), "{warning}");
    }
}

#[tokio::test]
async fn a_client_with_an_unsupported_method_is_not_public() {
    let seed = parse(&json!({ "clients": [
        {"client_id": "c", "token_endpoint_auth_method": "example_method", "grant_types": ["client_credentials"]},
    ] }));
    let auth = server().await;
    seed.unwrap().load_into(&auth).await.unwrap();
    let client = auth.client("c").await.unwrap().unwrap();
    assert!(!client.is_public());
}

#[tokio::test]
async fn a_secret_for_a_mac_is_sealed_and_any_other_is_hashed() {
    let secret = "hush, a secret of more than 32 bytes";
    let client = |id: &str, method: &str| json!({"client_id": id, "client_secret": secret, "token_endpoint_auth_method": method});
    let seed = parse(
        &json!({ "clients": [client("mac", "client_secret_jwt"), client("basic", "client_secret_basic")] }),
    );
    let auth = server().await;
    seed.unwrap().load_into(&auth).await.unwrap();
    let (mac, basic) = (kept(&auth, "mac").await, kept(&auth, "basic").await);
    assert!(mac["sealed_secret"].is_object() && mac.get("secret").is_none(), "{mac}");
    assert!(
        basic["secret"].as_str().unwrap().starts_with("$argon2id$") && basic.get("sealed_secret").is_none()
    );
    assert!(!mac.to_string().contains("hush"), "{mac}");
}

#[test]
fn a_bad_entry_is_named_without_its_secrets() {
    let user = |user: Value| json!({ "users": [{"username": "first", "password": "hush"}, user] });
    let client =
        |client: Value| json!({ "clients": [{"client_id": "first", "client_secret": "hush"}, client] });
    for (seed, line) in [
        (json!([]), "it must be a JSON object"),
        (json!({ "users": {} }), "users must be an array"),
        (json!({ "clients": [1] }), "clients[0] must be an object"),
        (user(json!({"password": "hush"})), "users[1]: username is missing"),
        (user(json!({"username": 7, "password": "hush"})), "users[1]: username must be a text"),
        (user(json!({"username": "u"})), "users[1] \"u\": password is missing"),
        (user(json!({"username": "u", "password": ["hush"]})), "users[1] \"u\": password must be a text"),
        (user(json!({"username": "u", "password": ""})), "users[1] \"u\": a password has 1 to 1024 bytes"),
        (
            user(json!({"username": "u\n", "password": "hush"})),
            "users[1] \"u\\n\": a username has 1 to 255 characters, none of them a control, ignorable or formatting character",
        ),
        (
            user(json!({"username": "u", "password": "hush", "sub": ""})),
            "users[1] \"u\": sub: it has 1 to 255 characters and no control characters",
        ),
        (
            user(json!({"username": "first", "password": "hush"})),
            "users[1] \"first\": there is a user of that name before it",
        ),
        (
            user(json!({"username": "u", "password": "hush", "sub": "first"})),
            "users[1] \"u\": sub: there is a user with that sub before it",
        ),
        (
            user(json!({"username": "u", "password": "hush", "email_verified": "hush"})),
            "users[1] \"u\": email_verified must be true or false",
        ),
        (client(json!({"client_secret": "hush"})), "clients[1]: client_id is missing"),
        (
            client(json!({"client_id": "é", "client_secret": "hush"})),
            "clients[1] \"é\": a client_id has 1 to 255 characters of printable ASCII",
        ),
        (
            client(json!({"client_id": "first", "client_secret": "hush"})),
            "clients[1] \"first\": there is a client with that client_id before it",
        ),
        (
            client(json!({"client_id": "c"})),
            "clients[1] \"c\": client_secret is missing; a public client has the token_endpoint_auth_method none",
        ),
        (
            client(json!({"client_id": "c", "client_secret": "hush", "token_endpoint_auth_method": "none"})),
            "clients[1] \"c\": client_secret: a client with the token_endpoint_auth_method none has no secret",
        ),
        (
            client(json!({"client_id": "c", "token_endpoint_auth_method": "client_secret_jwt"})),
            "clients[1] \"c\": client_secret is missing",
        ),
        (
            client(
                json!({"client_id": "c", "jwks": {"keys": [{"kty": "OKP", "d": "hush"}]}, "client_secret": "s"}),
            ),
            "clients[1] \"c\": jwks has a private or a symmetric key: register the public keys alone, and replace this one, which others have seen now",
        ),
        (
            client(
                json!({"client_id": "c", "client_secret": "s", "jwks": {"keys": []}, "jwks_uri": "https://c.example.com/jwks"}),
            ),
            "clients[1] \"c\": jwks and jwks_uri exclude each other",
        ),
        (
            client(json!({"client_id": "c", "client_secret": ""})),
            "clients[1] \"c\": client_secret: it has 1 to 1024 bytes",
        ),
        (
            client(json!({"client_id": "c", "client_secret": "hu\u{85}sh"})),
            "clients[1] \"c\": client_secret: it has a control character",
        ),
        (
            client(
                json!({"client_id": "c", "client_secret": "hush\n", "token_endpoint_auth_method": "client_secret_post"}),
            ),
            "clients[1] \"c\": client_secret: it has a control character",
        ),
        (
            client(json!({"client_id": "c\n", "client_secret": "hush"})),
            "clients[1] \"c\\n\": a client_id has 1 to 255 characters of printable ASCII",
        ),
        (
            client(json!({"client_id": "c", "client_secret": "hush", "scope": ["a"]})),
            "clients[1] \"c\": scope must be a text",
        ),
        (
            client(json!({"client_id": "c", "client_secret": "hush", "grant_types": "password"})),
            "clients[1] \"c\": grant_types must be an array of texts",
        ),
        (
            client(json!({"client_id": "c", "client_secret": "hush", "contacts": "hush"})),
            "clients[1] \"c\": contacts must be an array of texts",
        ),
        (
            client(json!({"client_id": "c", "client_secret": "hush", "gridauth_resource_server": "yes"})),
            "clients[1] \"c\": gridauth_resource_server must be true or false",
        ),
        (
            client(json!({"client_id": "c", "client_secret": "hush", "gridauth_first_party": 1})),
            "clients[1] \"c\": gridauth_first_party must be true or false",
        ),
    ] {
        assert_eq!(refused(seed), line);
    }
    let starts = |seed: Value, line: &str| {
        let refused = refused(seed);
        assert!(refused.starts_with(line) && !refused.contains("hush"), "{refused}");
    };
    starts(
        client(json!({"client_id": "c", "client_secret": "hush", "scope": "a\"b"})),
        "clients[1] \"c\": scope: ",
    );
    for uri in [
        "/relative",
        "https://c.example.com/#f",
        "javascript:alert(1)",
        "",
        "http://c.example.com/cb",
        "app:/cb",
    ] {
        starts(
            client(json!({"client_id": "c", "client_secret": "hush", "redirect_uris": [uri]})),
            "clients[1] \"c\": redirect_uris: ",
        );
    }
}

/// A client with a scope of `scope` bytes, and a user whose entry has `entry` bytes.
fn sized(scope: usize, entry: usize) -> Value {
    let client = json!({"client_id": "c", "token_endpoint_auth_method": "none", "scope": "s".repeat(scope)});
    let mut user = json!({"username": "u", "password": "hush", "name": ""});
    user["name"] = "n".repeat(entry - user.to_string().len()).into();
    json!({ "users": [user], "clients": [client] })
}

#[test]
fn an_entry_that_is_too_long_is_bad() {
    for (scope, entry, line) in [
        (30_001, 100, "clients[0] \"c\": scope: it has at most 30000 bytes"),
        (1, MAX_ENTRY + 1, "users[0] \"u\": it has at most 1048576 bytes"),
    ] {
        assert_eq!(refused(sized(scope, entry)), line);
    }
}

#[tokio::test]
async fn every_store_keeps_the_longest_entries() {
    let node = griddb_test_node::TestNode::start(griddb_test_node::Options::new()).await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let seed = parse(&sized(30_000, MAX_ENTRY)).unwrap();
    let file = format!("file:{}", directory.path().join("gridauth.db").display());
    for url in ["memory:", &file, &node.url()] {
        let auth = server_on(Store::open(url).await.unwrap()).await;
        seed.load_into(&auth).await.unwrap();
        assert_eq!(auth.client("c").await.unwrap().unwrap().scope().as_str().len(), 30_000, "{url}");
    }
}

#[test]
fn invalid_json_is_reported_by_its_position_only() {
    for (text, line) in [
        (&b""[..], "it is not JSON at line 1 column 0"),
        (b"{\"users\": [{\"password\": \"hush\", }]}", "it is not JSON at line 1 column 33"),
        (b"\xff", "it is not JSON at line 1 column 1"),
    ] {
        assert_eq!(Seed::parse(text).unwrap_err().to_string(), line);
    }
    let deep = "[".repeat(100_000);
    assert!(Seed::parse(deep.as_bytes()).is_err());
}

#[test]
fn a_repeated_member_is_reported() {
    for (text, line) in [
        (r#"{"users": [], "clients": [], "users": []}"#, "users comes twice"),
        (
            r#"{"users": [{"username": "a", "password": "hush"}, {"username": "b", "password": "hush", "password": "hush"}]}"#,
            r#"users[1] "b": password comes twice"#,
        ),
        (
            r#"{"clients": [{"client_id": "c", "client_secret": "hush", "jwks": {"keys": [{}, {"kid": 1, "kid": 2}]}}]}"#,
            r#"clients[0] "c": jwks.keys[1].kid comes twice"#,
        ),
        (r#"{"users": [{"sub": "s", "sub": "s"}]}"#, "users[0]: sub comes twice"),
        (r#"{"comment": {"a": 1, "a": 2}}"#, "comment.a comes twice"),
        (r#"[{"a": 1, "a": 2}]"#, "[0].a comes twice"),
    ] {
        assert_eq!(Seed::parse(text.as_bytes()).unwrap_err().to_string(), line);
    }
}

#[tokio::test]
async fn a_conflict_with_stored_users_changes_nothing() {
    let auth = server().await;
    auth.put_user("miriam", &Secret::from("ship"), "miriam", Map::new()).await.unwrap();
    let seed = parse(&json!({
        "users": [
            {"username": "israel", "password": "hush"},
            {"username": "x", "password": "hush", "sub": "miriam"},
            {"username": "moses", "password": "hush"},
        ],
        "clients": [{"client_id": "spa", "token_endpoint_auth_method": "none"}],
    }));
    let error = seed.unwrap().load_into(&auth).await.unwrap_err();
    assert_eq!(error.status(), 2);
    assert_eq!(
        error.to_string(),
        "GRIDAUTH_SEED: users[1] \"x\": sub: \"miriam\" is the sub of the user \"miriam\", whom the store has; \
         it may be the path of a seed file"
    );
    // A client whose id is the subject of a stored user.
    let seed = parse(&json!({
        "users": [{"username": "israel", "password": "hush"}],
        "clients": [{"client_id": "miriam", "token_endpoint_auth_method": "none"}],
    }));
    let error = seed.unwrap().load_into(&auth).await.unwrap_err();
    assert_eq!(error.status(), 2);
    assert!(
        error.to_string().contains("clients[0] \"miriam\": client_id: it is the sub of the user \"miriam\"")
    );
    // A user whose subject is the id of a stored client.
    auth.put_client_unchecked(gridauth::Client::public("robot").build().unwrap()).await.unwrap();
    let seed = parse(&json!({"users": [{"username": "israel", "password": "hush", "sub": "robot"}]}));
    let error = seed.unwrap().load_into(&auth).await.unwrap_err();
    assert_eq!(error.status(), 2);
    assert!(
        error.to_string().contains("users[0] \"israel\": sub: \"robot\" is the id of a client"),
        "{error}"
    );
    for name in ["israel", "x", "moses"] {
        assert!(auth.store().get(Key::new(Kind::User, name)).await.unwrap().is_none(), "{name} is there");
    }
    assert!(auth.client("spa").await.unwrap().is_none());
}

#[tokio::test]
async fn stored_users_may_swap_their_subjects() {
    let auth = server().await;
    for (israel, miriam) in [("1", "2"), ("2", "1"), ("1", "3"), ("3", "israel")] {
        let seed = parse(&json!({ "users": [
            {"username": "israel", "password": "imru", "sub": israel},
            {"username": "miriam", "password": "ship", "sub": miriam},
        ] }));
        seed.unwrap().load_into(&auth).await.unwrap();
        for (name, subject) in [("israel", israel), ("miriam", miriam)] {
            let row = auth.store().get(Key::new(Kind::User, name)).await.unwrap().unwrap();
            assert_eq!(row.user(), Some(subject));
        }
    }
}

/// Any JSON, a few levels deep.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
        "https?://[a-z]{0,3}[:/#]?.{0,3}".prop_map(Value::from),
        "[a-z. ]{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::hash_map("[a-z]{1,3}", inner, 0..3)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// An entry with some of these members, valid or not.
fn any_entry(names: &'static [&'static str]) -> impl Strategy<Value = Value> {
    let good = |name: &str| match name {
        "password" | "client_secret" => json!("hush-hush"),
        "redirect_uris" => json!(["https://c.example.com/cb"]),
        "grant_types" => json!(["password"]),
        "token_endpoint_auth_method" => json!("client_secret_post"),
        "email_verified" | "gridauth_resource_server" | "gridauth_first_party" => json!(true),
        _ => json!("a"),
    };
    prop::collection::vec((prop::sample::select(names), prop::option::weighted(0.2, any_json())), 0..8)
        .prop_map(move |members| {
            let members = members
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value.unwrap_or_else(|| good(name))));
            Value::Object(members.collect())
        })
}

const USER_MEMBERS: &[&str] = &[
    "username",
    "username",
    "username",
    "password",
    "password",
    "password",
    "sub",
    "name",
    "email_verified",
    "x",
];
const CLIENT_MEMBERS: &[&str] = &[
    "client_id",
    "client_id",
    "client_id",
    "client_secret",
    "client_secret",
    "token_endpoint_auth_method",
    "redirect_uris",
    "grant_types",
    "scope",
    "gridauth_resource_server",
    "gridauth_first_party",
    "jwks",
    "x",
];

proptest! {
    #[test]
    fn a_bad_entry_is_named_and_its_secret_is_not(
        users in prop::collection::vec(prop_oneof![9 => any_entry(USER_MEMBERS), 1 => any_json()], 0..3),
        clients in prop::collection::vec(prop_oneof![9 => any_entry(CLIENT_MEMBERS), 1 => any_json()], 0..3),
    ) {
        let (users, clients) = (json!(users), json!(clients));
        if let Err(error) = parse(&json!({ "users": users, "clients": clients })) {
            let line = error.to_string();
            let entry = |list: &str, entries: &Value| {
                let entries = entries.as_array().unwrap().iter().enumerate();
                entries.into_iter().any(|(at, entry)| {
                    let key = if list == "users" { "username" } else { "client_id" };
                    let name = entry.get(key).and_then(Value::as_str);
                    let name = name.map(|name| format!(" {name:?}")).unwrap_or_default();
                    line.starts_with(&format!("{list}[{at}]{name}: "))
                        || line == format!("{list}[{at}] must be an object")
                })
            };
            prop_assert!(entry("users", &users) || entry("clients", &clients), "{}", line);
            prop_assert!(!line.contains("hush"), "{}", line);
        }
    }

    #[test]
    fn parsing_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..60), value in any_json()) {
        for text in [bytes, value.to_string().into_bytes()] {
            if let Err(error) = Seed::parse(&text) {
                let line = error.to_string();
                prop_assert!(!line.is_empty());
            }
        }
    }
}

#[tokio::test]
async fn a_big_seed_is_loaded_completely() {
    let clients: Vec<Value> =
        (0..600).map(|n| json!({"client_id": format!("c{n}"), "client_secret": "s"})).collect();
    let users: Vec<Value> = (0..600).map(|n| json!({"username": format!("u{n}"), "password": "p"})).collect();
    let auth = Arc::new(server().await);
    parse(&json!({ "clients": clients, "users": users })).unwrap().load_into(&auth).await.unwrap();
    assert!(auth.client("c599").await.unwrap().is_some());
    assert!(auth.store().get(Key::new(Kind::User, "u599")).await.unwrap().is_some());
}
