//! Records the responses of each case on each combination, to compare the frameworks: every request of the suite runs on
//! every framework, and the responses must be alike. Responses to requests sent at once may come in any order and are
//! compared as a set. A case whose responses depend on a race calls [`stop`].

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::{LazyLock, Mutex};

use regex_lite::Regex;

use crate::http::{Request, Response};
use crate::matrix::Combination;

/// The header fields whose values are compared.
const HEADERS: [&str; 14] = [
    "allow",
    "cache-control",
    "content-security-policy",
    "content-type",
    "location",
    "pragma",
    "referrer-policy",
    "retry-after",
    "set-cookie",
    "vary",
    "www-authenticate",
    "x-content-type-options",
    "x-frame-options",
    "access-control-allow-origin",
];

/// What differs in each run, and the mask that replaces it.
static MASKS: LazyLock<Vec<(Regex, &'static str)>> = LazyLock::new(|| {
    let masks = [
        (r"(127\.0\.0\.1|\[::1\]|%5B%3A%3A1%5D)(:|%3A)\d+", "HOST"),
        (r"\beyJ[A-Za-z0-9_-]+\.eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", "JWT"),
        // What is recognized by its position comes first: it may contain any of the other patterns by chance.
        (r#"name="csrf" value="[^"]*""#, "CSRF"),
        (r#""(registration_access_token|client_secret)":"[^"]*""#, "TOKEN"),
        (r"(request_uri(:|%3A|%253A))[A-Za-z0-9_-]{43}", "${1}RANDOM"),
        (r"\breg\.[A-Za-z0-9_-]{8}\.[A-Za-z0-9_-]+", "REGISTERED"),
        (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(Z| UTC)", "MOMENT"),
        // What was typed, with a letter too many or too few.
        (r#"name="user_code" class="code" type="text" value="[^"]*""#, "USER-CODE"),
        // A name of the suite's own may be as long as a generated subject.
        (r#""sub":"user\d+-[0-9a-f]{12}""#, r#""sub":"userUNIQUE""#),
        (r#""sub":"[A-Za-z0-9_-]{22}""#, "SUBJECT"),
        (r#""(kid|n|x|y)":"[A-Za-z0-9_-]+""#, "KEY"),
        (r"(gridauth-[a-z]+=)[A-Za-z0-9_-]{43}", "${1}RANDOM"),
        // Three parts in base64url, the first of which is an object in JSON.
        (r"\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", "JWT"),
        // Longer than any other value, which may contain the prefix by chance.
        (r"\bg(a[a-z]|dc)_[A-Za-z0-9_-]{44,}", "TOKEN"),
        (r"\b[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}\b", "USER-CODE"),
        (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "UUID"),
        (r"\d+-[0-9a-f]{12}", "UNIQUE"),
        (r"[0-9a-f]{31,32}", "SECRET"),
        (r"[A-Za-z0-9_-]{43}", "RANDOM"),
        (r#""(iat|exp|expires_in|client_id_issued_at)":\d+"#, "TIME"),
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

/// Records the responses on this thread while `body` runs, as those of `case` on this combination. Nothing is kept of a case
/// that fails.
///
/// # Errors
/// Those of `body`.
pub fn of_case<E>(
    combination: Combination,
    case: &str,
    body: impl FnOnce() -> Result<(), E>,
) -> Result<(), E> {
    CURRENT.with(|current| *current.borrow_mut() = Some(Vec::new()));
    let outcome = body();
    let answers = CURRENT.with(RefCell::take);
    if let (true, Some(answers)) = (outcome.is_ok(), answers) {
        let key = (combination.store.name.to_owned(), case.to_owned());
        RECORDS
            .lock()
            .unwrap()
            .entry(key)
            .or_default()
            .insert(combination.framework.name.to_owned(), answers);
    }
    outcome
}

/// Runs `body`; returns its result and the responses on this thread meanwhile.
pub fn of_thread<T>(body: impl FnOnce() -> T) -> (T, Vec<String>) {
    CURRENT.with(|current| *current.borrow_mut() = Some(Vec::new()));
    let given = body();
    (given, CURRENT.with(RefCell::take).unwrap_or_default())
}

/// Records responses to requests that were sent at once, in an order that does not depend on the race.
pub fn at_once(mut answers: Vec<String>) {
    answers.sort();
    CURRENT.with(|current| {
        if let Some(own) = current.borrow_mut().as_mut() {
            own.append(&mut answers);
        }
    });
}

/// Records nothing more of this case: the responses from here on depend on a race.
pub fn stop() {
    CURRENT.with(|current| *current.borrow_mut() = None);
}

/// Records a response.
pub fn answer(request: &Request, response: &Response) {
    CURRENT.with(|current| {
        if let Some(answers) = current.borrow_mut().as_mut() {
            answers.push(shown(request, response));
        }
    });
}

fn shown(request: &Request, response: &Response) -> String {
    // Which limit a target exceeds depends on the HTTP implementation.
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

/// The result of comparing the frameworks.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// The number of cases that ran on more than one framework.
    pub cases: usize,
    /// The number of responses that were compared with those of another framework.
    pub answers: usize,
    /// The differences, as text.
    pub differences: Vec<String>,
}

/// Compares the frameworks on this store.
pub fn compare(store: &str) -> Comparison {
    let records = RECORDS.lock().unwrap();
    let mut comparison = Comparison::default();
    for ((own, case), by_framework) in records.iter().filter(|((own, _), _)| own == store) {
        let mut answers = by_framework.iter();
        let Some((first, expected)) = answers.next() else { continue };
        comparison.cases += usize::from(by_framework.len() > 1);
        for (other, answered) in answers {
            comparison.answers += answered.len();
            if let Some(difference) = difference(expected, answered) {
                let found = format!("{own}/{case}: {first} and {other} differ: {difference}");
                comparison.differences.push(found);
            }
        }
    }
    comparison
}

/// The first difference between two lists of responses.
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
    use crate::matrix::{FRAMEWORKS, STORES};

    #[test]
    fn a_subject_is_masked_by_whose_it_is_not_by_its_length() {
        let generated = r#"{"sub":"uXZ2_Qb1-0aBcDeFgHiJkL"}"#;
        assert_eq!(masked(generated), "{SUBJECT}");
        for seeded in ["user7-0123456789ab", "user12345-0123456789ab"] {
            assert_eq!(masked(&format!(r#"{{"sub":"{seeded}"}}"#)), r#"{"sub":"userUNIQUE"}"#);
        }
    }

    /// Records responses with these statuses, as `case` of a framework on a store that no process uses here.
    fn answered(framework: usize, case: &str, at_once: &[u16], after: &[u16]) {
        let combination = Combination { framework: &FRAMEWORKS[framework], store: &STORES[3] };
        let say = |status: u16| {
            let response = Response { status, headers: Vec::new(), body: Vec::new() };
            answer(&Request::get("/"), &response);
        };
        let run = || {
            crate::case::at_once(at_once.len(), |number| say(at_once[number]));
            after.iter().for_each(|status| say(*status));
            Ok::<(), ()>(())
        };
        of_case(combination, case, run).unwrap();
    }

    #[test]
    fn responses_are_compared_during_and_after_a_race() {
        let store = STORES[3].name;
        answered(0, "alone", &[200], &[]);
        assert_eq!(compare(store), Comparison::default(), "one framework alone is compared with nothing");
        answered(0, "alike", &[200, 400, 400], &[401]);
        answered(1, "alike", &[400, 200, 400], &[401]);
        assert_eq!(compare(store), Comparison { cases: 1, answers: 4, differences: Vec::new() });
        answered(0, "after", &[200, 400], &[401]);
        answered(1, "after", &[200, 400], &[403]);
        answered(0, "at once", &[200, 400], &[]);
        answered(1, "at once", &[400, 400], &[]);
        let found = compare(store);
        assert_eq!((found.cases, found.differences.len()), (3, 2), "{found:?}");
    }

    #[test]
    fn a_value_that_looks_like_a_token_by_chance_is_masked_as_what_it_is() {
        let random = "21WuhnK28MtAtLzgLAgat_21WuhnK28MtAtLzgLAabc";
        assert_eq!(random.len(), 43);
        for (before, behind) in [
            ("set-cookie: gridauth-form=", "; Path=/"),
            (r#"<input name="csrf" value=""#, r#"">"#),
            ("location: /cb?state=", "&iss=x"),
            ("code_challenge=", "&amp;code_challenge_method=S256"),
        ] {
            let shown = |value: &str| masked(&format!("{before}{value}{behind}"));
            assert_eq!(shown(random), shown(&random.replace('_', "x")));
            let begins_like_one = format!("gat_{}", &random[4..]);
            assert_eq!(shown(&begins_like_one), shown(&random.replace('_', "x")));
        }
    }

    #[test]
    fn only_what_differs_in_each_run_is_masked() {
        let one = r#"{"access_token":"gat_AaH_wObhfxCwL8fVBKa5OsyAaH_wObhfxCwL8fVBKa5Osy","expires_in":3600,"scope":"all"} user7-0123456789ab"#;
        let two = r#"{"access_token":"gat_BaH_wObhfxCwL8fVBKa5OszBaH_wObhfxCwL8fVBKa5Osz","expires_in":3599,"scope":"all"} user91-aa23456789ab"#;
        assert_eq!(masked(one), masked(two));
        assert_ne!(masked(one), masked(&two.replace("all", "none")));
    }

    #[test]
    fn keys_and_what_they_sign_are_masked() {
        let jwks = |n: &str| {
            format!(r#"{{"keys":[{{"alg":"RS256","e":"AQAB","kid":"{n}","kty":"RSA","n":"{n}{n}"}}]}}"#)
        };
        assert_eq!(masked(&jwks("abc_-1")), masked(&jwks("xyz")));
        let back = |jwt: &str| format!("location: https://c.example/cb#id_token={jwt}&state=s");
        assert_eq!(
            masked(&back("eyJhbGciOiJSUzI1NiJ9.eyJzIjoxfQ.AAAA")),
            masked(&back("eyJhbGciOiJSUzI1NiJ9.eyJzIjoyfQ.BBBB"))
        );
        assert_ne!(masked(&back("eyJhbGciOiJSUzI1NiJ9.eyJzIjoxfQ.AAAA")), masked(&back("none")));
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
