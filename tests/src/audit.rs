//! Collects every secret that the suite uses and the logs of every process: no log may contain a secret.
//!
//! Secrets are collected from requests and responses, so no case has to report them.

use std::collections::BTreeSet;
use std::sync::Mutex;

use aho_corasick::AhoCorasick;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use libtest_mimic::{Failed, Trial};

use crate::html::Page;
use crate::http::{Request, Response, decode};

/// Parameters and JSON members whose values are secret.
const SECRET_NAMES: [&str; 14] = [
    "password",
    "client_secret",
    "code",
    "device_code",
    "access_token",
    "refresh_token",
    "id_token",
    "token",
    "code_verifier",
    "csrf",
    "client_assertion",
    "assertion",
    "subject_token",
    "actor_token",
];

/// Shorter texts occur in logs by chance.
const SHORTEST: usize = 12;

static SECRETS: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
static LOGS: Mutex<Vec<Log>> = Mutex::new(Vec::new());

/// What a process wrote until it exited.
#[derive(Clone, Debug)]
pub struct Log {
    /// The combination that it ran on.
    pub combination: String,
    /// What it was started for.
    pub label: String,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
    /// Whether it got as far as listening.
    pub listened: bool,
}

/// Collects a secret.
pub fn secret(text: &str) {
    if text.len() < SHORTEST {
        return;
    }
    let mut secrets = SECRETS.lock().unwrap();
    let encoded: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
    if encoded != text {
        secrets.insert(encoded);
    }
    secrets.insert(text.to_owned());
}

/// Collects the value of a parameter if the parameter is a secret one.
pub fn parameter(name: &str, value: &str) {
    if SECRET_NAMES.contains(&name) {
        secret(value);
    }
}

/// Collects the secrets of a request.
pub fn request(request: &Request) {
    for (_, value) in presented(request) {
        secret(&value);
    }
    for (name, value) in &request.headers {
        if name.eq_ignore_ascii_case("cookie") {
            for (_, value) in
                String::from_utf8_lossy(value).split("; ").filter_map(|pair| pair.split_once('='))
            {
                secret(value);
            }
        }
    }
}

/// The secrets that a request presents and no response may echo, with their names. Values too short to be secrets are left
/// out.
pub fn presented(request: &Request) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let query = request.target.split_once('?').map(|(_, query)| query).unwrap_or_default();
    let body = String::from_utf8_lossy(request.body.as_deref().unwrap_or_default()).into_owned();
    for (name, value) in decode(query).into_iter().chain(decode(&body)) {
        if SECRET_NAMES.contains(&name.as_str()) && name != "csrf" {
            found.push((name, value));
        }
    }
    for (name, value) in &request.headers {
        let text = String::from_utf8_lossy(value);
        if !name.eq_ignore_ascii_case("authorization") {
            continue;
        }
        let credentials = text.split_once(' ').map_or(&*text, |(_, credentials)| credentials.trim());
        if let Some(basic) = STANDARD.decode(credentials).ok().and_then(|bytes| String::from_utf8(bytes).ok())
            && let Some((_, secret)) = basic.split_once(':')
        {
            found.push(("secret".to_owned(), secret.to_owned()));
        }
        found.push(("Authorization header".to_owned(), credentials.to_owned()));
    }
    found.retain(|(_, value)| value.len() >= SHORTEST);
    found
}

/// Collects the secrets of a response.
pub fn response(response: &Response) {
    for cookie in response.headers_named("set-cookie") {
        if let Some((_, value)) = cookie.split(';').next().unwrap_or_default().split_once('=') {
            secret(value);
        }
    }
    for location in response.headers_named("location") {
        for part in location.split(['?', '#']).skip(1) {
            for (name, value) in decode(part) {
                parameter(&name, &value);
            }
        }
    }
    let content_type = response.headers_named("content-type").first().copied().unwrap_or_default();
    if content_type.starts_with("application/json")
        && let Ok(serde_json::Value::Object(members)) = serde_json::from_slice(&response.body)
    {
        for (name, value) in &members {
            parameter(name, value.as_str().unwrap_or_default());
        }
    }
    if content_type.starts_with("text/html") {
        let page = Page::read(&String::from_utf8_lossy(&response.body));
        for (name, value) in page.forms.iter().flat_map(|form| &form.fields) {
            parameter(name, value);
        }
    }
}

