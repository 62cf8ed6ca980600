//! The clients that send the browser to the demo application.

use std::io::{Read, Write};
use std::net::TcpListener;

use serde_json::{Value, json};

/// A picture of one red pixel.
const LOGO: &[u8] = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\xff\x00\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;";

/// Serves the logo on loopback, for as long as the tests run. Returns its URL.
fn serve_logo() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it listens");
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = [0; 2048];
            let _ = stream.read(&mut request);
            let head =
                format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", LOGO.len());
            let _ = stream.write_all(&[head.as_bytes(), LOGO].concat());
        }
    });
    format!("http://{address}/logo.gif")
}

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
            "tos_uri": "https://shop.example/terms", "logo_uri": serve_logo(),
            "redirect_uris": ["https://shop.example/signed-in/return?from=gridauth"],
            "scope": "openid profile email", "grant_types": ["authorization_code"],
        },
        {
            "client_id": "demo", "token_endpoint_auth_method": "none", "response_types": [],
            "grant_types": ["password", "refresh_token"], "scope": "all notes.read notes.write",
        },
    ]})
}
