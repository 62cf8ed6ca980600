//! Dynamic client registration (RFC 7591), its management (RFC 7592), and client id metadata documents.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;

use gridauth_conformance::browser::{is_consent, is_sign_in};
use gridauth_conformance::oauth::{CodeRequest, Redirect, Tokens, is_valid};
use gridauth_conformance::{Browser, Context, Demo, Options, Request, Response, cases, random};
use serde_json::{Value, json};

cases! {
    "DEMO_APP.md, Start" => registration_is_off_unless_it_is_on,
    "RFC 7591 3.2.1" => a_registration_is_answered_with_everything_that_is_registered,
    "RFC 7591 3.2.2" => a_wrong_registration_is_told_what_is_wrong,
    "RFC 7591 3" => an_initial_access_token_may_be_needed,
    "RFC 7591 3.2.1" => a_registered_client_works,
    "RFC 7592 2.1" => a_client_reads_its_registration,
    "RFC 7592 2.2" => a_client_replaces_its_registration,
    "RFC 7592 2.2" => a_wrong_change_is_refused,
    "RFC 7592 2.3" => a_client_deletes_its_registration,
    "RFC 7592 2" => nobody_else_manages_it,
    "DEMO_APP.md, Pages" => the_pages_say_that_a_client_registered_itself,
    "RFC 9700 4.11.2" => a_registered_client_sends_nobody_anywhere_unasked,
    "CIMD 3" => a_client_with_a_document_works,
    "CIMD 5" => a_bad_document_is_refused_on_a_page,
    "DEMO_APP.md, Start" => documents_are_off_unless_they_are_on,
    "DEMO_APP.md, Profiles" => the_profile_mcp_leaves_nothing_else_open,
}

const CB: &str = "https://registered.example.com/cb";

fn open(context: &Context) -> Demo {
    context.start(&Options::new("registration").env("GRIDAUTH_REGISTRATION", "open"))
}

fn register(app: &Demo, metadata: &Value) -> Response {
    app.send(&Request::json(app.endpoint("register"), metadata))
}

#[track_caller]
fn registered(app: &Demo, metadata: &Value) -> Value {
    register(app, metadata).expect(201).json()
}

fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value[member].as_str().unwrap_or_else(|| panic!("no {member} in {value}"))
}

/// The path and query of the client's configuration endpoint.
fn managing(app: &Demo, client: &Value) -> String {
    let uri = text(client, "registration_client_uri");
    uri.strip_prefix(&app.issuer).unwrap_or_else(|| panic!("{uri} is not below the issuer")).to_owned()
}

fn manage(app: &Demo, method: &str, client: &Value, body: Option<&Value>) -> Response {
    let mut request = Request::new(method, managing(app, client));
    if let Some(body) = body {
        request = request.body("application/json", body.to_string());
    }
    app.send(&request.bearer(text(client, "registration_access_token")))
}

/// Registers, and goes the whole way to tokens.
#[track_caller]
fn tokens_of(app: &Demo, context: &Context, client: &Value) -> Tokens {
    let user = context.user_at(app);
    let request = CodeRequest::new(text(client, "client_id"), client["redirect_uris"][0].as_str().unwrap());
    let code = request.code(app, &user);
    Tokens::of(&redeem(app, client, &request, &code))
}

fn redeem(app: &Demo, client: &Value, request: &CodeRequest, code: &str) -> Response {
    let id = text(client, "client_id");
    let mut parameters = request.redemption(code);
    let path = app.endpoint("token");
    match client["client_secret"].as_str() {
        Some(secret) => app.send(&Request::form(path, &parameters).basic(id, secret)),
        None => {
            parameters.push(("client_id", id));
            app.send(&Request::form(path, &parameters))
        }
    }
}

fn public(uri: &str) -> Value {
    json!({"redirect_uris": [uri], "token_endpoint_auth_method": "none", "client_name": "A stranger",
           "grant_types": ["authorization_code", "refresh_token"]})
}

