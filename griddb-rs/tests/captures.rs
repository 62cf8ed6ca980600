//! Compares every message of this client, byte for byte, with captures from a real server, and decodes every
//! captured answer.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

use std::collections::HashMap;

use griddb_rs::{
    Array, ColumnType, ContainerName, Schema, Timestamp, Value,
    wire::{
        envelope::{self, Status},
        message::{connect, container, failure, flush, index, login, partition_address, query, row, session},
        options::{Options, PutMode},
        reader::Reader,
        row_key::KeyLayout,
        row_set::{Layout, RowBatch, RowSpan, value_at},
        statement::{ClientId, RowTarget, SessionId, TransactionMode},
    },
};

const FILES: [&str; 9] = [
    include_str!("captures/01-handshake.txt"),
    include_str!("captures/02-cluster.txt"),
    include_str!("captures/03-container.txt"),
    include_str!("captures/04-rows.txt"),
    include_str!("captures/05-query.txt"),
    include_str!("captures/06-transaction.txt"),
    include_str!("captures/07-errors.txt"),
    include_str!("captures/08-left-cluster.txt"),
    include_str!("captures/09-cluster-three-nodes.txt"),
];
const CLIENT: ClientId = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
const OTHER_CLIENT: ClientId = [16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31];
const P: u32 = 125;

/// The messages of one file, by label and direction.
struct Capture(HashMap<(String, char), Vec<u8>>);

impl Capture {
    fn file(number: usize) -> Self {
        let messages = FILES[number - 1].lines().filter(|line| !line.starts_with('#')).map(|line| {
            let mut words = line.split(' ');
            let label = words.next().unwrap().to_owned();
            let direction = words.next().unwrap().chars().next().unwrap();
            ((label, direction), unhex(words.next().unwrap()))
        });
        Self(messages.collect())
    }

    fn sent(&self, label: &str) -> &[u8] {
        &self.0[&(label.to_owned(), '>')]
    }

    /// The answer's status and body.
    fn received(&self, label: &str) -> (Status, &[u8]) {
        let message = &self.0[&(label.to_owned(), '<')];
        assert_eq!(envelope::message_length(message, 1 << 20), Ok(Some(message.len())), "{label}");
        let head = envelope::response_head(message).unwrap();
        (head.status, &message[head.body..])
    }

    fn success(&self, label: &str) -> &[u8] {
        let (status, body) = self.received(label);
        assert_eq!(status, Status::Success, "{label}");
        body
    }

    fn failure(&self, label: &str) -> (Status, i32, String) {
        let (status, body) = self.received(label);
        let failure = failure::decode(&mut Reader::new(body)).unwrap();
        (status, failure.code, failure.name)
    }
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

#[track_caller]
fn same(sent: &[u8], write: impl FnOnce(&mut Vec<u8>)) {
    let mut out = Vec::new();
    write(&mut out);
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    assert_eq!(hex(&out), hex(sent));
}

fn name(text: &str) -> ContainerName {
    ContainerName::parse(text).unwrap()
}

fn four_columns() -> Schema {
    Schema::new()
        .key("k", ColumnType::String)
        .nullable("v", ColumnType::String)
        .nullable("n", ColumnType::Long)
        .nullable("t", ColumnType::Timestamp)
}

fn put_container(
    out: &mut Vec<u8>,
    id: i64,
    partition: u32,
    name: &ContainerName,
    schema: &Schema,
    session: i64,
) {
    let new = container::NewContainer { name, database: 0, schema, session, client: CLIENT, wait: None };
    container::encode_put(out, id, partition, &new);
}

fn autocommit(container: i64) -> RowTarget {
    RowTarget {
        container,
        schema_version: 0,
        session: SessionId::none(CLIENT),
        mode: TransactionMode::Autocommit,
    }
}

fn in_session(client: ClientId, number: i64, mode: TransactionMode) -> RowTarget {
    RowTarget { container: 1, schema_version: 0, session: SessionId { client, number }, mode }
}

fn values(body: &[u8], layout: &Layout, row: RowSpan) -> Vec<Value<'static>> {
    (0..layout.columns().len())
        .map(|index| value_at(body, layout, row, index).unwrap().into_owned())
        .collect()
}

