use std::fmt;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use gridauth::GridAuth;

use crate::convert;

/// Why a guard did not let a request pass: a [`ResponseError`], so returning it from a handler answers as RFC 6750
/// section 3 says, with the body that [`Builder::rejection_body`](gridauth::Builder::rejection_body) shapes.
///
/// A handler that takes `Result<Access, Rejection>` decides itself:
///
/// ```
/// use gridauth_actix::{Access, Rejection};
///
/// async fn greet(access: Result<Access, Rejection>) -> Result<String, Rejection> {
///     match access {
///         Ok(access) => Ok(format!("Hello {}", access.subject())),
///         // Nobody signed in may look; a token that is presented has to be good.
///         Err(rejection) if rejection.reason().is_some_and(|reason| reason.error().is_none()) => {
///             Ok("Hello stranger".to_owned())
///         }
///         Err(rejection) => Err(rejection),
///     }
/// }
/// ```
#[derive(Clone)]
pub struct Rejection(Cause);

#[derive(Clone)]
enum Cause {
    Refused { auth: GridAuth, reason: gridauth::guard::Rejection },
    NotConfigured,
}

impl Rejection {
    pub(crate) fn refused(auth: GridAuth, reason: gridauth::guard::Rejection) -> Self {
        Self(Cause::Refused { auth, reason })
    }

    /// The application has no server: its mistake, told in the log and to nobody else.
    pub(crate) fn not_configured() -> Self {
        tracing::error!(
            "`Access` was asked for, but the application has no `GridAuth`: add `.configure(auth.configure())`, or \
             `.app_data(auth.clone())` where it only guards, to the `App`"
        );
        Self(Cause::NotConfigured)
    }

    /// What the guard found; `None` where there is no guard because the application has no [`GridAuth`].
    pub fn reason(&self) -> Option<&gridauth::guard::Rejection> {
        match &self.0 {
            Cause::Refused { reason, .. } => Some(reason),
            Cause::NotConfigured => None,
        }
    }
}

impl ResponseError for Rejection {
    fn status_code(&self) -> StatusCode {
        self.reason()
            .and_then(|reason| StatusCode::from_u16(reason.status().as_u16()).ok())
            .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        match &self.0 {
            Cause::Refused { auth, reason } => convert::response(auth.reject(reason.clone())),
            Cause::NotConfigured => HttpResponse::InternalServerError().finish(),
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reason() {
            Some(reason) => reason.fmt(f),
            None => f.write_str("the application has no `GridAuth`"),
        }
    }
}

impl fmt::Debug for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Rejection").field(&self.reason()).finish()
    }
}

impl std::error::Error for Rejection {}