fn registration_is_off_unless_it_is_on(context: &Context) {
    let app = context.app();
    register(app, &public(CB)).expect(404);
    let metadata = app.get("/.well-known/oauth-authorization-server").expect(200).json();
    assert!(metadata.get("registration_endpoint").is_none());
    let app = open(context);
    let metadata = app.get("/.well-known/oauth-authorization-server").expect(200).json();
    assert_eq!(metadata["registration_endpoint"], format!("{}/oauth/register", app.issuer));
    for method in ["GET", "PUT", "DELETE"] {
        app.send(&Request::new(method, app.endpoint("register"))).expect(405);
    }
}

fn a_registration_is_answered_with_everything_that_is_registered(context: &Context) {
    let app = open(context);
    let metadata = json!({
        "redirect_uris": [CB, "https://registered.example.com/other"],
        "client_name": "Registered", "client_name#de": "Angemeldet", "client_uri": "https://registered.example.com/",
        "logo_uri": "https://registered.example.com/logo.png", "contacts": ["a@registered.example.com"],
        "tos_uri": "https://registered.example.com/tos", "policy_uri": "https://registered.example.com/policy",
        "software_id": "4NRB1-0XZABZI9E6-5SM3R", "software_version": "1.0", "scope": "openid notes.read",
        "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"],
        "token_endpoint_auth_method": "client_secret_post", "application_type": "web",
        "default_max_age": 3600, "x_unknown": true, "gridauth_first_party": true,
    });
    let answer = register(&app, &metadata).expect(201);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let client = answer.json();
    for (name, value) in metadata.as_object().unwrap() {
        let expected = (!matches!(&**name, "x_unknown" | "gridauth_first_party")).then_some(value);
        assert_eq!(client.get(name), expected, "{name}");
    }
    assert!(client["client_id_issued_at"].as_i64().unwrap() > 1_700_000_000);
    assert_eq!(client["client_secret_expires_at"], 0);
    assert!(
        text(&client, "client_secret").len() >= 43 && text(&client, "registration_access_token").len() >= 43
    );
    assert!(text(&client, "client_id").len() <= 2_000);
    managing(&app, &client);
    // RFC 7591 section 2: the defaults.
    let client = registered(&app, &json!({"redirect_uris": [CB]}));
    assert_eq!(client["grant_types"], json!(["authorization_code"]));
    assert_eq!(client["response_types"], json!(["code"]));
    assert_eq!(client["token_endpoint_auth_method"], "client_secret_basic");
    assert_eq!(client["scope"], "openid profile email address phone offline_access notes.read notes.write");
    let client = registered(&app, &public("http://127.0.0.1/cb"));
    assert_eq!((client.get("client_secret"), &client["application_type"]), (None, &json!("native")));
    assert_eq!(client.get("client_secret_expires_at"), None);
}

