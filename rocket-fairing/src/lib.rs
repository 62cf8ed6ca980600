//! gridauth for Rocket: an OAuth 2 authorization server in a Rocket application, and guards for its routes.
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
//! [`fairing`](GridAuthExt::fairing) mounts the endpoints and responds to rejected requests, [`require`](GridAuthExt::require)
//! guards a list of routes, and [`Access`] guards one handler and gives it the token's user, client and scope. A program without
//! the server uses [`GuardExt`].
//!
//! # Guarding a list of routes
//! A fairing cannot reject requests in Rocket, so a fairing cannot be a guard. A request guard in each handler's signature can be
//! forgotten in the next handler. [`require`](GridAuthExt::require) wraps the *routes*: every route in the list is guarded,
//! whether its handler takes an [`Access`] or not. Routes without a guard are in another `mount`, where they are easy to see.
//!
//! # Catchers
//! Rocket passes only the status to a catcher, not the error of the request guard. So a guard leaves its [`AccessRejection`] with
//! the request, and a catcher of the fairing responds with it. This catcher only handles rejections by guards. The responses of
//! handlers are not affected, even those of a handler that takes an `Option<Access>` and responds with 401.
//!
//! If the application has its own catcher for 401, 403 or another status of a guard, that catcher writes the body, and the fairing
//! adds the challenge. The catcher can call [`rejection`] to get the reason. The application's default catcher at the root is
//! skipped; a default catcher below a path is not. Register catchers before the launch, not in a later fairing.
//!
//! # Behind a proxy, and slow requests
//! Failed tries are slowed down per source address, which is the peer's. Behind a reverse proxy that is the proxy's: name the proxy
//! with [`Builder::trusted_proxies`](gridauth::Builder::trusted_proxies), and its `X-Forwarded-For` is believed. Rocket's `ip_header`
//! is not asked, since it believes everybody. Where the address comes another way, a request fairing says it:
//! `request.local_cache(|| Some(Peer(ip)))`.
//!
//! The proxy has to replace the header that a client sent, and must not append to it. In nginx that is
//! `proxy_set_header X-Forwarded-For $remote_addr;`, not `$proxy_add_x_forwarded_for`. Rocket drops a header line that is not UTF-8, so
//! a client that sends such a byte would have the line dropped that the proxy appended its address to. A request without an address
//! counts for the proxy, which is limited like any other source; but behind a proxy that leaves other lines of the header in place, the
//! client would choose its address.
//!
//! A body that does not arrive within [`GridAuth::BODY_TIMEOUT`](gridauth::GridAuth::BODY_TIMEOUT) is answered 408. Rocket 0.5 has no
//! other limit, and neither a setting nor a listener of the application's own that could add one:
//!
//! - Of any body, whatever its type and its route, it waits for the first 14 bytes before it calls a fairing or a handler. Only then
//!   does the time for the body begin. While these bytes do not arrive, the connection is never ended.
//! - A connection on which nothing arrives, or only part of a head, or part of a head now and then, is never ended either. Nor is one
//!   that is idle after a response.
//!
//! Each of them holds a file descriptor until the client closes it. So on the open internet Rocket belongs behind a proxy that has
//! limits for heads, bodies and idle connections.
//!
//! # Headers that are not text
//! Rocket drops a header that is not UTF-8 before anybody sees it. So of two `Authorization` headers of which one is no text, the
//! other counts here; the other adapters answer 400. A cookie with bytes that are not UTF-8, set by another application on the same
//! host, hides all cookies, and the user cannot sign in: a proxy in front can remove it. For `X-Forwarded-For` see above.
//!
//! # Scripts in a browser
//! The endpoints that scripts of other origins call answer them by themselves, preflights too
//! ([`Builder::allowed_origins`](gridauth::Builder::allowed_origins)). A guard does not, since the application decides who may call its
//! routes. If scripts of other origins may, a response fairing of the application adds `Access-Control-Allow-Origin`, and
//! `Access-Control-Expose-Headers: WWW-Authenticate`, so that they can read a challenge; a route for `OPTIONS` answers preflights.
//!
//! # The body of a rejection
//! [`Builder::rejection_body`](gridauth::Builder::rejection_body) sets it for all guards. Status, challenge and `Retry-After` do
//! not depend on it.

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
#[cfg(feature = "server")]
mod sign_in_required;
#[cfg(feature = "server")]
mod signed_in;

pub use access::Access;
pub use fairing::{GuardExt, GuardFairing};
pub use optional::OptionalAccess;
pub use rejection::{AccessRejection, rejection};
#[cfg(feature = "server")]
pub use request::{Answer, WholeRequest};
#[cfg(feature = "server")]
pub use server::{GridAuthExt, GridAuthFairing};
#[cfg(feature = "server")]
pub use signed_in::{OptionalSignedIn, SignInRejection, SignedIn};
