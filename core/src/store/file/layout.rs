//! Keys and values as `format.md` lays them out.

use redb::TableDefinition;
use uuid::Uuid;

use crate::env::Timestamp;
use crate::store::{Columns, Key, Kind, Row, StoreError, StoreErrorKind};

pub(super) const SETTINGS: TableDefinition<'_, &str, &str> = TableDefinition::new("settings");
pub(super) const ROWS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("rows");
pub(super) const BY_USER: TableDefinition<'_, &[u8], ()> = TableDefinition::new("by_user");
pub(super) const BY_CLIENT: TableDefinition<'_, &[u8], ()> = TableDefinition::new("by_client");
pub(super) const BY_EXPIRY: TableDefinition<'_, &[u8], ()> = TableDefinition::new("by_expiry");

/// The setting with the store's random id, in hexadecimal.
pub(super) const STORE: &str = "store";
/// The setting with the checkpoint up to which the database has the log's records.
pub(super) const APPLIED: &str = "applied";

/// The setting with what the database knows about its log.
pub(super) const LOG: &str = "log";

/// The value of the setting `application`.
pub(super) const APPLICATION: &str = "gridauth";

/// The format that this code reads and writes.
pub(super) const FORMAT: u32 = 1;

/// The largest row that is accepted, in bytes of its texts and body.
pub(super) const MAX_ROW_BYTES: usize = 4 << 20;

const fn code(kind: Kind) -> u8 {
    match kind {
        Kind::User => 1,
        Kind::Client => 2,
        Kind::Grant => 3,
        Kind::Session => 4,
        Kind::Consent => 5,
        Kind::DeviceCode => 6,
        Kind::PushedRequest => 7,
        Kind::AssertionId => 8,
        Kind::SigningKey => 9,
        Kind::Setting => 10,
        Kind::Custom => 11,
        Kind::Outbox => 12,
        Kind::Ended => 13,
        Kind::Audit => 14,
    }
}

const TEXT: u8 = 0;
const UUID: u8 = 1;

/// The UUID, if `text` is its canonical form.
fn canonical_uuid(text: &str) -> Option<Uuid> {
    let uuid = Uuid::try_parse(text).ok().filter(|_| text.len() == 36)?;
    let mut canonical = Uuid::encode_buffer();
    (uuid.hyphenated().encode_lower(&mut canonical) == text).then_some(uuid)
}

fn push_id(key: &mut Vec<u8>, id: &str) {
    match canonical_uuid(id) {
        Some(uuid) => {
            key.push(UUID);
            key.extend_from_slice(uuid.as_bytes());
        }
        None => {
            key.push(TEXT);
            key.extend_from_slice(id.as_bytes());
        }
    }
}

/// The key of a row in the table `rows`.
pub(super) fn row_key(key: Key<'_>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(2 + key.id.len());
    bytes.push(code(key.kind));
    push_id(&mut bytes, key.id);
    bytes
}

/// The kind and id of the row with this key in `rows`.
pub(super) fn key_of(table_key: &[u8]) -> Result<(Kind, String), StoreError> {
    let kind = Kind::ALL.into_iter().find(|kind| Some(&code(*kind)) == table_key.first());
    let kind = kind.ok_or_else(|| {
        StoreError::new(StoreErrorKind::Corrupt, "a row in the store's file has an unknown kind")
    })?;
    Ok((kind, id_after(table_key, 1)?))
}

/// The prefix of all keys of a kind.
pub(super) fn kind_prefix(kind: Kind) -> Vec<u8> {
    vec![code(kind)]
}

/// The end of all keys of a kind, exclusive.
pub(super) fn kind_end(kind: Kind) -> Vec<u8> {
    vec![code(kind) + 1]
}

/// Whether a row with this key in `rows` is of this kind.
pub(super) fn is_of(kind: Kind, table_key: &[u8]) -> bool {
    table_key.first() == Some(&code(kind))
}

