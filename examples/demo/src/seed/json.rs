//! Parses JSON and finds repeated member names. Which of two members counts is not defined (RFC 8259 section 4).

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// A segment of the path to a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PathSegment {
    Member(String),
    Item(usize),
}

/// A parsed text.
pub(super) struct Document {
    pub(super) value: Value,
    /// The path to the first repeated member.
    pub(super) repeated: Option<Vec<PathSegment>>,
}

/// Parses a complete text.
pub(super) fn read(text: &[u8]) -> Result<Document, serde_json::Error> {
    let mut reader = Reader::default();
    let mut json = serde_json::Deserializer::from_slice(text);
    let value = reader.deserialize(&mut json)?;
    json.end()?;
    Ok(Document { value, repeated: reader.repeated })
}

#[derive(Default)]
struct Reader {
    path: Vec<PathSegment>,
    repeated: Option<Vec<PathSegment>>,
}

impl<'de> DeserializeSeed<'de> for &mut Reader {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Value, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for &mut Reader {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        loop {
            self.path.push(PathSegment::Item(items.len()));
            let item = sequence.next_element_seed(&mut *self)?;
            self.path.pop();
            match item {
                Some(item) => items.push(item),
                None => return Ok(items.into()),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some(name) = object.next_key::<String>()? {
            self.path.push(PathSegment::Member(name.clone()));
            if members.contains_key(&name) && self.repeated.is_none() {
                self.repeated = Some(self.path.clone());
            }
            let value = object.next_value_seed(&mut *self)?;
            self.path.pop();
            members.insert(name, value);
        }
        Ok(members.into())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_first_repeated_member_is_found() {
        for (text, path) in [
            (r#"{"a": 1, "b": {"a": 1}, "c": [{"a": 1}, {"a": 1}]}"#, None),
            (r#"{"a": 1, "\u0061": 2}"#, Some(vec![PathSegment::Member("a".into())])),
            (
                r#"{"c": [1, {"d": {"e": 0, "e": 0}, "d": 1}]}"#,
                Some(vec![
                    PathSegment::Member("c".into()),
                    PathSegment::Item(1),
                    PathSegment::Member("d".into()),
                    PathSegment::Member("e".into()),
                ]),
            ),
        ] {
            assert_eq!(read(text.as_bytes()).unwrap().repeated, path, "{text}");
        }
    }

    proptest! {
        #[test]
        fn it_agrees_with_serde_json(text in r#"[\[\]{}:,"\\ a0-9.eE+tru\-]{0,40}"#, bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            for text in [text.as_bytes(), &bytes] {
                let plain = serde_json::from_slice::<Value>(text);
                match read(text) {
                    Ok(read) => prop_assert_eq!(read.value, plain.unwrap()),
                    Err(error) => {
                        let plain = plain.unwrap_err();
                        prop_assert_eq!((error.line(), error.column()), (plain.line(), plain.column()));
                    }
                }
            }
        }
    }
}