/// Keeps the log of a process that has exited.
pub fn log(log: Log) {
    LOGS.lock().unwrap().push(log);
}

/// The logs of all processes of a combination that have exited.
pub fn logs_of(combination: &str) -> Vec<Log> {
    LOGS.lock().unwrap().iter().filter(|log| log.combination == combination).cloned().collect()
}

/// A case on the logs of a combination: `judge` returns what is wrong with them.
pub fn trial(combination: &str, name: &str, judge: fn(&[Log]) -> Vec<String>) -> Trial {
    let combination = combination.to_owned();
    Trial::test(format!("{combination}/audit/{name}"), move || {
        let found = judge(&logs_of(&combination));
        if found.is_empty() { Ok(()) } else { Err(Failed::from(found.join("\n"))) }
    })
}

/// The lines of `logs` that contain a secret, with the secret left out.
pub fn leaks(logs: &[Log]) -> Vec<String> {
    let secrets: Vec<String> = SECRETS.lock().unwrap().iter().cloned().collect();
    find(&secrets, logs)
}

fn find(secrets: &[String], logs: &[Log]) -> Vec<String> {
    let searcher = AhoCorasick::new(secrets).expect("a searcher for the secrets");
    let mut found = BTreeSet::new();
    for log in logs {
        for line in log.stdout.lines().chain(log.stderr.lines()) {
            if let Some(hit) = searcher.find(line) {
                let line = line.replace(&line[hit.range()], "«secret»");
                let shown: String = line.chars().take(400).collect();
                found.insert(format!("{}: {shown}", log.label));
            }
        }
    }
    found.into_iter().collect()
}

/// The panics in the logs.
pub fn panics(logs: &[Log]) -> Vec<String> {
    let lines = logs.iter().flat_map(|log| log.stderr.lines().map(move |line| (log, line)));
    lines
        .filter(|(_, line)| line.contains("panicked at") || line.contains("has overflowed its stack"))
        .map(|(log, line)| format!("{}: {line}", log.label))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(stderr: &str) -> Log {
        Log {
            combination: "axum/memory".to_owned(),
            label: "a process".to_owned(),
            stdout: "listening on http://127.0.0.1:1\n".to_owned(),
            stderr: stderr.to_owned(),
            listened: true,
        }
    }

    #[test]
    fn a_secret_in_a_log_is_found_and_not_repeated() {
        let secrets = ["correct horse".to_owned(), "battery staple".to_owned()];
        assert!(find(&secrets, &[log("correct\nhorse")]).is_empty());
        let found = find(&secrets, &[log("x\nwith password=correct horse!\n")]);
        assert_eq!(found, ["a process: with password=«secret»!"]);
    }

    #[test]
    fn a_panic_is_found() {
        assert!(panics(&[log("all is well")]).is_empty());
        assert_eq!(panics(&[log("thread 'main' panicked at src/main.rs:1:1:\nno")]).len(), 1);
    }

    #[test]
    fn the_secrets_of_a_request_are_found() {
        let request =
            Request::form("/oauth/token?refresh_token=0123456789abc", &[("password", "correct horse")])
                .basic("web", "battery staple");
        let seen: Vec<String> = presented(&request).into_iter().map(|(_, value)| value).collect();
        for secret in ["0123456789abc", "correct horse", "battery+staple"] {
            assert!(seen.iter().any(|own| own == secret), "{secret} is not in {seen:?}");
        }
    }
}
