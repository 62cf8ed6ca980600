//! The form on a page.

use std::fmt;

/// A form that posts to the server's own origin.
#[derive(Clone, Copy)]
pub struct Form<'a> {
    /// The URL that it posts to.
    pub action: &'a str,
    /// Name and value of each hidden input: the CSRF token, and the request in progress. The form must contain all of
    /// them unchanged.
    pub hidden: &'a [(&'a str, &'a str)],
}

/// Shows the names of the hidden inputs only: their values are secrets.
impl fmt::Debug for Form<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Form").field("action", &self.action).field("hidden", &NamesOnly(self.hidden)).finish()
    }
}

/// Parameters whose `Debug` output shows the names only.
pub(super) struct NamesOnly<'a>(pub(super) &'a [(&'a str, &'a str)]);

impl fmt::Debug for NamesOnly<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_contains_no_value() {
        let form = Form { action: "/oauth/authorize", hidden: &[("csrf", "secret-value")] };
        assert_eq!(format!("{form:?}"), r#"Form { action: "/oauth/authorize", hidden: ["csrf"] }"#);
    }
}
