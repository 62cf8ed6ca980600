//! The response to an authorization request that the resource owner has approved.

use super::checks::ValidRequest;
use super::failure::Failure;
use super::redirect::Target;
use super::visit::Visit;
use crate::grant::{ApprovedAuthorization, TokenIssuer};
use crate::http::Response;
use crate::model::Authentication;

/// Runs the extensions' checks of the approval, then lets the grant respond.
pub(super) async fn answer(
    visit: Visit<'_>,
    valid: &ValidRequest<'_>,
    signed_in: &Authentication,
) -> Result<Response, Failure> {
    let target = Target::of(&valid.request);
    let mut plan = valid.plan.clone();
    for extension in valid.extensions {
        extension.enrich_approval(signed_in.user(), &mut plan.keep);
    }
    let approved = ApprovedAuthorization {
        engine: visit.engine,
        request: &valid.request,
        plan: &plan,
        grant_type: valid.side.grant_type(),
        authentication: signed_in,
        now: visit.engine.clock.now(),
    };
    for extension in valid.extensions {
        if let Err(error) = extension.check_approval(&approved).await {
            return Err(Failure::Redirect(Box::new(target), error));
        }
    }
    // Of several decisions about a pushed request, one counts.
    if let Some(pushed) = &valid.pushed
        && let Err(error) = pushed.use_up(visit.engine).await
    {
        return Err(Failure::Redirect(Box::new(target), error));
    }
    let issuer = TokenIssuer::for_approval(&approved, valid.extensions);
    match valid.side.respond(&approved, &issuer).await {
        Ok(response) => Ok(target.answer(visit, &response).await?),
        Err(error) => Err(Failure::Redirect(Box::new(target), error)),
    }
}
