use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use proptest::prelude::*;

use super::Throttled::{Account, Client, UserCode};
use super::*;
use crate::env::{ManualClock, Timestamp};

const START: i64 = 1_700_000_000_123;
const HOUR: u64 = 60 * 60;

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

fn peer(text: &str) -> Source {
    Source::peer(Some(text.parse().unwrap()))
}

/// One of very many public addresses.
fn public(number: u32) -> Source {
    Source::peer(Some(IpAddr::V4((0x0800_0000 + number).into())))
}

fn account(name: &str) -> Attempt<'_> {
    Attempt::new(Account(name), NOWHERE)
}

fn from(source: Source) -> Attempt<'static> {
    Attempt::new(Account("israel"), source)
}

const ISRAEL: Attempt<'static> = Attempt { what: Account("israel"), source: NOWHERE };
const NOWHERE: Source = Source::nowhere();

fn pass(clock: &ManualClock, seconds: u64) {
    clock.advance(Duration::from_secs(seconds));
}

fn fail(throttle: &Throttle, attempt: Attempt<'_>, times: usize) {
    for at in 0..times {
        assert_eq!(throttle.check(attempt), Ok(()), "{at}");
        assert_eq!(throttle.failed(attempt), Ok(()), "{at}");
    }
}

#[test]
fn blocks_of_a_pair_grow_up_to_fifteen_minutes_and_an_hour_forgets_them() {
    for what in [Account("israel"), Client("israel")] {
        let (throttle, clock) = usual();
        let attempt = Attempt::new(what, peer("192.0.2.7"));
        for block in [60, 120, 240, 480, 900, 900] {
            fail(&throttle, attempt, 20);
            assert_eq!(throttle.check(attempt), wait(block));
            pass(&clock, block - 1);
            assert_eq!(throttle.check(attempt), wait(1));
            pass(&clock, 1);
        }
        fail(&throttle, attempt, 1);
        pass(&clock, HOUR - 1);
        fail(&throttle, attempt, 1);
        pass(&clock, HOUR);
        fail(&throttle, attempt, 20);
        assert_eq!(throttle.check(attempt), wait(60));
    }
}

#[test]
fn only_failures_within_a_minute_add_up_to_a_block() {
    let (throttle, clock) = usual();
    for _ in 0..100 {
        fail(&throttle, ISRAEL, 1);
        pass(&clock, 4);
    }
    // 14 of them are less than a minute old.
    fail(&throttle, ISRAEL, 6);
    assert_eq!(throttle.check(ISRAEL), wait(60));
}

#[test]
fn a_try_that_is_told_to_wait_is_no_failure_and_no_success() {
    let (throttle, clock) = usual();
    fail(&throttle, ISRAEL, 20);
    for _ in 0..1000 {
        assert_eq!(throttle.failed(ISRAEL), wait(60));
        assert_eq!(throttle.succeeded(ISRAEL), wait(60));
    }
    pass(&clock, 60);
    assert_eq!(throttle.check(ISRAEL), Ok(()));
    assert_eq!(throttle.succeeded(ISRAEL), Ok(()));
}

#[test]
fn a_success_forgets_the_failures_and_the_blocks_of_its_source() {
    for what in [Account("israel"), Client("israel")] {
        let (throttle, clock) = usual();
        let [attempt, other] = [1, 2].map(|number| Attempt::new(what, public(number)));
        fail(&throttle, attempt, 20);
        fail(&throttle, other, 19);
        pass(&clock, 60);
        for _ in 0..5 {
            fail(&throttle, attempt, 19);
            assert_eq!(throttle.succeeded(attempt), Ok(()));
            pass(&clock, 60);
        }
        fail(&throttle, attempt, 20);
        assert_eq!(throttle.check(attempt), wait(60));
    }
}

#[test]
fn sources_and_kinds_and_names_are_apart() {
    let (throttle, _) = usual();
    fail(&throttle, from(public(1)), 20);
    assert!(throttle.check(from(public(1))).is_err());
    for what in [Client("israel"), UserCode(Some("israel")), Account("Israel"), Account("")] {
        assert_eq!(throttle.check(Attempt::new(what, public(1))), Ok(()), "{what:?}");
    }
    for source in [public(2), NOWHERE, public(1).with_browser(Some(7))] {
        let same = source.address() == public(1).address();
        assert_eq!(throttle.check(from(source)).is_err(), same, "{source:?}");
    }
}

