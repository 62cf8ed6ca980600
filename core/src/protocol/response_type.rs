//! Response types (RFC 6749 section 3.1.1, OAuth 2.0 Multiple Response Type Encoding Practices).

/// Whether two response types are the same. The order of their words does not matter, and no word occurs twice.
pub(crate) fn is_same_response_type(one: &str, other: &str) -> bool {
    one == other || words(one).is_some_and(|words_of_one| words(other).as_ref() == Some(&words_of_one))
}

/// Whether the response has a token in it, so that it must not go into a query (OAuth 2.0 Multiple Response Type Encoding Practices
/// section 5).
pub(crate) fn returns_token(response_type: &str) -> bool {
    response_type.split(' ').any(|word| matches!(word, "token" | "id_token"))
}

/// The words in a fixed order; `None` if the response type is malformed.
fn words(response_type: &str) -> Option<Vec<&str>> {
    let mut words: Vec<&str> = response_type.split(' ').collect();
    words.sort_unstable();
    let is_repeated = words.windows(2).any(|pair| pair[0] == pair[1]);
    (!is_repeated && !words.contains(&"")).then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_does_not_matter() {
        for same in ["code id_token token", "token id_token code", "id_token code token"] {
            assert!(is_same_response_type("code id_token token", same), "{same}");
        }
        for other in [
            "",
            " ",
            "code",
            "code id_token",
            "code id_token token token",
            "code code id_token token",
            "code  id_token token",
            " code id_token token",
            "code id_token token ",
            "code\tid_token token",
            "CODE id_token token",
            "code,id_token,token",
        ] {
            assert!(!is_same_response_type("code id_token token", other), "{other:?}");
        }
        assert!(!is_same_response_type("code", "code code"));
        assert!(!is_same_response_type("", " "));
    }

    #[test]
    fn tokens_are_words() {
        for with in ["token", "id_token", "code token", "x id_token"] {
            assert!(returns_token(with), "{with}");
        }
        for without in ["", "code", "tokens", "id_tokens", "device_token"] {
            assert!(!returns_token(without), "{without}");
        }
    }
}
