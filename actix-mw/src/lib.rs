//! gridauth for actix-web: an OAuth 2 authorization server in an actix-web application, and guards for its routes.
//!
//! ```no_run
//! use actix_web::{App, HttpServer, web};
//! use gridauth::grant::{AuthorizationCode, RefreshToken};
//! use gridauth::{GridAuth, Store};
//! use gridauth_actix::{Access, GridAuthExt};
//!
//! gridauth::scopes! { OrdersPay = "orders.pay" }
//!
//! #[actix_web::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let auth = GridAuth::builder("http://127.0.0.1:8080")
//!         .store(Store::open("memory:").await?)
//!         .grant(AuthorizationCode::new())
//!         .grant(RefreshToken::rotating())
//!         .build()
//!         .await?;
//!     let app = move || {
//!         App::new()
//!             .configure(auth.configure())
//!             .service(web::scope("/orders").wrap(auth.require("orders.read")).route("", web::get().to(list)))
//!             .route("/pay", web::post().to(pay))
//!     };
//!     HttpServer::new(app).bind("127.0.0.1:8080")?.run().await?;
//!     Ok(())
//! }
//!
//! async fn list(access: Access) -> String {
//!     format!("the orders of {}", access.subject())
//! }
//!
//! async fn pay(access: Access<OrdersPay>) -> String {
//!     format!("paid by {}", access.subject())
//! }
//! ```
//!
//! [`configure`](GridAuthExt::configure) mounts the endpoints, [`require`](GridAuthExt::require) guards everything that it
//! wraps, and [`Access`] guards one handler and gives it the token's user, client and scope. A program without the server uses
//! [`GuardExt`].
//!
//! # What is guarded
//! A guard around a scope covers everything in it: all methods, nested scopes and its default service. No spelling of a path
//! bypasses it, because actix-web routes a request first and then calls the middleware of the route that it found. A handler
//! that takes an [`Access`] cannot run without one.
//!
//! # With other middleware
//! `Cors` (actix-cors) belongs around the guards: wrap it last, on the `App`. It then answers preflight requests, which
//! carry no token, and adds its headers to rejections, so that a script can read them. The server's own endpoints need no `Cors`:
//! those that scripts call answer scripts by themselves ([`Builder::allowed_origins`](gridauth::Builder::allowed_origins)). A guard
//! does not, since the application decides who may call its routes. `NormalizePath` likewise goes around the guards.
//!
//! ```
//! # use actix_cors::Cors;
//! # use actix_web::{App, middleware::NormalizePath, web};
//! # use gridauth::GridAuth;
//! # use gridauth_actix::GridAuthExt;
//! # fn app(auth: GridAuth) -> App<impl actix_web::dev::ServiceFactory<
//! #     actix_web::dev::ServiceRequest, Config = (), Error = actix_web::Error, InitError = ()>> {
//! App::new()
//!     .configure(auth.configure())
//!     .service(web::scope("/orders").wrap(auth.require("orders.read")))
//!     .wrap(NormalizePath::trim())
//!     .wrap(Cors::default().allowed_origin("https://shop.example.com").expose_headers(["www-authenticate"]))
//! # }
//! ```
//!
//! `NormalizePath` with `TrailingSlash::Always` appends a slash to every path. Around the whole `App` it would turn
//! `/oauth/token` into a 404, like every route without a trailing slash. Wrap it around the application's own routes only, and
//! add them after the endpoints:
//!
//! ```
//! # use actix_web::{App, HttpResponse, middleware::{NormalizePath, TrailingSlash}, web};
//! # use gridauth::GridAuth;
//! # use gridauth_actix::GridAuthExt;
//! # fn app(auth: GridAuth) -> App<impl actix_web::dev::ServiceFactory<
//! #     actix_web::dev::ServiceRequest, Config = (), Error = actix_web::Error, InitError = ()>> {
//! let pages = web::scope("").wrap(NormalizePath::new(TrailingSlash::Always));
//! App::new().configure(auth.configure()).service(pages.route("/about/", web::get().to(HttpResponse::Ok)))
//! # }
//! ```
//!
//! # Behind a proxy, and slow requests
//! Failed tries are slowed down per source address, which is the peer's. Behind a reverse proxy that is the proxy's: name the proxy
//! with [`Builder::trusted_proxies`](gridauth::Builder::trusted_proxies), and its `X-Forwarded-For` is believed. What actix-web itself
//! makes of that header (`realip_remote_addr`) is not asked, since it believes everybody. Where the address comes another way, put a
//! [`gridauth::Peer`] into the request's extensions in a middleware.
//!
//! A body that does not arrive within [`GridAuth::BODY_TIMEOUT`](gridauth::GridAuth::BODY_TIMEOUT) is answered 408. For the head of the
//! first request of a connection `HttpServer::client_request_timeout` is the limit, 5 seconds by default. A later head, once it has
//! begun, may take forever, and so may what is left of a chunked body after its 408: behind no proxy that has such limits, serve with
//! `actix-http` and a stream that has a deadline, as the demo application does, or turn off `HttpServer::keep_alive`, which costs each
//! request a connection of its own.
//!
//! # The body of a rejection
//! [`Builder::rejection_body`](gridauth::Builder::rejection_body) sets it for all guards and extractors. Status, challenge and
//! `Retry-After` do not depend on it.

mod access;
#[cfg(feature = "server")]
mod configure;
mod convert;
mod guard;
mod optional;
mod rejection;
#[cfg(feature = "server")]
mod request;
mod require;
#[cfg(feature = "server")]
mod sign_in_required;
#[cfg(feature = "server")]
mod signed_in;

pub use access::{Access, AccessFuture};
#[cfg(feature = "server")]
pub use configure::GridAuthExt;
pub use guard::GuardExt;
pub use optional::OptionalAccess;
pub use rejection::AccessRejection;
#[cfg(feature = "server")]
pub use request::{Answer, WholeRequest, WholeRequestRejection};
pub use require::{Require, RequireFuture, RequireService};
#[cfg(feature = "server")]
pub use sign_in_required::{SignInRequired, SignInRequiredService};
#[cfg(feature = "server")]
pub use signed_in::{OptionalSignedIn, SignInRejection, SignedIn};
