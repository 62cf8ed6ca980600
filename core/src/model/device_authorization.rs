use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Map;

use super::{AuthenticationState, GrantData, GrantId, json};
use crate::env::Timestamp;
use crate::protocol::{Scope, ScopeError};
use crate::store::{Columns, CorruptRow, Kind, Record, Row};
use crate::token::Digest;

/// A device that asks for access, until it has its tokens (RFC 8628). The id of the row is the digest of the user code.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct DeviceAuthorization {
    /// The client on the device.
    pub client_id: String,
    /// The scope that it asks for.
    pub scope: Scope,
    /// When it asked.
    pub started: Timestamp,
    /// When its codes expire.
    pub codes_expire: Timestamp,
    /// When the row may be removed. Until then the device learns that its code has expired.
    pub expires: Timestamp,
    /// The digest of the device code.
    pub digest: Digest,
    /// The address that it asked from, as far as that is known.
    pub source: Option<String>,
    /// How long the device has to wait between two polls.
    pub interval: Duration,
    /// When it last polled.
    pub polled: Option<Timestamp>,
    /// The resources that the tokens are for (RFC 8707); empty means the issuer itself.
    pub resources: Box<[String]>,
    /// What extensions store with the grant.
    pub data: GrantData,
    /// What was decided about it.
    pub decision: DeviceDecision,
}

/// What was decided about a device.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeviceDecision {
    /// Nothing yet.
    Pending,
    /// The user with this subject allowed it.
    Allowed {
        /// The subject of the user.
        subject: String,
        /// When and how the user signed in.
        authentication: Box<AuthenticationState>,
    },
    /// A user denied it.
    Denied {
        /// The subject of the user.
        subject: String,
    },
    /// The device has got its tokens.
    Redeemed {
        /// The subject of the user.
        subject: String,
        /// The grant of its tokens.
        grant: GrantId,
    },
}

impl DeviceDecision {
    /// The subject of the user who decided.
    pub fn subject(&self) -> Option<&str> {
        match self {
            Self::Pending => None,
            Self::Allowed { subject, .. } | Self::Denied { subject } | Self::Redeemed { subject, .. } => {
                Some(subject)
            }
        }
    }
}

/// The decision in the body of a row. Its subject is in a column.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Decision {
    Pending,
    Allowed(Box<AuthenticationState>),
    Denied,
    Redeemed(uuid::Uuid),
}

#[derive(Serialize, Deserialize)]
struct Body {
    digest: Digest,
    codes_expire: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    interval: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    polled: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    resources: Box<[String]>,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    data: GrantData,
    decision: Decision,
}

impl Record for DeviceAuthorization {
    const KIND: Kind = Kind::DeviceCode;

    fn to_row(&self) -> Row {
        let decision = match &self.decision {
            DeviceDecision::Pending => Decision::Pending,
            DeviceDecision::Allowed { authentication, .. } => Decision::Allowed(authentication.clone()),
            DeviceDecision::Denied { .. } => Decision::Denied,
            DeviceDecision::Redeemed { grant, .. } => Decision::Redeemed(grant.uuid()),
        };
        let body = Body {
            digest: self.digest,
            codes_expire: self.codes_expire,
            source: self.source.clone(),
            interval: self.interval.as_secs(),
            polled: self.polled,
            resources: self.resources.clone(),
            data: self.data.clone(),
            decision,
        };
        let columns = Columns {
            user: self.decision.subject(),
            client: Some(&self.client_id),
            scope: Some(self.scope.as_str()),
            issued: self.started,
            expires: Some(self.expires),
        };
        Row::whole(columns, &json::write(&body))
    }

    fn from_row(row: &Row) -> Result<Self, CorruptRow> {
        let body: Body = json::read(Self::KIND, row)?;
        let subject = || json::column(Self::KIND, "user", row.user());
        let scope = row.scope().unwrap_or_default().parse();
        Ok(Self {
            client_id: json::column(Self::KIND, "client", row.client())?,
            scope: scope.map_err(|error: ScopeError| CorruptRow {
                kind: Self::KIND.name(),
                reason: error.to_string(),
            })?,
            started: row.issued(),
            codes_expire: body.codes_expire,
            expires: row.expires().unwrap_or(body.codes_expire),
            digest: body.digest,
            source: body.source,
            interval: Duration::from_secs(body.interval),
            polled: body.polled,
            resources: body.resources,
            data: body.data,
            decision: match body.decision {
                Decision::Pending => DeviceDecision::Pending,
                Decision::Allowed(authentication) => {
                    DeviceDecision::Allowed { subject: subject()?, authentication }
                }
                Decision::Denied => DeviceDecision::Denied { subject: subject()? },
                Decision::Redeemed(grant) => {
                    DeviceDecision::Redeemed { subject: subject()?, grant: GrantId::from_uuid(grant) }
                }
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_decision_round_trips() {
        let now = Timestamp::from_millis(1_700_000_000_000);
        let subject = || "israel".to_owned();
        for decision in [
            DeviceDecision::Pending,
            DeviceDecision::Allowed { subject: subject(), authentication: Box::default() },
            DeviceDecision::Denied { subject: subject() },
            DeviceDecision::Redeemed { subject: subject(), grant: GrantId::new(now, &[7; 10]) },
        ] {
            let device = DeviceAuthorization {
                client_id: "tv".to_owned(),
                scope: "notes.read".parse().unwrap(),
                started: now,
                codes_expire: now.after(Duration::from_secs(600)),
                expires: now.after(Duration::from_secs(1200)),
                digest: Digest::of(b'd', &[b"code"]),
                source: Some("192.0.2.7".to_owned()),
                interval: Duration::from_secs(5),
                polled: Some(now),
                resources: ["https://api.example.com".to_owned()].into(),
                data: Map::from_iter([("name".to_owned(), true.into())]),
                decision,
            };
            let row = device.to_row();
            assert_eq!(row.user(), device.decision.subject());
            assert_eq!(DeviceAuthorization::from_row(&row).unwrap(), device);
        }
    }
}
