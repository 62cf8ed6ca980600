use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, ResponseError, web};
use gridauth::GridAuth;
use gridauth::guard::Rejection;

use crate::convert;

/// Why a request did not get its [`Access`](crate::Access): a [`ResponseError`], so returning it from a handler answers as
/// RFC 6750 section 3 says, with the body that [`Builder::rejection_body`](gridauth::Builder::rejection_body) shapes.
///
/// A handler that takes `Result<Access, AccessRejection>` decides itself:
///
/// ```
/// use gridauth_actix::{Access, AccessRejection};
///
/// async fn greet(access: Result<Access, AccessRejection>) -> Result<String, AccessRejection> {
///     match access {
///         Ok(access) => Ok(format!("Hello {}", access.subject())),
///         // Who has no token may look; a token that is presented has to be good.
///         Err(rejected) if rejected.rejection().is_some_and(|rejection| rejection.error().is_none()) => {
///             Ok("Hello stranger".to_owned())
///         }
///         Err(rejected) => Err(rejected),
///     }
/// }
/// ```
#[derive(Clone, Debug, thiserror::Error)]
#[error("{}", self.words())]
pub struct AccessRejection(Option<(GridAuth, Rejection)>);

impl AccessRejection {
    pub(crate) fn new(auth: &GridAuth, rejection: Rejection) -> Self {
        Self(Some((auth.clone(), rejection)))
    }

    /// What is wrong; `None` where nothing could be checked because the application has no [`GridAuth`].
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
            Some((auth, rejection)) => convert::response(auth.reject(rejection.clone())),
            None => HttpResponse::InternalServerError().finish(),
        }
    }
}

/// The application has no server: its mistake, told in the log and to nobody else.
pub(crate) struct NotConfigured;

pub(crate) const NOT_CONFIGURED: &str = "the application has no `GridAuth`";

/// The server that the application configured.
pub(crate) fn configured(request: &HttpRequest) -> Result<&GridAuth, NotConfigured> {
    let own = request.app_data::<GridAuth>();
    own.or_else(|| request.app_data::<web::Data<GridAuth>>().map(|shared| shared.get_ref())).ok_or_else(|| {
        tracing::error!(
            "{NOT_CONFIGURED}: add `.configure(auth.configure())` to the `App`, or `.app_data(auth.clone())` where it \
             only guards"
        );
        NotConfigured
    })
}
