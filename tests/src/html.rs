//! Parses the forms of a page as a browser would.

use html5gum::{DefaultEmitter, Token, Tokenizer};

/// A page.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// Its title.
    pub title: String,
    /// Its text, without title, style and script.
    pub text: String,
    /// Its forms.
    pub forms: Vec<Form>,
    /// The names of its elements in order, with their attributes.
    pub elements: Vec<(String, Vec<(String, String)>)>,
}

/// A form.
#[derive(Clone, Debug, Default)]
pub struct Form {
    /// The URL that it is sent to.
    pub action: String,
    /// The method that it is sent with.
    pub method: String,
    /// Its inputs and their values.
    pub fields: Vec<(String, String)>,
    /// Its named buttons and their values.
    pub buttons: Vec<(String, String)>,
    /// The names of the visible inputs.
    pub visible: Vec<String>,
}

impl Page {
    /// Reads a page.
    pub fn read(html: &str) -> Self {
        let mut emitter = DefaultEmitter::default();
        emitter.naively_switch_states(true);
        let mut page = Self::default();
        let (mut inside, mut in_form) = (String::new(), false);
        for token in Tokenizer::new_with_emitter(html, emitter) {
            let Ok(token) = token;
            match token {
                Token::StartTag(tag) => {
                    let name = String::from_utf8_lossy(&tag.name).into_owned();
                    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                    let attributes: Vec<(String, String)> =
                        tag.attributes.iter().map(|(name, value)| (text(name), text(value))).collect();
                    in_form |= name == "form";
                    page.open(&name, &attributes, in_form);
                    inside.clone_from(&name);
                    page.elements.push((name, attributes));
                }
                Token::EndTag(tag) => {
                    in_form &= &**tag.name != b"form";
                    inside.clear();
                }
                Token::String(text) => {
                    let text = String::from_utf8_lossy(&text);
                    match inside.as_str() {
                        "title" => page.title.push_str(&text),
                        "style" | "script" => {}
                        _ => page.text.push_str(&text),
                    }
                }
                Token::Comment(_) | Token::Doctype(_) | Token::Error(_) => {}
            }
        }
        page
    }

    fn open(&mut self, element: &str, attributes: &[(String, String)], in_form: bool) {
        let get = |name: &str| {
            attributes.iter().find(|(own, _)| own == name).map(|(_, value)| value.clone()).unwrap_or_default()
        };
        if element == "form" {
            let form = Form { action: get("action"), method: get("method"), ..Form::default() };
            self.forms.push(form);
        }
        let Some(form) = self.forms.last_mut().filter(|_| in_form) else { return };
        match element {
            "input" if !get("name").is_empty() => {
                if get("type") != "hidden" {
                    form.visible.push(get("name"));
                }
                form.fields.push((get("name"), get("value")));
            }
            "button" if !get("name").is_empty() => form.buttons.push((get("name"), get("value"))),
            _ => {}
        }
    }

    /// The only form.
    ///
    /// # Panics
    /// If there is none, or more than one.
    #[track_caller]
    pub fn form(&self) -> &Form {
        assert_eq!(self.forms.len(), 1, "forms on the page {:?}: {}", self.title, self.text);
        &self.forms[0]
    }

    /// The attributes of each element of this name.
    pub fn all(&self, element: &str) -> Vec<&[(String, String)]> {
        let found = self.elements.iter().filter(|(name, _)| name == element);
        found.map(|(_, attributes)| attributes.as_slice()).collect()
    }
}

impl Form {
    /// What a browser sends when the inputs are filled in like this and `button` is pressed.
    ///
    /// # Panics
    /// If the form has no such input or button.
    #[track_caller]
    pub fn filled(&self, inputs: &[(&str, &str)], button: Option<(&str, &str)>) -> Vec<(String, String)> {
        let mut sent = self.fields.clone();
        for (name, value) in inputs {
            let field = sent.iter_mut().find(|(own, _)| own == name);
            let (_, own) = field.unwrap_or_else(|| panic!("the form has no input {name}: {self:?}"));
            (*value).clone_into(own);
        }
        if let Some((name, value)) = button {
            let pressed = (name.to_owned(), value.to_owned());
            assert!(self.buttons.contains(&pressed), "the form has no button {name}={value}: {self:?}");
            sent.push(pressed);
        }
        sent
    }

    /// The value of an input.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_and_filled() {
        let page = Page::read(
            r#"<title>A &amp; B</title><style>p{}</style><p>Hello <b>you</b></p><form method="post" action="/a?b&amp;c">
            <input type="hidden" name="csrf" value="&quot;x&quot;"><input name="username" value="">
            <button name="decision" value="allow">Yes</button></form><input name="outside">"#,
        );
        assert_eq!((page.title.as_str(), page.text.contains("Hello you")), ("A & B", true));
        let form = page.form();
        assert_eq!((form.action.as_str(), form.visible.as_slice()), ("/a?b&c", &["username".to_owned()][..]));
        let sent = form.filled(&[("username", "israel")], Some(("decision", "allow")));
        let sent: Vec<(&str, &str)> =
            sent.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(sent, [("csrf", "\"x\""), ("username", "israel"), ("decision", "allow")]);
    }
}
