use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use super::{Digest, Secret, UserCode};
use crate::env::{Entropy, EntropyError};

/// What every device code begins with.
const PREFIX: &str = "gdc_";
const ROW: usize = 32;
const SECRET: usize = 32;

/// The code with which a device asks for its tokens (RFC 8628 section 3.2): it names the row, which is that of the user code, and
/// has 256 random bits.
pub(crate) struct DeviceCode {
    row: [u8; ROW],
    digest: Digest,
}

impl DeviceCode {
    /// A new device code beside this user code, and its text.
    pub(crate) fn new(user_code: &UserCode, entropy: &dyn Entropy) -> Result<(Secret, Self), EntropyError> {
        let mut bytes = Zeroizing::new([0; ROW + SECRET]);
        bytes[..ROW].copy_from_slice(user_code.digest().as_bytes());
        entropy.fill(&mut bytes[ROW..])?;
        let mut text = String::with_capacity(PREFIX.len() + 86);
        text.push_str(PREFIX);
        URL_SAFE_NO_PAD.encode_string(&bytes[..], &mut text);
        Ok((text.into(), Self::of(&bytes)))
    }

    /// Reads a code. `None` for a text that is none: each code has exactly one spelling.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let encoded = text.strip_prefix(PREFIX).filter(|encoded| encoded.len() == 86)?;
        let mut bytes = Zeroizing::new([0; ROW + SECRET]);
        (URL_SAFE_NO_PAD.decode_slice(encoded, &mut bytes[..]) == Ok(ROW + SECRET)).then(|| Self::of(&bytes))
    }

    fn of(bytes: &[u8; ROW + SECRET]) -> Self {
        let mut row = [0; ROW];
        row.copy_from_slice(&bytes[..ROW]);
        Self { row, digest: Digest::of(b'd', &[bytes]) }
    }

    /// The id of its row.
    pub(crate) fn row_id(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.row)
    }

    /// The digest to compare with the stored one.
    pub(crate) fn digest(&self) -> &Digest {
        &self.digest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::SystemEntropy;

    #[test]
    fn a_device_code_names_the_row_of_its_user_code() {
        let user_code = UserCode::new(&SystemEntropy).unwrap();
        let (text, made) = DeviceCode::new(&user_code, &SystemEntropy).unwrap();
        let read = DeviceCode::parse(text.expose()).unwrap();
        assert_eq!(read.row_id(), user_code.row_id());
        assert!(read.digest().matches(made.digest()));
        let (_, other) = DeviceCode::new(&user_code, &SystemEntropy).unwrap();
        assert!(!read.digest().matches(other.digest()));
        for broken in [
            "",
            "gdc_",
            &text.expose()[4..],
            &text.expose()[..text.expose().len() - 1],
            &format!("{}A", text.expose()),
            &text.expose().replace("gdc_", "gac_"),
            &text.expose().to_uppercase(),
        ] {
            assert!(DeviceCode::parse(broken).is_none(), "{broken}");
        }
    }
}
