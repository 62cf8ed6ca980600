//! Cases that must pass on any server: they run on a real one and on the simulator.

pub mod locks;
pub mod queries;
pub mod rows;

use std::sync::atomic::{AtomicU32, Ordering};

use griddb_rs::{Client, Collection, ColumnType, Schema};

/// A name that no other test and no earlier run has used.
pub fn unique(base: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    #[allow(clippy::disallowed_methods, reason = "names that no other run has")]
    let time = std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos();
    format!("{base}_{time:x}_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

pub fn four_columns() -> Schema {
    Schema::new()
        .key("k", ColumnType::String)
        .nullable("v", ColumnType::String)
        .nullable("n", ColumnType::Long)
        .nullable("t", ColumnType::Timestamp)
}

pub async fn four_column_collection(client: &Client) -> Collection {
    client.open_or_create(&unique("GriddbRs"), &four_columns()).await.unwrap()
}

/// A row of [`four_columns`].
pub fn row<'a>(
    key: &'a str,
    text: &'a str,
    number: i64,
) -> (&'a str, &'a str, i64, Option<griddb_rs::Timestamp>) {
    (key, text, number, None)
}

pub async fn drop_it(client: &Client, collection: Collection) {
    client.drop_collection(&collection.name().to_string()).await.unwrap();
}

/// Calls a macro with the path of every case.
#[macro_export]
macro_rules! for_every_case {
    ($make:ident) => {
        $make! {
            rows::put_get_remove;
            rows::insert_has_one_winner;
            rows::update_existing_requires_a_row;
            rows::take_returns_the_row_to_one_caller;
            rows::many_at_once;
            rows::every_column_type;
            rows::composite_keys;
            rows::columns_in_another_order;
            rows::containers_with_the_same_affinity_share_a_partition;
            rows::several_clients_open_a_container_at_once;
            rows::a_dropped_container_is_created_again;
            rows::another_schema_is_refused;
            rows::flushed_writes_take_one_round_trip;
            rows::flushes_are_shared;
            rows::long_texts;
            rows::many_statements_in_flight;
            queries::rows_and_limits;
            queries::aggregates_and_plans;
            queries::pages;
            queries::steps;
            queries::literals_stay_literals;
            queries::refused_queries;
            locks::update_is_atomic;
            locks::update_takes_two_round_trips;
            locks::update_inserts_removes_keeps;
            locks::update_runs_again_when_another_insert_won;
            locks::update_waits_for_an_uncommitted_insert;
            locks::a_lock_makes_other_clients_wait_and_time_out;
            locks::a_wait_for_a_lock_ends_before_the_call_does;
            locks::callers_with_little_time_share_a_row;
            locks::a_transaction_lives_long_enough_even_if_calls_have_little_time;
            locks::a_dropped_update_leaves_no_lock;
            locks::a_dropped_wait_for_a_lock_leaves_none;
            locks::a_flush_that_was_overtaken_is_sent_again;
            locks::transaction_commits_all;
            locks::transaction_rolls_back_all;
            locks::transaction_fails_as_a_whole;
            locks::many_sessions_on_one_connection;
        }
    };
}
