use std::time::Duration;

/// A scope of the application and its description. The metadata lists the scope, and the consent page shows the description.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScopeDescription {
    /// The scope token, or a space-separated list of several.
    pub token: &'static str,
    /// What it allows, in words for the user who is asked for consent.
    pub words: &'static str,
}

/// Scopes that have a meaning of their own (OpenID Connect Core sections 5.4 and 11), declared or not.
pub(crate) const STANDARD_SCOPES: [&str; 6] =
    ["openid", "profile", "email", "address", "phone", "offline_access"];

/// Whether a text is a list of scope tokens, each separated from the next by one space (RFC 6749 section 3.3). A comma is allowed
/// in a token there, but not here: where it stands, somebody has separated tokens by it.
#[doc(hidden)]
pub const fn is_scope_list(text: &str) -> bool {
    let bytes = text.as_bytes();
    let (mut at, mut in_token) = (0, false);
    while at < bytes.len() {
        match bytes[at] {
            b' ' if in_token => in_token = false,
            b'!' | b'#'..=b'+' | b'-'..=b'[' | b']'..=b'~' => in_token = true,
            _ => return false,
        }
        at += 1;
    }
    in_token
}

/// Why routes cannot be guarded with a scope.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequiredScopeError {
    /// It is not a list of scope tokens.
    #[error(
        "the required scope {0:?} is malformed: separate the scopes by one space each, or write \"\" for any valid token"
    )]
    Malformed(String),
    /// No such scope is declared, so no client can have it.
    #[error("the required scope {0:?} is not among the declared ones: correct it, or declare it in scopes!")]
    Undeclared(String),
}

/// A scope as a type, made by [`scopes!`](crate::scopes!): what `Access<S>` asks of a token.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a scope",
    label = "not a type that `gridauth::scopes!` declared",
    note = "declare it: `gridauth::scopes! {{ NotesRead = \"notes.read\" }}`, then use `Access<NotesRead>`"
)]
pub trait RequiredScope: Send + Sync + 'static {
    /// The space-separated list of required scope tokens.
    const SCOPE: &'static str;

    /// How long ago the user may have signed in (RFC 9470). By default it does not matter.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use gridauth::guard::RequiredScope;
    ///
    /// /// May pay, within five minutes of the sign-in: `Access<Payment>` in any framework.
    /// struct Payment;
    ///
    /// impl RequiredScope for Payment {
    ///     const SCOPE: &'static str = "orders.pay";
    ///     const MAX_AGE: Option<Duration> = Some(Duration::from_secs(300));
    /// }
    /// ```
    const MAX_AGE: Option<Duration> = None;

    /// The authentication context classes (`acr`) of which the sign-in must have one. By default it does not matter.
    const ACR: &'static [&'static str] = &[];
}

/// No scope in particular: any valid token is accepted.
#[derive(Clone, Copy, Debug, Default)]
pub struct AnyScope;

impl RequiredScope for AnyScope {
    const SCOPE: &'static str = "";
}

/// Declares scopes as types for `Access<S>`, and a list of them for [`Builder::scopes`](crate::Builder::scopes). The server uses
/// the list for `scopes_supported` and for the consent page.
///
/// ```
/// gridauth::scopes! {
///     /// All scopes of this application.
///     pub static SCOPES;
///     /// May read orders.
///     pub OrdersRead = "orders.read": "See your orders";
///     /// May pay.
///     pub OrdersPay = "orders.pay": "Pay in your name";
/// }
///
/// # use gridauth::guard::RequiredScope;
/// assert_eq!(OrdersPay::SCOPE, "orders.pay");
/// assert_eq!(SCOPES.len(), 2);
/// ```
///
/// Without the list: `scopes! { OrdersPay = "orders.pay"; }`.
#[macro_export]
macro_rules! scopes {
    ($(#[$list_meta:meta])* $list_vis:vis static $list:ident; $($rest:tt)*) => {
        $crate::scopes!(@types $($rest)*);
        $crate::scopes!(@list [$(#[$list_meta])* $list_vis static $list] [] $($rest)*);
    };
    (@types) => {};
    (@types $(#[$meta:meta])* $vis:vis $name:ident = $token:literal $(: $words:literal)? $(; $($rest:tt)*)?) => {
        const _: () = ::core::assert!(
            $crate::guard::is_scope_list($token),
            "a scope is one token, or several separated by one space each: \"orders.read orders.pay\""
        );

        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default)]
        $vis struct $name;

        impl $crate::guard::RequiredScope for $name {
            const SCOPE: &'static str = $token;
        }
        $( $crate::scopes!(@types $($rest)*); )?
    };
    (@list [$($head:tt)*] [$($done:tt)*]) => {
        $($head)*: &[$crate::guard::ScopeDescription] = &[$($done)*];
    };
    (@list [$($head:tt)*] [$($done:tt)*]
        $(#[$meta:meta])* $vis:vis $name:ident = $token:literal $(; $($rest:tt)*)?) => {
        $crate::scopes!(@list [$($head)*]
            [$($done)* $crate::guard::ScopeDescription { token: $token, words: "" },] $($($rest)*)?);
    };
    (@list [$($head:tt)*] [$($done:tt)*]
        $(#[$meta:meta])* $vis:vis $name:ident = $token:literal : $words:literal $(; $($rest:tt)*)?) => {
        $crate::scopes!(@list [$($head)*]
            [$($done)* $crate::guard::ScopeDescription { token: $token, words: $words },] $($($rest)*)?);
    };
    ($($rest:tt)*) => {
        $crate::scopes!(@types $($rest)*);
    };
}
