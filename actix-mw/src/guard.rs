use gridauth::guard::Guard;

use crate::Require;

/// Adds middleware to [`Guard`], which may be in another process than the server.
///
/// [`Access`](crate::Access) takes the guard from the application's data: `App::new().app_data(guard.clone())`.
pub trait GuardExt {
    /// Middleware for `.wrap(..)` that accepts only requests whose token has every scope in the space-separated list `scope`. With
    /// `""` it accepts every valid token.
    fn require(&self, scope: &str) -> Require;
}

impl GuardExt for Guard {
    fn require(&self, scope: &str) -> Require {
        Require::new(self.clone(), scope)
    }
}
