use std::borrow::Cow;

use proptest::{prelude::*, sample::select};

use super::*;

/// Parses a literal like the server: up to the first quote that is not doubled.
fn literal(tql: &str) -> Option<(String, &str)> {
    let mut rest = tql.strip_prefix('\'')?;
    let mut text = String::new();
    loop {
        let end = rest.find('\'')?;
        text.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('\'') {
            Some(more) => {
                text.push('\'');
                rest = more;
            }
            None => return Some((text, rest)),
        }
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// The length of the first token of a query by the rules of the server's lexer, and whether it counts: spaces and
/// comments do not.
fn token(tql: &[u8]) -> (usize, bool) {
    let at = |index: usize| tql.get(index).copied().unwrap_or(0);
    let while_true = |from: usize, is: &dyn Fn(u8) -> bool| {
        from + tql[from..].iter().take_while(|byte| is(**byte)).count()
    };
    let quoted = |quote: u8| {
        let mut end = 1;
        while end < tql.len() && (at(end) != quote || at(end + 1) == quote) {
            end += if at(end) == quote { 2 } else { 1 };
        }
        end + 1
    };
    match at(0) {
        b'\t'..=b'\r' | b' ' => (while_true(1, &|byte| matches!(byte, b'\t'..=b'\r' | b' ')), false),
        b'-' if at(1) == b'-' => (while_true(2, &|byte| byte != b'\n'), false),
        b'/' if at(1) == b'*' && tql.len() > 2 => {
            let end = tql[2..].windows(2).position(|two| two == b"*/");
            (end.map_or(tql.len(), |end| end + 4), false)
        }
        b'x' | b'X' if at(1) == b'\'' => (while_true(2, &|byte| byte != b'\'') + 1, true),
        b'\'' | b'"' => (quoted(at(0)), true),
        digit if digit.is_ascii_digit() || digit == b'.' && at(1).is_ascii_digit() => {
            let mut end = while_true(0, &|byte| byte.is_ascii_digit());
            if at(end) == b'.' {
                end = while_true(end + 1, &|byte| byte.is_ascii_digit());
            }
            let sign = usize::from(matches!(at(end + 1), b'+' | b'-'));
            if matches!(at(end), b'e' | b'E') && at(end + 1 + sign).is_ascii_digit() {
                end = while_true(end + 2, &|byte| byte.is_ascii_digit());
            }
            (while_true(end, &is_word), true)
        }
        first if is_word(first) => {
            (while_true(1, &|byte| is_word(byte) || byte == b'@' || byte == b'#'), true)
        }
        first => {
            let pair = matches!(
                (first, at(1)),
                (b'=', b'=') | (b'<', b'=' | b'>' | b'<') | (b'>', b'=' | b'>') | (b'|', b'|') | (b'!', _)
            );
            (if pair { 2 } else { 1 }, true)
        }
    }
}

/// The tokens of a query as the server sees them.
fn tokens(tql: &str) -> Vec<String> {
    let mut rest = tql.as_bytes();
    let mut tokens = Vec::new();
    while !rest.is_empty() {
        let (length, is_token) = token(rest);
        let (token, behind) = rest.split_at(length.min(rest.len()));
        if is_token {
            tokens.push(String::from_utf8_lossy(token).into_owned());
        }
        rest = behind;
    }
    tokens
}

fn any_value() -> impl Strategy<Value = Value<'static>> {
    prop_oneof![
        any::<i8>().prop_map(Value::Byte),
        any::<i16>().prop_map(Value::Short),
        any::<i32>().prop_map(Value::Integer),
        any::<i64>().prop_map(Value::Long),
        any::<f32>().prop_filter("a number", |number| number.is_finite()).prop_map(Value::Float),
        any::<f64>().prop_filter("a number", |number| number.is_finite()).prop_map(Value::Double),
        (0..LAST_SECOND, 0..1_000_000_000u32, 0..3u8).prop_map(|(seconds, nanos, fineness)| {
            let time = Timestamp::from_seconds(seconds, nanos);
            Value::Timestamp(match fineness {
                0 => time,
                1 => time.floor_to_micros(),
                _ => time.floor_to_millis(),
            })
        }),
        "([^\\x00]|'|\\\\|\"|--|/\\*|\\?){0,12}".prop_map(|text| Value::String(Cow::Owned(text))),
    ]
}

/// The text next to a value in the following test.
const NEIGHBOURS: [&str; 55] = [
    "",
    "-",
    "--\n",
    "-- it's ?\n",
    "/",
    "*",
    "/* \" ? */",
    "/**/",
    "'a'",
    "'?'",
    "''",
    "\"a\"",
    "\"?\"",
    "\"\"",
    "x",
    "X",
    "x'",
    "'",
    "e",
    "E",
    "1",
    "1.",
    "1e",
    "1e-",
    "1.5e+",
    ".",
    "@",
    "#",
    "a@",
    "$",
    "_",
    "n",
    "(",
    ")",
    ",",
    "=",
    "<",
    ">",
    "!=",
    "|",
    "&",
    "~",
    "%",
    "+",
    ";",
    ":",
    "[",
    "\\",
    "\u{e4}",
    "\t",
    "\u{b}",
    "\r",
    "\n",
    " ",
    "TO_TIMESTAMP_MS",
];

fn neighbours() -> impl Strategy<Value = String> {
    let closed = |text: &String| bind(text, &[]).is_ok();
    proptest::collection::vec(select(&NEIGHBOURS[..]), 0..4)
        .prop_map(|pieces| pieces.concat())
        .prop_filter("no quote or comment is left open", closed)
}

proptest! {
    #[test]
    fn no_text_breaks_out_of_its_quotes(text in "([^\\x00]|'|\\\\|\"|--){0,40}", tail in "[ =a-z]{0,10}") {
        let tql = format!("{}{tail}", quote(&text).unwrap());
        prop_assert_eq!(literal(&tql), Some((text.clone(), tail.as_str())));
        let bound = bind("select * where k = ? and m = '?'", &[&text]).unwrap();
        let rest = bound.strip_prefix("select * where k = ").unwrap();
        prop_assert_eq!(literal(rest), Some((text, " and m = '?'")));
    }

    #[test]
    fn nul_is_refused(before in "[^\\x00]{0,9}", after in "[^\\x00]{0,9}") {
        let text = format!("{before}\0{after}");
        prop_assert!(quote(&text).is_err());
        prop_assert!(bind("?", &[&text]).is_err());
    }

    /// Whatever its neighbours are, a value is read as itself and leaves the rest unchanged.
    #[test]
    fn no_value_merges_with_its_neighbours(
        values in proptest::collection::vec(any_value(), 1..4),
        texts in proptest::collection::vec(neighbours(), 4),
    ) {
        let template = texts[..=values.len()].join("?");
        let given: Vec<&dyn ToValue> = values.iter().map(|value| value as &dyn ToValue).collect();
        // A template whose line ends in a comment is refused.
        let Ok(bound) = bind(&template, &given) else { return Ok(()) };
        let mut expected = Vec::new();
        for (index, text) in texts[..=values.len()].iter().enumerate() {
            expected.extend(tokens(text));
            if let Some(value) = values.get(index) {
                let mut literal = String::new();
                append_value(&mut literal, value).unwrap();
                expected.extend(tokens(&literal));
            }
        }
        prop_assert_eq!(tokens(&bound), expected, "{}", bound);
    }
}

#[test]
fn a_sign_begins_no_comment() {
    let bound = bind("select * where balance-? > 0 and owner = ?", &[&-5i64, &"me"]).unwrap();
    assert_eq!(bound, "select * where balance- -5 > 0 and owner = 'me'");
    assert_eq!(bind("-?-?--?", &[&-1i8, &-1.0f64]).unwrap(), "- -1 - -1.0 --?");
    assert_eq!(bind("'a'?'b'", &[&"x"]).unwrap(), "'a' 'x' 'b'");
    assert_eq!(bind("x?1?e3", &[&"ab", &2i64]).unwrap(), "x 'ab' 1 2 e3");
}

#[test]
fn comments_contain_no_quotes_and_no_placeholders() {
    let bound = bind("select * -- don't\nwhere k = ? /* isn't ? */ and n = ?--?", &[&"x", &1i64]).unwrap();
    assert_eq!(bound, "select * -- don't\nwhere k = 'x' /* isn't ? */ and n = 1 --?");
    assert_eq!(bind("'--' ? \"/*\" ?", &[&1i64, &2i64]).unwrap(), "'--' 1 \"/*\" 2");
    assert_eq!(bind("/*?", &[]).unwrap_err().to_string(), "a comment in the query is not closed");
    assert_eq!(bind("/*/ ? */?", &[&1i64]).unwrap(), "/*/ ? */ 1");
}

#[test]
fn times_keep_their_precision() {
    let time = |nanos| Timestamp::from_seconds(1_700_000_000, nanos);
    for (nanos, literal) in [
        (123_000_000, "TO_TIMESTAMP_MS(1700000000123)"),
        (123_456_000, "TIMESTAMP_US('2023-11-14T22:13:20.123456Z')"),
        (123_456_789, "TIMESTAMP_NS('2023-11-14T22:13:20.123456789Z')"),
    ] {
        assert_eq!(bind("?", &[&time(nanos)]).unwrap(), literal);
    }
    assert!(bind("?", &[&std::time::UNIX_EPOCH]).is_ok());
    assert!(bind("?", &[&Timestamp::from_millis(-1)]).is_err());
    assert!(bind("?", &[&Timestamp::from_seconds(LAST_SECOND + 1, 1)]).is_err());
    assert_eq!(
        bind("?", &[&Timestamp::from_millis(i64::MAX)]).unwrap(),
        format!("TO_TIMESTAMP_MS({})", i64::MAX)
    );
}

#[test]
fn values_of_other_types() {
    let bound = bind("? ? ? ?", &[&-5i32, &i64::MIN, &1.0f64, &0.1f32]).unwrap();
    assert_eq!(bound, "-5 -9223372036854775808 1.0 0.10000000149011612");
    assert_eq!(bind("?", &[&true]).unwrap_err().to_string(), "there is no literal of BOOL in a query");
    for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert!(bind("?", &[&number]).is_err());
        assert!(bind("?", &[&(number as f32)]).is_err());
    }
    assert!(bind("?", &[]).is_err());
    assert!(bind("", &[&1i32]).is_err());
    assert!(bind("'?", &[]).is_err());
    assert_eq!(bind("\"a?\" = '?''?'", &[]).unwrap(), "\"a?\" = '?''?'");
}
