//! An OAuth 2 authorization server in an actix-web application, and its routes guarded by scope.
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
//! is wrapped around, [`Access`] guards one handler and tells it who is asking.
//!
//! # What is guarded
//! A guard around a scope stands before everything in it: all methods, nested scopes, its default service. There is no
//! spelling of a path that leads around it, because actix-web routes first and then goes through the guard of what it
//! found. A handler that takes [`Access`] cannot run without one.
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
//! `NormalizePath` with `TrailingSlash::Always` makes every path another one, and the endpoints are where the metadata say:
//! around the whole `App` it would turn `/oauth/token` into a 404, as it does with every route that is written without a
//! slash at its end. It goes around the application's own routes, after the endpoints:
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
//! # The body of a rejection
//! [`Builder::rejection_body`](gridauth::Builder::rejection_body) shapes it once for all guards and extractors. Status,
//! challenge and `Retry-After` stay right whatever it says.

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

pub use access::{Access, AccessFuture};
#[cfg(feature = "server")]
pub use configure::GridAuthExt;
pub use guard::GuardExt;
pub use optional::OptionalAccess;
pub use rejection::AccessRejection;
#[cfg(feature = "server")]
pub use request::{Answer, WholeRequest, WholeRequestRejection};
pub use require::{Require, RequireFuture, RequireService};
