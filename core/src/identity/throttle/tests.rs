use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;

use super::Throttled::{Account, Client, Source, UserCode};
use super::*;
use crate::env::{ManualClock, Timestamp};

const START: i64 = 1_700_000_000_123;

fn throttle(settings: ThrottleSettings) -> (Throttle, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::starting_at(Timestamp::from_millis(START)));
    (Throttle::new(settings, Arc::clone(&clock) as Arc<dyn Clock>), clock)
}

fn usual() -> (Throttle, Arc<ManualClock>) {
    throttle(ThrottleSettings::default())
}

fn wait(seconds: u64) -> Result<(), RetryAfter> {
    Err(RetryAfter { seconds })
}

fn address(text: &str) -> Throttled<'static> {
    Source(text.parse().unwrap())
}

const ISRAEL: Throttled<'static> = Account("israel");

#[test]
fn after_twenty_failures_attempts_wait_until_the_first_is_a_minute_old() {
    for subject in [ISRAEL, Client("israel"), UserCode("israel")] {
        let (throttle, clock) = usual();
        for _ in 0..20 {
            assert_eq!(throttle.check(subject), Ok(()));
            assert_eq!(throttle.failed(subject), Ok(()));
            clock.advance(Duration::from_secs(1));
        }
        assert_eq!(throttle.check(subject), wait(40));
        clock.advance(Duration::from_millis(39_001));
        assert_eq!(throttle.check(subject), wait(1));
        clock.advance(Duration::from_millis(998));
        assert_eq!(throttle.check(subject), wait(1));
        clock.advance(Duration::from_millis(1));
        assert_eq!(throttle.check(subject), Ok(()));
        assert_eq!(throttle.failed(subject), Ok(()));
        assert_eq!(throttle.check(subject), wait(1));
    }
}

#[test]
fn an_attempt_that_has_to_wait_counts_neither_as_failure_nor_as_success() {
    let (throttle, clock) = usual();
    for _ in 0..20 {
        throttle.failed(ISRAEL).unwrap();
    }
    for _ in 0..1000 {
        assert_eq!(throttle.failed(ISRAEL), wait(60));
        assert_eq!(throttle.succeeded(ISRAEL), wait(60));
    }
    clock.advance(Duration::from_secs(60));
    assert_eq!(throttle.check(ISRAEL), Ok(()));
    assert_eq!(throttle.succeeded(ISRAEL), Ok(()));
}

#[test]
fn a_success_resets_the_failures() {
    for subject in [ISRAEL, Client("israel"), UserCode("israel")] {
        let (throttle, _) = usual();
        for _ in 0..5 {
            for _ in 0..19 {
                assert_eq!(throttle.failed(subject), Ok(()));
            }
            assert_eq!(throttle.check(subject), Ok(()));
            assert_eq!(throttle.succeeded(subject), Ok(()));
        }
    }
}

#[test]
fn a_source_has_a_separate_limit_that_no_success_resets() {
    let (throttle, clock) = usual();
    let source = address("192.0.2.7");
    for _ in 0..999 {
        throttle.failed(source).unwrap();
        throttle.succeeded(source).unwrap();
    }
    clock.advance(Duration::from_secs(20));
    throttle.failed(source).unwrap();
    assert_eq!(throttle.check(source), wait(40));
    assert_eq!(throttle.succeeded(source), wait(40));
    assert_eq!(throttle.check(address("192.0.2.8")), Ok(()));
}

#[test]
fn each_kind_and_each_name_is_counted_separately() {
    let (throttle, _) = usual();
    for _ in 0..20 {
        throttle.failed(ISRAEL).unwrap();
    }
    assert!(throttle.check(ISRAEL).is_err());
    for subject in [Client("israel"), UserCode("israel"), Account("Israel"), Account(""), address("::")] {
        assert_eq!(throttle.check(subject), Ok(()));
    }
}

