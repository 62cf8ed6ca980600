//! Parsing instants.

const NANOS_PER_SECOND: i128 = 1_000_000_000;

/// Days from 1970-01-01 to a date of the Gregorian calendar.
fn days(year: i64, month: i64, day: i64) -> i64 {
    // years start in March, so that the leap day comes last
    let year = if month <= 2 { year - 1 } else { year };
    let month = if month <= 2 { month + 9 } else { month - 3 };
    let leaps = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    let days_before_month = (153 * month + 2) / 5;
    year * 365 + leaps + days_before_month + day - 719_469
}

struct Digits<'a>(&'a str);

impl Digits<'_> {
    fn number(&mut self, digits: usize) -> Option<i64> {
        let (head, tail) = self.0.split_at_checked(digits)?;
        self.0 = tail;
        head.bytes().all(|byte| byte.is_ascii_digit()).then(|| head.parse().ok())?
    }

    fn sign(&mut self, wanted: char) -> Option<()> {
        self.0 = self.0.strip_prefix(wanted)?;
        Some(())
    }
}

/// Nanoseconds since 1970 of `YYYY-MM-DDThh:mm:ss[.fraction]` with `Z`, `+hhmm` or `+hh:mm`.
pub(super) fn parse(text: &[u8]) -> Option<i128> {
    let mut text = Digits(std::str::from_utf8(text).ok()?);
    let year = text.number(4)?;
    text.sign('-')?;
    let month = text.number(2)?;
    text.sign('-')?;
    let day = text.number(2)?;
    text.sign('T')?;
    let hour = text.number(2)?;
    text.sign(':')?;
    let minute = text.number(2)?;
    text.sign(':')?;
    let second = text.number(2)?;
    let in_range =
        (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60 && second < 60;
    if !in_range {
        return None;
    }
    let mut nanos = 0;
    if text.sign('.').is_some() {
        let digits = text.0.bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 || digits > 9 {
            return None;
        }
        nanos = i128::from(text.number(digits)?) * 10_i128.pow(9 - u32::try_from(digits).ok()?);
    }
    let offset = zone(&mut text)?;
    let seconds = ((days(year, month, day) * 24 + hour) * 60 + minute - offset) * 60 + second;
    Some(i128::from(seconds) * NANOS_PER_SECOND + nanos)
}

/// Minutes east of Greenwich.
fn zone(text: &mut Digits<'_>) -> Option<i64> {
    if text.0 == "Z" {
        return Some(0);
    }
    let sign = if text.sign('-').is_some() {
        -1
    } else {
        text.sign('+')?;
        1
    };
    let hours = text.number(2)?;
    let _ = text.sign(':');
    let minutes = text.number(2)?;
    text.0.is_empty().then_some(sign * (hours * 60 + minutes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(text: &str) -> Option<i128> {
        parse(text.as_bytes()).map(|nanos| nanos / 1_000_000)
    }

    #[test]
    fn known_instants() {
        assert_eq!(millis("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(millis("2023-11-14T22:13:29.123Z"), Some(1_700_000_009_123));
        assert_eq!(millis("2023-11-15T07:13:29.123+0900"), Some(1_700_000_009_123));
        assert_eq!(millis("2000-02-29T00:00:00+00:00"), Some(951_782_400_000));
        assert_eq!(millis("1969-12-31T23:59:59.000Z"), Some(-1000));
    }

    #[test]
    fn a_zone_is_needed_and_dates_are_checked() {
        for text in
            ["2023-11-14T22:13:21", "2023-11-14", "junk", "2023-13-01T00:00:00Z", "2023-1-1T0:0:0Z", ""]
        {
            assert_eq!(millis(text), None, "{text}");
        }
    }
}