#[test]
fn after_a_hundred_failures_over_all_sources_only_known_ones_get_in() {
    for what in [Account("israel"), Client("israel")] {
        let (throttle, clock) = usual();
        let at = |number| Attempt::new(what, public(number));
        throttle.succeeded(at(1)).unwrap();
        pass(&clock, HOUR);
        for number in 100..200 {
            fail(&throttle, at(number), 1);
        }
        // The moments of a limit above 64 are kept to a part of the window.
        assert_eq!(throttle.check(at(200)), wait(60));
        assert_eq!(throttle.failed(at(200)), wait(60));
        assert_eq!(throttle.succeeded(at(200)), wait(60));
        assert_eq!(throttle.check(at(1)), Ok(()));
        assert_eq!(throttle.succeeded(at(1)), Ok(()));
        // A known source has its own limit all the same, and its success opens nothing for the others.
        assert_eq!(throttle.check(at(200)), wait(60));
        fail(&throttle, at(1), 20);
        assert_eq!(throttle.check(at(1)), wait(60));
        pass(&clock, 60);
        assert_eq!(throttle.succeeded(at(200)), Ok(()));
    }
}

#[test]
fn failures_of_a_known_source_count_over_all_sources() {
    let (throttle, clock) = usual();
    throttle.succeeded(from(public(1))).unwrap();
    for number in 100..190 {
        fail(&throttle, from(public(number)), 1);
    }
    fail(&throttle, from(public(1)), 10);
    assert_eq!(throttle.check(from(public(200))), wait(60));
    pass(&clock, 60);
    assert_eq!(throttle.check(from(public(200))), Ok(()));
}

#[test]
fn a_known_browser_gets_in_from_anywhere_and_cannot_be_used_to_guess() {
    let (throttle, _) = usual();
    throttle.know_browser("israel", 7);
    let browser = |number, browser| from(public(number).with_browser(Some(browser)));
    for number in 100..200 {
        fail(&throttle, from(public(number)), 1);
    }
    assert_eq!(throttle.check(browser(1, 8)), wait(60));
    assert_eq!(throttle.check(Attempt::new(Account("miriam"), public(1).with_browser(Some(7)))), Ok(()));
    for number in 0..20 {
        fail(&throttle, browser(number, 7), 1);
    }
    assert_eq!(throttle.check(browser(20, 7)), wait(60));
}

/// Whoever guesses at the same address has no way to keep it out.
#[test]
fn a_known_browser_is_judged_by_its_own_pair_alone() {
    let (throttle, clock) = throttle(ThrottleSettings::default().source_failures(30));
    throttle.know_browser("israel", 7);
    let (anybody, browser) = (from(public(1)), from(public(1).with_browser(Some(7))));
    fail(&throttle, anybody, 20);
    for number in 0..10 {
        fail(&throttle, Attempt::new(Account(&format!("nobody {number}")), public(1)), 1);
    }
    assert_eq!(throttle.check(anybody), wait(60));
    assert_eq!(throttle.check(Attempt::new(Account("miriam"), public(1))), wait(60));
    assert_eq!(throttle.check(browser), Ok(()));
    assert_eq!(throttle.succeeded(browser), Ok(()));
    assert_eq!(throttle.check(anybody), wait(60));
    fail(&throttle, browser, 20);
    assert_eq!(throttle.check(browser), wait(60));
    assert_eq!(throttle.failed(browser), wait(60));
    // For another account it is a browser like any other.
    pass(&clock, 60);
    let other = Attempt::new(Account("miriam"), public(1).with_browser(Some(7)));
    fail(&throttle, other, 20);
    assert_eq!(throttle.check(other), wait(60));
}

#[test]
fn failures_in_a_known_browser_count_for_its_source_too() {
    let (throttle, _) = usual();
    throttle.know_browser("israel", 7);
    fail(&throttle, from(public(1).with_browser(Some(7))), 20);
    assert_eq!(throttle.check(from(public(1))), wait(60));
}

