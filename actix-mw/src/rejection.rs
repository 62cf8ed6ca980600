use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, ResponseError, web};
#[cfg(feature = "server")]
use gridauth::GridAuth;
use gridauth::guard::{Guard, Rejection};

use crate::convert;

/// The error of the extractor [`Access`](crate::Access). It is a [`ResponseError`], whose response is that of RFC 6750
/// section 3 with the body of [`Builder::rejection_body`](gridauth::Builder::rejection_body).
///
/// A handler that takes `Result<Access, AccessRejection>` can inspect it and respond itself:
///
/// ```
/// use gridauth_actix::{Access, AccessRejection};
///
/// async fn greet(access: Result<Access, AccessRejection>) -> Result<String, AccessRejection> {
///     match access {
///         Ok(access) => Ok(format!("Hello {}", access.subject())),
///         // A token is optional, but if there is one, it must be valid.
///         Err(rejected) if rejected.rejection().is_some_and(|rejection| rejection.error().is_none()) => {
///             Ok("Hello stranger".to_owned())
///         }
///         Err(rejected) => Err(rejected),
///     }
/// }
/// ```
#[derive(Clone, Debug, thiserror::Error)]
#[error("{}", self.words())]
pub struct AccessRejection(Option<(Guard, Rejection)>);

impl AccessRejection {
    pub(crate) fn new(guard: &Guard, rejection: Rejection) -> Self {
        Self(Some((guard.clone(), rejection)))
    }

    /// Why the guard rejected the request; `None` if the application has no guard.
    pub fn rejection(&self) -> Option<&Rejection> {
        self.0.as_ref().map(|(_, rejection)| rejection)
    }

    fn words(&self) -> &'static str {
        self.rejection().map_or(NOT_CONFIGURED, |rejection| rejection.description())
    }
}

impl From<NotConfigured> for AccessRejection {
    fn from(_: NotConfigured) -> Self {
        Self(None)
    }
}

impl ResponseError for AccessRejection {
    fn status_code(&self) -> StatusCode {
        convert::status(self.rejection().map(Rejection::status))
    }

    fn error_response(&self) -> HttpResponse {
        match &self.0 {
            Some((guard, rejection)) => convert::response(guard.reject(rejection.clone())),
            None => HttpResponse::InternalServerError().finish(),
        }
    }
}

/// The application has no guard. This is a mistake of its developer, so it is logged and not sent to the client.
pub(crate) struct NotConfigured;

pub(crate) const NOT_CONFIGURED: &str = "the application has no `GridAuth`";

/// The guard that the application configured, alone or with its server.
pub(crate) fn configured(request: &HttpRequest) -> Option<&Guard> {
    let own = app_data::<Guard>(request);
    #[cfg(feature = "server")]
    let own = own.or_else(|| app_data::<GridAuth>(request).map(GridAuth::guard));
    own
}

/// The server that the application configured.
#[cfg(feature = "server")]
pub(crate) fn configured_server(request: &HttpRequest) -> Result<&GridAuth, NotConfigured> {
    app_data::<GridAuth>(request).ok_or_else(not_configured)
}

fn app_data<T: 'static>(request: &HttpRequest) -> Option<&T> {
    request.app_data::<T>().or_else(|| request.app_data::<web::Data<T>>().map(|shared| shared.get_ref()))
}

pub(crate) fn not_configured() -> NotConfigured {
    tracing::error!(
        "{NOT_CONFIGURED}: add `.configure(auth.configure())` to the `App`, or `.app_data(guard.clone())` if it only guards"
    );
    NotConfigured
}
