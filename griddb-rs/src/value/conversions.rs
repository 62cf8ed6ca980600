//! Conversions between Rust types and values.

use std::{borrow::Cow, sync::Arc, time::SystemTime};

use bytes::Bytes;

use super::{Array, FromValue, ToValue, Value};
use crate::timestamp::Timestamp;

macro_rules! plain_values {
    ($($rust:ty => $variant:ident, $name:literal;)*) => {$(
        impl ToValue for $rust {
            fn to_value(&self) -> Value<'_> {
                Value::$variant(*self)
            }
        }

        impl From<$rust> for Value<'_> {
            fn from(value: $rust) -> Self {
                Self::$variant(value)
            }
        }

        impl<'a> FromValue<'a> for $rust {
            const EXPECTED: &'static str = $name;

            fn from_value(value: Value<'a>) -> Option<Self> {
                match value {
                    Value::$variant(value) => Some(value),
                    _ => None,
                }
            }
        }

        impl ToValue for [$rust] {
            fn to_value(&self) -> Value<'_> {
                Value::Array(Array::$variant(Cow::Borrowed(self)))
            }
        }

        impl<'a> From<&'a [$rust]> for Value<'a> {
            fn from(list: &'a [$rust]) -> Self {
                Self::Array(Array::$variant(Cow::Borrowed(list)))
            }
        }

        impl From<Vec<$rust>> for Value<'_> {
            fn from(list: Vec<$rust>) -> Self {
                Self::Array(Array::$variant(Cow::Owned(list)))
            }
        }

        impl<'a> FromValue<'a> for Vec<$rust> {
            const EXPECTED: &'static str = concat!("an array of ", $name);

            fn from_value(value: Value<'a>) -> Option<Self> {
                match value {
                    Value::Array(Array::$variant(list)) => Some(list.into_owned()),
                    _ => None,
                }
            }
        }
    )*};
}

plain_values! {
    bool => Bool, "BOOL";
    i8 => Byte, "BYTE";
    i16 => Short, "SHORT";
    i32 => Integer, "INTEGER";
    i64 => Long, "LONG";
    f32 => Float, "FLOAT";
    f64 => Double, "DOUBLE";
    Timestamp => Timestamp, "TIMESTAMP";
}

impl ToValue for str {
    fn to_value(&self) -> Value<'_> {
        Value::String(Cow::Borrowed(self))
    }
}

impl ToValue for String {
    fn to_value(&self) -> Value<'_> {
        Value::String(Cow::Borrowed(self))
    }
}

impl ToValue for [u8] {
    fn to_value(&self) -> Value<'_> {
        Value::Blob(Cow::Borrowed(self))
    }
}

impl ToValue for Bytes {
    fn to_value(&self) -> Value<'_> {
        Value::Blob(Cow::Borrowed(self))
    }
}

impl ToValue for [String] {
    fn to_value(&self) -> Value<'_> {
        Value::Array(Array::String(self.iter().map(|text| Cow::Borrowed(text.as_str())).collect()))
    }
}

impl ToValue for [&str] {
    fn to_value(&self) -> Value<'_> {
        Value::Array(Array::String(self.iter().map(|text| Cow::Borrowed(*text)).collect()))
    }
}

impl<T> ToValue for Vec<T>
where
    [T]: ToValue,
{
    fn to_value(&self) -> Value<'_> {
        self.as_slice().to_value()
    }
}

impl<T, const N: usize> ToValue for [T; N]
where
    [T]: ToValue,
{
    fn to_value(&self) -> Value<'_> {
        self.as_slice().to_value()
    }
}

impl ToValue for SystemTime {
    fn to_value(&self) -> Value<'_> {
        Value::Timestamp(Timestamp::from(*self))
    }
}

impl<T: ToValue + ToOwned + ?Sized> ToValue for Cow<'_, T> {
    fn to_value(&self) -> Value<'_> {
        (**self).to_value()
    }
}