#[test]
fn one_account_does_not_make_those_of_others_forgotten() {
    let (throttle, _) = throttle(ThrottleSettings::default().max_tracked(1_000));
    throttle.know_browser("israel", 7);
    throttle.succeeded(from(public(7))).unwrap();
    for number in 0..10_000 {
        throttle.know_browser("miriam", number);
        throttle.succeeded(Attempt::new(Account("miriam"), public(100 + number as u32))).unwrap();
    }
    for number in 0..100 {
        fail(&throttle, from(public(number + 1000)), 1);
    }
    assert_eq!(throttle.check(from(public(1))), wait(60));
    assert_eq!(throttle.check(from(public(1).with_browser(Some(7)))), Ok(()));
    assert_eq!(throttle.check(from(public(7))), Ok(()));
}

#[test]
fn a_source_has_a_limit_over_all_accounts_that_no_success_resets() {
    let (throttle, clock) = usual();
    let names: Vec<_> = (0..1000).map(|number| format!("nobody {number}")).collect();
    let at = |name, number| Attempt::new(Account(name), public(number));
    for name in &names[..999] {
        fail(&throttle, at(name, 1), 1);
        throttle.succeeded(at(name, 1)).unwrap();
    }
    pass(&clock, 20);
    fail(&throttle, at(&names[999], 1), 1);
    assert_eq!(throttle.check(from(public(1))), wait(40));
    assert_eq!(throttle.succeeded(Attempt::new(Client("web"), public(1))), wait(40));
    assert_eq!(throttle.check(from(public(2))), Ok(()));
}

#[test]
fn direct_peers_on_local_addresses_are_exempt_from_the_limits_of_a_source() {
    let settings = ThrottleSettings::default().source_failures(1).sign_ups(1);
    for local in [
        "127.0.0.1",
        "127.9.9.9",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.1.1",
        "::1",
        "fd00::1",
        "fe80::1",
    ] {
        let (throttle, _) = throttle(settings.clone());
        let mapped: IpAddr = match local.parse().unwrap() {
            IpAddr::V4(v4) => v4.to_ipv6_mapped().into(),
            v6 => v6,
        };
        for source in [peer(local), Source::peer(Some(mapped))] {
            throttle.failed(Attempt::new(Account("a"), source)).unwrap();
            assert_eq!(throttle.check(Attempt::new(Account("b"), source)), Ok(()), "{local}");
            assert_eq!([throttle.sign_up(source), throttle.sign_up(source)], [Ok(()), Ok(())]);
        }
        // Forwarded by a trusted proxy, it counts.
        let forwarded = Source::forwarded(local.parse().unwrap());
        throttle.failed(Attempt::new(Account("a"), forwarded)).unwrap();
        assert!(throttle.check(Attempt::new(Account("b"), forwarded)).is_err(), "{local}");
        assert_eq!([throttle.sign_up(forwarded), throttle.sign_up(forwarded)], [Ok(()), wait(60)]);
    }
    let (throttle, _) = throttle(settings);
    throttle.failed(Attempt::new(Account("a"), public(1))).unwrap();
    assert!(throttle.check(Attempt::new(Account("b"), public(1))).is_err());
    assert_eq!([throttle.sign_up(public(1)), throttle.sign_up(public(1))], [Ok(()), wait(60)]);
    assert_eq!(throttle.sign_up(NOWHERE), Ok(()));
}

#[test]
fn wrong_user_codes_count_per_source_and_per_person() {
    let (throttle, clock) = usual();
    let local = peer("127.0.0.1");
    let at = |person, source| Attempt::new(UserCode(person), source);
    for _ in 0..20 {
        throttle.succeeded(at(None, local)).unwrap();
        fail(&throttle, at(None, local), 1);
    }
    assert_eq!(throttle.check(at(None, local)), wait(60));
    assert_eq!(throttle.check(at(Some("israel"), public(1))), Ok(()));
    for number in 0..20 {
        fail(&throttle, at(Some("israel"), public(number)), 1);
    }
    assert_eq!(throttle.check(at(Some("israel"), public(30))), wait(60));
    assert_eq!(throttle.check(at(Some("miriam"), public(30))), Ok(()));
    pass(&clock, 60);
    assert_eq!(throttle.check(at(None, local)), Ok(()));
}

