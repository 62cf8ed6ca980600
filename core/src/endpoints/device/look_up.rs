use std::sync::Arc;

use super::visit::Visit;
use crate::grant::DEVICE_CODE;
use crate::identity::{Attempt, Throttled};
use crate::model::{Authentication, Client, DeviceAuthorization, DeviceDecision};
use crate::pages::DeviceCodeFailure;
use crate::protocol::OAuthError;
use crate::token::UserCode;

/// A device that waits for a decision.
pub(super) struct Waiting {
    pub(super) user_code: UserCode,
    pub(super) device: Arc<DeviceAuthorization>,
    pub(super) client: Arc<Client>,
}

/// Finds the device of a code that somebody entered. Wrong codes count, for their source and for the person who is signed in.
pub(super) async fn entered(
    visit: Visit<'_>,
    text: &str,
    signed_in: Option<&Authentication>,
) -> Result<Result<Waiting, DeviceCodeFailure>, OAuthError> {
    let engine = visit.engine;
    let person = signed_in.map(|signed_in| signed_in.user().subject());
    let attempt = Attempt::new(Throttled::UserCode(person), engine.source(visit.http));
    if let Err(error) = engine.check_throttle(attempt) {
        return too_many(error).map(Err);
    }
    let found = match UserCode::parse(text) {
        Some(user_code) => waiting(visit, user_code).await?,
        None => None,
    };
    // Many may have been tried at once. A right code among them is told no sooner than a wrong one.
    let counted = match found {
        Some(_) => engine.count_success(attempt),
        None => engine.count_failure(attempt),
    };
    match counted {
        Ok(()) => Ok(found.ok_or(DeviceCodeFailure::UnknownOrExpired)),
        Err(error) => too_many(error).map(Err),
    }
}

/// The device of this code, if it waits for a decision.
pub(super) async fn waiting(visit: Visit<'_>, user_code: UserCode) -> Result<Option<Waiting>, OAuthError> {
    let device = visit.engine.store.read::<DeviceAuthorization>(&user_code.row_id()).await?;
    let now = visit.engine.clock.now();
    let is_waiting = |device: &DeviceAuthorization| {
        device.decision == DeviceDecision::Pending && now < device.codes_expire
    };
    let Some(device) = device.filter(|device| is_waiting(device)) else { return Ok(None) };
    let client = visit.engine.client(&device.client_id).await?;
    let client = client.filter(|client| client.allows_grant(DEVICE_CODE));
    Ok(client.map(|client| Waiting { user_code, device, client }))
}

fn too_many(error: OAuthError) -> Result<DeviceCodeFailure, OAuthError> {
    match error.retry_after() {
        Some(retry_after_secs) => Ok(DeviceCodeFailure::TooManyTries { retry_after_secs }),
        None => Err(error),
    }
}
