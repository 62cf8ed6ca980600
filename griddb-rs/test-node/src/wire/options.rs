//! The options of a request: numbered values, grouped from 11000 on.

use super::read::{Malformed, Reader};

/// The options that affect a node. Others are skipped.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// Option 1, seconds.
    pub(crate) transaction_timeout: Option<i32>,
    /// Option 2.
    pub(crate) for_update: bool,
    /// Option 5.
    pub(crate) database: Option<Vec<u8>>,
    /// Option 7: 0 insert or update, 1 insert only, 2 update only.
    pub(crate) put_mode: u8,
    /// Option 11002: bytes per step of a partial execution.
    pub(crate) fetch_bytes: Option<i32>,
    /// Whether option 11004 is present.
    pub(crate) feature_version: Option<i32>,
    /// Option 11009.
    pub(crate) application: Option<Vec<u8>>,
}

impl Options {
    /// Reads the block after its size.
    pub(crate) fn read(body: &mut Reader<'_>) -> Result<Self, Malformed> {
        let mut options = Self::default();
        let size = body.count32()?;
        let mut block = Reader::new(body.take(size)?);
        while block.left() > 0 {
            let id = block.i16()?;
            if id >= 11000 && id % 1000 == 0 {
                let size = block.count32()?;
                let mut group = Reader::new(block.take(size)?);
                while group.left() > 0 {
                    let id = group.i16()?;
                    if !options.read_one(id, &mut group)? {
                        break;
                    }
                }
            } else if !options.read_one(id, &mut block)? {
                return Err(Malformed);
            }
        }
        Ok(options)
    }

    /// Reads one value. Returns `false` for an unknown number, because the length of its value is unknown too.
    fn read_one(&mut self, id: i16, value: &mut Reader<'_>) -> Result<bool, Malformed> {
        match id {
            1 => self.transaction_timeout = Some(value.i32()?),
            2 => self.for_update = value.bool()?,
            5 => self.database = Some(value.string()?.to_vec()),
            7 => self.put_mode = value.u8()?,
            11002 => self.fetch_bytes = Some(value.i32()?),
            11004 => self.feature_version = Some(value.i32()?),
            11009 => self.application = Some(value.string()?.to_vec()),
            0 | 3 | 4 | 8 | 11007 | 11008 | 11012 | 11013 => drop(value.u8()?),
            6 | 10001 | 11005 | 11006 => drop(value.i32()?),
            10002 | 10003 | 11003 | 11010 | 11011 => drop(value.i64()?),
            11001 => drop(value.take(24)?),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_and_grouped_options() {
        // option 1 = 300, option 7 = 1, group 11000 with 11005 = 7 and 11009 = "ab"
        let mut bytes = vec![0, 0, 0, 0];
        bytes.extend([1, 0, 44, 1, 0, 0, 7, 0, 1]);
        bytes.extend([0xf8, 0x2a, 14, 0, 0, 0, 0xfd, 0x2a, 7, 0, 0, 0, 1, 0x2b, 2, 0, 0, 0, b'a', b'b']);
        bytes[0] = u8::try_from(bytes.len() - 4).unwrap();
        let read = Options::read(&mut Reader::new(&bytes)).unwrap();
        let expected = Options {
            transaction_timeout: Some(300),
            put_mode: 1,
            application: Some(b"ab".to_vec()),
            ..Options::default()
        };
        assert_eq!(read, expected);
    }

    #[test]
    fn a_size_beyond_the_message_is_refused() {
        assert_eq!(Options::read(&mut Reader::new(&[9, 0, 0, 0, 1, 0])), Err(Malformed));
    }
}
