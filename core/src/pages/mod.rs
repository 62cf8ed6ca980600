//! The pages that users see: sign-in, consent, errors, device codes, account, sign-out.
//!
//! The server shows [`BuiltInPages`], unless the application provides its own [`Pages`]. The built-in pages are plain
//! HTML, for phones, dark mode and screen readers. They load nothing but the theme's logo, a client's logo that the
//! server itself serves, and after a sign-out the frames that tell clients about it. They run no script, except the form
//! post page, which also works without one. A [`Theme`] sets name, logo, colour and languages.
//!
//! Pages are in English and German, and in the languages that the application adds: see [`Languages`] and [`Texts`].
//! Each page is given the language that suits the request and the browser.
//!
//! An application can replace one page and keep the others:
//!
//! ```
//! use gridauth::pages::{BuiltInPages, Html, Pages, SignInPage};
//!
//! struct OwnSignIn(BuiltInPages);
//!
//! impl Pages for OwnSignIn {
//!     fn built_in(&self) -> &BuiltInPages {
//!         &self.0
//!     }
//!
//!     fn sign_in(&self, page: &SignInPage<'_>) -> Html {
//!         let mut inputs = String::new();
//!         for (name, value) in page.form.hidden {
//!             let (name, value) = (escape(name), escape(value));
//!             inputs.push_str(&format!(r#"<input type="hidden" name="{name}" value="{value}">"#));
//!         }
//!         let action = escape(page.form.action);
//!         let texts = page.language.texts();
//!         let (language, title) = (page.language.tag(), escape(&texts.sign_in));
//!         let (username, password) = (escape(&texts.username), escape(&texts.password));
//!         Html::new(format!(
//!             r#"<!DOCTYPE html><html lang="{language}"><title>{title}</title><link rel="stylesheet" href="/own.css">
//!             <form method="post" action="{action}">{inputs}
//!             <label>{username} <input name="username"></label>
//!             <label>{password} <input name="password" type="password"></label>
//!             <button>{title}</button></form>"#
//!         ))
//!     }
//! }
//!
//! # fn escape(text: &str) -> String { text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;") }
//! let pages = OwnSignIn(BuiltInPages::default());
//! # use gridauth::pages::{Form, Language};
//! # let english = Language::english();
//! # let form = Form { action: "/oauth/authorize", hidden: &[("csrf", "\"")] };
//! # assert!(pages.sign_in(&SignInPage::new(&english, form)).body().contains("value=\"&quot;\""));
//! ```
//!
//! A page receives plain text and must escape it, above all what users and clients have written. It receives nothing
//! else of the request.

mod account;
mod built_in;
mod client_info;
mod color;
mod consent;
mod content_security_policy;
mod destination;
mod device;
mod english;
mod error;
mod form;
mod form_post;
mod german;
mod html;
mod language;
mod languages;
mod logout;
mod markup;
mod moment;
mod parts;
mod return_uri;
mod scope_info;
mod sign_in;
mod stylesheet;
#[cfg(test)]
mod test_languages;
#[cfg(test)]
mod test_parsed_page;
#[cfg(test)]
mod test_samples;
mod texts;
mod theme;
mod web_uri;

pub use account::{AccountChange, AccountFailure, AccountPage, ApplicationAccess, SignedInBrowser};
pub use built_in::BuiltInPages;
pub use client_info::ClientInfo;
pub use color::{Color, InvalidColor};
pub use consent::ConsentPage;
pub use content_security_policy::{ContentSecurityPolicy, InvalidSource, Source};
pub use destination::{Destination, Recipient};
pub use device::{DeviceCodeFailure, DeviceCodePage, DeviceConfirmPage, DeviceDonePage};
pub use error::ErrorPage;
pub use form::Form;
pub use form_post::FormPostPage;
pub use html::{Html, ReferrerPolicy};
pub use language::{Direction, InvalidLanguageTag, Language};
pub use languages::Languages;
pub use logout::{LogoutConfirmPage, LogoutDonePage};
pub use moment::Moment;
pub use return_uri::{NotAReturnUri, ReturnUri};
pub use scope_info::ScopeInfo;
pub use sign_in::{SignInFailure, SignInPage};
pub use texts::{Phrase, Text, Texts, Wait};
pub use theme::{Theme, ThemeBuilder, ThemeError};
pub use web_uri::{NotAWebUri, WebUri};

/// The pages of an authorization server.
///
/// Each method renders one page, synchronously. By default, it renders the built-in one.
pub trait Pages: Send + Sync + 'static {
    /// The pages to show where a method is not overridden.
    fn built_in(&self) -> &BuiltInPages;

    /// The languages of the pages. Each page is given one of them.
    fn languages(&self) -> &Languages {
        self.built_in().languages()
    }

    /// Asks for a username and a password.
    fn sign_in(&self, page: &SignInPage<'_>) -> Html {
        self.built_in().sign_in(page)
    }

    /// Asks whether to allow what a client requests.
    fn consent(&self, page: &ConsentPage<'_>) -> Html {
        self.built_in().consent(page)
    }

    /// Shows an error that must not be sent to the client.
    fn error(&self, page: &ErrorPage<'_>) -> Html {
        self.built_in().error(page)
    }

    /// Carries an authorization response to the client in a form.
    fn form_post(&self, page: &FormPostPage<'_>) -> Html {
        self.built_in().form_post(page)
    }

    /// Asks for the code that a device shows.
    fn device_code(&self, page: &DeviceCodePage<'_>) -> Html {
        self.built_in().device_code(page)
    }

    /// Asks whether to allow what a device requests.
    fn device_confirm(&self, page: &DeviceConfirmPage<'_>) -> Html {
        self.built_in().device_confirm(page)
    }

    /// Tells the user what was decided about a device.
    fn device_done(&self, page: &DeviceDonePage<'_>) -> Html {
        self.built_in().device_done(page)
    }

    /// Shows the signed-in user's own account.
    fn account(&self, page: &AccountPage<'_>) -> Html {
        self.built_in().account(page)
    }

    /// Asks whether to sign out.
    fn logout_confirm(&self, page: &LogoutConfirmPage<'_>) -> Html {
        self.built_in().logout_confirm(page)
    }

    /// Tells the user whether they are signed out.
    fn logout_done(&self, page: &LogoutDonePage<'_>) -> Html {
        self.built_in().logout_done(page)
    }
}
