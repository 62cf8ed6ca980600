//! A point in time, with the precision of GridDB's finest timestamp column.

use std::{
    fmt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

const NANOS_PER_SECOND: u32 = 1_000_000_000;

/// A point in time: seconds and nanoseconds since 1970-01-01 UTC.
///
/// One type serves all three kinds of column: `TIMESTAMP` keeps milliseconds, `TIMESTAMP(6)` microseconds and
/// `TIMESTAMP(9)` nanoseconds. Excess precision is truncated towards the past. The server accepts no time before
/// 1970.
///
/// It is displayed as ISO 8601 in UTC, with as many fractional digits as it needs.
///
/// For the current time, convert a [`SystemTime`].
///
/// ```
/// use griddb_rs::Timestamp;
///
/// let time = Timestamp::from_millis(1_700_000_000_123);
/// assert_eq!(time.as_millis(), 1_700_000_000_123);
/// assert_eq!(time.to_string(), "2023-11-14T22:13:20.123Z");
/// assert!(Timestamp::from_millis(-1) < Timestamp::from_millis(0));
///
/// let now = Timestamp::from(std::time::SystemTime::now()).floor_to_millis();
/// assert_eq!(Timestamp::from_millis(now.as_millis()), now);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp {
    seconds: i64,
    nanos: u32,
}

impl Timestamp {
    /// Milliseconds since 1970; negative before it.
    pub const fn from_millis(millis: i64) -> Self {
        Self { seconds: millis.div_euclid(1000), nanos: millis.rem_euclid(1000) as u32 * 1_000_000 }
    }

    /// Microseconds since 1970; negative before it.
    pub const fn from_micros(micros: i64) -> Self {
        Self { seconds: micros.div_euclid(1_000_000), nanos: micros.rem_euclid(1_000_000) as u32 * 1000 }
    }

    /// Seconds since 1970 plus nanoseconds.
    ///
    /// `nanos` of a second or more are carried over. Seconds saturate at the limits of `i64`.
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

    /// Milliseconds since 1970, rounded towards the past. Saturates at the limits of `i64`.
    pub const fn as_millis(self) -> i64 {
        clamp(self.seconds as i128 * 1000 + (self.nanos / 1_000_000) as i128)
    }

    /// Microseconds since 1970, rounded towards the past. Saturates at the limits of `i64`.
    pub const fn as_micros(self) -> i64 {
        clamp(self.seconds as i128 * 1_000_000 + (self.nanos / 1000) as i128)
    }

    /// The time truncated to milliseconds, as a `TIMESTAMP` column keeps it.
    #[must_use]
    pub const fn floor_to_millis(self) -> Self {
        Self { seconds: self.seconds, nanos: self.nanos - self.nanos % 1_000_000 }
    }

    /// The time truncated to microseconds, as a `TIMESTAMP(6)` column keeps it.
    #[must_use]
    pub const fn floor_to_micros(self) -> Self {
        Self { seconds: self.seconds, nanos: self.nanos - self.nanos % 1000 }
    }

    /// The two fields of a `TIMESTAMP(9)` column: quarters of a microsecond, and the nanoseconds within one.
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

/// Converts days since 1970-01-01 to year, month and day.
fn date(days: i64) -> (i64, i64, i64) {
    // Years start in March here, so that the leap day comes last. An era is 400 years of 146,097 days.
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

impl fmt::Display for Timestamp {
    /// For example `2023-11-14T22:13:20.123Z`, with zero, three, six or nine fractional digits. Years without
    /// exactly four digits get a sign.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = date(self.seconds.div_euclid(86_400));
        let second = self.seconds.rem_euclid(86_400);
        match year {
            0..=9999 => write!(f, "{year:04}")?,
            _ => write!(f, "{year:+05}")?,
        }
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(f, "-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        match self.nanos {
            0 => {}
            nanos if nanos % 1_000_000 == 0 => write!(f, ".{:03}", nanos / 1_000_000)?,
            nanos if nanos % 1000 == 0 => write!(f, ".{:06}", nanos / 1000)?,
            nanos => write!(f, ".{nanos:09}")?,
        }
        f.write_str("Z")
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        match time.duration_since(UNIX_EPOCH) {
            Ok(after) => Self::from_seconds(after.as_secs() as i64, after.subsec_nanos()),
            Err(before) => {
                let before = before.duration();
                let whole = 0i64.saturating_sub_unsigned(before.as_secs());
                match before.subsec_nanos() {
                    0 => Self::from_seconds(whole, 0),
                    nanos => Self::from_seconds(whole.saturating_sub(1), NANOS_PER_SECOND - nanos),
                }
            }
        }
    }
}

impl TryFrom<Timestamp> for SystemTime {
    type Error = std::time::SystemTimeError;

