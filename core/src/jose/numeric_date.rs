use serde::{Deserialize, Deserializer};

/// Seconds since 1970, which may have a fraction (RFC 7519 section 2).
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct NumericDate(f64);

impl NumericDate {
    /// In whole milliseconds. What cannot be represented is the first or the last one.
    pub(crate) fn as_millis(self) -> i64 {
        (self.0 * 1000.0) as i64
    }
}

/// A claim that is there has to have its type: `null` is no absence.
pub(crate) fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}
