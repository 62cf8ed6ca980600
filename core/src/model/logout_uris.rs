//! The URIs at which a client takes part in logout (OpenID Connect RP-Initiated, Back-Channel and Front-Channel Logout 1.0).

use serde_json::{Map, Value};

use crate::protocol::{RedirectUri, RedirectUriError, origin_of};

pub(super) const POST_LOGOUT_REDIRECT_URIS: &str = "post_logout_redirect_uris";
const BACK_CHANNEL: &str = "backchannel_logout_uri";
const FRONT_CHANNEL: &str = "frontchannel_logout_uri";

/// What a client registered for logout is not valid.
#[derive(Debug, thiserror::Error)]
#[error("{member}: {reason}")]
pub struct LogoutMetadataError {
    member: &'static str,
    reason: String,
}

/// Checks what a client's metadata says about logout.
pub(super) fn check(
    metadata: &Map<String, Value>,
    redirect_uris: &[RedirectUri],
    allows_unprotected_redirects: bool,
) -> Result<(), LogoutMetadataError> {
    let wrong = |member, reason| Err(LogoutMetadataError { member, reason });
    if let Some(uris) = metadata.get(POST_LOGOUT_REDIRECT_URIS) {
        let uris = uris.as_array().map(|uris| uris.iter().map(Value::as_str).collect::<Option<Vec<_>>>());
        let Some(Some(uris)) = uris else {
            return wrong(POST_LOGOUT_REDIRECT_URIS, "it must be a list of URIs".to_owned());
        };
        for uri in uris {
            let checked = RedirectUri::parse(uri);
            let checked = checked.and_then(|uri| match allows_unprotected_redirects {
                true => Ok(()),
                false => uri.check_protected(),
            });
            if let Err(reason) = checked {
                return wrong(POST_LOGOUT_REDIRECT_URIS, format!("{uri}: {reason}"));
            }
        }
    }
    for member in [BACK_CHANNEL, FRONT_CHANNEL] {
        let Some(uri) = metadata.get(member) else { continue };
        let Some(uri) = uri.as_str() else { return wrong(member, "it must be a URI".to_owned()) };
        if let Err(reason) = check_told(uri) {
            return wrong(member, reason);
        }
        // Front-Channel Logout section 2.
        let is_of_client = || redirect_uris.iter().any(|own| origin_of(own.as_str()) == origin_of(uri));
        if member == FRONT_CHANNEL && !is_of_client() {
            let reason = "scheme, host and port must be those of one of the redirect_uris";
            return wrong(member, reason.to_owned());
        }
    }
    for member in ["backchannel_logout_session_required", "frontchannel_logout_session_required"] {
        if metadata.get(member).is_some_and(|value| !value.is_boolean()) {
            return wrong(member, "it must be true or false".to_owned());
        }
    }
    Ok(())
}

/// A URI at which a client is told of a logout: `https`, or `http` on a loopback host.
fn check_told(uri: &str) -> Result<(), String> {
    let protected = RedirectUri::parse(uri).and_then(|uri| uri.check_protected());
    protected.map_err(|reason: RedirectUriError| reason.to_string())?;
    if !uri.starts_with("https://") && !uri.starts_with("http://") {
        return Err("it must be https, or http on a loopback host".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::{Client, ClientError};

    fn build(member: &str, value: Value) -> Result<Client, ClientError> {
        Client::public("app").redirect_uri("https://app.example/cb").metadata(member, value).build()
    }

    #[test]
    fn what_a_client_registers_for_logout_is_checked() {
        let (back, front) = (BACK_CHANNEL, FRONT_CHANNEL);
        for (member, good) in [
            (back, json!("https://other.example/out?x=1")),
            (back, json!("http://127.0.0.1:4711/out")),
            (front, json!("https://app.example/out")),
            (POST_LOGOUT_REDIRECT_URIS, json!([])),
            (POST_LOGOUT_REDIRECT_URIS, json!(["https://app.example/bye", "com.example.app:/bye"])),
            ("backchannel_logout_session_required", json!(true)),
        ] {
            assert!(build(member, good.clone()).is_ok(), "{member} {good}");
        }
        for (member, bad) in [
            (back, json!("http://app.example/out")),
            (back, json!("http://127.0.0.1.app.example/out")),
            (back, json!("com.example.app:/out")),
            (back, json!("https://app.example/out#fragment")),
            (back, json!("https://user@app.example/out")),
            (back, json!("/out")),
            (back, json!("")),
            (back, json!(7)),
            (back, json!(null)),
            (front, json!("https://other.example/out")),
            (front, json!("http://app.example/out")),
            (front, json!("https://app.example:8443/out")),
            (POST_LOGOUT_REDIRECT_URIS, json!("https://app.example/bye")),
            (POST_LOGOUT_REDIRECT_URIS, json!([7])),
            (POST_LOGOUT_REDIRECT_URIS, json!(["javascript:alert(1)"])),
            (POST_LOGOUT_REDIRECT_URIS, json!(["http://app.example/bye"])),
            ("frontchannel_logout_session_required", json!("true")),
        ] {
            let refused = build(member, bad.clone());
            assert!(matches!(&refused, Err(ClientError::Logout(_))), "{member} {bad}: {refused:?}");
            assert!(refused.unwrap_err().to_string().starts_with(member), "{member} {bad}");
        }
    }
}
