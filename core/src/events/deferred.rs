//! Events of a transaction of the application that is not committed yet.

use super::{Event, EventRecord, Events};
use crate::store::{after_commit, is_deferring};

impl Event<'_> {
    /// Whether it is true even if what was written is rolled back: an attempt, or the state of the store.
    fn is_true_anyway(&self) -> bool {
        matches!(
            self,
            Self::SignInRefused { .. }
                | Self::Throttled { .. }
                | Self::ClientRefused { .. }
                | Self::CodeReplayed
                | Self::RefreshTokenReused
                | Self::TokenRefused { .. }
                | Self::StoreLost { .. }
                | Self::StoreBack { .. }
        )
    }
}

impl Events {
    /// Emits the record now, or after the commit of the transaction in which the caller runs.
    pub(super) fn emit_when_true(&self, record: EventRecord<'_>) {
        if !is_deferring() || record.event.is_true_anyway() {
            return self.write(&record);
        }
        let events = self.clone();
        let mut texts = Vec::new();
        let frame = map_texts(&record, &mut |text| {
            texts.push(Box::<str>::from(text));
            ""
        });
        after_commit(move || {
            let mut texts = texts.iter();
            events.write(&map_texts(&frame, &mut |_| texts.next().map_or("", |text| &**text)));
        });
    }
}

/// The same record with other texts. They are asked for in the same order each time.
fn map_texts<'a, 'b>(record: &EventRecord<'a>, text: &mut dyn FnMut(&'a str) -> &'b str) -> EventRecord<'b> {
    let event = map_event(&record.event, text);
    EventRecord {
        time: record.time,
        event,
        client: record.client.map(&mut *text),
        subject: record.subject.map(&mut *text),
        grant: record.grant,
        source: record.source,
        request_id: record.request_id.map(&mut *text),
    }
}

fn map_event<'a, 'b>(event: &Event<'a>, text: &mut dyn FnMut(&'a str) -> &'b str) -> Event<'b> {
    use Event as E;
    match *event {
        E::ServerBuilt { issuer, store, grants } => {
            E::ServerBuilt { issuer: text(issuer), store: text(store), grants: text(grants) }
        }
        E::SignedIn { amr } => E::SignedIn { amr: text(amr) },
        E::SignInRefused { why, typed } => E::SignInRefused { why, typed: text(typed) },
        E::SignedUp => E::SignedUp,
        E::SignedOut => E::SignedOut,
        E::PasswordChanged => E::PasswordChanged,
        E::UserRemoved => E::UserRemoved,
        E::Throttled { limit, reached, seconds, typed } => {
            E::Throttled { limit, reached, seconds, typed: typed.map(text) }
        }
        E::ClientAuthenticated { method } => E::ClientAuthenticated { method: text(method) },
        E::ClientRefused { why, method, typed } => {
            E::ClientRefused { why, method: method.map(&mut *text), typed: typed.map(text) }
        }
        E::CodeIssued { scope } => E::CodeIssued { scope: text(scope) },
        E::CodeRedeemed => E::CodeRedeemed,
        E::CodeReplayed => E::CodeReplayed,
        E::TokenIssued { grant_type, scope, expires_in, refresh_token } => {
            E::TokenIssued { grant_type: text(grant_type), scope: text(scope), expires_in, refresh_token }
        }
        E::RefreshTokenRotated => E::RefreshTokenRotated,
        E::RefreshTokenRepeated => E::RefreshTokenRepeated,
        E::RefreshTokenReused => E::RefreshTokenReused,
        E::TokenRevoked { why } => E::TokenRevoked { why },
        E::GrantRevoked { why } => E::GrantRevoked { why },
        E::TokenRefused { why, scope } => E::TokenRefused { why, scope: scope.map(text) },
        E::Consented { scope } => E::Consented { scope: text(scope) },
        E::ConsentRefused { scope } => E::ConsentRefused { scope: text(scope) },
        E::ConsentWithdrawn => E::ConsentWithdrawn,
        E::ClientChanged { change } => E::ClientChanged { change },
        E::SigningKeyChanged { change, kid, algorithm } => {
            E::SigningKeyChanged { change, kid: text(kid), algorithm: text(algorithm) }
        }
        E::StoreLost { error } => E::StoreLost { error: text(error) },
        E::StoreBack { seconds } => E::StoreBack { seconds },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_survives_the_way_over_its_texts() {
        for event in [
            Event::ServerBuilt { issuer: "a", store: "b", grants: "c" },
            Event::Throttled {
                limit: super::super::Limit::SignIn,
                reached: true,
                seconds: 7,
                typed: Some("d"),
            },
            Event::ClientRefused {
                why: super::super::ClientRefusal::NoCredentials,
                method: Some("e"),
                typed: None,
            },
            Event::SigningKeyChanged {
                change: super::super::SigningKeyChange::Made,
                kid: "f",
                algorithm: "g",
            },
            Event::SignedUp,
        ] {
            let mut record = event.of_client("client").of_subject("subject");
            record.request_id = Some("request");
            let mut texts = Vec::new();
            let frame = map_texts(&record, &mut |text| {
                texts.push(text.to_owned());
                ""
            });
            let mut texts = texts.iter();
            assert_eq!(map_texts(&frame, &mut |_| texts.next().unwrap()), record);
            assert!(texts.next().is_none());
        }
    }
}