fn log_in<'a>(secret: &'a str, database: Option<&'a str>, application: Option<&'a str>) -> login::Login<'a> {
    login::Login {
        user: "admin",
        secret,
        cluster: "gridauth",
        database,
        application,
        statement_timeout: 15,
        transaction_timeout: 300,
    }
}

#[test]
fn handshake() {
    let file = Capture::file(1);
    let secret = login::secret("admin");
    same(file.sent("connect"), |out| connect::encode(out, 1));
    assert_eq!(connect::decode(&mut Reader::new(file.success("connect"))), Ok(0));
    same(file.sent("heartbeat_connect"), |out| connect::encode(out, 3));
    assert_eq!(connect::decode(&mut Reader::new(file.success("heartbeat_connect"))), Ok(0));
    same(file.sent("login_ok"), |out| log_in(&secret, Some("public"), Some("griddb-rs")).encode(out, 2));
    assert_eq!(login::decode(&mut Reader::new(file.success("login_ok"))), Ok(0));
    same(file.sent("login_again"), |out| log_in(&secret, None, None).encode(out, 8));
    same(file.sent("login_wrong_database"), |out| log_in(&secret, Some("nosuchdb"), None).encode(out, 7));
    same(file.sent("disconnect"), |out| connect::encode_disconnect(out, 10));

    let auth = (Status::StatementError, 10005, "TXN_AUTH_FAILED".to_owned());
    assert_eq!(file.failure("login_wrong_password"), auth);
    assert_eq!(file.failure("login_wrong_database"), auth);
    assert_eq!(
        file.failure("login_wrong_cluster"),
        (Status::Deny, 10053, "TXN_CLUSTER_NAME_INVALID".to_owned())
    );
    assert_eq!(file.failure("statement_after_failed_login").1, 10006);
    assert_eq!(file.failure("connect_wrong_version").1, 10054);
    assert_eq!(file.failure("connect_tls_only").1, 130003);
}

#[test]
fn cluster() {
    let file = Capture::file(2);
    same(file.sent("master_address"), |out| partition_address::encode_master(out, 4));
    let info = partition_address::decode_master(&mut Reader::new(file.success("master_address"))).unwrap();
    assert_eq!((info.partitions, info.is_master), (128, true));
    assert_eq!(info.master, "127.0.0.1:10001".parse().unwrap());
    same(file.sent("partition_address_3"), |out| partition_address::encode_owner(out, 5, 3));
    let owner =
        partition_address::decode_owner(&mut Reader::new(file.success("partition_address_3"))).unwrap();
    assert_eq!(owner, Some("127.0.0.1:10001".parse().unwrap()));

    let file = Capture::file(9);
    let info =
        partition_address::decode_master(&mut Reader::new(file.success("follower_master_address"))).unwrap();
    assert!(!info.is_master);
    assert_eq!(info.master, "127.0.0.1:11301".parse().unwrap());
    let owner =
        partition_address::decode_owner(&mut Reader::new(file.success("master_partition_address"))).unwrap();
    assert_eq!(owner, Some("127.0.0.1:11201".parse().unwrap()));
    assert_eq!(file.failure("follower_partition_address").0, Status::Deny);
    assert_eq!(file.failure("follower_partition_address").1, 10008);
    assert_eq!(file.failure("backup_put").1, 10009);
    assert_eq!(file.failure("other_get_row").1, 10010);
    assert_eq!(file.failure("any_put").1, 10033);
}

