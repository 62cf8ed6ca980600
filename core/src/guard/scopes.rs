/// A scope of the application and its description. The metadata lists the scope, and the consent page shows the description.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScopeDescription {
    /// The scope token, or a space-separated list of several.
    pub token: &'static str,
    /// What it allows, in words for the user who is asked for consent.
    pub words: &'static str,
}

/// A scope as a type, declared with [`scopes!`](crate::scopes!): what `Access<S>` requires of a token.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a scope",
    label = "not a type that `gridauth::scopes!` declared",
    note = "declare it: `gridauth::scopes! {{ NotesRead = \"notes.read\" }}`, then use `Access<NotesRead>`"
)]
pub trait RequiredScope: Send + Sync + 'static {
    /// The space-separated list of required scope tokens.
    const SCOPE: &'static str;
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