#[test]
fn an_ipv6_source_counts_by_its_first_64_bits_and_a_mapped_address_as_ipv4() {
    let (throttle, _) = throttle(ThrottleSettings { source_failures: 1, ..ThrottleSettings::default() });
    throttle.failed(address("2001:db8:1:2:3:4:5:6")).unwrap();
    assert!(throttle.check(address("2001:db8:1:2:ffff::1")).is_err());
    assert!(throttle.check(address("2001:db8:1:3:3:4:5:6")).is_ok());
    throttle.failed(address("::ffff:192.0.2.7")).unwrap();
    assert!(throttle.check(address("192.0.2.7")).is_err());
    assert!(throttle.check(address("::ffff:192.0.2.8")).is_ok());
    assert!(throttle.check(address("192.0.2.8")).is_ok());
}

#[test]
fn zero_limits_and_extreme_windows_work() {
    let (strict, _) = throttle(ThrottleSettings {
        failures: 0,
        source_failures: 0,
        max_tracked: 0,
        ..ThrottleSettings::default()
    });
    assert_eq!(strict.check(ISRAEL), Ok(()));
    assert_eq!(strict.failed(ISRAEL), Ok(()));
    assert_eq!(strict.check(ISRAEL), wait(60));
    let (off, _) = throttle(ThrottleSettings { per: Duration::ZERO, ..ThrottleSettings::default() });
    for _ in 0..100 {
        assert_eq!(off.failed(ISRAEL), Ok(()));
    }
    let (forever, clock) = throttle(ThrottleSettings { per: Duration::MAX, ..ThrottleSettings::default() });
    for _ in 0..20 {
        assert_eq!(forever.failed(ISRAEL), Ok(()));
    }
    clock.advance(Duration::from_secs(1 << 40));
    assert!(forever.check(ISRAEL).is_err());
}

/// A clock that can be set back.
struct AdjustableClock(std::sync::atomic::AtomicI64);

impl Clock for AdjustableClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

#[test]
fn after_a_clock_is_set_back_failures_last_one_window_at_most() {
    let clock = Arc::new(AdjustableClock(START.into()));
    let throttle = Throttle::new(ThrottleSettings::default(), Arc::clone(&clock) as Arc<dyn Clock>);
    for _ in 0..20 {
        throttle.failed(ISRAEL).unwrap();
    }
    clock.0.fetch_sub(3_600_000, Ordering::SeqCst);
    assert_eq!(throttle.check(ISRAEL), wait(60));
    clock.0.fetch_add(60_000, Ordering::SeqCst);
    assert_eq!(throttle.check(ISRAEL), Ok(()));
}

#[test]
fn a_flood_of_names_is_bounded_and_displaces_no_throttled_account() {
    let settings = ThrottleSettings { max_tracked: 6_400, ..ThrottleSettings::default() };
    let (throttle, _) = throttle(settings);
    for _ in 0..20 {
        throttle.failed(ISRAEL).unwrap();
    }
    for _ in 0..2 {
        throttle.failed(Account("miriam")).unwrap();
    }
    for number in 0..100_000 {
        throttle.failed(Account(&format!("nobody {number}"))).unwrap();
    }
    assert!(throttle.accounts.tracked() <= 6_400);
    assert!(throttle.accounts.tracked() > 4_000);
    assert_eq!(throttle.check(ISRAEL), wait(60));
    for _ in 0..18 {
        assert_eq!(throttle.failed(Account("miriam")), Ok(()));
    }
    assert_eq!(throttle.check(Account("miriam")), wait(60));
    // A new name is still counted after the flood.
    for _ in 0..20 {
        assert_eq!(throttle.failed(Account("aaron")), Ok(()));
    }
    assert_eq!(throttle.check(Account("aaron")), wait(60));
}

#[test]
fn expired_entries_are_dropped_even_if_the_table_is_not_full() {
    let (throttle, clock) = usual();
    for number in 0..5_000 {
        throttle.failed(Account(&format!("before {number}"))).unwrap();
    }
    clock.advance(Duration::from_secs(60));
    for number in 0..2_000 {
        throttle.failed(Account(&format!("after {number}"))).unwrap();
    }
    assert!(throttle.accounts.tracked() <= 2_000);
    clock.advance(Duration::from_secs(30));
    throttle.failed(Account("last")).unwrap();
    assert!(throttle.accounts.tracked() >= 2_000);
}

