use std::time::Duration;

use async_trait::async_trait;

use super::authorization_code::METHODS;
use super::{Grant, GrantedScope, Issued, NewGrant, TokenIssuer, TokenRequest, TokenSide};
use crate::env::Timestamp;
use crate::model::{AuthMethod, DeviceAuthorization, DeviceDecision, GrantId};
use crate::protocol::{ErrorCode, OAuthError};
use crate::store::{Change, Key, Kind, Record, StoreErrorKind};
use crate::token::DeviceCode as PresentedCode;

/// The grant type of the device authorization grant (RFC 8628 section 3.4).
pub(crate) const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// By how much the interval grows when a device polls too early (RFC 8628 section 3.5).
const SLOWER_BY: Duration = Duration::from_secs(5);

/// How much too early a poll may be: what the network makes of an exact interval.
const TOLERANCE: Duration = Duration::from_millis(500);

/// The device authorization grant (RFC 8628), for televisions, command lines and whatever else has no browser or no keyboard.
///
/// The device asks at the device authorization endpoint and shows the person a code. The person signs in at the device page, on a phone
/// or a computer, enters the code and allows the request. Meanwhile the device polls the token endpoint.
///
/// The page always asks, also for first-party clients: somebody else may have sent the person the code (RFC 8628 section 5.4).
///
/// ```
/// use gridauth::grant::{DeviceCode, RefreshToken};
/// use gridauth::{Client, GridAuth, Store};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let auth = GridAuth::builder("https://id.example.com")
///     .store(Store::memory())
///     .grant(DeviceCode::new())
///     .grant(RefreshToken::rotating())
///     .build()
///     .await?;
/// let television = Client::public("television").name("Television").scope("films.watch");
/// let grant_types = ["urn:ietf:params:oauth:grant-type:device_code", "refresh_token"];
/// auth.put_client(television.grant_types(grant_types).build()?).await?;
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct DeviceCode {
    methods: Vec<AuthMethod>,
    settings: DeviceSettings,
}

/// How the device authorization endpoint answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeviceSettings {
    /// How long the codes are valid.
    pub lifetime: Duration,
    /// How long a device has to wait between two polls, at first.
    pub interval: Duration,
}

impl DeviceCode {
    /// For public clients, and for confidential ones of the methods that [`AuthorizationCode::new`](super::AuthorizationCode::new)
    /// accepts. The codes are valid for ten minutes, and devices poll every five seconds.
    pub fn new() -> Self {
        let settings =
            DeviceSettings { lifetime: Duration::from_secs(600), interval: Duration::from_secs(5) };
        Self { methods: METHODS.into(), settings }
    }

    /// Sets how long the codes are valid. The longer it is, the more devices wait at a time and the more codes there are to guess.
    #[must_use]
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.settings.lifetime = lifetime;
        self
    }

    /// Sets how long a device has to wait between two polls, in whole seconds. Each poll that comes earlier makes it five seconds longer.
    #[must_use]
    pub fn interval(mut self, interval: Duration) -> Self {
        self.settings.interval = interval;
        self
    }

    /// Sets the accepted client authentication methods.
    #[must_use]
    pub fn client_authentication(mut self, methods: impl IntoIterator<Item = AuthMethod>) -> Self {
        self.methods = methods.into_iter().collect();
        self
    }
}

impl Default for DeviceCode {
    fn default() -> Self {
        Self::new()
    }
}

impl Grant for DeviceCode {
    fn token_side(&self) -> Option<&dyn TokenSide> {
        Some(self)
    }

    fn device_settings(&self) -> Option<DeviceSettings> {
        Some(self.settings)
    }
}

#[async_trait]
impl TokenSide for DeviceCode {
    fn grant_type(&self) -> &str {
        DEVICE_CODE
    }

    fn client_authentication(&self) -> &[AuthMethod] {
        &self.methods
    }

    async fn respond(
        &self,
        request: &TokenRequest<'_>,
        issuer: &TokenIssuer<'_>,
    ) -> Result<Issued, OAuthError> {
        let (engine, client) = (request.engine, request.client());
        let code = PresentedCode::parse(request.required("device_code")?).ok_or_else(invalid)?;
        let row_id = code.row_id();
        let device = poll(request, &code, &row_id).await?;
        let DeviceDecision::Allowed { subject, authentication } = &device.decision else {
            return Err(invalid());
        };
        if !engine.is_user(subject).await? {
            return Err(OAuthError::access_denied("the user is gone"));
        }
        // The client's registered scope may have shrunk since.
        let scope = GrantedScope::narrow(&device.scope.filter(|token| client.scope().contains(token)), None)?;
        let grant = NewGrant {
            authentication: Some(authentication.clone()),
            resources: device.resources.clone(),
            data: device.data.clone(),
            ..NewGrant::for_user(subject.as_str(), scope)
        };
        let unstored = issuer.begin(grant)?;
        let prepared = issuer.prepare_new(&unstored).await?;
        let id = unstored.record.id;
        redeem(request, &device, &row_id, id).await?;
        let stored = unstored.store(engine, client, &prepared, request.now()).await;
        if stored.is_err() {
            take_back(request, &device, &row_id, id).await;
        }
        stored
    }
}

fn invalid() -> OAuthError {
    OAuthError::invalid_grant("the device code is not good")
}

/// The code of this error, for a device that goes on polling.
fn not_yet(code: &'static str, description: &'static str) -> OAuthError {
    OAuthError::new(ErrorCode::Custom(code), description)
}

/// Whether the row is that of the code that this client presents.
fn is_of(request: &TokenRequest<'_>, code: &PresentedCode, device: &DeviceAuthorization) -> bool {
    device.client_id == request.client().id() && device.digest.matches(code.digest())
}