#[test]
fn an_ipv6_source_is_its_first_64_bits_and_a_mapped_address_its_ipv4_one() {
    let (throttle, _) = throttle(ThrottleSettings::default().failures(1));
    throttle.failed(from(peer("2001:db8:1:2:3:4:5:6"))).unwrap();
    assert!(throttle.check(from(peer("2001:db8:1:2:ffff::1"))).is_err());
    assert!(throttle.check(from(peer("2001:db8:1:3:3:4:5:6"))).is_ok());
    throttle.failed(from(peer("::ffff:192.0.2.7"))).unwrap();
    assert!(throttle.check(from(peer("192.0.2.7"))).is_err());
    assert!(throttle.check(from(peer("::ffff:192.0.2.8"))).is_ok());
    assert!(throttle.check(from(peer("192.0.2.8"))).is_ok());
}

#[test]
fn no_limit_of_nothing_and_no_window_of_nothing_breaks_it() {
    let zero = ThrottleSettings::default().failures(0).account_failures(0).source_failures(0).max_tracked(0);
    let (strict, _) = throttle(zero);
    assert_eq!(strict.check(ISRAEL), Ok(()));
    assert_eq!(strict.failed(ISRAEL), Ok(()));
    assert_eq!(strict.check(ISRAEL), wait(60));
    let (off, _) = throttle(ThrottleSettings::default().failures(1).sign_ups(1).per(Duration::ZERO));
    for _ in 0..100 {
        assert_eq!(off.failed(from(public(1))), Ok(()));
        assert_eq!(off.sign_up(public(1)), Ok(()));
    }
    let settings = ThrottleSettings::default().per(Duration::MAX).blocks(Duration::MAX, Duration::MAX);
    let (forever, clock) = throttle(settings.forget_after(Duration::MAX));
    fail(&forever, ISRAEL, 20);
    clock.advance(Duration::from_secs(1 << 40));
    assert!(forever.check(ISRAEL).is_err());
}

/// A clock that can be set back.
struct Wrong(std::sync::atomic::AtomicI64);

impl Clock for Wrong {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

#[test]
fn a_clock_that_is_set_back_costs_one_block_at_most() {
    let clock = Arc::new(Wrong(START.into()));
    let throttle = Throttle::new(ThrottleSettings::default(), Arc::clone(&clock) as Arc<dyn Clock>);
    let code = Attempt::new(UserCode(None), NOWHERE);
    fail(&throttle, ISRAEL, 20);
    fail(&throttle, code, 20);
    clock.0.fetch_sub(3_600_000, Ordering::SeqCst);
    assert_eq!(throttle.check(ISRAEL), wait(900));
    assert_eq!(throttle.check(code), wait(60));
    clock.0.fetch_add(900_000, Ordering::SeqCst);
    assert_eq!(throttle.check(ISRAEL), Ok(()));
    assert_eq!(throttle.check(code), Ok(()));
}

#[test]
fn a_flood_of_names_stays_within_bounds_and_frees_nobody() {
    let settings = ThrottleSettings::default().max_tracked(6_400);
    let (throttle, _) = throttle(settings);
    for _ in 0..20 {
        throttle.failed(ISRAEL).unwrap();
    }
    for _ in 0..2 {
        throttle.failed(account("miriam")).unwrap();
    }
    for number in 0..100_000 {
        throttle.failed(account(&format!("nobody {number}"))).unwrap();
    }
    assert!(throttle.accounts.pairs.tracked() <= 6_400);
    assert!(throttle.accounts.pairs.tracked() > 4_000);
    assert_eq!(throttle.check(ISRAEL), wait(60));
    for _ in 0..18 {
        assert_eq!(throttle.failed(account("miriam")), Ok(()));
    }
    assert_eq!(throttle.check(account("miriam")), wait(60));
    // A name that was never seen is still counted, flood or no flood.
    for _ in 0..20 {
        assert_eq!(throttle.failed(account("aaron")), Ok(()));
    }
    assert_eq!(throttle.check(account("aaron")), wait(60));
}

#[test]
fn what_has_expired_does_not_stay_though_there_is_room() {
    let (throttle, clock) = usual();
    for number in 0..5_000 {
        throttle.failed(account(&format!("before {number}"))).unwrap();
    }
    clock.advance(Duration::from_secs(60));
    for number in 0..2_000 {
        throttle.failed(account(&format!("after {number}"))).unwrap();
    }
    assert!(throttle.accounts.pairs.tracked() <= 2_000);
    clock.advance(Duration::from_secs(30));
    throttle.failed(account("last")).unwrap();
    assert!(throttle.accounts.pairs.tracked() >= 2_000);
}

#[test]
fn what_has_expired_makes_room_before_what_has_not() {
    let (throttle, clock) = throttle(ThrottleSettings::default().max_tracked(640));
    for number in 0..500 {
        for _ in 0..3 {
            throttle.failed(account(&format!("old {number}"))).unwrap();
        }
    }
    clock.advance(Duration::from_secs(60));
    let fresh: Vec<_> = (0..100).map(|number| format!("fresh {number}")).collect();
    for name in &fresh {
        throttle.failed(account(name)).unwrap();
    }
    for name in &fresh {
        for _ in 0..19 {
            throttle.failed(account(name)).unwrap();
        }
        assert_eq!(throttle.check(account(name)), wait(60), "{name}");
    }
}

#[test]
fn of_many_tries_at_once_only_twenty_find_out_that_they_were_wrong() {
    let (throttle, _) = usual();
    let told = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                for number in 0..500 {
                    if throttle.failed(ISRAEL).is_ok() {
                        told.fetch_add(1, Ordering::SeqCst);
                    }
                    let _ = throttle.failed(account(&format!("other {number}")));
                    let _ = throttle.check(ISRAEL);
                }
            });
        }
    });
    assert_eq!(told.load(Ordering::SeqCst), 20);
    assert_eq!(throttle.check(ISRAEL), wait(60));
    assert_eq!(throttle.check(account("other 499")), Ok(()));
}