#[test]
fn containers() {
    let file = Capture::file(3);
    let tokens = name("GaCapture");
    assert_eq!(tokens.partition(128), P);
    same(file.sent("get_container_missing"), |out| container::encode_get(out, 7, P, &tokens, 0));
    assert_eq!(container::decode_get(&mut Reader::new(file.success("get_container_missing"))), Ok(None));
    let put = |out: &mut Vec<u8>| put_container(out, 8, P, &tokens, &four_columns(), 1);
    same(file.sent("put_container_create"), put);
    let made = container::decode_put(&mut Reader::new(file.success("put_container_create"))).unwrap();
    assert_eq!((made.id, made.schema_version, &made.name), (1, 0, &tokens));
    assert_eq!(made.schema, four_columns());
    let found = container::decode_get(&mut Reader::new(file.success("get_container_found"))).unwrap();
    assert_eq!(found, Some(made));
    assert_eq!(file.failure("put_container_other_schema").1, 60016);

    let target = index::IndexTarget { partition: P, container: 1, schema_version: 0, wait: None };
    same(file.sent("create_index_tree_on_v"), |out| {
        index::encode_create(out, 12, &target, "", &[1], 4, CLIENT)
    });
    file.success("create_index_tree_on_v");
    assert_eq!(file.failure("create_index_hash_unsupported").1, 1007);

    let file = Capture::file(7);
    same(file.sent("drop_container"), |out| container::encode_drop(out, 0x3e, P, &tokens, 0, None));
    file.success("drop_container");
    assert_eq!(file.failure("get_row_unknown_container").1, 60157);
    assert_eq!(file.failure("get_row_other_schema_version").1, 10017);
    assert_eq!(file.failure("put_container_bad_name").1, 1008);
    assert_eq!(file.failure("get_container_short_body").1, 1041);

    let file = Capture::file(8);
    for (label, code) in
        [("get_row", 10010), ("put_row", 10010), ("master_address", 10008), ("connect.new", 10008)]
    {
        assert_eq!((file.failure(label).0, file.failure(label).1), (Status::Deny, code), "{label}");
    }
}

#[test]
fn rows() {
    let file = Capture::file(4);
    let layout = Layout::of(&four_columns()).unwrap();
    let key = KeyLayout::of(&four_columns());
    let put = |label: &str, id: i64, mode: PutMode, row: [Value<'_>; 4]| {
        same(file.sent(label), |out| {
            let options = Options { put_mode: mode, ..Options::default() };
            row::encode_put(out, id, P, &autocommit(1), &options, &layout, &row).unwrap();
        });
    };
    let time = Value::from(Timestamp::from_millis(1_700_000_000_123));
    let null = Value::Null;
    put("put_row_inserted", 17, PutMode::Any, ["a".into(), "one".into(), 1i64.into(), time]);
    put("put_row_replaced", 18, PutMode::Any, ["a".into(), "uno".into(), (-1i64).into(), null.clone()]);
    put("put_row_all_null", 19, PutMode::Any, ["nul".into(), null.clone(), null.clone(), null.clone()]);
    put(
        "put_row_insert_only_new",
        20,
        PutMode::InsertOnly,
        ["b".into(), "two".into(), 2i64.into(), null.clone()],
    );
    put(
        "put_row_update_only_missing",
        22,
        PutMode::UpdateOnly,
        ["nope".into(), "x".into(), 2i64.into(), null.clone()],
    );
    for (label, flag) in [
        ("put_row_inserted", false),
        ("put_row_replaced", true),
        ("remove_row_existing", true),
        ("remove_row_missing", false),
        ("put_multiple_rows", false),
    ] {
        assert_eq!(row::decode_flag(&mut Reader::new(file.success(label))), Ok(flag), "{label}");
    }
    for label in ["put_row_insert_only_exists", "put_row_update_only_missing"] {
        assert_eq!(file.failure(label), (Status::StatementError, 60154, "CON_PUT_ROW_OPTION_INVALID".into()));
    }

    let many: Vec<[Value<'_>; 4]> = [(0, 0), (1, 100), (2, 200)]
        .map(|(n, length)| {
            [format!("m{n}").into(), "x".repeat(length).into(), n.into(), Timestamp::from_millis(n).into()]
        })
        .into();
    let mut batch = RowBatch::default();
    many.iter().for_each(|row| batch.push(&layout, row).unwrap());
    same(file.sent("put_multiple_rows"), |out| {
        row::encode_put_many(out, 23, P, &autocommit(1), &Options::default(), &batch);
    });

    let get = |label: &str, id: i64, text: &'static str| {
        same(file.sent(label), |out| {
            row::encode_get(out, id, P, &autocommit(1), &Options::default(), &key, &[text.into()]).unwrap();
        });
        let body = file.success(label);
        row::decode_get(&mut Reader::new(body), &layout).unwrap().map(|found| values(body, &layout, found))
    };
    assert_eq!(
        get("get_row_found", 24, "a"),
        Some(vec!["a".into(), "uno".into(), (-1i64).into(), null.clone()])
    );
    assert_eq!(
        get("get_row_nulls", 25, "nul"),
        Some(vec!["nul".into(), null.clone(), null.clone(), null.clone()])
    );
    assert_eq!(get("get_row_long_string", 26, "m2"), Some(many[2].to_vec()));
    assert_eq!(get("get_row_missing", 27, "nope"), None);
    same(file.sent("remove_row_existing"), |out| {
        row::encode_remove(out, 28, P, &autocommit(1), &Options::default(), &key, &["b".into()]).unwrap();
    });
}

