//! Events as lines of the log. `info` tells a person's story of the day; what machines do all day is `debug`.

use super::{Event, EventRecord};

/// One line: the common fields, and those of the event. Field names are stable.
macro_rules! line {
    ($level:ident, $record:ident, $message:literal $(, $field:ident = $value:expr)* $(,)?) => {
        tracing::$level!(
            target: "gridauth::event",
            event = $record.event.name(),
            client = $record.client,
            subject = $record.subject,
            grant = $record.grant.map(tracing::field::display),
            source = $record.source.map(tracing::field::display),
            request_id = $record.request_id,
            $($field = $value,)*
            $message
        )
    };
}

pub(super) fn write(record: &EventRecord<'_>) {
    match &record.event {
        Event::ServerBuilt { issuer, store, grants } => {
            line!(info, record, "the server is built", issuer = *issuer, store = *store, grants = *grants);
        }
        Event::SignedIn { amr } => line!(info, record, "a user signed in", amr = *amr),
        Event::SignInRefused { why, typed } => {
            line!(info, record, "a sign-in was refused", why = why.as_str(), typed = *typed);
        }
        Event::SignedUp => line!(info, record, "a user signed up"),
        Event::SignedOut => line!(info, record, "a session ended"),
        Event::PasswordChanged => line!(info, record, "a password was changed"),
        Event::UserRemoved => line!(info, record, "a user was removed"),
        Event::Throttled { limit, reached, seconds, typed } => {
            let (limit, seconds, typed) = (limit.as_str(), *seconds, *typed);
            if *reached {
                line!(
                    warn,
                    record,
                    "too many failures: further attempts wait",
                    limit = limit,
                    seconds = seconds,
                    typed = typed
                );
            } else {
                line!(
                    debug,
                    record,
                    "an attempt has to wait",
                    limit = limit,
                    seconds = seconds,
                    typed = typed
                );
            }
        }
        Event::ClientAuthenticated { method } => {
            line!(debug, record, "a client authenticated", method = *method);
        }
        Event::ClientRefused { why, method, typed } => {
            line!(info, record, "a client was refused", why = why.as_str(), method = *method, typed = *typed);
        }
        Event::CodeIssued { scope } => line!(debug, record, "a code was issued", scope = *scope),
        Event::CodeRedeemed => line!(debug, record, "a code was redeemed"),
        Event::CodeReplayed => line!(warn, record, "a code was used twice: the grant is revoked"),
        Event::TokenIssued { grant_type, scope, expires_in, refresh_token } => {
            let (expires_in, refresh_token) = (*expires_in, *refresh_token);
            // A user's tokens from now on. Clients for themselves, and every refresh, are no news.
            if record.subject.is_some() && *grant_type != "refresh_token" {
                line!(
                    info,
                    record,
                    "a token was issued",
                    grant_type = *grant_type,
                    scope = *scope,
                    expires_in = expires_in,
                    refresh_token = refresh_token
                );
            } else {
                line!(
                    debug,
                    record,
                    "a token was issued",
                    grant_type = *grant_type,
                    scope = *scope,
                    expires_in = expires_in,
                    refresh_token = refresh_token
                );
            }
        }
        Event::RefreshTokenRotated => line!(debug, record, "a refresh token was rotated"),
        Event::RefreshTokenRepeated => {
            line!(debug, record, "a rotated refresh token was presented again within the grace window");
        }
        Event::RefreshTokenReused => {
            line!(warn, record, "a rotated refresh token was used again: the grant is revoked");
        }
        Event::TokenRevoked { why } => line!(info, record, "a token was revoked", why = why.as_str()),
        Event::GrantRevoked { why } => line!(info, record, "a grant was revoked", why = why.as_str()),
        Event::TokenRefused { why, scope } => {
            line!(debug, record, "a guard rejected a request", why = why.as_str(), scope = *scope);
        }
        Event::Consented { scope } => line!(info, record, "a user allowed a client", scope = *scope),
        Event::ConsentRefused { scope } => line!(info, record, "a user refused a client", scope = *scope),
        Event::ConsentWithdrawn => line!(info, record, "consent was withdrawn"),
        Event::ClientChanged { change } => {
            line!(info, record, "a client was changed", change = change.as_str());
        }
        Event::SigningKeyChanged { change, kid, algorithm } => {
            line!(
                info,
                record,
                "a signing key was changed",
                change = change.as_str(),
                kid = *kid,
                algorithm = *algorithm
            );
        }
        Event::StoreLost { error } => line!(error, record, "the store cannot be reached", error = *error),
        Event::StoreBack { seconds } => {
            line!(info, record, "the store can be reached again", seconds = *seconds);
        }
    }
}
