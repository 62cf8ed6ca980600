//! Moments, as pages show them.

use std::fmt;

/// A moment in UTC, shown to the minute.
///
/// ```
/// use gridauth::pages::Moment;
///
/// assert_eq!(Moment::from_unix_secs(1_700_000_000).to_string(), "2023-11-14 22:13 UTC");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment(i64);

impl Moment {
    /// The moment this many seconds after the start of 1970 in UTC.
    #[must_use]
    pub const fn from_unix_secs(seconds: i64) -> Self {
        Self(seconds)
    }

    /// Year, month, day, hour, minute. The day is counted from the first of March, so that a leap day is the last one of its year.
    fn parts(self) -> (i64, i64, i64, i64, i64) {
        let (days, seconds) = (self.0.div_euclid(86_400) + 719_468, self.0.rem_euclid(86_400));
        let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
        let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let month = (5 * day + 2) / 153;
        let day = day - (153 * month + 2) / 5 + 1;
        let month = if month < 10 { month + 3 } else { month - 9 };
        let year = era * 400 + year + i64::from(month <= 2);
        (year, month, day, seconds / 3_600, seconds / 60 % 60)
    }

    /// The value of a `datetime` attribute.
    pub(super) fn datetime(self) -> String {
        let (year, month, day, hour, minute) = self.parts();
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}Z")
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day, hour, minute) = self.parts();
        write!(f, "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02} UTC")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_dates_of_the_gregorian_calendar() {
        for (seconds, shown) in [
            (0, "1970-01-01 00:00 UTC"),
            (-1, "1969-12-31 23:59 UTC"),
            (951_782_399, "2000-02-28 23:59 UTC"),
            (951_782_400, "2000-02-29 00:00 UTC"),
            (951_868_800, "2000-03-01 00:00 UTC"),
            (1_709_164_800, "2024-02-29 00:00 UTC"),
            (1_735_689_599, "2024-12-31 23:59 UTC"),
            (4_107_542_400, "2100-03-01 00:00 UTC"),
        ] {
            assert_eq!(Moment::from_unix_secs(seconds).to_string(), shown);
        }
        assert_eq!(Moment::from_unix_secs(951_782_400).datetime(), "2000-02-29T00:00Z");
    }
}
