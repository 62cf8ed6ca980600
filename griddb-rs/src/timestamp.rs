//! A point in time, as fine as any of GridDB's three timestamp columns keeps it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

const NANOS_PER_SECOND: u32 = 1_000_000_000;

/// A point in time: seconds and nanoseconds since 1970-01-01 UTC.
///
/// One type serves all three kinds of column: `TIMESTAMP` keeps milliseconds, `TIMESTAMP(6)` microseconds and
/// `TIMESTAMP(9)` nanoseconds. What a column cannot keep is cut off, towards the past.
///
/// ```
/// use griddb_rs::Timestamp;
///
/// let time = Timestamp::from_millis(1_700_000_000_123);
/// assert_eq!(time.as_millis(), 1_700_000_000_123);
/// assert!(Timestamp::from_millis(-1) < Timestamp::from_millis(0));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp {
    seconds: i64,
    nanos: u32,
}

impl Timestamp {
    /// So many milliseconds after 1970 (before it when negative).
    pub const fn from_millis(millis: i64) -> Self {
        Self { seconds: millis.div_euclid(1000), nanos: millis.rem_euclid(1000) as u32 * 1_000_000 }
    }

    /// So many microseconds after 1970 (before it when negative).
    pub const fn from_micros(micros: i64) -> Self {
        Self { seconds: micros.div_euclid(1_000_000), nanos: micros.rem_euclid(1_000_000) as u32 * 1000 }
    }

    /// So many seconds after 1970 and, from there, nanoseconds forward.
    ///
    /// `nanos` of a second or more are carried over; the seconds stop at the ends of `i64`.
    pub const fn from_seconds(seconds: i64, nanos: u32) -> Self {
        Self {
            seconds: seconds.saturating_add((nanos / NANOS_PER_SECOND) as i64),
            nanos: nanos % NANOS_PER_SECOND,
        }
    }

    /// Whole seconds since 1970, rounded towards the past.
    pub const fn seconds(self) -> i64 {
        self.seconds
    }

    /// Nanoseconds after [`seconds`](Self::seconds), below one second.
    pub const fn subsec_nanos(self) -> u32 {
        self.nanos
    }

    /// Milliseconds since 1970, rounded towards the past; it stops at the ends of `i64`.
    pub const fn as_millis(self) -> i64 {
        clamp(self.seconds as i128 * 1000 + (self.nanos / 1_000_000) as i128)
    }

    /// Microseconds since 1970, rounded towards the past; it stops at the ends of `i64`.
    pub const fn as_micros(self) -> i64 {
        clamp(self.seconds as i128 * 1_000_000 + (self.nanos / 1000) as i128)
    }

    /// The two fields of a `TIMESTAMP(9)` column: quarter microseconds and the nanoseconds of one of them.
    pub(crate) const fn to_nano_fields(self) -> (i64, u8) {
        let high = clamp(self.seconds as i128 * 4_000_000 + (self.nanos / 250) as i128);
        (high, (self.nanos % 250) as u8)
    }

    pub(crate) const fn from_nano_fields(high: i64, low: u8) -> Self {
        let nanos = high.rem_euclid(4_000_000) as u32 * 250 + low as u32;
        Self::from_seconds(high.div_euclid(4_000_000), nanos)
    }
}

const fn clamp(value: i128) -> i64 {
    if value > i64::MAX as i128 {
        i64::MAX
    } else if value < i64::MIN as i128 {
        i64::MIN
    } else {
        value as i64
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        match time.duration_since(UNIX_EPOCH) {
            Ok(after) => Self::from_seconds(after.as_secs() as i64, after.subsec_nanos()),
            Err(before) => {
                let before = before.duration();
                let whole = -(before.as_secs() as i64);
                match before.subsec_nanos() {
                    0 => Self::from_seconds(whole, 0),
                    nanos => Self::from_seconds(whole - 1, NANOS_PER_SECOND - nanos),
                }
            }
        }
    }
}

impl TryFrom<Timestamp> for SystemTime {
    type Error = std::time::SystemTimeError;

    /// # Errors
    /// The system's clock cannot hold a time that far away.
    fn try_from(time: Timestamp) -> Result<Self, Self::Error> {
        let whole = Duration::from_secs(time.seconds.unsigned_abs());
        let moved =
            if time.seconds < 0 { UNIX_EPOCH.checked_sub(whole) } else { UNIX_EPOCH.checked_add(whole) };
        let moved = moved.and_then(|moved| moved.checked_add(Duration::from_nanos(u64::from(time.nanos))));
        match moved {
            Some(moved) => Ok(moved),
            // The only way to make this error is to ask for a difference that is negative.
            None => UNIX_EPOCH.duration_since(UNIX_EPOCH + Duration::from_secs(1)).map(|_| UNIX_EPOCH),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn before_1970() {
        let time = Timestamp::from_millis(-1);
        assert_eq!((time.seconds(), time.subsec_nanos()), (-1, 999_000_000));
        assert_eq!(time.as_millis(), -1);
        let system = SystemTime::try_from(time).unwrap();
        assert_eq!(system, UNIX_EPOCH - Duration::from_millis(1));
        assert_eq!(Timestamp::from(system), time);
    }

    proptest! {
        #[test]
        fn round_trips(millis in any::<i64>(), nanos in 0..NANOS_PER_SECOND, seconds in -8_000_000_000..8_000_000_000i64) {
            prop_assert_eq!(Timestamp::from_millis(millis).as_millis(), millis);
            prop_assert_eq!(Timestamp::from_micros(millis).as_micros(), millis);
            let time = Timestamp::from_seconds(seconds, nanos);
            let (high, low) = time.to_nano_fields();
            prop_assert_eq!(Timestamp::from_nano_fields(high, low), time);
        }
    }
}
