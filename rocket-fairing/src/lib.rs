//! An OAuth 2 authorization server in a Rocket, and its routes guarded by scope.
//!
//! ```no_run
//! use gridauth::grant::{AuthorizationCode, RefreshToken};
//! use gridauth::{GridAuth, Store};
//! use gridauth_rocket::{Access, GridAuthExt};
//! use rocket::{get, post, routes};
//!
//! gridauth::scopes! { OrdersPay = "orders.pay" }
//!
//! #[get("/")]
//! fn list(access: Access) -> String {
//!     format!("the orders of {}", access.subject())
//! }
//!
//! #[post("/pay")]
//! fn pay(access: Access<OrdersPay>) -> String {
//!     format!("paid by {}", access.subject())
//! }
//!
//! #[rocket::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let auth = GridAuth::builder("http://127.0.0.1:8000")
//!         .store(Store::open("memory:").await?)
//!         .grant(AuthorizationCode::new())
//!         .grant(RefreshToken::rotating())
//!         .build()
//!         .await?;
//!     rocket::build()
//!         .attach(auth.fairing())
//!         .mount("/orders", auth.require("orders.read", routes![list]))
//!         .mount("/", routes![pay])
//!         .launch()
//!         .await?;
//!     Ok(())
//! }
//! ```
//!
//! [`fairing`](GridAuthExt::fairing) mounts the endpoints and answers for the guards, [`require`](GridAuthExt::require) puts
//! a guard before a whole set of routes, [`Access`] guards one handler and tells it who is asking.
//!
//! # No guard forgotten
//! A fairing of Rocket's sees every request and can refuse none, so no fairing can guard. A guard in each handler's
//! signature can be left out of the next one. [`require`](GridAuthExt::require) wraps the *routes*: whatever is in the list is
//! behind the guard, whether its handler asks for an [`Access`] or not, and a route that is added to the list later is
//! guarded by being there. A route without it stands in another `mount`, where it can be seen.
//!
//! # Who answers
//! Rocket hands a catcher the status and not the guard's error. Here the guard leaves its [`AccessRejection`] with the
//! request, and a catcher of the fairing's answers with it. It answers for guards only: statuses that handlers answer, also a
//! handler that took an `Option<Access>` and got none, go where they go without gridauth. An application that has a catcher
//! of its own for 401, 403 or another of a guard's statuses keeps it: it writes the body (with [`rejection`], if it wants to
//! know more), and the fairing adds the challenge. Its `default` catcher for all paths is not asked, one below a path is.
//! Register catchers before the launch, not from a later fairing.
//!
//! # Headers that are not text
//! Rocket drops a header that is not UTF-8 before anybody sees it. So of two `Authorization` headers of which one is no text, the
//! other counts here; the other adapters answer 400.
//!
//! # Scripts in a browser
//! The endpoints that scripts of other origins call answer them by themselves, preflights too
//! ([`Builder::allowed_origins`](gridauth::Builder::allowed_origins)). A guard does not, since the application decides who may call its
//! routes. If scripts of other origins may, a response fairing of the application adds `Access-Control-Allow-Origin`, and
//! `Access-Control-Expose-Headers: WWW-Authenticate`, so that they can read a challenge; a route for `OPTIONS` answers preflights.
//!
//! # The body of a rejection
//! [`Builder::rejection_body`](gridauth::Builder::rejection_body) shapes it once for all guards. Status, challenge and
//! `Retry-After` stay right whatever it says.

mod access;
mod convert;
#[cfg(feature = "server")]
mod endpoint;
mod fairing;
mod optional;
mod refusal;
mod rejection;
#[cfg(feature = "server")]
mod request;
mod require;
#[cfg(feature = "server")]
mod server;

pub use access::Access;
pub use fairing::{GuardExt, GuardFairing};
pub use optional::OptionalAccess;
pub use rejection::{AccessRejection, rejection};
#[cfg(feature = "server")]
pub use request::{Answer, WholeRequest};
#[cfg(feature = "server")]
pub use server::{GridAuthExt, GridAuthFairing};
