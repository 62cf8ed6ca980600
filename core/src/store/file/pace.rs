//! How fast the log may grow while the database is behind.

use std::time::Duration;

/// The database applies the log when it has this many bytes. A larger value means fewer transactions, longer ones, and more log
/// to read after a crash.
pub(super) const DUE: u64 = 4 << 20;
/// How long the log becomes while the database applies the previous part, if the database is saturated.
const TARGET: u64 = 4 << 20;
/// At this size the log waits for the database. It is only reached if the database takes seconds.
pub(super) const FULL: u64 = 4 * TARGET;
/// However slow the database is, some writes are answered.
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

/// Slows the log down to the pace of the database. Without it the log would be full long before the database has applied the
/// previous part, and all callers would wait for the rest of that time.
pub(super) struct Pace {
    /// How long the database takes for a byte of the log, in seconds.
    seconds_per_byte: f64,
}

impl Pace {
    /// Guesses how fast the database is.
    pub(super) fn new() -> Self {
        Self { seconds_per_byte: 60e-9 }
    }

    /// The database took `time` for `bytes` of the log.
    pub(super) fn observe(&mut self, bytes: u64, time: Duration) {
        // A few bytes say little: each transaction has a part that does not depend on its size.
        if bytes >= DUE {
            let observed = time.as_secs_f64() / bytes as f64;
            self.seconds_per_byte = 0.5 * self.seconds_per_byte + 0.5 * observed;
        }
    }

    /// How long to wait after `batch` bytes were appended in `time` while the database is busy, if the log has `size` bytes.
    ///
    /// A batch takes `3 x²` times as long as the database takes for as many bytes, where `x` is the size in units of `TARGET`.
    /// While the log grows to `x`, the database then applies `x³` units: a saturated database has applied the previous part
    /// when `x` is 1. If it takes longer, the log still grows, but ever more slowly.
    pub(super) fn pause(&self, batch: u64, time: Duration, size: u64) -> Duration {
        let part = size as f64 / TARGET as f64;
        let pause = self.seconds_per_byte * batch as f64 * 3.0 * part * part - time.as_secs_f64();
        Duration::from_secs_f64(pause.clamp(0.0, LONGEST_PAUSE.as_secs_f64()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A saturated store: callers have a batch ready at all times. Returns the longest time without an answer and the bytes
    /// per second that are answered, without the first ten generations.
    fn saturate(batch: u64, database: impl Fn(u64) -> f64, paced: bool) -> (f64, f64) {
        const APPEND: f64 = 0.0006;
        let mut pace = Pace::new();
        let (mut now, mut size, mut answered, mut longest) = (0.0, 0, 0, 0.0_f64);
        let (mut last, mut started) = (0.0, 0.0);
        // What the database is applying, since when, and until when.
        let mut applying: Option<(u64, f64, f64)> = None;
        let mut generations = 0;
        while generations < 60 {
            if size >= FULL {
                // The log waits for the database.
                if let Some((_, _, end)) = applying {
                    now = f64::max(now, end);
                }
            }
            if let Some((bytes, begun, end)) = applying
                && now >= end
            {
                pace.observe(bytes, Duration::from_secs_f64(end - begun));
                applying = None;
            }
            if applying.is_none() && size >= DUE {
                generations += 1;
                applying = Some((size, now, now + database(size)));
                size = 0;
                if generations == 10 {
                    (longest, answered, started) = (0.0, 0, now);
                }
            }
            now += APPEND;
            size += batch;
            answered += batch;
            longest = longest.max(now - last);
            last = now;
            if let (Some((_, _, end)), true) = (applying, paced) {
                // The result of the database ends a pause.
                let time = Duration::from_secs_f64(APPEND);
                let pause = pace.pause(batch, time, size).as_secs_f64();
                now = f64::min(now + pause, f64::max(now, end));
            }
        }
        (longest, answered as f64 / (now - started))
    }

    #[test]
    fn callers_do_not_wait_for_a_whole_transaction_of_the_database() {
        // Forty milliseconds and forty microseconds for each row of 530 bytes, as measured.
        let database = |bytes: u64| 0.04 + bytes as f64 / 530.0 * 40e-6;
        for callers in [8, 64, 256] {
            let batch = (callers * 530_u64).next_multiple_of(4096);
            let (stall, throughput) = saturate(batch, database, true);
            let (unpaced_stall, unpaced_throughput) = saturate(batch, database, false);
            assert!(stall < 0.06, "{callers} callers: {stall} s");
            assert!(unpaced_stall > 2.0 * stall, "{callers} callers: {unpaced_stall} s");
            assert!(
                throughput > 0.8 * unpaced_throughput,
                "{throughput} and {unpaced_throughput} bytes a second"
            );
        }
    }

    /// The database stops for more than a second once in a while, as when the disk is busy with something else.
    #[test]
    fn a_slow_transaction_now_and_then_is_no_stall_either() {
        let count = std::cell::Cell::new(0);
        let database = |bytes: u64| {
            count.set(count.get() + 1);
            let slow = if count.get() % 8 == 0 { 1.5 } else { 0.0 };
            0.04 + slow + bytes as f64 / 530.0 * 40e-6
        };
        for callers in [8, 64, 256] {
            let (stall, _) = saturate(callers * 530, database, true);
            assert!(stall < 0.1, "{callers} callers: {stall} s");
        }
    }

    #[test]
    fn a_database_that_keeps_up_slows_nothing_down() {
        let mut pace = Pace::new();
        pace.observe(1 << 20, Duration::from_millis(100));
        assert!(pace.pause(4096, Duration::ZERO, 100 << 10) < Duration::from_micros(20));
        assert_eq!(pace.pause(4096, Duration::from_millis(5), TARGET), Duration::ZERO);
        assert_eq!(pace.pause(1 << 30, Duration::ZERO, FULL), LONGEST_PAUSE);
    }
}