#[test]
fn composite_keys() {
    let file = Capture::file(4);
    let schema = Schema::new()
        .key("a", ColumnType::String)
        .key("b", ColumnType::Long)
        .nullable("v", ColumnType::String);
    let (layout, key) = (Layout::of(&schema).unwrap(), KeyLayout::of(&schema));
    let container = name("GaCaptureKeys");
    same(file.sent("composite_put_container"), |out| {
        put_container(out, 37, 32, &container, &schema, 8);
    });
    let made = container::decode_put(&mut Reader::new(file.success("composite_put_container"))).unwrap();
    assert_eq!(made.schema, schema);
    let row = [Value::from("x"), 7i64.into(), "seven".into()];
    same(file.sent("composite_put_row"), |out| {
        row::encode_put(out, 38, 32, &autocommit(2), &Options::default(), &layout, &row).unwrap();
    });
    same(file.sent("composite_get_row"), |out| {
        row::encode_get(out, 39, 32, &autocommit(2), &Options::default(), &key, &row[..2]).unwrap();
    });
    let body = file.success("composite_get_row");
    let found = row::decode_get(&mut Reader::new(body), &layout).unwrap().unwrap();
    assert_eq!(found.id, Some(0));
    assert_eq!(values(body, &layout, found), row);
    same(file.sent("composite_remove_row"), |out| {
        row::encode_remove(out, 40, 32, &autocommit(2), &Options::default(), &key, &row[..2]).unwrap();
    });
}

#[test]
fn all_column_types() {
    use ColumnType::*;
    let file = Capture::file(4);
    let mut schema = Schema::new().key("id", Long);
    let scalars = [
        ("c_string", String),
        ("c_bool", Bool),
        ("c_byte", Byte),
        ("c_short", Short),
        ("c_integer", Integer),
        ("c_long", Long),
        ("c_float", Float),
        ("c_double", Double),
        ("c_timestamp", Timestamp),
        ("c_blob", Blob),
    ];
    for (name, column_type) in scalars {
        schema = schema.nullable(name, column_type);
    }
    for (name, element) in &scalars[..9] {
        schema = schema.nullable_array(&name.replace("c_", "a_"), *element);
    }
    schema = schema.nullable("c_us", TimestampMicros).nullable("c_ns", TimestampNanos);
    let container = name("GaCaptureTypes");
    same(file.sent("types_put_container"), |out| {
        put_container(out, 31, 6, &container, &schema, 7);
    });
    let made = container::decode_put(&mut Reader::new(file.success("types_put_container"))).unwrap();
    assert_eq!(made.schema, schema);

    let layout = Layout::new(&schema, &made.schema).unwrap();
    let time = griddb_rs::Timestamp::from_millis(1_700_000_000_123);
    let text = "h\u{e9}llo";
    let body = file.success("types_get_row");
    let found = row::decode_get(&mut Reader::new(body), &layout).unwrap().unwrap();
    let row = values(body, &layout, found);
    assert_eq!(row[..3], [1i64.into(), text.into(), true.into()]);
    assert_eq!(row[3..6], [(-7i8).into(), (-300i16).into(), (-70_000i32).into()]);
    assert_eq!(row[6..9], [(-(1i64 << 62)).into(), 1.5f32.into(), 2.25f64.into()]);
    assert_eq!(row[9], time.into());
    assert_eq!(row[10], Value::Blob(vec![0, 1, 2, 255].into()));
    assert_eq!(row[11], Value::Array(Array::String(vec![text.into(), text.into()])));
    assert_eq!(row[19], Value::Array(Array::Timestamp(vec![time, time].into())));
    same(file.sent("types_put_row"), |out| {
        row::encode_put(out, 32, 6, &autocommit(2), &Options::default(), &layout, &row).unwrap();
    });
    let mut nulls = vec![Value::Null; 22];
    nulls[0] = 2i64.into();
    same(file.sent("types_put_row_nulls"), |out| {
        row::encode_put(out, 33, 6, &autocommit(2), &Options::default(), &layout, &nulls).unwrap();
    });
    let body = file.success("types_get_row_nulls");
    let found = row::decode_get(&mut Reader::new(body), &layout).unwrap().unwrap();
    assert_eq!(values(body, &layout, found), nulls);
    same(file.sent("types_get_row"), |out| {
        let key = KeyLayout::of(&schema);
        row::encode_get(out, 34, 6, &autocommit(2), &Options::default(), &key, &[1i64.into()]).unwrap();
    });
}

