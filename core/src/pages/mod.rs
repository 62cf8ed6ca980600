//! The pages that people see: sign-in, consent, errors, device codes, signing out.
//!
//! [`BuiltInPages`] is used unless the application brings its own [`Pages`]. The built-in pages are plain HTML: no
//! script (the form post page alone has one, and works without it), nothing loaded but the theme's logo, readable on a
//! phone, in the dark and with a screen reader. A [`Theme`] gives them name, logo and colour.
//!
//! An application that wants one page to be its own writes that one and keeps the others:
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
//!         Html::new(format!(
//!             r#"<!DOCTYPE html><html lang="en"><title>Sign in</title><link rel="stylesheet" href="/own.css">
//!             <form method="post" action="{action}">{inputs}
//!             <label>Name <input name="username"></label>
//!             <label>Password <input name="password" type="password"></label>
//!             <button>Go</button></form>"#
//!         ))
//!     }
//! }
//!
//! # fn escape(text: &str) -> String { text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;") }
//! let pages = OwnSignIn(BuiltInPages::default());
//! # use gridauth::pages::Form;
//! # let form = Form { action: "/oauth/authorize", hidden: &[("csrf", "\"")] };
//! # assert!(pages.sign_in(&SignInPage::new(form)).body().contains("value=\"&quot;\""));
//! ```
//!
//! Whatever a page is given, the person's own words and the client's included, comes as plain text: the page escapes
//! it. What it is not given, it does not show: nothing else of the request comes back.

mod built_in;
mod color;
mod consent;
mod device;
mod error;
mod form_post;
mod html;
mod logout;
mod markup;
mod parts;
mod policy;
mod sign_in;
mod stylesheet;
#[cfg(test)]
mod test_pages;
#[cfg(test)]
mod test_support;
mod theme;
mod uri;
mod view;

pub use built_in::BuiltInPages;
pub use color::{Color, InvalidColor};
pub use consent::ConsentPage;
pub use device::{DeviceCodeFailure, DeviceCodePage, DeviceConfirmPage, DeviceDonePage};
pub use error::ErrorPage;
pub use form_post::FormPostPage;
pub use html::{Html, ReferrerPolicy};
pub use logout::{LogoutDonePage, LogoutQuestionPage};
pub use policy::{ContentSecurityPolicy, InvalidSource, Source};
pub use sign_in::{SignInFailure, SignInPage};
pub use theme::{Theme, ThemeBuilder, ThemeError};
pub use uri::{Destination, NotAWebUri, Place, WebUri};
pub use view::{ClientInfo, Form, ScopeInfo};

/// The pages of an authorization server.
///
/// Each is made from what the engine gives it, without waiting for anything. A page that is not overridden is the
/// built-in one.
pub trait Pages: Send + Sync + 'static {
    /// The pages that stand in for those not overridden.
    fn built_in(&self) -> &BuiltInPages;

    /// Asks for username and password.
    fn sign_in(&self, page: &SignInPage<'_>) -> Html {
        self.built_in().sign_in(page)
    }

    /// Asks whether a client may have what it asks for.
    fn consent(&self, page: &ConsentPage<'_>) -> Html {
        self.built_in().consent(page)
    }

    /// Tells an error that cannot be told to the client.
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

    /// Asks whether a device may have what it asks for.
    fn device_confirm(&self, page: &DeviceConfirmPage<'_>) -> Html {
        self.built_in().device_confirm(page)
    }

    /// Says that a device has its answer.
    fn device_done(&self, page: &DeviceDonePage<'_>) -> Html {
        self.built_in().device_done(page)
    }

    /// Asks whether to sign out.
    fn logout_question(&self, page: &LogoutQuestionPage<'_>) -> Html {
        self.built_in().logout_question(page)
    }

    /// Says whether the person is signed out.
    fn logout_done(&self, page: &LogoutDonePage) -> Html {
        self.built_in().logout_done(page)
    }
}
