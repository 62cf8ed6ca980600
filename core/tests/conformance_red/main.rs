//! The conformance kit can fail: stores with one planted fault each, and the cases that must find it.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::Arc;

use gridauth::Store;
use gridauth::store::conformance::{self, Report};

mod cached;
mod faulty;

use cached::Cached;
use faulty::{Fault, Faulty};

async fn check(fault: Fault) -> Report {
    conformance::check(|| async { Store::new(Faulty::new(fault)) }).await
}

/// How often a case runs on a fault that shows only if callers really race.
const TRIES: usize = 50;

/// Checks that each of `cases` fails on a store with `fault`.
async fn finds(fault: Fault, cases: &[&str]) {
    for name in cases {
        let case = conformance::cases().find(|case| case.name == *name).unwrap();
        let mut found = false;
        for _ in 0..TRIES {
            found = case.check(vec![Store::new(Faulty::new(fault))]).await.is_err();
            if found {
                break;
            }
        }
        assert!(found, "{name} did not find {fault:?}");
    }
}

macro_rules! planted {
    ($($name:ident: $fault:ident => $cases:expr;)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
        async fn $name() {
            finds(Fault::$fault, &$cases).await;
        }
    )*};
}

planted! {
    lost_update: LostUpdate => ["races/update", "races/take"];
    conflict_that_is_not_retried: ConflictKept => ["races/update"];
    double_remove: DoubleRemove => ["races/remove"];
    update_that_brings_a_row_back: UpdateBringsBack => ["races/update-remove"];
    insert_that_overwrites: InsertOverwrites => ["basics/insert"];
    insert_that_looks_first: InsertLooksFirst => ["races/insert"];
    put_that_only_creates: PutOnlyCreates => ["basics/put"];
    update_that_ignores_remove: UpdateIgnoresRemove => ["updates/remove", "races/take-out"];
    update_that_creates: UpdateCreates => ["updates/missing"];
    stale_read: StaleRead => ["basics/put", "updates/replace", "races/own-writes", "races/onward"];
    page_that_misses_a_row: PageMissesRow => ["listings/pages", "listings/same-expiry"];
    page_that_repeats_a_row: PageRepeatsRow => ["listings/pages"];
    list_without_its_last_page: ListStopsEarly => ["listings/pages"];
    page_that_is_too_long: PageTooLong => ["listings/pages"];
    list_of_other_users: ListOfOtherUsers => ["listings/only"];
    list_of_other_kinds: ListOfOtherKinds => ["listings/only"];
    list_that_does_not_follow: ListDoesNotFollow => ["listings/follow"];
    list_that_expires_late: ListExpiresLate => ["listings/expired"];
    sweep_that_does_not_check_again: SweepDoesNotLookAgain => ["expiry/prolong-race"];
    sweep_without_bound: SweepUnbounded => ["expiry/bounded"];
    sweep_that_counts_what_others_removed: SweepCountsTwice => ["expiry/several"];
    truncated_row: RowCut => ["rows/large"];
    empty_column_read_as_none: EmptyIsNone => ["rows/columns"];
    times_in_seconds: TimesInSeconds => ["rows/times"];
    key_case_folded: KeyFolded => ["keys/characters"];
    key_trimmed: KeyTrimmed => ["keys/characters"];
    key_truncated: KeyCut => ["keys/long"];
    kinds_in_one_key_space: KindsMixed => ["keys/kinds"];
    errors: Fails => ["basics/ping"];
    panics: Panics => ["basics/ping"];
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_wrapper_without_a_fault_passes() {
    let report = check(Fault::None).await;
    assert!(report.is_clean(), "{report}");
}

/// A report says what was expected and what was seen, and the kit itself does not panic.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn reports_say_what_happened() {
    let report = check(Fault::Fails).await;
    let text = report.to_string();
    assert!(text.contains("planted error"), "{text}");
    assert!(
        text.contains("basics/ping (a store that can be reached answers a ping): expected an answer; saw"),
        "{text}"
    );

    let report = check(Fault::Panics).await;
    assert!(report.to_string().contains("a task that died"), "{report}");
}

/// A cache in each process keeps the contract in one process and breaks it between two.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_cache_in_each_process() {
    let alone = conformance::check(|| async { Store::new(Cached::new(Arc::default())) }).await;
    assert!(alone.is_clean(), "{alone}");

    let shared = conformance::check_shared(|| async {
        let database = Arc::default();
        [Store::new(Cached::new(Arc::clone(&database))), Store::new(Cached::new(database))]
    })
    .await;
    for case in ["basics/put", "races/own-writes"] {
        assert!(shared.failed().contains(&case), "{shared}");
    }
}
