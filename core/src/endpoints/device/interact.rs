use super::look_up::{self, Waiting};
use super::views::{code_page, confirm_page, decision_purpose, done_page, sign_in_page};
use super::visit::{UI_LOCALES, USER_CODE, Visit};
use crate::endpoints::form::{Browser, CSRF, Purpose};
use crate::endpoints::sign_in::{self, SignIn};
use crate::env::Timestamp;
use crate::events::Event;
use crate::http::{Response, see_other};
use crate::identity::{OwnSession, WantedSignIn};
use crate::model::{Authentication, DeviceAuthorization, DeviceDecision};
use crate::pages::{DeviceCodeFailure, SignInFailure};
use crate::protocol::{OAuthError, Parameters};
use crate::store::{Change, Record, Updated};
use crate::token::UserCode;

/// Somebody entered a code, or opened a link with one. Whoever is signed in is asked to decide; anybody else has to sign in first.
pub(super) async fn enter(
    visit: Visit<'_>,
    mut browser: Browser,
    code: &str,
) -> Result<Response, OAuthError> {
    let signed_in = visit.signed_in(&mut browser).await?;
    enter_as(visit, &browser, code, signed_in.as_ref()).await
}

async fn enter_as(
    visit: Visit<'_>,
    browser: &Browser,
    code: &str,
    signed_in: Option<&Authentication>,
) -> Result<Response, OAuthError> {
    match look_up::entered(visit, code, signed_in).await? {
        Ok(waiting) => go_on(visit, browser, &waiting, signed_in),
        Err(failure) => code_page(visit, browser, Some(code), Some(failure)),
    }
}

/// Shows the page that is needed for this device.
fn go_on(
    visit: Visit<'_>,
    browser: &Browser,
    waiting: &Waiting,
    signed_in: Option<&Authentication>,
) -> Result<Response, OAuthError> {
    match (signed_in, &visit.interaction.own_session) {
        (Some(signed_in), _) => confirm_page(visit, browser, waiting, signed_in),
        (None, Some(own)) => send_away(visit, &**own, waiting),
        (None, None) => sign_in_page(visit, browser, waiting, None, None),
    }
}

/// Sends a browser to the application's sign-in page.
fn send_away(visit: Visit<'_>, own: &dyn OwnSession, waiting: &Waiting) -> Result<Response, OAuthError> {
    let mut return_to = form_urlencoded::Serializer::new(format!("{}?", visit.form_action()));
    return_to.append_pair(USER_CODE, &waiting.user_code.to_string());
    if let Some(ui_locales) = visit.ui_locales {
        return_to.append_pair(UI_LOCALES, ui_locales);
    }
    see_other(&own.sign_in_uri(&WantedSignIn {
        return_to: &return_to.finish(),
        again: false,
        max_age: None,
        login_hint: None,
        subject: None,
        acr_values: &[],
        ui_locales: visit.ui_locales,
        client: Some(&waiting.client),
    }))
}

/// The sign-in form or the form of the question came back, with the code that it carried.
pub(super) async fn submitted(
    visit: Visit<'_>,
    form: &Parameters,
    carried: &str,
) -> Result<Response, OAuthError> {
    let mut browser = Browser::of(visit.engine, visit.http).await?;
    let token = form.get(CSRF).unwrap_or_default();
    let Some(user_code) = UserCode::parse(carried) else {
        return code_page(visit, &browser, None, Some(DeviceCodeFailure::FormExpired));
    };
    if visit.interaction.own_session.is_none() && browser.sent(token, Purpose::SignIn, carried) {
        return signing_in(visit, browser, form, carried, user_code).await;
    }
    let signed_in = visit.signed_in(&mut browser).await?;
    let row_id = user_code.row_id();
    if let Some(signed_in) = &signed_in
        && let Some(device) = visit.engine.store.read::<DeviceAuthorization>(&row_id).await?
        && browser.sent(token, decision_purpose(&device.digest.to_text(), signed_in), carried)
    {
        return match form.get("decision") {
            Some("allow") => decide(visit, &browser, user_code, &device, signed_in, true).await,
            Some("deny") => decide(visit, &browser, user_code, &device, signed_in, false).await,
            _ => enter_as(visit, &browser, carried, Some(signed_in)).await,
        };
    }
    // The form was shown in another browser or before the sign-in, or it is forged. Nothing has happened, so ask again. A code that
    // did not come from a form of ours is a guess.
    match &signed_in {
        Some(_) => code_page(visit, &browser, Some(carried), Some(DeviceCodeFailure::FormExpired)),
        None if visit.interaction.own_session.is_some() => {
            code_page(visit, &browser, Some(carried), Some(DeviceCodeFailure::FormExpired))
        }
        None => match look_up::entered(visit, carried, None).await? {
            Ok(waiting) => {
                let username = form.get("username");
                sign_in_page(visit, &browser, &waiting, username, Some(SignInFailure::FormExpired))
            }
            Err(failure) => code_page(visit, &browser, Some(carried), Some(failure)),
        },
    }
}

