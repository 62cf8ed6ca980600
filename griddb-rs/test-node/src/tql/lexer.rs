//! Tokens of TQL.

use crate::error::{ErrorCode, Refusal};

/// One token.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Token {
    /// A bare word: a keyword, a function, or a column without regard to case.
    Word(Vec<u8>),
    /// `"…"`: an exact name.
    Name(Vec<u8>),
    /// `'…'`.
    Text(Vec<u8>),
    Int(i64),
    Float(f64),
    Symbol(&'static str),
    End,
}

/// Symbols, longer ones first.
const SYMBOLS: [&str; 17] =
    ["<>", "!=", "==", "<=", ">=", "||", "=", "<", ">", "(", ")", ",", "*", "+", "-", "/", "%"];

pub(crate) struct Lexer<'a> {
    left: &'a [u8],
}

fn bad(token: &[u8]) -> Refusal {
    ErrorCode::TQL_TOKEN.because(format!("Invalid token '{}'", String::from_utf8_lossy(token)))
}

impl<'a> Lexer<'a> {
    pub(crate) fn new(text: &'a [u8]) -> Self {
        Self { left: text }
    }

    /// Takes bytes while `while_true` holds, at least `first`.
    fn take(&mut self, first: usize, while_true: impl Fn(u8) -> bool) -> &'a [u8] {
        let more = self.left[first..].iter().take_while(|byte| while_true(**byte)).count();
        let (token, left) = self.left.split_at(first + more);
        self.left = left;
        token
    }

    pub(crate) fn next(&mut self) -> Result<Token, Refusal> {
        loop {
            self.take(0, |byte| byte.is_ascii_whitespace());
            if !self.left.starts_with(b"--") {
                break;
            }
            self.take(2, |byte| byte != b'\n');
        }
        let Some(first) = self.left.first().copied() else { return Ok(Token::End) };
        if first == b';' {
            self.left = &self.left[1..];
            let rest = self.take(0, |byte| byte.is_ascii_whitespace() || byte == b';');
            // nothing may follow a semicolon
            return if self.left.is_empty() { Ok(Token::End) } else { Err(after_end(rest)) };
        }
        if first == b'\'' || first == b'"' {
            return self.quoted(first);
        }
        if first.is_ascii_digit() {
            return self.number();
        }
        if first.is_ascii_alphabetic() || first == b'_' || first >= 0x80 {
            let word = self.take(1, |byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80);
            return Ok(Token::Word(word.to_vec()));
        }
        for symbol in SYMBOLS {
            if let Some(left) = self.left.strip_prefix(symbol.as_bytes()) {
                self.left = left;
                return Ok(Token::Symbol(symbol));
            }
        }
        Err(bad(&self.left[..1]))
    }

    /// The only special character is the quote, which is escaped by doubling.
    fn quoted(&mut self, quote: u8) -> Result<Token, Refusal> {
        let mut text = Vec::new();
        let mut left = &self.left[1..];
        loop {
            let end = left.iter().position(|byte| *byte == quote).ok_or_else(|| bad(self.left))?;
            text.extend_from_slice(&left[..end]);
            left = &left[end + 1..];
            if left.first() != Some(&quote) {
                break;
            }
            text.push(quote);
            left = &left[1..];
        }
        self.left = left;
        Ok(if quote == b'"' { Token::Name(text) } else { Token::Text(text) })
    }

    fn number(&mut self) -> Result<Token, Refusal> {
        let start = self.left;
        self.take(1, |byte| byte.is_ascii_digit());
        let mut whole = true;
        if self.left.first() == Some(&b'.') {
            whole = false;
            self.take(1, |byte| byte.is_ascii_digit());
        }
        if matches!(self.left.first(), Some(b'e' | b'E')) {
            whole = false;
            let sign = usize::from(matches!(self.left.get(1), Some(b'+' | b'-')));
            self.take(1 + sign, |byte| byte.is_ascii_digit());
        }
        let glued = self.take(0, |byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let token = &start[..start.len() - self.left.len()];
        let text = std::str::from_utf8(token).map_err(|_| bad(token))?;
        if !glued.is_empty() {
            return Err(bad(token));
        }
        if whole && let Ok(number) = text.parse() {
            return Ok(Token::Int(number));
        }
        text.parse().map(Token::Float).map_err(|_| bad(token))
    }
}

fn after_end(_: &[u8]) -> Refusal {
    ErrorCode::TQL_SYNTAX.because("Syntax error behind the end of the statement")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Result<Vec<Token>, Refusal> {
        let mut lexer = Lexer::new(text.as_bytes());
        let mut tokens = Vec::new();
        loop {
            match lexer.next()? {
                Token::End => return Ok(tokens),
                token => tokens.push(token),
            }
        }
    }

    #[test]
    fn quotes_are_doubled_and_nothing_else_is_special() {
        let text = all(r#"'it''s \ "x" -- %' "a""b""#).unwrap();
        let expected = vec![Token::Text(br#"it's \ "x" -- %"#.to_vec()), Token::Name(b"a\"b".to_vec())];
        assert_eq!(text, expected);
    }

    #[test]
    fn numbers_symbols_and_comments() {
        let word = |word: &str| Token::Word(word.as_bytes().to_vec());
        let tokens = all("n>=-1 -- all of it\n<>2.5e1").unwrap();
        let expected = vec![
            word("n"),
            Token::Symbol(">="),
            Token::Symbol("-"),
            Token::Int(1),
            Token::Symbol("<>"),
            Token::Float(25.0),
        ];
        assert_eq!(tokens, expected);
    }

    #[test]
    fn what_is_no_token_is_refused() {
        for text in ["'open", "#", "a ? b", "0x3"] {
            assert_eq!(all(text).unwrap_err().code, ErrorCode::TQL_TOKEN, "{text}");
        }
        assert_eq!(all("a ; b").unwrap_err().code, ErrorCode::TQL_SYNTAX);
    }
}