/// The prefix of all keys in `by_user` or `by_client` for `name`.
pub(super) fn name_prefix(kind: Kind, name: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(4 + name.len() + 17);
    bytes.push(code(kind));
    match canonical_uuid(name) {
        Some(uuid) => {
            bytes.push(UUID);
            bytes.extend_from_slice(uuid.as_bytes());
        }
        None => {
            bytes.push(TEXT);
            // Rows with longer names are refused, so a query for one finds nothing.
            bytes.extend_from_slice(&u16::try_from(name.len()).unwrap_or(u16::MAX).to_be_bytes());
            bytes.extend_from_slice(name.as_bytes());
        }
    }
    bytes
}

/// The prefix of all keys in `by_expiry` of rows that expire at `moment`.
pub(super) fn expiry_prefix(kind: Kind, moment: Timestamp) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(9 + 37);
    bytes.push(code(kind));
    bytes.extend_from_slice(&(moment.as_millis() as u64 ^ SIGN).to_be_bytes());
    bytes
}

const SIGN: u64 = 1 << 63;

/// `prefix` followed by `id`.
pub(super) fn with_id(mut prefix: Vec<u8>, id: &str) -> Vec<u8> {
    push_id(&mut prefix, id);
    prefix
}

/// `prefix` followed by the id in a key of `rows`.
pub(super) fn with_id_of(mut prefix: Vec<u8>, table_key: &[u8]) -> Vec<u8> {
    prefix.extend_from_slice(table_key.get(1..).unwrap_or_default());
    prefix
}

/// The id after the first `prefix` bytes of a key.
pub(super) fn id_after(key: &[u8], prefix: usize) -> Result<String, StoreError> {
    let damaged = || StoreError::new(StoreErrorKind::Corrupt, "a key in the store's file cannot be read");
    match key.get(prefix..).and_then(<[u8]>::split_first) {
        Some((&UUID, uuid)) => {
            let uuid = Uuid::from_slice(uuid).map_err(|_| damaged())?;
            Ok(uuid.hyphenated().to_string())
        }
        Some((&TEXT, text)) => Ok(std::str::from_utf8(text).map_err(|_| damaged())?.to_owned()),
        _ => Err(damaged()),
    }
}

/// The moment and the id in a key of `by_expiry`.
pub(super) fn expiry_and_id(key: &[u8]) -> Result<(Timestamp, String), StoreError> {
    let id = id_after(key, 9)?;
    let mut moment = [0; 8];
    moment.copy_from_slice(&key[1..9]);
    Ok((Timestamp::from_millis((u64::from_be_bytes(moment) ^ SIGN) as i64), id))
}

/// Refuses keys and rows that cannot be stored.
pub(super) fn check(key: Key<'_>, row: &Row) -> Result<(), StoreError> {
    key.check()?;
    let refused = |what: &str| Err(StoreError::new(StoreErrorKind::Refused, format!("the row's {what}")));
    let text = |text: Option<&str>| text.map_or(0, str::len);
    let (user, client, scope) = (text(row.user()), text(row.client()), text(row.scope()));
    if user > usize::from(u16::MAX) || client > usize::from(u16::MAX) {
        return refused("user or client is longer than 65535 bytes");
    }
    if user + client + scope + row.body().len() > MAX_ROW_BYTES {
        return refused("size is over 4 MiB");
    }
    Ok(())
}

const VERSION: u8 = 1;
const HAS_USER: u8 = 1;
const HAS_CLIENT: u8 = 2;
const HAS_SCOPE: u8 = 4;
const HAS_EXPIRY: u8 = 8;
/// Where the checksum starts. It covers the bytes before and after it.
const CHECKSUM: usize = 2;
/// Where the checksum ends.
const CHECKSUM_END: usize = 6;

