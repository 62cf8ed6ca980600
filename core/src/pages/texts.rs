//! The texts of the built-in pages, in one language.

use std::borrow::Cow;

/// A text without a gap.
pub type Text = Cow<'static, str>;

/// A text around one value, such as the name of a client. The page puts the value between the two parts.
///
/// ```
/// use gridauth::pages::Phrase;
///
/// let german = Phrase::new("Weiter zu ", "");
/// assert_eq!(german.around("Web shop"), "Weiter zu Web shop");
/// ```
#[derive(Clone, Debug)]
pub struct Phrase {
    before: Text,
    after: Text,
}

impl Phrase {
    /// The phrase with these words before and after the value, including the spaces around it.
    #[must_use]
    pub fn new(before: impl Into<Text>, after: impl Into<Text>) -> Self {
        Self { before: before.into(), after: after.into() }
    }

    /// The phrase with this value. It is plain text, so a page must still escape it.
    #[must_use]
    pub fn around(&self, value: &str) -> String {
        format!("{}{value}{}", self.before, self.after)
    }

    /// What comes before the value.
    #[must_use]
    pub fn before(&self) -> &str {
        &self.before
    }

    /// What comes after the value.
    #[must_use]
    pub fn after(&self) -> &str {
        &self.after
    }
}

/// How long to wait, in the unit that suits the length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// 1 to 90 seconds.
    Seconds(u64),
    /// 2 to 90 minutes.
    Minutes(u64),
    /// 2 hours or more.
    Hours(u64),
}

impl Wait {
    /// This many seconds, rounded up to a whole unit.
    #[must_use]
    pub fn of_secs(seconds: u64) -> Self {
        match seconds {
            0..=90 => Self::Seconds(seconds.max(1)),
            91..=5400 => Self::Minutes(seconds.div_ceil(60)),
            _ => Self::Hours(seconds.div_ceil(3600)),
        }
    }
}

