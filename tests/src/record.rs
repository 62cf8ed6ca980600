//! What each case was answered in each cell, so that the frameworks can be compared: every request of the suite that one
//! thread sends after the other is replayed on every framework, and the answers must be alike.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::{LazyLock, Mutex};

use regex_lite::Regex;

use crate::http::{Request, Response};
use crate::matrix::Cell;

/// The header fields whose values are compared.
const HEADERS: [&str; 13] = [
    "allow",
    "cache-control",
    "content-security-policy",
    "content-type",
    "location",
    "pragma",
    "referrer-policy",
    "retry-after",
    "set-cookie",
    "www-authenticate",
    "x-content-type-options",
    "x-frame-options",
    "access-control-allow-origin",
];

/// What is another one each time, and what stands for it here.
static MASKS: LazyLock<Vec<(Regex, &'static str)>> = LazyLock::new(|| {
    let masks = [
        (r"(127\.0\.0\.1|\[::1\]|%5B%3A%3A1%5D)(:|%3A)\d+", "HOST"),
        (r"ga[a-z]_[A-Za-z0-9_-]{20,}", "TOKEN"),
        (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "UUID"),
        (r"\d+-[0-9a-f]{12}", "UNIQUE"),
        (r"[0-9a-f]{31,32}", "SECRET"),
        (r"[A-Za-z0-9_-]{43}", "RANDOM"),
        (r#"name="csrf" value="[^"]*""#, "CSRF"),
        (r#""(iat|exp|expires_in)":\d+"#, "TIME"),
        (r"Wait \d+ seconds|Wait a second", "WAIT"),
        (r"\u{e9}{9,}", "LONG"),
    ];
    masks.into_iter().map(|(pattern, mask)| (Regex::new(pattern).expect("a pattern"), mask)).collect()
});

thread_local! {
    static CURRENT: RefCell<Option<Vec<String>>> = const { RefCell::new(None) };
}

/// Answers by store and case, then by framework.
type Records = BTreeMap<(String, String), BTreeMap<String, Vec<String>>>;

static RECORDS: Mutex<Records> = Mutex::new(BTreeMap::new());

/// Takes down what is answered on this thread while `body` runs, as what `case` was answered in this cell. A case that
/// fails has told enough by that.
///
/// # Errors
/// What `body` says.
pub fn of_case<E>(cell: Cell, case: &str, body: impl FnOnce() -> Result<(), E>) -> Result<(), E> {
    CURRENT.with(|current| *current.borrow_mut() = Some(Vec::new()));
    let outcome = body();
    let answers = CURRENT.with(RefCell::take);
    if let (true, Some(answers)) = (outcome.is_ok(), answers) {
        let key = (cell.store.name.to_owned(), case.to_owned());
        RECORDS.lock().unwrap().entry(key).or_default().insert(cell.framework.name.to_owned(), answers);
    }
    outcome
}

/// Takes down no more of this case: what follows depends on who was first.
pub fn stop() {
    CURRENT.with(|current| *current.borrow_mut() = None);
}

/// Takes down an answer.
pub fn answer(request: &Request, response: &Response) {
    CURRENT.with(|current| {
        if let Some(answers) = current.borrow_mut().as_mut() {
            answers.push(shown(request, response));
        }
    });
}

fn shown(request: &Request, response: &Response) -> String {
    // Which limit of the HTTP implementation a target is too long for is its own affair.
    if matches!(response.status, 414 | 431) {
        return format!("{} {}\ntoo long", request.method, request.path());
    }
    let mut text = format!("{} {}\n{}\n", request.method, request.path(), response.status);
    for name in HEADERS {
        for value in response.headers_named(name) {
            let value = if name == "retry-after" { "SECONDS" } else { value };
            text.push_str(&format!("{name}: {value}\n"));
        }
    }
    text.push('\n');
    text.push_str(&String::from_utf8_lossy(&response.body));
    masked(&text)
}

fn masked(text: &str) -> String {
    MASKS.iter().fold(text.to_owned(), |text, (pattern, mask)| pattern.replace_all(&text, *mask).into_owned())
}

/// Where the frameworks answered differently on this store.
pub fn differences(store: &str) -> Vec<String> {
    let records = RECORDS.lock().unwrap();
    let mut found = Vec::new();
    for ((own, case), by_framework) in records.iter().filter(|((own, _), _)| own == store) {
        let mut answers = by_framework.iter();
        let Some((first, expected)) = answers.next() else { continue };
        for (other, answered) in answers {
            if let Some(difference) = difference(expected, answered) {
                found.push(format!("{own}/{case}: {first} and {other} differ: {difference}"));
            }
        }
    }
    found
}

/// The first place where two lists of answers part.
fn difference(expected: &[String], answered: &[String]) -> Option<String> {
    for (number, (one, other)) in expected.iter().zip(answered).enumerate() {
        if one != other {
            let lines = one.lines().zip(other.lines()).find(|(one, other)| one != other);
            let (one_line, other_line) = lines.unwrap_or((one, other));
            let request = one.lines().next().unwrap_or_default();
            return Some(format!("answer {number} ({request}):\n  {one_line}\n  {other_line}"));
        }
    }
    (expected.len() != answered.len()).then(|| format!("{} and {} answers", expected.len(), answered.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_each_time_is_masked_and_the_rest_is_not() {
        let one = r#"{"access_token":"gat_AaH_wObhfxCwL8fVBKa5Osy","expires_in":3600,"scope":"all"} user7-0123456789ab"#;
        let two = r#"{"access_token":"gat_BaH_wObhfxCwL8fVBKa5Osz","expires_in":3599,"scope":"all"} user91-aa23456789ab"#;
        assert_eq!(masked(one), masked(two));
        assert_ne!(masked(one), masked(&two.replace("all", "none")));
    }

    #[test]
    fn a_difference_is_found() {
        let list = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<String>>();
        let same = list(&["GET /\n200\n\nx", "GET /a\n404\n\ny"]);
        assert_eq!(difference(&same, &same), None);
        assert!(difference(&same, &list(&["GET /\n200\n\nx", "GET /a\n405\n\ny"])).unwrap().contains("405"));
        assert!(difference(&same, &same[..1]).is_some());
    }
}