/// The value in `rows` for a row with the key `key`.
pub(super) fn encode(key: &[u8], row: &Row) -> Vec<u8> {
    let texts = [(HAS_USER, row.user()), (HAS_CLIENT, row.client()), (HAS_SCOPE, row.scope())];
    let mut flags = if row.expires().is_some() { HAS_EXPIRY } else { 0 };
    let mut size = CHECKSUM_END + 16 + row.body().len();
    for (flag, text) in texts {
        if let Some(text) = text {
            flags |= flag;
            size += 4 + text.len();
        }
    }
    let mut value = Vec::with_capacity(size);
    value.extend_from_slice(&[VERSION, flags, 0, 0, 0, 0]);
    value.extend_from_slice(&row.issued().as_millis().to_be_bytes());
    if let Some(expires) = row.expires() {
        value.extend_from_slice(&expires.as_millis().to_be_bytes());
    }
    for text in texts.into_iter().filter_map(|(_, text)| text) {
        // Rows are at most MAX_ROW_BYTES.
        value.extend_from_slice(&(text.len() as u32).to_be_bytes());
        value.extend_from_slice(text.as_bytes());
    }
    value.extend_from_slice(row.body().as_bytes());
    let sum = checksum(key, &value[..CHECKSUM], &value[CHECKSUM_END..]).to_be_bytes();
    value[CHECKSUM..CHECKSUM_END].copy_from_slice(&sum);
    value
}

fn checksum(key: &[u8], before: &[u8], after: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(key);
    hasher.update(before);
    hasher.update(after);
    hasher.finalize()
}

/// The row in a value of `rows`, found under `key`.
pub(super) fn decode(key: &[u8], value: &[u8]) -> Result<Row, StoreError> {
    read_row(key, value).ok_or_else(|| {
        StoreError::new(
            StoreErrorKind::Corrupt,
            "a row in the store's file is damaged or was written by a newer version",
        )
    })
}

fn read_row(key: &[u8], value: &[u8]) -> Option<Row> {
    let (&[version, flags, ref sum @ ..], mut rest) = value.split_first_chunk::<CHECKSUM_END>()?;
    let known = HAS_USER | HAS_CLIENT | HAS_SCOPE | HAS_EXPIRY;
    if version != VERSION
        || flags & !known != 0
        || *sum != checksum(key, &[version, flags], rest).to_be_bytes()
    {
        return None;
    }
    let issued = read_moment(&mut rest)?;
    let expires = if flags & HAS_EXPIRY == 0 { None } else { Some(read_moment(&mut rest)?) };
    let mut text = |flag| -> Option<Option<&str>> {
        if flags & flag == 0 {
            return Some(None);
        }
        let (length, behind) = rest.split_first_chunk::<4>()?;
        let (text, behind) = behind.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        rest = behind;
        std::str::from_utf8(text).ok().map(Some)
    };
    let (user, client, scope) = (text(HAS_USER)?, text(HAS_CLIENT)?, text(HAS_SCOPE)?);
    let body = std::str::from_utf8(rest).ok()?;
    Some(Row::whole(Columns { user, client, scope, issued, expires }, body))
}