fn a_wrong_registration_is_told_what_is_wrong(context: &Context) {
    let app = open(context);
    let with = |name: &str, value: Value| {
        let mut metadata = public(CB);
        metadata[name] = value;
        metadata
    };
    for (metadata, error) in [
        (json!({}), "invalid_redirect_uri"),
        (with("redirect_uris", json!([])), "invalid_redirect_uri"),
        (with("redirect_uris", json!("https://registered.example.com/cb")), "invalid_redirect_uri"),
        (with("redirect_uris", json!(["http://registered.example.com/cb"])), "invalid_redirect_uri"),
        (with("redirect_uris", json!(["https://registered.example.com/cb#x"])), "invalid_redirect_uri"),
        (with("redirect_uris", json!(["https://registered.example.com/*"])), "invalid_redirect_uri"),
        (with("redirect_uris", json!(["javascript:alert(1)"])), "invalid_redirect_uri"),
        (with("redirect_uris", json!(["app:/cb"])), "invalid_redirect_uri"),
        (with("grant_types", json!(["client_credentials"])), "invalid_client_metadata"),
        (with("grant_types", json!(["authorization_code", "password"])), "invalid_client_metadata"),
        (with("grant_types", json!("authorization_code")), "invalid_client_metadata"),
        (with("response_types", json!(["unknown"])), "invalid_client_metadata"),
        (with("response_types", json!(["token"])), "invalid_client_metadata"),
        (with("scope", json!("no.such.scope")), "invalid_client_metadata"),
        (with("scope", json!(["notes.read"])), "invalid_client_metadata"),
        (with("token_endpoint_auth_method", json!("unknown")), "invalid_client_metadata"),
        (with("token_endpoint_auth_method", json!("private_key_jwt")), "invalid_client_metadata"),
        (with("jwks", json!({"keys": [{"kty": "oct", "k": "AAAA"}]})), "invalid_client_metadata"),
        (with("jwks", json!([])), "invalid_client_metadata"),
        (with("jwks_uri", json!("http://registered.example.com/jwks")), "invalid_client_metadata"),
        (with("client_name", json!(7)), "invalid_client_metadata"),
        (with("client_uri", json!("javascript:alert(1)")), "invalid_client_metadata"),
        (with("contacts", json!("a@registered.example.com")), "invalid_client_metadata"),
        (with("application_type", json!("tv")), "invalid_client_metadata"),
        (with("initiate_login_uri", json!("http://registered.example.com/")), "invalid_client_metadata"),
        (with("subject_type", json!("secret")), "invalid_client_metadata"),
        (with("id_token_signed_response_alg", json!("none")), "invalid_client_metadata"),
        (with("sector_identifier_uri", json!("https://127.0.0.1:1/sector")), "invalid_client_metadata"),
        (with("software_statement", json!("x")), "invalid_software_statement"),
        (with("software_statement", json!(7)), "invalid_software_statement"),
        (with("software_statement", json!("eyJhbGciOiJub25lIn0.e30.")), "invalid_software_statement"),
    ] {
        let answer = register(&app, &metadata).expect_error(400, error);
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{metadata}");
        assert!(answer.json()["error_description"].is_string(), "{metadata}");
    }
    for body in
        ["", "{", "[]", "null", "\"x\"", r#"{"redirect_uris": [], "redirect_uris": []}"#, &"[".repeat(5000)]
    {
        let request = Request::post(app.endpoint("register")).body("application/json", body);
        app.send(&request).expect_error(400, "invalid_client_metadata");
    }
    let form = Request::form(app.endpoint("register"), &[("redirect_uris", CB)]);
    app.send(&form).expect_error(400, "invalid_request");
    let long = with("client_name", json!("x".repeat(17 * 1024)));
    register(&app, &long).expect_error(400, "invalid_client_metadata");
}

fn an_initial_access_token_may_be_needed(context: &Context) {
    let token = random::secret_of(&random::unique("initial"));
    let value = format!("token:{token}");
    let app = context.start(&Options::new("initial token").env("GRIDAUTH_REGISTRATION", &value));
    let request = || Request::json(app.endpoint("register"), &public(CB));
    let none = app.send(&request()).expect(401);
    let challenge = none.header("www-authenticate").unwrap();
    assert!(challenge.starts_with("Bearer ") && !challenge.contains("error"), "{challenge}");
    for wrong in ["wrong", &token[1..], &format!("{token}x")] {
        let answer = app.send(&request().bearer(wrong)).expect_error(401, "invalid_token");
        assert!(answer.header("www-authenticate").unwrap().contains("error=\"invalid_token\""));
    }
    let client = app.send(&request().bearer(&token)).expect(201).json();
    assert!(is_valid(&app, &tokens_of(&app, context, &client).access));
}

fn a_registered_client_works(context: &Context) {
    let app = open(context);
    for metadata in [
        public(CB),
        public("http://127.0.0.1/cb"),
        json!({"redirect_uris": [CB], "grant_types": ["authorization_code", "refresh_token"]}),
    ] {
        let client = registered(&app, &metadata);
        let tokens = tokens_of(&app, context, &client);
        let about = app.send(&Request::get("/whoami").bearer(&tokens.access)).expect(200).json();
        assert_eq!(about["client_id"], client["client_id"]);
        let refresh = [
            ("grant_type", "refresh_token"),
            ("refresh_token", tokens.refresh()),
            ("client_id", text(&client, "client_id")),
        ];
        let request = match client["client_secret"].as_str() {
            Some(secret) => {
                Request::form(app.endpoint("token"), &refresh[..2]).basic(text(&client, "client_id"), secret)
            }
            None => Request::form(app.endpoint("token"), &refresh),
        };
        Tokens::of(&app.send(&request));
    }
    // A secret that is not the client's.
    let client = registered(&app, &json!({"redirect_uris": [CB]}));
    let other = registered(&app, &json!({"redirect_uris": [CB]}));
    let token = [("grant_type", "authorization_code"), ("code", "x"), ("redirect_uri", CB)];
    let (id, wrong) = (text(&client, "client_id"), text(&other, "client_secret"));
    app.send(&Request::form(app.endpoint("token"), &token).basic(id, wrong))
        .expect_error(401, "invalid_client");
    for bad in [&id[..id.len() - 2], &format!("{id}A"), "reg.x.y", "reg."] {
        let secret = text(&client, "client_secret");
        let request = Request::form(app.endpoint("token"), &token).basic(bad, secret);
        app.send(&request).expect_error(401, "invalid_client");
    }
}

fn a_client_reads_its_registration(context: &Context) {
    let app = open(context);
    let client = registered(&app, &public(CB));
    let answer = manage(&app, "GET", &client, None).expect(200);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.json(), client);
}

