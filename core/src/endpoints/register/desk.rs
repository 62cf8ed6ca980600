use crate::clients::{ClientRules, Registration};
use crate::endpoints::usable::Usability;

pub(super) const PATH: &str = "/register";
pub(super) const MANAGE_PATH: &str = "/register/client";

/// What both endpoints need.
pub(crate) struct RegistrationDesk {
    pub(crate) registration: Registration,
    pub(crate) rules: ClientRules,
    pub(crate) usability: Usability,
    pub(crate) realm: String,
}