/// Every text of the built-in pages, in one language.
///
/// There is one field per text, so the compiler says which ones a translation lacks, also after an upgrade that adds
/// one. A translation that may lag behind takes the rest from another language with `..`.
///
/// ```
/// use gridauth::pages::{Direction, Language, Languages, Texts, Theme};
///
/// let french = Texts {
///     sign_in: "Se connecter".into(),
///     username: "Identifiant".into(),
///     // The other texts are still to be translated.
///     ..Language::english().into_texts()
/// };
/// let french = Language::new("fr", Direction::LeftToRight, french)?;
/// let theme = Theme::builder("Field notes").languages(Languages::default().with(french)).build()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Texts {
    /// The button that goes on to the next page.
    pub go_on: Text,
    /// The button that allows a request.
    pub allow: Text,
    /// The button that denies a request.
    pub deny: Text,
    /// The label of the user's name.
    pub signed_in_as: Text,
    /// An alert: too many passwords or codes were wrong. It says how long to wait.
    pub too_many_tries: fn(Wait) -> String,

    /// The label of the place where the browser is sent next.
    pub sent_to: Text,
    /// That place, around an origin: a program on the user's own device.
    pub sent_to_this_device: Phrase,
    /// That place, around a URI scheme: an app.
    pub sent_to_app: Phrase,
    /// Opens the complete address.
    pub full_address: Text,

    /// Around the client's name, before the links to its own pages.
    pub about_client: Phrase,
    /// The link to the client's home page.
    pub website: Text,
    /// The link to its privacy policy.
    pub privacy_policy: Text,
    /// The link to its terms of service.
    pub terms_of_service: Text,
    /// What a screen reader adds to these links.
    pub opens_in_new_tab: Text,
    /// A warning: the client registered itself.
    pub self_registered: Text,
    /// Of such a client: around the host of its metadata document.
    pub described_at: Phrase,
    /// Of such a client: a warning that its responses go to a program on the user's own device.
    pub loopback_only: Text,

    /// The heading above the requested scopes.
    pub scopes: Text,
    /// In place of scopes: none is requested.
    pub no_scopes: Text,
    /// The heading above what is requested in detail, beside the scopes.
    pub details: Text,
    /// A scope without a description.
    pub undescribed_scope: Text,
    /// The scope `openid`.
    pub scope_openid: Text,
    /// The scope `profile`.
    pub scope_profile: Text,
    /// The scope `email`.
    pub scope_email: Text,
    /// The scope `address`.
    pub scope_address: Text,
    /// The scope `phone`.
    pub scope_phone: Text,
    /// The scope `offline_access`.
    pub scope_offline_access: Text,

    /// The heading of the sign-in page, and its button.
    pub sign_in: Text,
    /// Around the name of the client that the user is signing in for.
    pub sign_in_for: Phrase,
    /// The label of the input.
    pub username: Text,
    /// The label of the input.
    pub password: Text,
    /// An alert: an input is empty.
    pub sign_in_incomplete: Text,
    /// An alert: the user is unknown or the password is wrong. It must not say which.
    pub sign_in_wrong: Text,
    /// An alert: the form has expired.
    pub sign_in_expired: Text,

    /// The heading of the consent page.
    pub consent: Text,
    /// Around the name of the client that requests access.
    pub consent_for: Phrase,
    /// The button for somebody who is not the signed-in user.
    pub not_you: Text,

    /// The heading of the page that posts a response to the client.
    pub form_post: Text,
    /// Around the client's name: the browser is on its way there. It refers to [`go_on`](Self::go_on).
    pub on_the_way: Phrase,

    /// The heading of the page that asks for a device's code, and the title of that page.
    pub device: Text,
    /// What to enter.
    pub device_hint: Text,
    /// The label of the input.
    pub device_code: Text,
    /// An alert: the input is empty.
    pub device_code_missing: Text,
    /// An alert: no device is waiting for this code.
    pub device_code_unknown: Text,
    /// An alert: the form has expired.
    pub device_code_expired: Text,
    /// The heading of the page that asks whether to connect a device.
    pub device_confirm: Text,
    /// Around the name of the client on the device that requests access.
    pub device_confirm_for: Phrase,
    /// The label of the code to compare.
    pub device_shows: Text,
    /// The label of the address that the device asked from.
    pub device_source: Text,
    /// A warning: the user has to compare the codes. It refers to [`deny`](Self::deny).
    pub device_warning: Text,
    /// The heading after the user has allowed it.
    pub device_connected: Text,
    /// Around the name of the client that has access now.
    pub device_connected_to: Phrase,
    /// The heading after the user has denied it.
    pub device_refused: Text,
    /// Around the name of the client that got no access.
    pub device_refused_for: Phrase,

    /// The question whether to sign out.
    pub sign_out_question: Text,
    /// Around the name of the client that asks for it.
    pub sign_out_for: Phrase,
    /// The button that signs out.
    pub sign_out: Text,
    /// The button that does not.
    pub stay: Text,
    /// The heading after a sign-out.
    pub signed_out: Text,
    /// What to do then.
    pub signed_out_advice: Text,
    /// The heading if the user stays signed in.
    pub stayed: Text,
    /// What to do then.
    pub stayed_advice: Text,

    /// The heading of the account page.
    pub account: Text,
    /// An alert: the form has expired, and nothing was done.
    pub account_expired: Text,
    /// The heading above the applications that have access.
    pub applications: Text,
    /// In place of them: there is none.
    pub no_applications: Text,
    /// Around the moment since when an application has access.
    pub access_since: Phrase,
    /// Around the moment at which its newest token was issued.
    pub newest_token: Phrase,
    /// The user has consented, and the application has no token.
    pub no_token: Text,
    /// The button that withdraws the access of an application.
    pub withdraw_access: Text,
    /// It was withdrawn.
    pub access_withdrawn: Text,
    /// There are more applications than are shown.
    pub more_applications: Text,
    /// The heading above the browsers in which the user is signed in.
    pub sessions: Text,
    /// The browser that shows the page.
    pub this_browser: Text,
    /// Another browser.
    pub other_browser: Text,
    /// Around the moment of the sign-in.
    pub signed_in_since: Phrase,
    /// The button that signs out in another browser.
    pub sign_out_there: Text,
    /// The user is signed out there.
    pub signed_out_there: Text,
    /// The button that signs out in all other browsers.
    pub sign_out_elsewhere: Text,
    /// The user is signed out in all of them.
    pub signed_out_elsewhere: Text,
    /// There are more browsers than are shown.
    pub more_sessions: Text,
    /// The heading above the form that changes the password, and its button.
    pub change_password: Text,
    /// The label of the input.
    pub current_password: Text,
    /// The label of the input.
    pub new_password: Text,
    /// The label of the input for the same new password.
    pub repeat_password: Text,
    /// The password was changed, and the user is signed out in all other browsers.
    pub password_changed: Text,
    /// An alert: a password is missing.
    pub password_incomplete: Text,
    /// An alert: the current password is wrong.
    pub password_wrong: Text,
    /// An alert: the two new passwords are not the same.
    pub passwords_differ: Text,
    /// An alert: the new password is too long.
    pub password_too_long: Text,
    /// An alert, around the least number of characters: the new password is too short.
    pub password_too_short: Phrase,

    /// The heading of an error page: too many tries.
    pub error_tries: Text,
    /// What to do then.
    pub error_tries_advice: Text,
    /// The heading of an error page: the server failed.
    pub error_server: Text,
    /// What to do then.
    pub error_server_advice: Text,
    /// The heading of an error page: the request is not valid.
    pub error_request: Text,
    /// What to do then. It refers to the error below it.
    pub error_request_advice: Text,
    /// Around the HTTP status of an error page.
    pub error_status: Phrase,
}

impl Texts {
    /// The description of one of OpenID Connect's own scopes (OpenID Connect Core sections 3.1.2.1, 5.4 and 11).
    #[must_use]
    pub fn standard_scope(&self, token: &str) -> Option<&str> {
        Some(match token {
            "openid" => &self.scope_openid,
            "profile" => &self.scope_profile,
            "email" => &self.scope_email,
            "address" => &self.scope_address,
            "phone" => &self.scope_phone,
            "offline_access" => &self.scope_offline_access,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_times_are_rounded_up() {
        for (seconds, wait) in [
            (0, Wait::Seconds(1)),
            (1, Wait::Seconds(1)),
            (90, Wait::Seconds(90)),
            (91, Wait::Minutes(2)),
            (120, Wait::Minutes(2)),
            (121, Wait::Minutes(3)),
            (5400, Wait::Minutes(90)),
            (5401, Wait::Hours(2)),
            (u64::MAX, Wait::Hours(5_124_095_576_030_432)),
        ] {
            assert_eq!(Wait::of_secs(seconds), wait);
        }
    }
}