/// The whole registration, as a change has it.
fn change(client: &Value) -> Value {
    let mut change = client.clone();
    for member in [
        "registration_access_token",
        "registration_client_uri",
        "client_secret_expires_at",
        "client_id_issued_at",
    ] {
        change.as_object_mut().unwrap().remove(member);
    }
    change
}

fn a_client_replaces_its_registration(context: &Context) {
    let app = open(context);
    let client = registered(
        &app,
        &json!({"redirect_uris": [CB], "client_name": "Before", "contacts": ["a@b.example"]}),
    );
    let mut changed = change(&client);
    changed["client_name"] = json!("After");
    changed["redirect_uris"] = json!(["https://registered.example.com/new"]);
    changed.as_object_mut().unwrap().remove("contacts");
    let answer = manage(&app, "PUT", &client, Some(&changed)).expect(200).json();
    assert_eq!((&answer["client_name"], &answer["client_id"]), (&json!("After"), &client["client_id"]));
    assert_eq!((answer.get("contacts"), answer.get("client_secret")), (None, None));
    assert_eq!(answer["client_id_issued_at"], client["client_id_issued_at"]);
    assert_eq!(manage(&app, "GET", &client, None).expect(200).json(), answer);
    // The secret is the same, the old redirect URI is gone.
    let mut now = answer.clone();
    now["client_secret"] = client["client_secret"].clone();
    assert!(is_valid(&app, &tokens_of(&app, context, &now).access));
    let before = CodeRequest::new(text(&client, "client_id"), CB);
    assert_eq!(before.open(&app).status, 400);
    // Another method may need another secret, and public clients have none.
    let mut public = change(&now);
    public["token_endpoint_auth_method"] = json!("none");
    public.as_object_mut().unwrap().remove("client_secret");
    let answer = manage(&app, "PUT", &client, Some(&public)).expect(200).json();
    assert_eq!(answer.get("client_secret_expires_at"), None);
    assert!(is_valid(&app, &tokens_of(&app, context, &answer).access));
    public["token_endpoint_auth_method"] = json!("client_secret_basic");
    let answer = manage(&app, "PUT", &client, Some(&public)).expect(200).json();
    assert!(answer["client_secret"].is_string() && answer["client_secret"] != client["client_secret"]);
    assert!(is_valid(&app, &tokens_of(&app, context, &answer).access));
}

