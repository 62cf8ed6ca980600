//! What a request asks for.

use crate::http::{Request, refuse_repeated};
use crate::protocol::{OAuthError, Parameters, ReturnPath};

/// The longest query, in bytes.
const LONGEST: usize = 8 * 1024;

/// The query: where the browser goes once the user has signed in, and the languages of the pages.
pub(super) struct Query {
    pub(super) return_to: Option<ReturnPath>,
    pub(super) ui_locales: Option<String>,
}

/// Reads the query. Other parameters are ignored.
pub(super) fn read(http: &Request) -> Result<Query, OAuthError> {
    let encoded = http.uri().query().unwrap_or_default().as_bytes();
    if encoded.len() > LONGEST {
        return Err(OAuthError::invalid_request("the request is too long"));
    }
    let parameters = Parameters::parse(encoded)?;
    refuse_repeated(&parameters)?;
    let return_to = parameters.get("return_to").map(|path| {
        let refused = || OAuthError::invalid_request("return_to is not a path on this server's own origin");
        ReturnPath::parse(path).ok_or_else(refused)
    });
    Ok(Query {
        return_to: return_to.transpose()?,
        ui_locales: parameters.get("ui_locales").map(str::to_owned),
    })
}

impl Query {
    pub(super) fn encode(&self) -> String {
        let return_to = self.return_to.iter().map(|path| ("return_to", path.as_str()));
        let ui_locales = self.ui_locales.iter().map(|locales| ("ui_locales", locales.as_str()));
        form_urlencoded::Serializer::new(String::new()).extend_pairs(return_to.chain(ui_locales)).finish()
    }
}

/// What a form on the page does. Its CSRF token is valid for nothing else.
#[derive(Clone, Copy)]
pub(super) enum Action<'a> {
    /// Withdraws the access of the client with this id.
    Withdraw(&'a str),
    /// Signs out in the browser with this session.
    SignOutThere(&'a str),
    /// Signs out in all other browsers.
    SignOutElsewhere,
    ChangePassword,
    SignOut,
}

/// The field that says what a form does.
pub(super) const ACTION: &str = "action";
const CLIENT: &str = "client_id";
const SESSION: &str = "session";

impl<'a> Action<'a> {
    /// The action of a form; `None` if it is not one of ours.
    pub(super) fn of(form: &'a Parameters) -> Option<Self> {
        Some(match form.get(ACTION)? {
            "withdraw" => Self::Withdraw(form.get(CLIENT)?),
            "sign_out_there" => Self::SignOutThere(form.get(SESSION)?),
            "sign_out_elsewhere" => Self::SignOutElsewhere,
            "change_password" => Self::ChangePassword,
            "sign_out" => Self::SignOut,
            _ => return None,
        })
    }

    /// The fields that say so.
    pub(super) fn fields(self) -> Vec<(&'static str, &'a str)> {
        match self {
            Self::Withdraw(client_id) => vec![(ACTION, "withdraw"), (CLIENT, client_id)],
            Self::SignOutThere(session) => vec![(ACTION, "sign_out_there"), (SESSION, session)],
            Self::SignOutElsewhere => vec![(ACTION, "sign_out_elsewhere")],
            Self::ChangePassword => vec![(ACTION, "change_password")],
            Self::SignOut => vec![(ACTION, "sign_out")],
        }
    }

    /// What its CSRF token is bound to.
    pub(super) fn bound(self) -> String {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(self.fields()).finish()
    }
}