#[test]
fn expired_entries_are_dropped_before_live_ones() {
    let (throttle, clock) = throttle(ThrottleSettings { max_tracked: 640, ..ThrottleSettings::default() });
    for number in 0..500 {
        for _ in 0..3 {
            throttle.failed(Account(&format!("old {number}"))).unwrap();
        }
    }
    clock.advance(Duration::from_secs(60));
    let fresh: Vec<_> = (0..100).map(|number| format!("fresh {number}")).collect();
    for name in &fresh {
        throttle.failed(Account(name)).unwrap();
    }
    for name in &fresh {
        for _ in 0..19 {
            throttle.failed(Account(name)).unwrap();
        }
        assert_eq!(throttle.check(Account(name)), wait(60), "{name}");
    }
}

#[test]
fn of_many_concurrent_attempts_only_twenty_learn_that_they_failed() {
    let (throttle, _) = usual();
    let told = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                for number in 0..500 {
                    if throttle.failed(ISRAEL).is_ok() {
                        told.fetch_add(1, Ordering::SeqCst);
                    }
                    let _ = throttle.failed(Account(&format!("other {number}")));
                    let _ = throttle.check(ISRAEL);
                }
            });
        }
    });
    assert_eq!(told.load(Ordering::SeqCst), 20);
    assert_eq!(throttle.check(ISRAEL), wait(60));
    assert_eq!(throttle.check(Account("other 499")), Ok(()));
}

#[derive(Clone, Debug)]
enum Step {
    Pass(u64),
    Fail,
    Succeed,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0u64..4_000).prop_map(Step::Pass),
        8 => Just(Step::Fail),
        1 => (0u64..90_000).prop_map(Step::Pass),
        1 => Just(Step::Succeed),
    ];
    prop::collection::vec(step, 0..300)
}

/// The reference implementation: counts the failures of the last minute.
fn reference(failures: &[i64], now: i64, limit: usize) -> Result<(), RetryAfter> {
    let alive: Vec<_> = failures.iter().filter(|at| **at + 60_000 > now).collect();
    match alive.len().checked_sub(limit) {
        None => Ok(()),
        Some(first) => wait((*alive[first] + 60_000 - now).unsigned_abs().div_ceil(1000)),
    }
}

proptest! {
    #[test]
    fn it_agrees_with_the_reference(steps in steps(), limit in 1u32..=64) {
        let (throttle, clock) = throttle(ThrottleSettings { failures: limit, ..ThrottleSettings::default() });
        let mut failures = Vec::new();
        for step in steps {
            let now = clock.now().as_millis();
            let expected = reference(&failures, now, limit as usize);
            prop_assert_eq!(throttle.check(ISRAEL), expected);
            match step {
                Step::Pass(by) => clock.advance(Duration::from_millis(by)),
                Step::Fail => {
                    prop_assert_eq!(throttle.failed(ISRAEL), expected);
                    if expected.is_ok() {
                        failures.push(now);
                    }
                }
                Step::Succeed => {
                    prop_assert_eq!(throttle.succeeded(ISRAEL), expected);
                    if expected.is_ok() {
                        failures.clear();
                    }
                }
            }
        }
    }

    #[test]
    fn a_high_limit_holds_to_a_64th_of_the_window(
        gaps in prop::collection::vec(prop_oneof![8 => 0u64..200, 1 => 0u64..30_000], 0..600),
        limit in 65u32..200,
    ) {
        let settings = ThrottleSettings { source_failures: limit, ..ThrottleSettings::default() };
        let (throttle, clock) = throttle(settings);
        let source = address("192.0.2.7");
        let mut failures: Vec<i64> = Vec::new();
        for gap in gaps {
            clock.advance(Duration::from_millis(gap));
            let now = clock.now().as_millis();
            let within = |length: i64| failures.iter().filter(|at| **at + length > now).count();
            let (surely, possibly) = (within(60_000 - 60_000 / 64), within(60_000));
            match throttle.failed(source) {
                Ok(()) => {
                    prop_assert!(surely < limit as usize);
                    failures.push(now);
                }
                Err(RetryAfter { seconds }) => {
                    prop_assert!(possibly >= limit as usize);
                    prop_assert!((1..=60).contains(&seconds));
                }
            }
        }
    }
}
