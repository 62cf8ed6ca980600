use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{Client, User};

/// The name of the parameter, of the claim, and of what a grant keeps (RFC 9396 section 2).
pub(crate) const AUTHORIZATION_DETAILS: &str = "authorization_details";

/// A type of authorization details (RFC 9396): what a client asks for where a scope says too little, such as one payment.
///
/// The application registers its types with
/// [`AuthorizationDetails::with`](crate::grant::extension::AuthorizationDetails::with), and handlers read them with
/// [`Access::details`](crate::Access::details).
///
/// ```
/// use gridauth::Client;
/// use gridauth::model::AuthorizationDetail;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Clone, Serialize, Deserialize)]
/// #[serde(deny_unknown_fields)]
/// struct Payment {
///     cents: u64,
///     to: String,
/// }
///
/// impl AuthorizationDetail for Payment {
///     const TYPE: &'static str = "payment";
///
///     fn check(&self, _client: &Client) -> Result<(), &'static str> {
///         if self.cents <= 100_000 { Ok(()) } else { Err("payments are limited to 1000.00") }
///     }
///
///     fn describe(&self, _language: &str) -> String {
///         format!("Pay {}.{:02} to {}", self.cents / 100, self.cents % 100, self.to)
///     }
///
///     fn covers(&self, wanted: &Self) -> bool {
///         wanted.to == self.to && wanted.cents <= self.cents
///     }
/// }
/// ```
///
/// Deny unknown fields: RFC 9396 section 5 wants them refused.
pub trait AuthorizationDetail: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The value of `type`.
    const TYPE: &'static str;

    /// Checks what a client asks for.
    ///
    /// # Errors
    /// What is wrong, for the client's developer. The request is refused with `invalid_authorization_details`.
    fn check(&self, client: &Client) -> Result<(), &'static str> {
        let _ = client;
        Ok(())
    }

    /// What the consent page says about it, in the language with this tag, such as `en`.
    fn describe(&self, language: &str) -> String;

    /// What becomes of it when this user has allowed it (RFC 9396 section 7.1): which of their accounts it is about, for example.
    #[must_use]
    fn enriched(self, user: &User) -> Self
    where
        Self: Sized,
    {
        let _ = user;
        self
    }

    /// Whether it allows all that `wanted` asks for. A token request may ask for less than was granted (RFC 9396 section 6). By default
    /// both have to be equal.
    fn covers(&self, wanted: &Self) -> bool {
        write_detail(self) == write_detail(wanted)
    }
}

/// Reads details of this type; `None` if they are of another one, or malformed.
pub(crate) fn read_detail<D: AuthorizationDetail>(value: &Value) -> Option<D> {
    let mut members = value.as_object()?.clone();
    (members.remove("type")?.as_str()? == D::TYPE).then_some(())?;
    serde_json::from_value(Value::Object(members)).ok()
}

/// The JSON object of details; `None` if they are none.
pub(crate) fn write_detail<D: AuthorizationDetail>(detail: &D) -> Option<Value> {
    let Ok(Value::Object(members)) = serde_json::to_value(detail) else { return None };
    let mut written = Map::from_iter([("type".to_owned(), Value::from(D::TYPE))]);
    written.extend(members);
    Some(Value::Object(written))
}
