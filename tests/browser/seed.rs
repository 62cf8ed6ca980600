//! The clients that send the browser to the demo application.

use serde_json::{Value, json};

/// A seed with these clients and no users: users sign up.
pub(crate) fn clients() -> Value {
    let public = |id: &str, name: &str, scope: &str| {
        json!({
            "client_id": id, "client_name": name, "token_endpoint_auth_method": "none",
            "redirect_uris": ["http://127.0.0.1/cb"], "scope": scope,
            "grant_types": ["authorization_code", "refresh_token"],
        })
    };
    let long_scope = format!("notes.read {}", "notes.of.everybody.".repeat(6));
    json!({ "clients": [
        public("field-notes", "Field notes", "openid profile email offline_access notes.read notes.write"),
        // Long names without a space are what breaks a layout.
        public("long", &format!("The {} of our town", "Donaudampfschifffahrts".repeat(4)), &long_scope),
        // On loopback a consent to a confidential client alone is remembered.
        {
            "client_id": "diary", "client_name": "Diary", "client_secret": "never used in the browser",
            "redirect_uris": ["http://127.0.0.1/cb"], "scope": "notes.read notes.write",
        },
        {
            "client_id": "shop", "client_secret": "never used in the browser", "client_name": "Corner shop",
            "client_uri": "https://shop.example/", "policy_uri": "https://shop.example/privacy",
            "tos_uri": "https://shop.example/terms", "logo_uri": "https://shop.example/logo.svg",
            "redirect_uris": ["https://shop.example/signed-in/return?from=gridauth"],
            "scope": "openid profile email", "grant_types": ["authorization_code"],
        },
        {
            "client_id": "demo", "token_endpoint_auth_method": "none", "response_types": [],
            "grant_types": ["password", "refresh_token"], "scope": "all notes.read notes.write",
        },
    ]})
}
