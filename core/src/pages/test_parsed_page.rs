//! Parses pages with a browser's tokenizer, for the tests of this module.

use std::collections::BTreeMap;

use html5gum::{DefaultEmitter, Token, Tokenizer};

/// A token of a page, as a browser's tokenizer emits it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum HtmlToken {
    Doctype,
    Open { name: String, attributes: BTreeMap<String, String> },
    Close(String),
    Text(String),
    Comment,
}

impl HtmlToken {
    pub(super) fn open(name: &str, attributes: &[(&str, &str)]) -> Self {
        let attributes =
            attributes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self::Open { name: name.to_owned(), attributes }
    }
}

/// The tokens of `page`. Adjacent texts are merged.
pub(super) fn tokenize(page: &str) -> Vec<HtmlToken> {
    let own = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("a page is UTF-8");
    let mut emitter = DefaultEmitter::default();
    emitter.naively_switch_states(true);
    let mut found: Vec<HtmlToken> = Vec::new();
    for token in Tokenizer::new_with_emitter(page, emitter) {
        let Ok(token) = token;
        match token {
            Token::StartTag(tag) => found.push(HtmlToken::Open {
                name: own(&tag.name),
                attributes: tag.attributes.iter().map(|(name, value)| (own(name), own(value))).collect(),
            }),
            Token::EndTag(tag) => found.push(HtmlToken::Close(own(&tag.name))),
            Token::String(text) => match found.last_mut() {
                Some(HtmlToken::Text(before)) => before.push_str(&own(&text)),
                _ => found.push(HtmlToken::Text(own(&text))),
            },
            Token::Comment(_) => found.push(HtmlToken::Comment),
            Token::Doctype(_) => found.push(HtmlToken::Doctype),
            Token::Error(_) => {}
        }
    }
    found
}

/// A parsed page, and queries on it.
#[derive(Debug)]
pub(super) struct ParsedPage {
    pub(super) tokens: Vec<HtmlToken>,
}

type Attributes = BTreeMap<String, String>;

const VOID: [&str; 3] = ["meta", "input", "img"];

impl ParsedPage {
    /// Parses a page and checks what every page must satisfy.
    pub(super) fn checked(page: &str) -> Self {
        let parsed = Self { tokens: tokenize(page) };
        assert_eq!(parsed.tokens.first(), Some(&HtmlToken::Doctype));
        parsed.check_nesting();
        parsed.check_accessibility();
        for token in &parsed.tokens {
            assert_ne!(token, &HtmlToken::Comment);
            if let HtmlToken::Open { name, attributes } = token {
                assert!(
                    !attributes.keys().any(|key| key.starts_with("on") || key == "style"),
                    "{name}: {attributes:?}"
                );
                if name == "iframe" {
                    let keys: Vec<_> = attributes.keys().map(String::as_str).collect();
                    assert_eq!(keys, ["hidden", "sandbox", "src"]);
                }
                assert!(!["object", "embed", "link", "base", "svg"].contains(&name.as_str()), "{name}");
            }
        }
        parsed
    }

    fn check_nesting(&self) {
        let mut open = Vec::new();
        for token in &self.tokens {
            match token {
                HtmlToken::Open { name, .. } if !VOID.contains(&name.as_str()) => open.push(name),
                HtmlToken::Close(name) => assert_eq!(open.pop(), Some(name), "closed out of order"),
                _ => {}
            }
        }
        assert!(open.is_empty(), "left open: {open:?}");
    }

    fn check_accessibility(&self) {
        assert!(!self.only("html")["lang"].is_empty());
        assert!(!self.text_of("title").trim().is_empty());
        self.only("h1");
        self.only("main");
        assert!(self.has_attribute("content", "width=device-width, initial-scale=1"));
        let ids: Vec<_> = self.values("id");
        for reference in self.values("for").into_iter().chain(self.values("aria-describedby")) {
            assert_eq!(
                ids.iter().filter(|id| **id == reference).count(),
                1,
                "{reference} is not one element's id"
            );
        }
        let labelled = self.values("for");
        for input in self.all("input").into_iter().filter(|input| input["type"] != "hidden") {
            assert!(labelled.contains(&input["id"].as_str()), "{input:?} has no label");
        }
        assert!(self.values("autofocus").len() <= 1);
    }

    /// Name and attributes of each element, in order.
    fn elements(&self) -> impl Iterator<Item = (&str, &Attributes)> {
        self.tokens.iter().filter_map(|token| match token {
            HtmlToken::Open { name, attributes } => Some((name.as_str(), attributes)),
            _ => None,
        })
    }

    /// The attributes of each element of this name.
    pub(super) fn all(&self, element: &str) -> Vec<&Attributes> {
        self.elements().filter(|(name, _)| *name == element).map(|(_, attributes)| attributes).collect()
    }

    /// The attributes of the one element of this name.
    pub(super) fn only(&self, element: &str) -> &Attributes {
        let found = self.all(element);
        assert_eq!(found.len(), 1, "<{element}>");
        found[0]
    }

    pub(super) fn input(&self, name: &str) -> &Attributes {
        let found: Vec<_> = self
            .all("input")
            .into_iter()
            .filter(|input| input.get("name").is_some_and(|own| own == name))
            .collect();
        assert_eq!(found.len(), 1, "input {name}");
        found[0]
    }

    pub(super) fn hidden_inputs(&self) -> Vec<(&str, &str)> {
        let hidden = self.all("input").into_iter().filter(|input| input["type"] == "hidden");
        hidden.map(|input| (input["name"].as_str(), input["value"].as_str())).collect()
    }

    fn values(&self, attribute: &str) -> Vec<&str> {
        self.elements().filter_map(|(_, attributes)| attributes.get(attribute)).map(String::as_str).collect()
    }

    pub(super) fn has_attribute(&self, attribute: &str, value: &str) -> bool {
        self.values(attribute).contains(&value)
    }

    /// The text of the first element of this name that contains nothing but text.
    pub(super) fn text_of(&self, element: &str) -> &str {
        let found = self.tokens.windows(2).find_map(|pair| match pair {
            [HtmlToken::Open { name, .. }, HtmlToken::Text(text)] if name == element => Some(text.as_str()),
            _ => None,
        });
        found.unwrap_or_else(|| panic!("no text in <{element}>"))
    }

    /// All text of the body.
    pub(super) fn text(&self) -> String {
        let body = self
            .tokens
            .iter()
            .skip_while(|token| !matches!(token, HtmlToken::Open { name, .. } if name == "body"));
        let text = body
            .filter_map(|token| if let HtmlToken::Text(text) = token { Some(text.as_str()) } else { None });
        text.collect()
    }
}