fn a_wrong_change_is_refused(context: &Context) {
    let app = open(context);
    let client = registered(&app, &json!({"redirect_uris": [CB]}));
    let good = change(&client);
    let with = |name: &str, value: Value| {
        let mut changed = good.clone();
        changed[name] = value;
        changed
    };
    for (changed, error) in [
        (with("client_id", json!(null)), "invalid_client_metadata"),
        (with("client_id", json!("web")), "invalid_client_metadata"),
        (with("client_secret", json!("a secret of its own choice, long enough")), "invalid_client_metadata"),
        (with("client_secret", json!(7)), "invalid_client_metadata"),
        (with("registration_access_token", json!("x")), "invalid_client_metadata"),
        (with("client_secret_expires_at", json!(0)), "invalid_client_metadata"),
        (with("redirect_uris", json!([])), "invalid_redirect_uri"),
        (with("grant_types", json!(["password"])), "invalid_client_metadata"),
    ] {
        manage(&app, "PUT", &client, Some(&changed)).expect_error(400, error);
    }
    let mut current = manage(&app, "GET", &client, None).expect(200).json();
    current["client_secret"] = client["client_secret"].clone();
    assert_eq!(current, client);
    manage(&app, "PUT", &client, Some(&good)).expect(200);
}

fn a_client_deletes_its_registration(context: &Context) {
    let app = open(context);
    let client = registered(&app, &public(CB));
    let tokens = tokens_of(&app, context, &client);
    let unused = registered(&app, &public(CB));
    for client in [&client, &unused] {
        let gone = manage(&app, "DELETE", client, None).expect(204);
        assert!(gone.body.is_empty());
        for method in ["GET", "DELETE"] {
            manage(&app, method, client, None).expect_error(401, "invalid_token");
        }
        manage(&app, "PUT", client, Some(&change(client))).expect_error(401, "invalid_token");
        let refresh = [
            ("grant_type", "refresh_token"),
            ("refresh_token", "x"),
            ("client_id", text(client, "client_id")),
        ];
        app.send(&Request::form(app.endpoint("token"), &refresh)).expect_error(401, "invalid_client");
        assert_eq!(CodeRequest::new(text(client, "client_id"), CB).open(&app).status, 400);
    }
    assert!(!is_valid(&app, &tokens.access));
}

fn nobody_else_manages_it(context: &Context) {
    let app = open(context);
    let (client, other) = (registered(&app, &public(CB)), registered(&app, &public(CB)));
    for method in ["GET", "PUT", "DELETE"] {
        let path = managing(&app, &client);
        app.send(&Request::new(method, &path)).expect(401);
        for wrong in ["wrong", text(&other, "registration_access_token")] {
            app.send(&Request::new(method, &path).bearer(wrong)).expect_error(401, "invalid_token");
        }
        let own = text(&client, "registration_access_token");
        for path in
            ["/oauth/register/client", "/oauth/register/client?client_id=web", &managing(&app, &other)]
        {
            app.send(&Request::new(method, path).bearer(own)).expect_error(401, "invalid_token");
        }
    }
    app.send(&Request::post(managing(&app, &client))).expect(405);
    manage(&app, "GET", &client, None).expect(200);
}

fn the_pages_say_that_a_client_registered_itself(context: &Context) {
    let app = open(context);
    let user = context.user_at(&app);
    let client = registered(&app, &public(CB));
    let request = CodeRequest::new(text(&client, "client_id"), CB);
    let mut browser = Browser::new(&app);
    let page = browser.authorize(&request.pairs());
    assert!(is_sign_in(&page));
    for part in ["A stranger", "registered itself", "registered.example.com"] {
        assert!(page.text().contains(part), "{part}: {page:#}");
    }
    let page = browser.sign_in(&page, &user);
    assert!(is_consent(&page));
    for part in ["A stranger", "registered itself", "registered.example.com"] {
        assert!(page.text().contains(part), "{part}: {page:#}");
    }
    assert!(Redirect::of(&browser.allow(&page)).get("code").is_some());
}

fn a_registered_client_sends_nobody_anywhere_unasked(context: &Context) {
    let app = open(context);
    let client = registered(&app, &public(CB));
    let request = CodeRequest::new(text(&client, "client_id"), CB);
    let page = request.clone().with("scope", "no.such.scope").open(&app);
    assert_eq!((page.status, page.header("location")), (400, None));
    let page = request.with("prompt", "none").open(&app);
    assert_eq!(page.header("location"), None);
}

