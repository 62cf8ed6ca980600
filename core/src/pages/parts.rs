//! Parts shared by several built-in pages.

use std::borrow::Cow;

use super::client_info::ClientInfo;
use super::destination::{Destination, Recipient};
use super::form::Form;
use super::markup::{Markup, html};
use super::scope_info::ScopeInfo;

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

/// Why the previous form was rejected.
pub(super) fn failure(out: &mut Markup, message: Option<&str>) {
    if let Some(message) = message {
        html!(out; r#"<p class="alert" role="alert" id=""# (FAILURE_ID) r#"">"# (message) "</p>");
    }
}

/// The client's links about itself. They open in a new tab, so that this page is not lost.
pub(super) fn client_links(out: &mut Markup, client: &ClientInfo<'_>) {
    let links = [
        ("Website", client.uri),
        ("Privacy policy", client.policy_uri),
        ("Terms of service", client.tos_uri),
    ];
    if links.iter().all(|(_, uri)| uri.is_none()) {
        return;
    }
    html!(out; r#"<p class="links">About "#);
    isolated(out, client.display_name());
    html!(out; ":");
    for (words, uri) in links {
        if let Some(uri) = uri {
            html!(out; r#" <a href=""# (uri.as_str()) r#"" target="_blank" rel="noopener noreferrer nofollow">"# (words)
                r#"<span class="unseen"> (opens in a new tab)</span></a>"#);
        }
    }
    html!(out; "</p>");
}

/// Shown for a scope without a description.
const NO_DESCRIPTION: &str = "Access that is not described further";

/// Every requested scope: its description and its token.
pub(super) fn scopes(out: &mut Markup, scopes: &[ScopeInfo<'_>]) {
    html!(out; "<h2>What it asks for</h2>");
    if scopes.is_empty() {
        html!(out; "<p>No particular permission.</p>");
        return;
    }
    html!(out; r#"<ul class="scopes" role="list">"#);
    for scope in scopes {
        let words = scope.description.filter(|words| !words.trim().is_empty()).unwrap_or(NO_DESCRIPTION);
        html!(out; "<li><span>");
        isolated(out, words);
        html!(out; " <code>");
        isolated(out, scope.token);
        html!(out; "</code></span></li>");
    }
    html!(out; "</ul>");
}

/// The signed-in user, as an entry of a `<dl>`.
pub(super) fn signed_in_as(out: &mut Markup, user: &str) {
    html!(out; "<div><dt>Signed in as</dt><dd>");
    isolated(out, user);
    html!(out; "</dd></div>");
}

/// Where the browser is sent next, as an entry of a `<dl>`: the recipient, and the full URI in a `<details>`.
pub(super) fn sent_to(out: &mut Markup, destination: &Destination<'_>) {
    html!(out; "<div><dt>You will be sent to</dt><dd>");
    let address = |out: &mut Markup, text: &str| {
        html!(out; "<strong>");
        isolated(out, text);
        html!(out; "</strong>");
    };
    match destination.recipient() {
        Recipient::Website(origin) => address(out, origin),
        Recipient::ThisDevice(origin) => {
            html!(out; "a program on this device, ");
            address(out, origin);
        }
        Recipient::App(scheme) => {
            html!(out; "the app that opens ");
            address(out, scheme);
            html!(out; " links");
        }
        Recipient::Unknown => address(out, destination.uri()),
    }
    html!(out; "<details><summary>Full address</summary><code>");
    isolated(out, destination.uri());
    html!(out; "</code></details></dd></div>");
}

/// The two buttons of a decision, both named `decision`.
pub(super) fn decision(out: &mut Markup, allow: &'static str, deny: &'static str) {
    html!(out; r#"<div class="actions"><button type="submit" name="decision" value="allow">"# (allow)
        r#"</button><button type="submit" name="decision" value="deny" class="quiet">"# (deny) "</button></div>");
}

/// How long to wait, in words.
pub(super) fn waiting_time(seconds: u64) -> String {
    let (count, unit) = match seconds {
        0..=1 => return "a second".to_owned(),
        2..=90 => (seconds, "seconds"),
        91..=5400 => (seconds.div_ceil(60), "minutes"),
        _ => (seconds.div_ceil(3600), "hours"),
    };
    format!("{count} {unit}")
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

    #[test]
    fn waiting_times_are_rounded_up() {
        for (seconds, words) in [
            (0, "a second"),
            (1, "a second"),
            (2, "2 seconds"),
            (90, "90 seconds"),
            (91, "2 minutes"),
            (120, "2 minutes"),
            (121, "3 minutes"),
            (5400, "90 minutes"),
            (5401, "2 hours"),
            (u64::MAX, "5124095576030432 hours"),
        ] {
            assert_eq!(waiting_time(seconds), words);
        }
    }
}
