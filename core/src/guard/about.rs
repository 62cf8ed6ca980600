use std::net::IpAddr;

use uuid::Uuid;

use crate::token::GrantId;

/// What the event about a rejection names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct About {
    pub(super) grant: Option<Uuid>,
    pub(super) client: Option<Box<str>>,
    pub(super) subject: Option<Box<str>>,
    pub(super) source: Option<IpAddr>,
}

impl About {
    pub(super) fn of(grant: Option<GrantId>, client: &str, subject: Option<&str>) -> Self {
        Self {
            grant: grant.map(|grant| grant.uuid()),
            client: Some(client.into()),
            subject: subject.map(Into::into),
            source: None,
        }
    }
}