    /// # Errors
    /// The system's clock cannot represent the time.
    fn try_from(time: Timestamp) -> Result<Self, Self::Error> {
        let whole = Duration::from_secs(time.seconds.unsigned_abs());
        let moved =
            if time.seconds < 0 { UNIX_EPOCH.checked_sub(whole) } else { UNIX_EPOCH.checked_add(whole) };
        let moved = moved.and_then(|moved| moved.checked_add(Duration::from_nanos(u64::from(time.nanos))));
        match moved {
            Some(moved) => Ok(moved),
            // The only way to create this error is to ask for a negative difference.
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

    #[test]
    fn displayed_in_iso_8601() {
        for (seconds, nanos, text) in [
            (0, 0, "1970-01-01T00:00:00Z"),
            (951_827_696, 120_000_000, "2000-02-29T12:34:56.120Z"),
            (1_700_000_000, 123_456_000, "2023-11-14T22:13:20.123456Z"),
            (1_700_000_000, 7, "2023-11-14T22:13:20.000000007Z"),
            (-1, 0, "1969-12-31T23:59:59Z"),
            (-2_203_891_200, 0, "1900-03-01T00:00:00Z"),
            (253_402_300_799, 0, "9999-12-31T23:59:59Z"),
            (253_402_300_800, 0, "+10000-01-01T00:00:00Z"),
            (-62_167_219_201, 0, "-0001-12-31T23:59:59Z"),
            (i64::MAX, 0, "+292277026596-12-04T15:30:07Z"),
            (i64::MIN, 0, "-292277022657-01-27T08:29:52Z"),
        ] {
            assert_eq!(Timestamp::from_seconds(seconds, nanos).to_string(), text);
        }
    }

    #[test]
    fn every_day_is_the_one_after_the_day_before() {
        let mut last = date(-200_000);
        for days in -199_999..200_000 {
            let (year, month, day) = date(days);
            let follows = match last {
                (last_year, 12, 31) => (year, month, day) == (last_year + 1, 1, 1),
                (last_year, last_month, last_day) if day == 1 => {
                    let leap = last_year % 4 == 0 && (last_year % 100 != 0 || last_year % 400 == 0);
                    let length = match last_month {
                        2 => 28 + i64::from(leap),
                        4 | 6 | 9 | 11 => 30,
                        _ => 31,
                    };
                    (year, month) == (last_year, last_month + 1) && last_day == length
                }
                (last_year, last_month, last_day) => {
                    (year, month, day) == (last_year, last_month, last_day + 1)
                }
            };
            assert!(follows, "{last:?} {:?}", (year, month, day));
            last = (year, month, day);
        }
    }

    proptest! {
        #[test]
        fn cut_off_towards_the_past(seconds in any::<i64>(), nanos in 0..NANOS_PER_SECOND) {
            let time = Timestamp::from_seconds(seconds, nanos);
            let (millis, micros) = (time.floor_to_millis(), time.floor_to_micros());
            prop_assert!(millis <= micros && micros <= time);
            prop_assert_eq!((millis.as_millis(), micros.as_micros()), (time.as_millis(), time.as_micros()));
            prop_assert_eq!((millis.nanos % 1_000_000, micros.nanos % 1000), (0, 0));
        }

        #[test]
        fn system_times_round_trip(seconds in prop_oneof![any::<i64>(), Just(i64::MIN)], nanos in 0..NANOS_PER_SECOND) {
            let time = Timestamp::from_seconds(seconds, nanos);
            if let Ok(system) = SystemTime::try_from(time) {
                prop_assert_eq!(Timestamp::from(system), time);
            }
        }

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