impl<T: ToValue + ?Sized> ToValue for Box<T> {
    fn to_value(&self) -> Value<'_> {
        (**self).to_value()
    }
}

impl<T: ToValue + ?Sized> ToValue for Arc<T> {
    fn to_value(&self) -> Value<'_> {
        (**self).to_value()
    }
}

impl<T: ToValue> ToValue for Option<T> {
    fn to_value(&self) -> Value<'_> {
        self.as_ref().map_or(Value::Null, ToValue::to_value)
    }
}

impl<T: ToValue + ?Sized> ToValue for &T {
    fn to_value(&self) -> Value<'_> {
        (**self).to_value()
    }
}

impl ToValue for Value<'_> {
    fn to_value(&self) -> Value<'_> {
        match self {
            Self::String(text) => Value::String(Cow::Borrowed(text)),
            Self::Blob(bytes) => Value::Blob(Cow::Borrowed(bytes)),
            other => other.clone(),
        }
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::String(Cow::Borrowed(text))
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Self::String(Cow::Owned(text))
    }
}

impl<'a> From<Cow<'a, str>> for Value<'a> {
    fn from(text: Cow<'a, str>) -> Self {
        Self::String(text)
    }
}

impl<'a> From<&'a [u8]> for Value<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Blob(Cow::Borrowed(bytes))
    }
}

impl From<Vec<u8>> for Value<'_> {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Blob(Cow::Owned(bytes))
    }
}

impl From<SystemTime> for Value<'_> {
    fn from(time: SystemTime) -> Self {
        Self::Timestamp(time.into())
    }
}

impl<'a> From<Array<'a>> for Value<'a> {
    fn from(array: Array<'a>) -> Self {
        Self::Array(array)
    }
}

impl<'a, T: Into<Value<'a>>> From<Option<T>> for Value<'a> {
    /// `None` is NULL.
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl<'a> FromValue<'a> for Value<'a> {
    const EXPECTED: &'static str = "any value";

    fn from_value(value: Value<'a>) -> Option<Self> {
        Some(value)
    }
}

impl<'a> FromValue<'a> for &'a str {
    const EXPECTED: &'static str = "STRING";

    fn from_value(value: Value<'a>) -> Option<Self> {
        match value {
            Value::String(Cow::Borrowed(text)) => Some(text),
            _ => None,
        }
    }
}

macro_rules! owned_texts {
    ($($rust:ty),*) => {$(
        impl<'a> FromValue<'a> for $rust {
            const EXPECTED: &'static str = "STRING";

            fn from_value(value: Value<'a>) -> Option<Self> {
                match value {
                    Value::String(text) => Some(text.into()),
                    _ => None,
                }
            }
        }
    )*};
}

owned_texts!(String, Cow<'a, str>, Box<str>, Arc<str>);

impl<'a> FromValue<'a> for &'a [u8] {
    const EXPECTED: &'static str = "BLOB";

    fn from_value(value: Value<'a>) -> Option<Self> {
        match value {
            Value::Blob(Cow::Borrowed(bytes)) => Some(bytes),
            _ => None,
        }
    }
}

impl<'a> FromValue<'a> for Cow<'a, [u8]> {
    const EXPECTED: &'static str = "BLOB";

    fn from_value(value: Value<'a>) -> Option<Self> {
        match value {
            Value::Blob(bytes) => Some(bytes),
            _ => None,
        }
    }
}

impl<'a> FromValue<'a> for Vec<u8> {
    const EXPECTED: &'static str = "BLOB";

    fn from_value(value: Value<'a>) -> Option<Self> {
        Cow::<[u8]>::from_value(value).map(Cow::into_owned)
    }
}

impl<'a> FromValue<'a> for Bytes {
    const EXPECTED: &'static str = "BLOB";

    fn from_value(value: Value<'a>) -> Option<Self> {
        Vec::from_value(value).map(Self::from)
    }
}