#[derive(Clone, Debug)]
enum Step {
    Pass(u64),
    Fail,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0u64..4_000).prop_map(Step::Pass),
        8 => Just(Step::Fail),
        1 => (0u64..90_000).prop_map(Step::Pass),
    ];
    prop::collection::vec(step, 0..300)
}

/// How long to wait with `limit` failures allowed, by the definition: the failures of the last minute, counted.
fn by_the_book(failures: &[i64], now: i64, limit: usize) -> Result<(), RetryAfter> {
    let alive: Vec<_> = failures.iter().filter(|at| **at + 60_000 > now).collect();
    match alive.len().checked_sub(limit) {
        None => Ok(()),
        Some(first) => wait((*alive[first] + 60_000 - now).unsigned_abs().div_ceil(1000)),
    }
}

proptest! {
    #[test]
    fn a_window_counts_as_the_definition_says(steps in steps(), limit in 1u32..=64) {
        let (throttle, clock) = throttle(ThrottleSettings::default().failures(limit));
        let code = Attempt::new(UserCode(None), NOWHERE);
        let mut failures = Vec::new();
        for step in steps {
            let now = clock.now().as_millis();
            let expected = by_the_book(&failures, now, limit as usize);
            prop_assert_eq!(throttle.check(code), expected);
            match step {
                Step::Pass(by) => clock.advance(Duration::from_millis(by)),
                Step::Fail => {
                    prop_assert_eq!(throttle.failed(code), expected);
                    if expected.is_ok() {
                        failures.push(now);
                    }
                }
            }
        }
    }

    #[test]
    fn a_high_limit_is_kept_to_a_part_of_the_window(
        gaps in prop::collection::vec(prop_oneof![8 => 0u64..200, 1 => 0u64..30_000], 0..600),
        limit in 65u32..200,
    ) {
        let (throttle, clock) = throttle(ThrottleSettings::default().source_failures(limit));
        let mut failures: Vec<i64> = Vec::new();
        for gap in gaps {
            clock.advance(Duration::from_millis(gap));
            let now = clock.now().as_millis();
            let within = |length: i64| failures.iter().filter(|at| **at + length > now).count();
            let (surely, possibly) = (within(60_000 - 60_000 / 64), within(60_000));
            match throttle.failed(Attempt::new(Account(&gap.to_string()), public(1))) {
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
