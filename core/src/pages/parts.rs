//! Parts that several of the built-in pages share.

use super::markup::{Markup, html};
use super::view::{ClientInfo, Destination, Form, Place, ScopeInfo};

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

/// Text from outside, kept apart from the direction of the text around it.
pub(super) fn isolated(out: &mut Markup, text: &str) {
    html!(out; "<bdi>" (text) "</bdi>");
}

/// The client's name, set off from the sentence that it stands in.
pub(super) fn client_name(out: &mut Markup, client: &ClientInfo<'_>) {
    html!(out; r#"<strong class="name"><bdi>"# (client.display_name()) "</bdi></strong>");
}

/// What went wrong with the form that was sent before.
pub(super) fn failure(out: &mut Markup, message: Option<&str>) {
    if let Some(message) = message {
        html!(out; r#"<p class="alert" role="alert" id=""# (FAILURE_ID) r#"">"# (message) "</p>");
    }
}

/// The links that a client gives about itself. They open beside the page, which would be lost otherwise.
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

/// Every scope asked for: its token always, and the words for it where there are any.
pub(super) fn scopes(out: &mut Markup, client: &ClientInfo<'_>, scopes: &[ScopeInfo<'_>]) {
    html!(out; "<h2>");
    isolated(out, client.display_name());
    if scopes.is_empty() {
        html!(out; " asks for no particular permission</h2>");
        return;
    }
    html!(out; r#" wants to</h2><ul class="scopes" role="list">"#);
    for scope in scopes {
        html!(out; "<li>");
        match scope.description.filter(|words| !words.trim().is_empty()) {
            Some(words) => {
                html!(out; "<span><bdi>" (words) "</bdi> <code><bdi>" (scope.token) "</bdi></code></span>")
            }
            None => html!(out; "<span>use <code><bdi>" (scope.token) "</bdi></code></span>"),
        }
        html!(out; "</li>");
    }
    html!(out; "</ul>");
}

/// Who is signed in, for a `<dl>`.
pub(super) fn signed_in_as(out: &mut Markup, user: &str) {
    html!(out; "<div><dt>Signed in as</dt><dd><bdi>" (user) "</bdi></dd></div>");
}

/// Where the browser is sent next, for a `<dl>`: who receives it, and the whole URI on demand.
pub(super) fn sent_to(out: &mut Markup, destination: &Destination<'_>) {
    html!(out; "<div><dt>You will be sent to</dt><dd>");
    match destination.place() {
        Place::Website(origin) => html!(out; r#"<bdi class="address">"# (origin) "</bdi>"),
        Place::ThisDevice(origin) => {
            html!(out; r#"a program on this device, <bdi class="address">"# (origin) "</bdi>");
        }
        Place::App(scheme) => {
            html!(out; r#"the app for <bdi class="address">"# (scheme) ":</bdi> links");
        }
        Place::Unknown => html!(out; r#"<bdi class="address">"# (destination.uri()) "</bdi>"),
    }
    html!(out; "<details><summary>Full address</summary><code><bdi>" (destination.uri()) "</bdi></code></details></dd></div>");
}

/// The two buttons of a question. They are both named `decision`.
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
    fn waiting_times_are_never_told_too_short() {
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
