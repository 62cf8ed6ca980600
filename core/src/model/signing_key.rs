use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::json;
use crate::env::Timestamp;
use crate::jose::Algorithm;
use crate::store::{CorruptRow, Kind, Record, Row};

/// A signing key. The id of its row is its `kid`, the thumbprint of the public key (RFC 7638).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SigningKey {
    /// The one algorithm that it is for.
    pub algorithm: Algorithm,
    /// The public key, as a JSON Web Key.
    pub public: Value,
    /// The private key, sealed.
    pub sealed: String,
    /// When it was made.
    pub made: Timestamp,
    /// When it begins to sign.
    pub signs_from: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct Body {
    alg: Algorithm,
    jwk: Value,
    sealed: String,
    signs_from: Timestamp,
}

impl Record for SigningKey {
    const KIND: Kind = Kind::SigningKey;

    fn to_row(&self) -> Row {
        let body = Body {
            alg: self.algorithm,
            jwk: self.public.clone(),
            sealed: self.sealed.clone(),
            signs_from: self.signs_from,
        };
        Row::new(self.made, json::write(&body))
    }

    fn from_row(row: &Row) -> Result<Self, CorruptRow> {
        let body: Body = json::read(Self::KIND, row)?;
        Ok(Self {
            algorithm: body.alg,
            public: body.jwk,
            sealed: body.sealed,
            made: row.issued(),
            signs_from: body.signs_from,
        })
    }
}