/// A host with documents, by their paths.
struct Host {
    origin: String,
    documents: Arc<Mutex<Vec<(String, String)>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Host {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let documents: Arc<Mutex<Vec<(String, String)>>> = Arc::default();
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let (served, seen) = (Arc::clone(&documents), Arc::clone(&asked));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { continue };
                let mut bytes = Vec::new();
                let mut buffer = [0; 1024];
                while !bytes.windows(4).any(|end| end == b"\r\n\r\n") {
                    match stream.read(&mut buffer) {
                        Ok(read) if read > 0 => bytes.extend_from_slice(&buffer[..read]),
                        _ => break,
                    }
                }
                let head = String::from_utf8_lossy(&bytes).into_owned();
                let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
                seen.lock().unwrap().push(path.clone());
                let found = served.lock().unwrap().iter().find(|(own, _)| *own == path).cloned();
                let answer = found.map_or_else(
                    || "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_owned(),
                    |(_, answer)| answer,
                );
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        Self { origin, documents, asked }
    }

    fn serves_raw(&self, path: &str, answer: &str) {
        let mut documents = self.documents.lock().unwrap();
        documents.retain(|(own, _)| own != path);
        documents.push((path.to_owned(), answer.to_owned()));
    }

    fn serves(&self, path: &str, head: &str, body: &str) {
        let length = body.len();
        let answer =
            format!("HTTP/1.1 {head}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
        self.serves_raw(path, &answer);
    }
}

const JSON: &str = "200 OK\r\ncontent-type: application/json\r\ncache-control: max-age=1";

fn a_client_with_a_document_works(context: &Context) {
    let app = context.start(&Options::new("documents").env("GRIDAUTH_CLIENT_METADATA", "loopback"));
    let metadata = app.get("/.well-known/oauth-authorization-server").expect(200).json();
    assert_eq!(metadata["client_id_metadata_document_supported"], true);
    let user = context.user_at(&app);
    let host = Host::start();
    let id = format!("{}/client.json", host.origin);
    let document = json!({"client_id": id, "client_name": "With a document", "redirect_uris": ["http://127.0.0.1/cb"],
        "grant_types": ["authorization_code", "refresh_token"], "token_endpoint_auth_method": "none"});
    host.serves("/client.json", JSON, &document.to_string());
    let request = CodeRequest::new(&id, "http://127.0.0.1:4711/cb");
    let mut browser = Browser::new(&app);
    let page = browser.authorize(&request.pairs());
    assert!(is_sign_in(&page));
    let page = browser.sign_in(&page, &user);
    assert!(is_consent(&page));
    let authority = host.origin.strip_prefix("http://").unwrap();
    for part in ["With a document", authority] {
        assert!(page.text().contains(part), "{part}: {page:#}");
    }
    let code = Redirect::of(&browser.allow(&page)).get("code").unwrap().to_owned();
    let client = json!({"client_id": id});
    let tokens = Tokens::of(&redeem(&app, &client, &request, &code));
    assert!(is_valid(&app, &tokens.access) && tokens.refresh.is_some());
    let about = app.send(&Request::get("/whoami").bearer(&tokens.access)).expect(200).json();
    assert_eq!(about["client_id"], id);
    assert!(host.asked.lock().unwrap().iter().all(|path| path == "/client.json"));
}

fn a_bad_document_is_refused_on_a_page(context: &Context) {
    let app = context.start(&Options::new("bad documents").env("GRIDAUTH_CLIENT_METADATA", "loopback"));
    let host = Host::start();
    let id = |path: &str| format!("{}{path}", host.origin);
    let document = |path: &str| json!({"client_id": id(path), "redirect_uris": [CB], "client_name": "C"});
    let refused = |path: &str| {
        let answer = CodeRequest::new(&id(path), CB).open(&app);
        assert_eq!((answer.status, answer.header("location")), (400, None), "{path}: {answer:#}");
    };
    refused("/missing.json");
    host.serves("/moved.json", &format!("302 Found\r\nlocation: {}", id("/good.json")), "");
    host.serves("/good.json", JSON, &document("/good.json").to_string());
    refused("/moved.json");
    host.serves("/other.json", JSON, &document("/good.json").to_string());
    host.serves("/html.json", "200 OK\r\ncontent-type: text/html", &document("/html.json").to_string());
    host.serves("/broken.json", JSON, "{");
    let mut huge = document("/huge.json");
    huge["client_name"] = json!("x".repeat(11_000));
    host.serves("/huge.json", JSON, &huge.to_string());
    let mut secret = document("/secret.json");
    secret["client_secret"] = json!("published");
    host.serves("/secret.json", JSON, &secret.to_string());
    let mut basic = document("/basic.json");
    basic["token_endpoint_auth_method"] = json!("client_secret_basic");
    host.serves("/basic.json", JSON, &basic.to_string());
    let short = format!("HTTP/1.1 {JSON}\r\ncontent-length: 5000\r\nconnection: close\r\n\r\n{{}}");
    host.serves_raw("/short.json", &short);
    for path in [
        "/other.json",
        "/html.json",
        "/broken.json",
        "/huge.json",
        "/secret.json",
        "/basic.json",
        "/short.json",
    ] {
        refused(path);
    }
    refused("/good.json#fragment");
    refused("/./good.json");
    for url in [
        "https://127.0.0.1",
        "http://10.0.0.1/c",
        "https://10.0.0.1/c",
        "https://169.254.169.254/latest/meta-data",
    ] {
        assert_eq!(CodeRequest::new(url, CB).open(&app).status, 400, "{url}");
    }
    let good = CodeRequest::new(&id("/good.json"), CB);
    assert!(is_sign_in(&good.open(&app)));
    // The redirect URI is not one of the document.
    assert_eq!(CodeRequest::new(&id("/good.json"), "https://evil.example/cb").open(&app).status, 400);
}

fn documents_are_off_unless_they_are_on(context: &Context) {
    let app = context.app();
    let metadata = app.get("/.well-known/oauth-authorization-server").expect(200).json();
    assert!(metadata.get("client_id_metadata_document_supported").is_none());
    let host = Host::start();
    let id = format!("{}/client.json", host.origin);
    host.serves("/client.json", JSON, &json!({"client_id": id, "redirect_uris": [CB]}).to_string());
    assert_eq!(CodeRequest::new(&id, CB).open(app).status, 400);
    let on = context.start(&Options::new("https documents").env("GRIDAUTH_CLIENT_METADATA", "on"));
    assert_eq!(CodeRequest::new(&id, CB).open(&on).status, 400);
    assert!(host.asked.lock().unwrap().is_empty());
}

fn the_profile_mcp_leaves_nothing_else_open(context: &Context) {
    let options = Options::new("mcp").env("GRIDAUTH_PROFILE", "mcp").env("GRIDAUTH_REGISTRATION", "open");
    let app = context.start(&options);
    let user = context.user_at(&app);
    let metadata = app.get("/.well-known/oauth-authorization-server").expect(200).json();
    let has = |member: &str, value: &str| metadata[member].as_array().unwrap().contains(&json!(value));
    assert_eq!(metadata["client_id_metadata_document_supported"], true);
    assert!(has("code_challenge_methods_supported", "S256"));
    assert!(metadata["registration_endpoint"].is_string());
    for gone in ["implicit", "password"] {
        assert!(!has("grant_types_supported", gone), "{gone}");
    }
    assert_eq!(metadata["response_types_supported"], json!(["code"]));
    // S256 of every client, confidential ones too.
    let plain = CodeRequest::web().without("code_challenge").without("code_challenge_method");
    plain.refused(&app, "invalid_request");
    let notes = format!("{}/notes", app.issuer);
    let client = registered(&app, &public(CB));
    let request = CodeRequest::new(text(&client, "client_id"), CB).with("resource", &notes);
    let tokens = Tokens::of(&redeem(&app, &client, &request, &request.code(&app, &user)));
    app.send(&Request::get("/notes").bearer(&tokens.access)).expect(200);
    app.send(&Request::get("/private").bearer(&tokens.access)).expect(401);
    let password = [
        ("grant_type", "password"),
        ("client_id", "demo"),
        ("username", &user.username),
        ("password", &user.password),
    ];
    app.send(&Request::form(app.endpoint("token"), &password)).expect_error(400, "unsupported_grant_type");
}