async fn signing_in(
    visit: Visit<'_>,
    browser: Browser,
    form: &Parameters,
    carried: &str,
    user_code: UserCode,
) -> Result<Response, OAuthError> {
    match sign_in::sign_in(visit.engine, visit.http, browser, form).await? {
        SignIn::Done(browser, signed_in) => {
            match enter_as(visit, &browser, carried, Some(&signed_in)).await {
                // The user has signed in, whatever becomes of the device.
                Err(error) => browser.with_session(visit.engine, visit.settle(Err(error))),
                answered => answered,
            }
        }
        SignIn::Refused(browser, failure) => match look_up::waiting(visit, user_code).await? {
            Some(waiting) => sign_in_page(visit, &browser, &waiting, form.get("username"), Some(failure)),
            None => code_page(visit, &browser, Some(carried), Some(DeviceCodeFailure::UnknownOrExpired)),
        },
    }
}

/// What came of a decision.
enum Decided {
    Done,
    /// The codes have expired meanwhile, or something else was decided before.
    TooLate,
}

async fn decide(
    visit: Visit<'_>,
    browser: &Browser,
    user_code: UserCode,
    shown: &DeviceAuthorization,
    signed_in: &Authentication,
    allows: bool,
) -> Result<Response, OAuthError> {
    let engine = visit.engine;
    let now = engine.clock.now();
    let client = engine.client(&shown.client_id).await?;
    if let Some(client) = client.as_deref().filter(|_| allows) {
        engine.keep_registration(client).await?;
    }
    let change = |device: &DeviceAuthorization| decision(visit, device, shown, signed_in, allows, now);
    let changed = engine.store.change(&user_code.row_id(), change).await?;
    if let Some((Updated::Replaced, _)) = changed {
        let scope = shown.scope.as_str();
        let event = if allows { Event::Consented { scope } } else { Event::ConsentRefused { scope } };
        let about = event.of_client(&shown.client_id).of_subject(signed_in.user().subject());
        engine.events.emit(about);
    }
    match (changed, client) {
        (Some((_, Decided::Done)), Some(client)) => done_page(visit, browser, &client, allows),
        _ => {
            let code = user_code.to_string();
            code_page(visit, browser, Some(&code), Some(DeviceCodeFailure::UnknownOrExpired))
        }
    }
}

/// Decides about the device that was shown. A form that is sent twice does no harm.
fn decision(
    visit: Visit<'_>,
    device: &DeviceAuthorization,
    shown: &DeviceAuthorization,
    signed_in: &Authentication,
    allows: bool,
    now: Timestamp,
) -> (Change, Decided) {
    let subject = signed_in.user().subject();
    // The code may belong to another device by now.
    if !device.digest.matches(&shown.digest) {
        return (Change::Keep, Decided::TooLate);
    }
    match &device.decision {
        DeviceDecision::Pending if now < device.codes_expire => {
            let subject = subject.to_owned();
            let decision = match allows {
                true => DeviceDecision::Allowed { subject, authentication: signed_in.state() },
                false => DeviceDecision::Denied { subject },
            };
            let mut decided = DeviceAuthorization { decision, ..device.clone() };
            for extension in visit.extensions.iter().filter(|_| allows) {
                extension.enrich_approval(signed_in.user(), &mut decided.data);
            }
            (Change::Replace(decided.to_row()), Decided::Done)
        }
        DeviceDecision::Allowed { subject: by, .. } | DeviceDecision::Redeemed { subject: by, .. }
            if allows && by == subject =>
        {
            (Change::Keep, Decided::Done)
        }
        DeviceDecision::Denied { subject: by } if !allows && by == subject => (Change::Keep, Decided::Done),
        _ => (Change::Keep, Decided::TooLate),
    }
}
