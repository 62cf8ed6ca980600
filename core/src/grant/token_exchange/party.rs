use serde_json::{Map, Value};

use super::error::unacceptable;
use crate::grant::TokenRequest;
use crate::model::Client;
use crate::openid::subject_for;
use crate::protocol::OAuthError;

/// How many may act for each other in a row.
const MOST_ACTORS: usize = 8;

/// Whom a token is about: the subject of an exchange, or the actor.
#[derive(Clone, Debug)]
pub struct Party {
    pub(super) subject: Option<String>,
    pub(super) client_id: Option<String>,
    pub(super) issuer: Option<String>,
    pub(super) act: Option<Value>,
    pub(super) may_act: Option<Value>,
}

impl Party {
    /// The subject of the user; `None` if the client acts for itself.
    pub fn user(&self) -> Option<&str> {
        self.subject.as_deref()
    }

    /// The client that the token was issued to; `None` if another issuer issued it.
    pub fn client_id(&self) -> Option<&str> {
        self.client_id.as_deref()
    }

    /// The other issuer that issued the token; `None` if this server did.
    pub fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    /// Who acts for the user already: the claim `act` of the token (RFC 8693 section 4.1).
    pub fn act(&self) -> Option<&Value> {
        self.act.as_ref()
    }

    /// Checks that the actor, or without one the client, is whom the token names (RFC 8693 section 4.4).
    pub(super) fn check_may_act(&self, actor: Option<&Self>, client: &Client) -> Result<(), OAuthError> {
        let Some(may_act) = &self.may_act else { return Ok(()) };
        let refused = || unacceptable("the subject token names somebody else in may_act");
        let named = may_act.as_object().filter(|named| !named.is_empty()).ok_or_else(refused)?;
        let (subject, client_id) = match actor {
            Some(actor) => (actor.user().or(actor.client_id()), actor.client_id()),
            None => (Some(client.id()), Some(client.id())),
        };
        let is = |name: &str, value: &Value| match name {
            "sub" => value.as_str() == subject,
            "client_id" => value.as_str() == client_id,
            // What is not known here cannot be said to be the same.
            _ => false,
        };
        if named.iter().all(|(name, value)| is(name, value)) { Ok(()) } else { Err(refused()) }
    }

    /// The claim `act` of the new token: the actor, with whoever acted before within. An exchange without an actor keeps those who
    /// acted before.
    pub(super) fn act_of(
        &self,
        actor: Option<&Self>,
        request: &TokenRequest<'_>,
    ) -> Result<Option<Value>, OAuthError> {
        let Some(actor) = actor else { return Ok(self.act.clone()) };
        let user = actor.user().map(|user| subject_for(request.engine, request.client(), user).into_owned());
        let subject = user.or_else(|| actor.client_id.clone()).unwrap_or_default();
        let mut act = Map::from_iter([("sub".to_owned(), Value::String(subject))]);
        if let (Some(_), Some(client_id)) = (actor.user(), actor.client_id()) {
            act.insert("client_id".to_owned(), client_id.into());
        }
        if let Some(before) = &self.act {
            act.insert("act".to_owned(), before.clone());
        }
        let act = Value::Object(act);
        let actors = std::iter::successors(Some(&act), |act| act.get("act")).count();
        if actors > MOST_ACTORS {
            return Err(unacceptable("too many act for each other"));
        }
        Ok(Some(act))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn party(user: Option<&str>, client: &str, may_act: Option<Value>) -> Party {
        Party {
            subject: user.map(str::to_owned),
            client_id: Some(client.to_owned()),
            issuer: None,
            act: None,
            may_act,
        }
    }

    #[test]
    fn whom_may_act_names_is_the_only_one_who_may() {
        let client = Client::public("web").build().unwrap();
        let admin = party(Some("admin"), "web", None);
        let robot = party(None, "robot", None);
        for (may_act, by_admin, by_robot, by_client) in [
            (json!({"sub": "admin"}), true, false, false),
            (json!({"sub": "admin", "client_id": "web"}), true, false, false),
            (json!({"sub": "admin", "client_id": "other"}), false, false, false),
            (json!({"sub": "robot"}), false, true, false),
            (json!({"client_id": "web"}), true, false, true),
            (json!({"sub": "web"}), false, false, true),
            (json!({"sub": "admin", "iss": "https://other.example.com"}), false, false, false),
            (json!({}), false, false, false),
            (json!("admin"), false, false, false),
            (json!({"sub": ["admin"]}), false, false, false),
        ] {
            let subject = party(Some("israel"), "web", Some(may_act.clone()));
            let allows = |actor| subject.check_may_act(actor, &client).is_ok();
            assert_eq!(
                (allows(Some(&admin)), allows(Some(&robot)), allows(None)),
                (by_admin, by_robot, by_client),
                "{may_act}"
            );
        }
        assert!(party(None, "web", None).check_may_act(Some(&admin), &client).is_ok());
    }
}
