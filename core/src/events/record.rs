use std::net::IpAddr;

use serde::Serialize;
use uuid::Uuid;

use super::Event;
use crate::env::Timestamp;

/// An event, with everything that is known about it.
///
/// It borrows its texts. To keep it, serialize it: it is a flat JSON object with the members `time` (milliseconds since 1970),
/// `event`, those of the event, and `client`, `subject`, `grant`, `source`, `request_id` where they are known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct EventRecord<'a> {
    /// When it happened.
    pub time: Timestamp,
    /// What happened.
    #[serde(flatten)]
    pub event: Event<'a>,
    /// The client, by its registered id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<&'a str>,
    /// The subject of the user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<&'a str>,
    /// The id of the grant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grant: Option<Uuid>,
    /// The address that the request came from: the peer's, or what a trusted proxy says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<IpAddr>,
    /// The id of the request: that of the header `X-Request-Id`, or one that the server made. `None` outside of a request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<&'a str>,
}

impl<'a> From<Event<'a>> for EventRecord<'a> {
    fn from(event: Event<'a>) -> Self {
        Self {
            time: Timestamp::from_millis(0),
            event,
            client: None,
            subject: None,
            grant: None,
            source: None,
            request_id: None,
        }
    }
}

impl<'a> Event<'a> {
    /// The event, about this client.
    pub fn of_client(self, client: &'a str) -> EventRecord<'a> {
        EventRecord::from(self).of_client(client)
    }

    /// The event, about the user with this subject.
    pub fn of_subject(self, subject: &'a str) -> EventRecord<'a> {
        EventRecord::from(self).of_subject(subject)
    }

    /// The event, about this grant.
    pub fn of_grant(self, grant: Uuid) -> EventRecord<'a> {
        EventRecord::from(self).of_grant(grant)
    }
}

impl<'a> EventRecord<'a> {
    /// Names the client.
    #[must_use]
    pub fn of_client(mut self, client: impl Into<Option<&'a str>>) -> Self {
        self.client = client.into();
        self
    }

    /// Names the subject of the user, if there is one.
    #[must_use]
    pub fn of_subject(mut self, subject: impl Into<Option<&'a str>>) -> Self {
        self.subject = subject.into();
        self
    }

    /// Names the grant.
    #[must_use]
    pub fn of_grant(mut self, grant: Uuid) -> Self {
        self.grant = Some(grant);
        self
    }
}