#[test]
fn queries() {
    let file = Capture::file(5);
    let layout = Layout::of(&four_columns()).unwrap();
    let analysis = Layout::of(&griddb_rs::wire::message::query::analysis_schema()).unwrap();
    let ask = |label: &str, id: i64, fetch: query::Fetch<'_>, tql: &str| {
        same(file.sent(label), |out| {
            query::encode(out, id, P, &autocommit(1), &Options::default(), &fetch, tql);
        });
        query::decode(&mut Reader::new(file.success(label)), &layout, &analysis).unwrap()
    };
    let all = query::Fetch::default();
    let none = ask("tql_no_rows", 41, all, "select * where k = 'it''s not there'");
    assert_eq!(none, query::QueryAnswer::default());
    let three = ask("tql_three_rows", 42, all, "select * where k like 'm%' order by k");
    let body = file.success("tql_three_rows");
    let keys: Vec<_> = three.rows.iter().map(|row| value_at(body, &layout, *row, 0).unwrap()).collect();
    assert_eq!(keys, ["m0".into(), "m1".into(), "m2".into()]);
    assert_eq!(values(body, &layout, three.rows[1])[1], "x".repeat(100).into());
    let count = ask("tql_count", 43, all, "select count(*) where n >= 0");
    assert_eq!(count.aggregate, Some(Some(Value::Long(3))));
    assert_eq!(ask("tql_max", 44, all, "select max(n)").aggregate, Some(Some(Value::Long(2))));
    assert_eq!(ask("tql_max_of_nothing", 45, all, "select max(n) where n > 1000").aggregate, Some(None));
    assert_eq!(ask("tql_avg", 46, all, "select avg(n)").aggregate, Some(Some(Value::Double(0.5))));
    let explain = ask("tql_explain", 49, all, "explain select * where v = 'x'");
    assert!(explain.is_analysis);
    let body = file.success("tql_explain");
    let types: Vec<_> = explain.rows.iter().map(|row| value_at(body, &analysis, *row, 2).unwrap()).collect();
    assert_eq!(types[0], "QUERY_LOOP_NUMBER".into());
    assert_eq!(types.len(), 5);
    let limited = ask("tql_fetch_limit_2", 50, query::Fetch { limit: Some(2), ..all }, "select * order by k");
    assert_eq!((limited.rows.len(), limited.paging), (2, None));
    let paged =
        ask("tql_fetch_size_2", 51, query::Fetch { page_size: Some(2), ..all }, "select * order by k");
    assert_eq!((paged.rows.len(), paged.paging), (2, Some(query::RowSet { id: 42, rows: 5 })));
    same(file.sent("fetch_row_set_next"), |out| query::encode_fetch(out, 52, P, &autocommit(1), 42, 2, 2));
    let body = file.success("fetch_row_set_next");
    let page = query::decode_fetch(&mut Reader::new(body), &layout).unwrap();
    let keys: Vec<_> = page.rows.iter().map(|row| value_at(body, &layout, *row, 0).unwrap()).collect();
    assert_eq!((page.closed, keys), (false, vec!["m1".into(), "m2".into()]));
    same(file.sent("close_row_set"), |out| query::encode_close(out, 53, P, 1, 42));
    file.success("close_row_set");
    assert_eq!(file.failure("fetch_row_set_closed").1, 60132);
    assert_eq!(file.failure("tql_syntax_error").1, 151002);
    assert_eq!(file.failure("tql_no_such_column").1, 150012);
}