impl<'a, const N: usize> FromValue<'a> for [u8; N] {
    const EXPECTED: &'static str = "a BLOB of that length";

    fn from_value(value: Value<'a>) -> Option<Self> {
        match value {
            Value::Blob(bytes) => (*bytes).try_into().ok(),
            _ => None,
        }
    }
}

impl<'a> FromValue<'a> for SystemTime {
    const EXPECTED: &'static str = "TIMESTAMP";

    fn from_value(value: Value<'a>) -> Option<Self> {
        match value {
            Value::Timestamp(time) => time.try_into().ok(),
            _ => None,
        }
    }
}

impl<'a> FromValue<'a> for Vec<String> {
    const EXPECTED: &'static str = "an array of STRING";

    fn from_value(value: Value<'a>) -> Option<Self> {
        match value {
            Value::Array(Array::String(list)) => Some(list.into_iter().map(Cow::into_owned).collect()),
            _ => None,
        }
    }
}

impl<'a, T: FromValue<'a>> FromValue<'a> for Option<T> {
    const EXPECTED: &'static str = T::EXPECTED;

    fn from_value(value: Value<'a>) -> Option<Self> {
        match value {
            Value::Null => Some(None),
            value => T::from_value(value).map(Some),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    /// Converts to a value and back.
    fn comes_back<T>(value: T)
    where
        T: ToValue + for<'a> FromValue<'a> + PartialEq + std::fmt::Debug,
    {
        assert_eq!(T::from_value(value.to_value()), Some(value));
    }

    #[test]
    fn types_convert_to_values_and_back() {
        comes_back("text".to_owned());
        comes_back::<Box<str>>("text".into());
        comes_back::<Arc<str>>("text".into());
        comes_back(vec![0u8, 255]);
        comes_back([0u8, 255]);
        comes_back(Bytes::from_static(b"bytes"));
        comes_back(vec![1i64, -1]);
        comes_back(vec!["a".to_owned(), "b".to_owned()]);
        comes_back(UNIX_EPOCH + Duration::from_nanos(1_700_000_000_123_456_789));
        comes_back(Some(1i32));
        comes_back(None::<i32>);
        assert_eq!(<[u8; 3]>::from_value(vec![0u8; 2].to_value()), None);
        let text = Value::from("text");
        assert!(matches!(Cow::<str>::from_value(text), Some(Cow::Borrowed("text"))));
    }

    #[test]
    fn references_and_boxes_convert_like_their_values() {
        let numbers = Value::Array(Array::Long(Cow::Borrowed(&[1, 2])));
        assert_eq!([1i64, 2].to_value(), numbers);
        assert_eq!(Some(&[1i64, 2][..]).to_value(), numbers);
        assert_eq!(Cow::Borrowed(&[1i64, 2][..]).to_value(), numbers);
        assert_eq!(Arc::new([1i64, 2]).to_value(), numbers);
        assert_eq!(Value::from(vec![1i64, 2]), numbers);
        assert_eq!(Value::from(&[1i64, 2][..]), numbers);
        let texts = Value::Array(Array::String(vec!["a".into(), "b".into()]));
        assert_eq!(["a", "b"].to_value(), texts);
        assert_eq!(vec!["a", "b"].to_value(), texts);
        assert_eq!(Box::new(["a".to_owned(), "b".to_owned()]).to_value(), texts);
        assert_eq!(Value::from(Some("a")), Value::from("a"));
        assert_eq!(Value::from(None::<&str>), Value::Null);
        assert_eq!(Value::from(Cow::Borrowed("a")), Value::from("a".to_owned()));
        assert_eq!(Value::from(vec![1u8]), Value::from(&[1u8][..]));
        assert_eq!(Value::from(Array::Bool(Cow::Borrowed(&[true]))), [true].to_value());
        assert_eq!(Value::from(UNIX_EPOCH), Value::from(Timestamp::default()));
    }
}
