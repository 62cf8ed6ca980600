//! Protections that a client's metadata asks for, and that the server does not have. A client that asks for one must not get less.

use serde_json::Value;

use super::Client;
use crate::protocol::OAuthError;

/// Members that ask for a protection by being `true`.
const REQUIRED: [&str; 2] = ["require_pushed_authorization_requests", "require_signed_request_object"];

/// Members that ask for encryption by being there.
const ENCRYPTED: [&str; 4] = [
    "id_token_encrypted_response_alg",
    "userinfo_encrypted_response_alg",
    "introspection_encrypted_response_alg",
    "authorization_encrypted_response_alg",
];

impl Client {
    /// The member of its metadata that the server cannot do justice to, if there is one. `met` are those that it can.
    pub(crate) fn unmet(&self, met: &[&str]) -> Option<&'static str> {
        let is_true =
            |member: &&str| self.metadata_value(member) == Some(&Value::Bool(true)) && !met.contains(member);
        let is_there = |member: &&str| self.metadata_value(member).is_some();
        let is_odd = self
            .metadata_value("subject_type")
            .is_some_and(|subject_type| !["public", "pairwise"].iter().any(|known| subject_type == known));
        REQUIRED
            .into_iter()
            .find(is_true)
            .or_else(|| ENCRYPTED.into_iter().find(is_there))
            .or(is_odd.then_some("subject_type"))
    }

    /// Refuses a client that asks for more than the server can do.
    pub(crate) fn refuse_unmet(&self, met: &[&str]) -> Result<(), OAuthError> {
        match self.unmet(met) {
            None => Ok(()),
            Some(member) => Err(OAuthError::unauthorized_client(format!(
                "the server cannot do what the client is registered for: {member}"
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_client_asks_for_is_met_or_refused() {
        let unmet = |member: &str, value: Value| {
            Client::public("spa").metadata(member, value).build().unwrap().unmet(&[])
        };
        for member in REQUIRED {
            assert_eq!(unmet(member, json!(true)), Some(member));
            assert_eq!(unmet(member, json!(false)), None);
            let client = Client::public("spa").metadata(member, json!(true)).build().unwrap();
            assert_eq!(client.unmet(&[member]), None);
        }
        for member in ENCRYPTED {
            assert_eq!(unmet(member, json!("RSA-OAEP")), Some(member));
        }
        for (subject_type, expected) in [
            (json!("public"), None),
            (json!("pairwise"), None),
            (json!("Pairwise"), Some("subject_type")),
            (json!(1), Some("subject_type")),
        ] {
            assert_eq!(unmet("subject_type", subject_type), expected);
        }
    }
}
