//! The members that the entries of a seed file may have, and their types.

use serde_json::Value;

/// The type of a member's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MemberType {
    Text,
    Texts,
    Boolean,
    /// A number that is not negative.
    Number,
    Object,
    Anything,
}

use MemberType::{Anything, Boolean, Number, Object, Text, Texts};

impl MemberType {
    pub(super) fn accepts(self, value: &Value) -> bool {
        match self {
            Text => value.is_string(),
            Texts => value.as_array().is_some_and(|list| list.iter().all(Value::is_string)),
            Boolean => value.is_boolean(),
            Number => value.as_f64().is_some_and(|number| number >= 0.0),
            Object => value.is_object(),
            Anything => true,
        }
    }

    pub(super) fn description(self) -> &'static str {
        match self {
            Text => "a text",
            Texts => "an array of texts",
            Boolean => "true or false",
            Number => "a number",
            Object => "an object",
            Anything => "anything",
        }
    }
}

/// OpenID Connect Core section 5.1, apart from `sub`.
const CLAIMS: &[(&str, MemberType)] = &[
    ("name", Text),
    ("given_name", Text),
    ("family_name", Text),
    ("middle_name", Text),
    ("nickname", Text),
    ("preferred_username", Text),
    ("profile", Text),
    ("picture", Text),
    ("website", Text),
    ("email", Text),
    ("email_verified", Boolean),
    ("gender", Text),
    ("birthdate", Text),
    ("zoneinfo", Text),
    ("locale", Text),
    ("phone_number", Text),
    ("phone_number_verified", Boolean),
    ("address", Object),
    ("updated_at", Number),
];

/// IANA's registry "OAuth Dynamic Client Registration Metadata", apart from the members that are read one by one.
const METADATA: &[(&str, MemberType)] = &[
    ("client_name", Text),
    ("client_uri", Text),
    ("logo_uri", Text),
    ("contacts", Texts),
    ("tos_uri", Text),
    ("policy_uri", Text),
    ("jwks_uri", Text),
    ("jwks", Object),
    ("software_id", Text),
    ("software_version", Text),
    ("client_id_issued_at", Number),
    ("client_secret_expires_at", Number),
    ("registration_client_uri", Text),
    ("application_type", Text),
    ("sector_identifier_uri", Text),
    ("subject_type", Text),
    ("id_token_signed_response_alg", Text),
    ("id_token_encrypted_response_alg", Text),
    ("id_token_encrypted_response_enc", Text),
    ("userinfo_signed_response_alg", Text),
    ("userinfo_encrypted_response_alg", Text),
    ("userinfo_encrypted_response_enc", Text),
    ("request_object_signing_alg", Text),
    ("request_object_encryption_alg", Text),
    ("request_object_encryption_enc", Text),
    ("token_endpoint_auth_signing_alg", Text),
    ("default_max_age", Number),
    ("require_auth_time", Boolean),
    ("default_acr_values", Texts),
    ("initiate_login_uri", Text),
    ("request_uris", Texts),
    ("post_logout_redirect_uris", Texts),
    ("frontchannel_logout_uri", Text),
    ("frontchannel_logout_session_required", Boolean),
    ("backchannel_logout_uri", Text),
    ("backchannel_logout_session_required", Boolean),
    ("claims_redirect_uris", Texts),
    ("nfv_token_signed_response_alg", Text),
    ("nfv_token_encrypted_response_alg", Text),
    ("nfv_token_encrypted_response_enc", Text),
    ("tls_client_certificate_bound_access_tokens", Boolean),
    ("tls_client_auth_subject_dn", Text),
    ("tls_client_auth_san_dns", Text),
    ("tls_client_auth_san_uri", Text),
    ("tls_client_auth_san_ip", Text),
    ("tls_client_auth_san_email", Text),
    ("use_mtls_endpoint_aliases", Boolean),
    ("require_signed_request_object", Boolean),
    ("require_pushed_authorization_requests", Boolean),
    ("introspection_signed_response_alg", Text),
    ("introspection_encrypted_response_alg", Text),
    ("introspection_encrypted_response_enc", Text),
    ("authorization_signed_response_alg", Text),
    ("authorization_encrypted_response_alg", Text),
    ("authorization_encrypted_response_enc", Text),
    ("authorization_details_types", Texts),
    ("dpop_bound_access_tokens", Boolean),
    ("backchannel_token_delivery_mode", Text),
    ("backchannel_client_notification_endpoint", Text),
    ("backchannel_authentication_request_signing_alg", Text),
    ("backchannel_user_code_parameter", Boolean),
    ("client_registration_types", Texts),
    ("organization_name", Text),
    ("signed_jwks_uri", Text),
    ("native_sso_supported", Boolean),
    ("user_registration_uri", Text),
    ("vp_formats", Anything),
];

/// The type of a standard claim. Its name may have a language tag (`name#ja`).
pub(super) fn claim(name: &str) -> Option<MemberType> {
    find(CLAIMS, name)
}

/// The type of a member of the client metadata. Its name may have a language tag (`client_name#ja`).
pub(super) fn metadata(name: &str) -> Option<MemberType> {
    find(METADATA, name)
}

fn find(members: &[(&str, MemberType)], name: &str) -> Option<MemberType> {
    let base = name.split('#').next().unwrap_or(name);
    members.iter().find(|(own, _)| *own == base).map(|(_, member_type)| *member_type)
}