#[test]
fn transactions() {
    let file = Capture::file(6);
    let layout = Layout::of(&four_columns()).unwrap();
    let key = KeyLayout::of(&four_columns());
    let locking = |timeout| Options { transaction_timeout: timeout, for_update: true, ..Options::default() };
    let begin = in_session(CLIENT, 9, TransactionMode::Begin);
    same(file.sent("get_row_for_update"), |out| {
        row::encode_get(out, 1, P, &begin, &locking(Some(10)), &key, &["a".into()]).unwrap();
    });
    let body = file.success("get_row_for_update");
    assert!(row::decode_get(&mut Reader::new(body), &layout).unwrap().is_some());
    same(file.sent("lock_conflict_get_for_update.other"), |out| {
        let begin = in_session(OTHER_CLIENT, 1, TransactionMode::Begin);
        row::encode_get(out, 1, P, &begin, &locking(Some(0)), &key, &["a".into()]).unwrap();
    });
    assert_eq!(file.failure("lock_conflict_put.other").1, 60166);
    assert_eq!(file.failure("lock_conflict_get_for_update.other").1, 60166);
    let mine = SessionId { client: CLIENT, number: 9 };
    same(file.sent("commit"), |out| session::encode_commit(out, 3, P, 1, mine));
    same(file.sent("close_session"), |out| session::encode_close(out, 4, P, 1, mine));
    let next = in_session(CLIENT, 10, TransactionMode::Begin);
    same(file.sent("get_row_for_update_2"), |out| {
        row::encode_get(out, 1, P, &next, &locking(None), &key, &["a".into()]).unwrap();
    });
    let go_on = in_session(CLIENT, 10, TransactionMode::Continue);
    same(file.sent("get_row_removed_in_transaction"), |out| {
        row::encode_get(out, 3, P, &go_on, &Options::default(), &key, &["a".into()]).unwrap();
    });
    let next = SessionId { client: CLIENT, number: 10 };
    same(file.sent("close_session_2"), |out| session::encode_close(out, 5, P, 1, next));
    for label in ["commit", "close_session", "abort", "flush_log"] {
        assert!(file.success(label).is_empty(), "{label}");
    }
    assert_eq!(file.failure("commit_without_transaction").1, 110005);
    assert_eq!(file.failure("commit_unknown_session").1, 110003);
    same(file.sent("flush_log"), |out| flush::encode(out, 57, P, 1));

    let file = Capture::file(9);
    same(file.sent("new_owner_commit"), |out| {
        session::encode_commit(out, 4, 0, 1, SessionId { client: CLIENT, number: 1 });
    });
    file.success("new_owner_commit");
    file.success("new_owner_commit_repeated");
}

/// No captured answer makes a decoder panic, wherever it is cut and whichever byte is changed.
#[test]
fn damaged_answers_are_errors_and_never_panics() {
    let layout = Layout::of(&four_columns()).unwrap();
    let read_all = |body: &[u8]| {
        let reader = || Reader::new(body);
        let _ = connect::decode(&mut reader());
        let _ = login::decode(&mut reader());
        let _ = partition_address::decode_master(&mut reader());
        let _ = partition_address::decode_owner(&mut reader());
        let _ = container::decode_get(&mut reader());
        let _ = container::decode_put(&mut reader());
        let _ = failure::decode(&mut reader());
        let _ = row::decode_get(&mut reader(), &layout);
        let _ = query::decode(&mut reader(), &layout, &layout);
        let _ = query::decode_fetch(&mut reader(), &layout);
    };
    for number in 1..=FILES.len() {
        for ((_, direction), message) in Capture::file(number).0 {
            if direction == '>' {
                continue;
            }
            let body = &message[envelope::response_head(&message).unwrap().body..];
            for cut in 0..body.len() {
                read_all(&body[..cut]);
            }
            let mut damaged = body.to_vec();
            for at in 0..damaged.len() {
                for byte in [0, 1, 0x7f, 0x80, 0xff] {
                    let kept = std::mem::replace(&mut damaged[at], byte);
                    read_all(&damaged);
                    damaged[at] = kept;
                }
            }
        }
    }
}
