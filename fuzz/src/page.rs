//! Pages, parsed with the tokenizer of a browser.

use std::collections::BTreeMap;

use html5gum::{DefaultEmitter, Token, Tokenizer};

type Attributes = BTreeMap<String, String>;

/// The contents of a page.
pub struct Page {
    /// Its elements, in order.
    pub elements: Vec<(String, Attributes)>,
    /// The form that it shows, if there is one.
    pub form: Option<Form>,
}

/// A form of ours.
pub struct Form {
    /// The URL that it is sent to.
    pub action: String,
    inputs: Vec<(String, String)>,
    decides: bool,
}

impl Form {
    /// The fields that a browser sends.
    pub fn filled_in(&self, username: &str, password: &str, decision: &str) -> Vec<(String, String)> {
        let own = |name: &str, value: &str| match name {
            "username" => username.to_owned(),
            "password" => password.to_owned(),
            _ => value.to_owned(),
        };
        let mut sent: Vec<_> =
            self.inputs.iter().map(|(name, value)| (name.clone(), own(name, value))).collect();
        if self.decides {
            sent.push(("decision".to_owned(), decision.to_owned()));
        }
        sent
    }
}

impl Page {
    /// Reads a page.
    pub fn read(html: &[u8]) -> Self {
        let html = std::str::from_utf8(html).expect("a page is UTF-8");
        let mut emitter = DefaultEmitter::default();
        emitter.naively_switch_states(true);
        let mut elements = Vec::new();
        for token in Tokenizer::new_with_emitter(html, emitter) {
            let Ok(token) = token;
            if let Token::StartTag(tag) = token {
                let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("a page is UTF-8");
                let attributes = tag.attributes.iter().map(|(name, value)| (text(name), text(value)));
                elements.push((text(&tag.name), attributes.collect::<Attributes>()));
            }
        }
        let named = |name: &'static str| elements.iter().filter(move |(own, _)| own == name);
        let get = |attributes: &Attributes, name: &str| attributes.get(name).cloned().unwrap_or_default();
        let form = named("form").next().map(|(_, attributes)| Form {
            action: get(attributes, "action"),
            inputs: named("input").map(|(_, input)| (get(input, "name"), get(input, "value"))).collect(),
            decides: named("button").any(|(_, button)| get(button, "name") == "decision"),
        });
        Self { elements, form }
    }

    /// Checks that the page consists of our own elements, whatever was in the request, and that nothing in it runs or loads.
    /// Only the page that posts a response to the client has a script, which its policy allows by digest.
    pub fn check(&self) {
        const ELEMENTS: [&str; 28] = [
            "html", "head", "meta", "title", "style", "body", "main", "header", "h1", "h2", "p", "form",
            "label", "input", "button", "div", "span", "ul", "li", "strong", "b", "bdi", "code", "details",
            "summary", "dl", "dt", "dd",
        ];
        let answers_client = self.form.as_ref().is_some_and(|form| form.action != "/oauth/authorize");
        for (name, attributes) in &self.elements {
            let own = ELEMENTS.contains(&name.as_str()) || (name == "script" && answers_client);
            assert!(own, "a foreign element: {name} {attributes:?}");
            for (attribute, value) in attributes {
                assert!(!attribute.starts_with("on") && attribute != "style", "{name} {attributes:?}");
                if attribute == "href" {
                    assert!(value.starts_with("https://") || value.starts_with("http://"), "{value}");
                }
            }
        }
    }
}