fn read_moment(rest: &mut &[u8]) -> Option<Timestamp> {
    let (moment, behind) = rest.split_first_chunk::<8>()?;
    *rest = behind;
    Some(Timestamp::from_millis(i64::from_be_bytes(*moment)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rows() -> impl Strategy<Value = Row> {
        let text = || proptest::option::of(".{0,40}");
        (any::<i64>(), proptest::option::of(any::<i64>()), text(), text(), text(), ".{0,200}").prop_map(
            |(issued, expires, user, client, scope, body)| {
                Row::new(Timestamp::from_millis(issued), body)
                    .with_expires(expires.map(Timestamp::from_millis))
                    .with_user(user.as_deref())
                    .with_client(client.as_deref())
                    .with_scope(scope.as_deref())
            },
        )
    }

    fn ids() -> impl Strategy<Value = String> {
        prop_oneof![".{1,40}", any::<u128>().prop_map(|bits| Uuid::from_u128(bits).hyphenated().to_string())]
    }

    proptest! {
        #[test]
        fn rows_round_trip(row in rows(), key in any::<[u8; 8]>()) {
            prop_assert_eq!(decode(&key, &encode(&key, &row)).unwrap(), row);
        }

        #[test]
        fn damage_is_detected(row in rows(), at in any::<prop::sample::Index>(), with in 1..=255_u8) {
            let mut value = encode(b"key", &row);
            let at = at.index(value.len());
            value[at] ^= with;
            prop_assert_eq!(decode(b"key", &value).unwrap_err().kind(), StoreErrorKind::Corrupt);
        }

        #[test]
        fn damaged_flags_are_detected(row in rows(), with in 1..=255_u8) {
            let mut value = encode(b"key", &row);
            value[1] ^= with;
            prop_assert!(decode(b"key", &value).is_err());
        }

        #[test]
        fn arbitrary_bytes_do_not_panic(key in any::<Vec<u8>>(), value in any::<Vec<u8>>(), at in 0..20_usize) {
            let _ = decode(&key, &value);
            let _ = id_after(&key, at);
            let _ = key_of(&key);
            let _ = expiry_and_id(&key);
        }

        #[test]
        fn truncated_rows_are_detected(row in rows(), cut in any::<prop::sample::Index>()) {
            let value = encode(b"key", &row);
            prop_assert!(decode(b"key", &value[..cut.index(value.len())]).is_err());
            prop_assert!(decode(b"other", &value).is_err());
        }

        #[test]
        fn ids_round_trip_and_stay_distinct(one in ids(), other in ids()) {
            let key = |id: &str| row_key(Key::new(Kind::Grant, id));
            prop_assert_eq!(&id_after(&key(&one), 1).unwrap(), &one);
            prop_assert_eq!(key_of(&key(&one)).unwrap(), (Kind::Grant, one.clone()));
            prop_assert_eq!(key(&one) == key(&other), one == other);
        }

        #[test]
        fn no_name_is_a_prefix_of_another(one in ids(), other in ids(), id in ids()) {
            let key = with_id(name_prefix(Kind::Grant, &one), &id);
            let table_key = row_key(Key::new(Kind::Grant, &id));
            prop_assert_eq!(&with_id_of(name_prefix(Kind::Grant, &one), &table_key), &key);
            prop_assert_eq!(key.starts_with(&name_prefix(Kind::Grant, &other)), one == other);
            prop_assert_eq!(id_after(&key, name_prefix(Kind::Grant, &one).len()).unwrap(), id);
        }

        #[test]
        fn moments_sort_in_time_order(one in any::<i64>(), other in any::<i64>(), id in ids()) {
            let key = |moment| expiry_prefix(Kind::Grant, Timestamp::from_millis(moment));
            prop_assert_eq!(key(one).cmp(&key(other)), one.cmp(&other));
            let (moment, behind) = expiry_and_id(&with_id(key(one), &id)).unwrap();
            prop_assert_eq!((moment.as_millis(), behind), (one, id));
        }
    }

    #[test]
    fn only_canonical_uuids_are_packed() {
        let canonical = "0192f0c4-7f3a-7c11-8a4e-5d2f1c3b9a70";
        assert_eq!(row_key(Key::new(Kind::Grant, canonical)).len(), 18);
        for other in ["0192F0C4-7f3a-7c11-8a4e-5d2f1c3b9a70", "0192f0c47f3a7c118a4e5d2f1c3b9a70"] {
            assert_eq!(row_key(Key::new(Kind::Grant, other)).len(), 2 + other.len());
        }
    }

    #[test]
    fn every_kind_has_a_distinct_code() {
        let mut codes: Vec<_> = Kind::ALL.into_iter().map(code).collect();
        codes.dedup();
        assert_eq!(codes, (1..=Kind::ALL.len() as u8).collect::<Vec<_>>());
    }

    #[test]
    fn rows_that_are_too_large_are_refused() {
        let row = |body: usize, user: usize| {
            Row::new(Timestamp::from_millis(0), "x".repeat(body)).with_user(Some(&"u".repeat(user)))
        };
        let key = Key::new(Kind::Grant, "id");
        assert!(check(key, &row(100_000, 65_535)).is_ok());
        for row in [row(MAX_ROW_BYTES, 1), row(1, 65_536)] {
            assert_eq!(check(key, &row).unwrap_err().kind(), StoreErrorKind::Refused);
        }
        assert!(check(Key::new(Kind::Grant, ""), &row(1, 1)).is_err());
        assert!(check(Key::new(Kind::Grant, "a\0b"), &row(1, 1)).is_err());
    }
}
