use gridauth::guard::{Guard, Requirement};

use crate::Require;

/// Adds middleware to [`Guard`], which may be in another process than the server.
///
/// [`Access`](crate::Access) takes the guard from the application's data: `App::new().app_data(guard.clone())`.
pub trait GuardExt {
    /// A guard for `.wrap(..)`. It accepts requests whose token has every scope of this space-separated list; with an empty list
    /// it accepts every valid token.
    ///
    /// # Panics
    /// Where no token can have that scope: [`Guard::check_scope`] says why.
    #[track_caller]
    fn require(&self, requirement: impl Into<Requirement>) -> Require;
}

impl GuardExt for Guard {
    #[track_caller]
    fn require(&self, requirement: impl Into<Requirement>) -> Require {
        Require::new(self.clone(), requirement.into())
    }
}
