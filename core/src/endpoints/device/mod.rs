//! The device authorization endpoint, and the page at which people enter the code of their device (RFC 8628).
//!
//! 1. [`start`] gives a device its two codes, and stores what it asks for.
//! 2. [`page`] reads the requests to the page: a link with or without a code, or one of its forms.
//! 3. [`look_up`] finds the device of a code, and counts wrong ones.
//! 4. [`interact`] lets people sign in and decide, on the pages of [`views`].
//!
//! The token endpoint does the rest: [`DeviceCode`](crate::grant::DeviceCode).

mod interact;
mod look_up;
mod page;
mod start;
mod views;
mod visit;

pub(crate) use page::DevicePage;
pub(crate) use start::DeviceAuthorizationEndpoint;
