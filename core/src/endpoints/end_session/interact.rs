//! Signs out, or asks first.

use http::HeaderMap;

use super::page;
use super::request::LogoutRequest;
use super::visit::Visit;
use crate::endpoints::form::{Browser, CSRF, Purpose};
use crate::endpoints::sign_out::{self, with_headers, without_cookie};
use crate::http::Response;
use crate::logout::end_session;
use crate::model::{Authentication, Session, SessionId};
use crate::protocol::{OAuthError, Parameters};

/// Signs out if the hint is about the user and the session of this browser. Otherwise the user must be asked (RP-Initiated Logout
/// section 2).
pub(super) async fn proceed(visit: Visit<'_>, request: LogoutRequest) -> Result<Response, OAuthError> {
    let mut browser = Browser::of(visit.engine, visit.http).await?;
    match visit.interaction.signed_in(visit.engine, visit.http, &mut browser).await? {
        Some(signed_in) if request.is_about(visit.engine, &signed_in) => {
            sign_out(visit, &request, &signed_in).await
        }
        Some(signed_in) => page::question(visit, &browser, &request, &signed_in),
        None => {
            finish_interrupted(visit, &browser).await?;
            let return_to = request.return_to.as_deref().filter(|_| request.is_vouched_for());
            let response = page::done(visit, &request, true, &[], return_to)?;
            Ok(with_headers(response, no_session(visit, &browser)))
        }
    }
}

/// Finishes the end of this browser's session, if it was interrupted: nobody is told to be signed out while tokens live on.
async fn finish_interrupted(visit: Visit<'_>, browser: &Browser) -> Result<(), OAuthError> {
    let Some(secret) = browser.session().filter(|_| visit.interaction.own_session.is_none()) else {
        return Ok(());
    };
    let row_id = secret.row_id();
    if let Some(row) = visit.engine.store.read::<Session>(&row_id).await?.filter(|row| row.ended) {
        end_session(visit.engine, &row.subject, &SessionId::new(row_id)).await?;
    }
    Ok(())
}

/// The form of the question came back.
pub(super) async fn submitted(
    visit: Visit<'_>,
    form: &Parameters,
    carried: &str,
    request: LogoutRequest,
) -> Result<Response, OAuthError> {
    let mut browser = Browser::of(visit.engine, visit.http).await?;
    let Some(signed_in) = visit.interaction.signed_in(visit.engine, visit.http, &mut browser).await? else {
        // Signed out meanwhile, in another tab.
        return proceed(visit, request).await;
    };
    let purpose = Purpose::SignOut { subject: signed_in.user().subject() };
    let is_ours = browser.sent(form.get(CSRF).unwrap_or_default(), purpose, carried);
    match form.get("decision").filter(|_| is_ours) {
        Some("allow") => sign_out(visit, &request, &signed_in).await,
        Some("deny") => page::done(visit, &request, false, &[], None),
        // The form was shown in another browser or to another user, or it is forged. Nothing has happened, so ask.
        _ => page::question(visit, &browser, &request, &signed_in),
    }
}

async fn sign_out(
    visit: Visit<'_>,
    request: &LogoutRequest,
    signed_in: &Authentication,
) -> Result<Response, OAuthError> {
    let signed_out = sign_out::sign_out(visit.engine, visit.interaction, visit.http, signed_in).await?;
    let response = page::done(visit, request, true, &signed_out.frames, request.return_to.as_deref())?;
    Ok(signed_out.settle(response))
}

/// Removes a cookie whose session is over.
fn no_session(visit: Visit<'_>, browser: &Browser) -> HeaderMap {
    match browser.session() {
        Some(_) if visit.interaction.own_session.is_none() => without_cookie(visit.engine),
        _ => HeaderMap::new(),
    }
}