/// Notes a poll, and returns the authorization if it has been allowed (RFC 8628 section 3.5).
async fn poll(
    request: &TokenRequest<'_>,
    code: &PresentedCode,
    row_id: &str,
) -> Result<DeviceAuthorization, OAuthError> {
    let now = request.now();
    let decide = |device: &DeviceAuthorization| {
        if !is_of(request, code, device) {
            return (Change::Keep, Err(invalid()));
        }
        match &device.decision {
            DeviceDecision::Redeemed { .. } => (Change::Keep, Err(invalid())),
            _ if now >= device.codes_expire => {
                (Change::Keep, Err(not_yet("expired_token", "the device code has expired; begin again")))
            }
            DeviceDecision::Denied { .. } => {
                (Change::Keep, Err(OAuthError::access_denied("the user denied the request")))
            }
            DeviceDecision::Allowed { .. } => (Change::Keep, Ok(device.clone())),
            DeviceDecision::Pending => {
                let (polled, error) = noted(device, now);
                (Change::Replace(polled.to_row()), Err(error))
            }
        }
    };
    match request.engine.store.change(row_id, decide).await? {
        Some((_, outcome)) => outcome,
        None => Err(invalid()),
    }
}

/// A poll before anything was decided. One that comes too early makes the interval longer, for this and all polls to come.
fn noted(device: &DeviceAuthorization, now: Timestamp) -> (DeviceAuthorization, OAuthError) {
    let is_early = device.polled.is_some_and(|polled| now.after(TOLERANCE) < polled.after(device.interval));
    let mut polled = DeviceAuthorization { polled: Some(now), ..device.clone() };
    if is_early {
        polled.interval = polled.interval.saturating_add(SLOWER_BY);
        return (polled, not_yet("slow_down", "wait five seconds longer between two polls from now on"));
    }
    (polled, not_yet("authorization_pending", "the user has not decided yet"))
}

/// Uses the code up for this grant. Of many that try at once, one succeeds.
async fn redeem(
    request: &TokenRequest<'_>,
    allowed: &DeviceAuthorization,
    row_id: &str,
    grant: GrantId,
) -> Result<(), OAuthError> {
    let decide = |device: &DeviceAuthorization| match &device.decision {
        // By the change whose answer was lost.
        DeviceDecision::Redeemed { grant: redeemed, .. } if *redeemed == grant => (Change::Keep, Ok(())),
        DeviceDecision::Allowed { subject, .. } if device.digest.matches(&allowed.digest) => {
            let decision = DeviceDecision::Redeemed { subject: subject.clone(), grant };
            (Change::Replace(DeviceAuthorization { decision, ..device.clone() }.to_row()), Ok(()))
        }
        _ => (Change::Keep, Err(invalid())),
    };
    let store = &request.engine.store;
    let changed = match store.change(row_id, decide).await {
        Err(lost) if lost.kind() == StoreErrorKind::OutcomeUnknown => store.change(row_id, decide).await?,
        changed => changed?,
    };
    changed.map_or_else(|| Err(invalid()), |(_, outcome)| outcome)
}

/// The grant could not be stored, so the device may poll again. If this fails too, the code stays used and the device begins again.
async fn take_back(request: &TokenRequest<'_>, allowed: &DeviceAuthorization, row_id: &str, grant: GrantId) {
    let store = &request.engine.store;
    let mut buffer = [0; 36];
    // It may have been stored all the same. Nobody has its tokens.
    let removed = store.remove(Key::new(Kind::Grant, grant.row_id(&mut buffer))).await;
    let restore = |device: &DeviceAuthorization| match &device.decision {
        DeviceDecision::Redeemed { grant: redeemed, .. } if *redeemed == grant => {
            let decision = allowed.decision.clone();
            (Change::Replace(DeviceAuthorization { decision, ..device.clone() }.to_row()), ())
        }
        _ => (Change::Keep, ()),
    };
    let restored = match removed {
        Ok(_) => store.change(row_id, restore).await.map(drop),
        Err(error) => Err(error),
    };
    if let Err(cause) = restored {
        tracing::warn!(%cause, client = %allowed.client_id, "a device code is used up, and its tokens could not be stored");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::Digest;

    fn code_of(error: &OAuthError) -> &str {
        error.code().as_str()
    }

    #[test]
    fn each_poll_that_comes_too_early_makes_the_interval_longer() {
        let start = Timestamp::from_millis(1_700_000_000_000);
        let mut device = DeviceAuthorization {
            client_id: "tv".to_owned(),
            scope: "notes.read".parse().unwrap(),
            started: start,
            codes_expire: start.after(Duration::from_secs(600)),
            expires: start.after(Duration::from_secs(1200)),
            digest: Digest::of(b'd', &[b"code"]),
            source: None,
            interval: Duration::from_secs(5),
            polled: None,
            resources: Box::default(),
            data: Default::default(),
            decision: DeviceDecision::Pending,
        };
        // Milliseconds after the start, the answer, and the interval from then on.
        for (millis, answer, interval) in [
            (0, "authorization_pending", 5),
            (4_600, "authorization_pending", 5),
            (4_700, "slow_down", 10),
            (9_800, "slow_down", 15),
            (24_800, "authorization_pending", 15),
            (24_800, "slow_down", 20),
            (24_800, "slow_down", 25),
            (49_800, "authorization_pending", 25),
        ] {
            let (polled, error) = noted(&device, start.after(Duration::from_millis(millis)));
            assert_eq!(code_of(&error), answer, "{millis}");
            assert_eq!(polled.interval.as_secs(), interval, "{millis}");
            device = polled;
        }
        assert!(matches!(device.decision, DeviceDecision::Pending));
    }
}
