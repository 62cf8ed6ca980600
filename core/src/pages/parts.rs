//! Parts shared by several built-in pages.

use std::borrow::Cow;

use super::client_info::ClientInfo;
use super::destination::{Destination, Recipient};
use super::form::Form;
use super::markup::{Markup, html};
use super::scope_info::ScopeInfo;
use super::texts::{Phrase, Texts};

/// The id of the message that inputs refer to with `aria-describedby`.
pub(super) const FAILURE_ID: &str = "failure";

/// A form with its hidden inputs and what `fields` writes.
pub(super) fn form(out: &mut Markup, form: &Form<'_>, fields: impl FnOnce(&mut Markup)) {
    html!(out; r#"<form method="post" action=""# (form.action) r#"">"#);
    hidden_inputs(out, form.hidden);
    fields(out);
    html!(out; "</form>");
}

pub(super) fn hidden_inputs(out: &mut Markup, hidden: &[(&str, &str)]) {
    for (name, value) in hidden {
        html!(out; r#"<input type="hidden" name=""# (name) r#"" value=""# (value) r#"">"#);
    }
}

/// Untrusted text, isolated so that its writing direction does not affect the text around it.
pub(super) fn isolated(out: &mut Markup, text: &str) {
    html!(out; "<bdi>" (&visible(text)) "</bdi>");
}

/// `text` with U+FFFD in place of control characters and bidirectional formatting. With these, a text could be
/// displayed as a different one.
fn visible(text: &str) -> Cow<'_, str> {
    let deceptive =
        |c: char| c.is_control() || matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
    if text.contains(deceptive) {
        Cow::Owned(text.replace(deceptive, "\u{FFFD}"))
    } else {
        Cow::Borrowed(text)
    }
}

/// The client's name, set apart from the sentence around it.
pub(super) fn client_name(out: &mut Markup, client: &ClientInfo<'_>) {
    html!(out; r#"<strong class="name">"#);
    isolated(out, client.display_name());
    html!(out; "</strong>");
}

/// A phrase around what `value` writes.
pub(super) fn phrase(out: &mut Markup, phrase: &Phrase, value: impl FnOnce(&mut Markup)) {
    out.text(phrase.before());
    value(out);
    out.text(phrase.after());
}

/// The sentence below the heading, around the client's name.
pub(super) fn lead(out: &mut Markup, sentence: &Phrase, client: &ClientInfo<'_>) {
    html!(out; r#"<p class="lead">"#);
    phrase(out, sentence, |out| client_name(out, client));
    html!(out; "</p>");
}

/// The client's logo. Its name is below it, so it needs no alternative text.
pub(super) fn client_logo(out: &mut Markup, client: &ClientInfo<'_>) {
    if let Some(logo) = client.own_logo() {
        html!(out; r#"<img class="logo" src=""# (logo) r#"" alt="">"#);
    }
}

/// Says of a client that registered itself that nobody vouches for it.
pub(super) fn self_registered(out: &mut Markup, texts: &Texts, client: &ClientInfo<'_>) {
    if client.self_registered {
        html!(out; r#"<p class="warning">"# (&texts.self_registered) "</p>");
    }
    if let Some(host) = client.document_host {
        html!(out; "<p>");
        phrase(out, &texts.described_at, |out| {
            html!(out; "<strong>");
            isolated(out, host);
            html!(out; "</strong>");
        });
        html!(out; "</p>");
    }
    if client.loopback_only {
        html!(out; r#"<p class="warning">"# (&texts.loopback_only) "</p>");
    }
}

/// Why the previous form was rejected.
pub(super) fn failure(out: &mut Markup, message: Option<&str>) {
    if let Some(message) = message {
        html!(out; r#"<p class="alert" role="alert" id=""# (FAILURE_ID) r#"">"# (message) "</p>");
    }
}

/// The client's links about itself. They open in a new tab, so that this page is not lost.
pub(super) fn client_links(out: &mut Markup, texts: &Texts, client: &ClientInfo<'_>) {
    let links = [
        (&texts.website, client.uri),
        (&texts.privacy_policy, client.policy_uri),
        (&texts.terms_of_service, client.tos_uri),
    ];
    if links.iter().all(|(_, uri)| uri.is_none()) {
        return;
    }
    html!(out; r#"<p class="links">"#);
    phrase(out, &texts.about_client, |out| isolated(out, client.display_name()));
    for (words, uri) in links {
        if let Some(uri) = uri {
            html!(out; r#" <a href=""# (uri.as_str()) r#"" target="_blank" rel="noopener noreferrer nofollow">"# (words)
                r#"<span class="unseen"> "# (&texts.opens_in_new_tab) "</span></a>");
        }
    }
    html!(out; "</p>");
}

/// Every requested scope: its description and its token.
pub(super) fn scopes(out: &mut Markup, texts: &Texts, scopes: &[ScopeInfo<'_>]) {
    html!(out; "<h2>" (&texts.scopes) "</h2>");
    if scopes.is_empty() {
        html!(out; "<p>" (&texts.no_scopes) "</p>");
        return;
    }
    scope_list(out, texts, scopes);
}

/// What is requested beside the scopes; nothing if there is nothing.
pub(super) fn details(out: &mut Markup, texts: &Texts, details: &[String]) {
    if details.is_empty() {
        return;
    }
    html!(out; "<h2>" (&texts.details) r#"</h2><ul class="scopes" role="list">"#);
    for detail in details {
        html!(out; "<li><span>");
        isolated(out, detail);
        html!(out; "</span></li>");
    }
    html!(out; "</ul>");
}

/// Scopes without a heading; nothing if there is none.
pub(super) fn scope_list(out: &mut Markup, texts: &Texts, scopes: &[ScopeInfo<'_>]) {
    if scopes.is_empty() {
        return;
    }
    html!(out; r#"<ul class="scopes" role="list">"#);
    for scope in scopes {
        let described = scope.description.filter(|words| !words.trim().is_empty());
        html!(out; "<li><span>");
        isolated(out, described.unwrap_or(&texts.undescribed_scope));
        html!(out; " <code>");
        isolated(out, scope.token);
        html!(out; "</code></span></li>");
    }
    html!(out; "</ul>");
}

/// The signed-in user, as an entry of a `<dl>`.
pub(super) fn signed_in_as(out: &mut Markup, texts: &Texts, user: &str) {
    html!(out; "<div><dt>" (&texts.signed_in_as) "</dt><dd>");
    isolated(out, user);
    html!(out; "</dd></div>");
}

/// Where the browser is sent next, as an entry of a `<dl>`: the recipient, and the full URI in a `<details>`.
pub(super) fn sent_to(out: &mut Markup, texts: &Texts, destination: &Destination<'_>) {
    html!(out; "<div><dt>" (&texts.sent_to) "</dt><dd>");
    let address = |out: &mut Markup, text: &str| {
        html!(out; "<strong>");
        isolated(out, text);
        html!(out; "</strong>");
    };
    match destination.recipient() {
        Recipient::Website(origin) => address(out, origin),
        Recipient::ThisDevice(origin) => {
            phrase(out, &texts.sent_to_this_device, |out| address(out, origin));
        }
        Recipient::App(scheme) => phrase(out, &texts.sent_to_app, |out| address(out, scheme)),
        Recipient::Unknown => address(out, destination.uri()),
    }
    html!(out; "<details><summary>" (&texts.full_address) "</summary><code>");
    isolated(out, destination.uri());
    html!(out; "</code></details></dd></div>");
}

/// The two buttons of a decision, both named `decision`.
pub(super) fn decision(out: &mut Markup, allow: &str, deny: &str) {
    html!(out; r#"<div class="actions"><button type="submit" name="decision" value="allow">"# (allow)
        r#"</button><button type="submit" name="decision" value="deny" class="quiet">"# (deny) "</button></div>");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_change_the_writing_direction() {
        assert_eq!(visible("moc.\u{202E}live\u{202C}\u{7}\n"), "moc.\u{FFFD}live\u{FFFD}\u{FFFD}\u{FFFD}");
        for plain in ["متجر الويب", "ישראל", "👩\u{200D}👩\u{200D}👧", "می\u{200C}خواهم", "R&D <b>"]
        {
            assert_eq!(visible(plain), plain);
        }
    }
}
