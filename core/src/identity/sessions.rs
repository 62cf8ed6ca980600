use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use arrayvec::ArrayVec;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, HeaderValue};

use crate::env::{Clock, Entropy};
use crate::model::{Authentication, Session, SessionId, User};
use crate::protocol::OAuthError;
use crate::store::{Change, Key, Kind, Record, Store, StoreError};
use crate::token::{Digest, Secret};

const COOKIE_BYTES: usize = 32;
const COOKIE_TEXT: usize = 43;

/// A secret in a browser's cookie. It either ties forms to the browser that they were shown in, or it identifies the session
/// of a signed-in user: then its digest is the id of the session's row.
pub(crate) struct BrowserSecret(Secret);

/// What a browser's cookie may have as its secret, in the order in which it was sent.
pub(crate) type Candidates = ArrayVec<BrowserSecret, 4>;

/// Which of the two cookies. They are separate so that showing a form never ends a session: a browser sends neither cookie with
/// a POST from another site, and such a request must not sign anybody out.
#[derive(Clone, Copy)]
pub(crate) enum CookieKind {
    Form,
    Session,
}

impl BrowserSecret {
    pub(crate) fn new(entropy: &dyn Entropy) -> Result<Self, OAuthError> {
        let mut bytes = zeroize::Zeroizing::new([0; COOKIE_BYTES]);
        entropy.fill(&mut bytes[..])?;
        Ok(Self(URL_SAFE_NO_PAD.encode(&bytes[..]).into()))
    }

    /// The secret that a cookie has as its value; `None` where it is not spelled as one of ours.
    fn of_cookie(value: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(value).ok().filter(|text| text.len() == COOKIE_TEXT)?;
        URL_SAFE_NO_PAD.decode(text).is_ok().then(|| Self(text.into()))
    }

    /// The id of the session's row, and of the session. The secret has 256 random bits, so it cannot be derived from its digest.
    pub(crate) fn row_id(&self) -> String {
        Digest::of(b's', &[self.0.expose().as_bytes()]).to_text()
    }

    /// What the throttle recognises the browser by.
    pub(crate) fn key(&self) -> u128 {
        let digest = Digest::of(b'k', &[self.0.expose().as_bytes()]);
        digest.as_bytes().iter().take(16).fold(0, |key, byte| key << 8 | u128::from(*byte))
    }

    /// What only the holder of the secret can know, and what does not give it away. It is not the row's id, which clients get to know.
    pub(crate) fn proof(&self) -> String {
        Digest::of(b'q', &[self.0.expose().as_bytes()]).to_text()
    }
}

/// The server's own sessions, in the store.
pub(crate) struct Sessions {
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) lifetime: Duration,
    /// Whether the issuer is `https`.
    pub(crate) secure: bool,
    /// Whether the application manages the sessions, so that rows only name the clients to tell.
    pub(crate) is_own: bool,
}

impl Sessions {
    /// The name of a cookie. Over `https` it has the prefix `__Host-`, so that only this origin can set it.
    fn cookie_name(&self, kind: CookieKind) -> &'static str {
        match (kind, self.secure) {
            (CookieKind::Form, true) => "__Host-gridauth-form",
            (CookieKind::Form, false) => "gridauth-form",
            (CookieKind::Session, true) => "__Host-gridauth",
            (CookieKind::Session, false) => "gridauth",
        }
    }

    /// The secrets that this cookie may have: the first few different ones in the headers. Cookies of other applications on the host
    /// may contain any bytes. On plain `http` they may also have our name and a value like ours, so which one this server has set is
    /// seen only where it is used.
    pub(crate) fn cookie(&self, kind: CookieKind, headers: &HeaderMap) -> Candidates {
        let name = self.cookie_name(kind).as_bytes();
        let secrets = headers
            .get_all(http::header::COOKIE)
            .iter()
            .flat_map(|header| header.as_bytes().split(|byte| *byte == b';'))
            .filter_map(|pair| pair.trim_ascii().strip_prefix(name)?.strip_prefix(b"="))
            .filter_map(BrowserSecret::of_cookie);
        let mut candidates = Candidates::new();
        for secret in secrets {
            if candidates.is_full() {
                break;
            }
            if !candidates.iter().any(|known| known.0.expose() == secret.0.expose()) {
                candidates.push(secret);
            }
        }
        candidates
    }

    /// The sign-in of the browser with this session.
    pub(crate) async fn find(&self, browser: &BrowserSecret) -> Result<Option<Authentication>, OAuthError> {
        let row_id = browser.row_id();
        let session = self.store.read::<Session>(&row_id).await?;
        let live = session.filter(|session| self.clock.now() < session.expires && !session.ended);
        Ok(live.map(|session| {
            let user = User::new(&session.subject).named(&session.username);
            let mut authentication = Authentication::new(user)
                .with_auth_time(session.signed_in)
                .with_session(SessionId::new(row_id.as_str()))
                .with_amr(&session.amr);
            if let Some(acr) = &session.acr {
                authentication = authentication.with_acr(acr);
            }
            authentication
        }))
    }

    /// Starts a session under a new secret, so that a secret planted before the sign-in is worthless (session fixation).
    pub(crate) async fn begin(
        &self,
        signed_in: Authentication,
    ) -> Result<(BrowserSecret, Authentication), OAuthError> {
        let browser = BrowserSecret::new(&*self.entropy)?;
        let row_id = browser.row_id();
        let now = self.clock.now();
        let session = Session {
            subject: signed_in.user().subject().to_owned(),
            username: signed_in.user().username().to_owned(),
            signed_in: signed_in.auth_time().unwrap_or(now),
            expires: now.after(self.lifetime),
            acr: signed_in.acr().map(str::to_owned),
            amr: signed_in.amr().to_vec(),
            clients: Vec::new(),
            ended: false,
            own_id: None,
        };
        if self.store.insert(Key::new(Kind::Session, &row_id), session.to_row()).await? {
            Ok((browser, signed_in.with_session(SessionId::new(row_id.as_str()))))
        } else {
            Err(OAuthError::server_error("a new session id was already taken"))
        }
    }

    /// Notes a new sign-in of the same user in a live session, which goes on: the clients that know it are still told of its end.
    /// `None` if it is over, or another user's.
    pub(crate) async fn renew(
        &self,
        browser: &BrowserSecret,
        signed_in: &Authentication,
    ) -> Result<Option<Authentication>, StoreError> {
        let (row_id, now) = (browser.row_id(), self.clock.now());
        let renew = |row: &Session| {
            if row.ended || now >= row.expires || row.subject != signed_in.user().subject() {
                return (Change::Keep, false);
            }
            let renewed = Session {
                username: signed_in.user().username().to_owned(),
                signed_in: signed_in.auth_time().unwrap_or(now),
                expires: now.after(self.lifetime),
                acr: signed_in.acr().map(str::to_owned),
                amr: signed_in.amr().to_vec(),
                ..row.clone()
            };
            (Change::Replace(renewed.to_row()), true)
        };
        let renewed = self.store.change::<Session, bool>(&row_id, renew).await?;
        let is_renewed = renewed.is_some_and(|(_, is_renewed)| is_renewed);
        Ok(is_renewed.then(|| signed_in.clone().with_session(SessionId::new(row_id.as_str()))))
    }

    /// The id of a session's row. The application's names for its sessions may be any text, so their digests serve.
    pub(crate) fn row_of<'a>(&self, session: &'a SessionId) -> Cow<'a, str> {
        if self.is_own {
            Cow::Owned(Digest::of(b'a', &[session.as_str().as_bytes()]).to_text())
        } else {
            Cow::Borrowed(session.as_str())
        }
    }

    /// Names a client in the row of a session in which it gets an ID token: it will be told of the session's end. Returns `false` if
    /// the session is over.
    pub(crate) async fn add_client(
        &self,
        session: &SessionId,
        subject: &str,
        client_id: &str,
    ) -> Result<bool, StoreError> {
        let row_id = self.row_of(session);
        let add = |row: &Session| match row.with_client(client_id) {
            _ if row.ended => (Change::Keep, false),
            Some(changed) => (Change::Replace(self.prolonged(changed).to_row()), true),
            None => (Change::Keep, true),
        };
        // Another request may create the row of the application's session meanwhile. Then the next round finds it.
        for _ in 0..3 {
            if let Some((_, is_named)) = self.store.change::<Session, bool>(&row_id, add).await? {
                return Ok(is_named);
            }
            if !self.is_own {
                return Ok(false);
            }
            let now = self.clock.now();
            let row = Session {
                subject: subject.to_owned(),
                username: subject.to_owned(),
                signed_in: now,
                expires: now.after(self.lifetime),
                acr: None,
                amr: Vec::new(),
                clients: vec![client_id.to_owned()],
                ended: false,
                own_id: Some(session.clone()),
            };
            if self.store.insert(Key::new(Kind::Session, &row_id), row.to_row()).await? {
                return Ok(true);
            }
        }
        Err(StoreError::unavailable("the row of a session keeps changing"))
    }

    /// When the application's session ends is not known here: its row stays for a session's lifetime after the last change.
    fn prolonged(&self, session: Session) -> Session {
        match self.is_own {
            true => Session { expires: self.clock.now().after(self.lifetime), ..session },
            false => session,
        }
    }

    /// The `Set-Cookie` header that removes the cookie of the session.
    pub(crate) fn clear_cookie(&self) -> HeaderValue {
        HeaderValue::from_static(match self.secure {
            true => "__Host-gridauth=; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=0",
            false => "gridauth=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0",
        })
    }

    /// The `Set-Cookie` header for a browser's secret.
    pub(crate) fn set_cookie(
        &self,
        kind: CookieKind,
        browser: &BrowserSecret,
    ) -> Result<HeaderValue, OAuthError> {
        let secure = if self.secure { "; Secure" } else { "" };
        let cookie = format!(
            "{}={}; Path=/; HttpOnly; SameSite=Lax{secure}",
            self.cookie_name(kind),
            browser.0.expose()
        );
        let mut value = HeaderValue::try_from(cookie).map_err(OAuthError::server_error)?;
        value.set_sensitive(true);
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use http::header::COOKIE;
    use proptest::prelude::*;

    use super::*;
    use crate::env::{SystemClock, SystemEntropy};

    fn sessions(secure: bool) -> Sessions {
        Sessions {
            store: Store::memory(),
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
            lifetime: Duration::from_secs(60),
            secure,
            is_own: false,
        }
    }

    fn headers(values: &[HeaderValue]) -> HeaderMap {
        values.iter().map(|value| (COOKIE, value.clone())).collect()
    }

    /// A `Cookie` header: with parts of the server's cookies, or with any bytes that a header may contain.
    fn header() -> impl Strategy<Value = HeaderValue> {
        let text = prop_oneof![
            "[ -~]{0,80}",
            "((__Host-)?gridauth(-form)?=[A-Za-z0-9_-]{40,46};? ?){0,3}",
            "( ?[a-z]{0,4}=?[ -:<-~]{0,50};){0,4}",
        ];
        prop_oneof![
            text.prop_map(|text| HeaderValue::try_from(text).unwrap()),
            proptest::collection::vec(prop_oneof![b' '..=b'~', 0x80..=0xff_u8, Just(b'\t')], 0..60)
                .prop_map(|bytes| HeaderValue::from_bytes(&bytes).unwrap()),
        ]
    }

    /// Another cookie: of any bytes that a header may hold, or of our name without being one of ours.
    fn another() -> impl Strategy<Value = Vec<u8>> {
        let bytes = prop_oneof![b' '..=b':', b'<'..=b'~', 0x80..=0xff_u8, Just(b'\t')];
        prop_oneof![
            proptest::collection::vec(bytes, 0..40),
            "(__Host-)?gridauth(-form)?=[a-z]{0,10}".prop_map(String::into_bytes),
            "(__Host-)?gridauth(-form)?=[AB]{43}".prop_map(String::into_bytes),
        ]
    }

    proptest! {
        #[test]
        fn a_cookie_is_read_only_in_the_form_in_which_it_is_set(
            values in proptest::collection::vec(header(), 0..4),
            secure: bool,
        ) {
            let (sessions, headers) = (sessions(secure), headers(&values));
            for kind in [CookieKind::Form, CookieKind::Session] {
                for secret in sessions.cookie(kind, &headers) {
                    let secret = secret.0.expose();
                    prop_assert_eq!(URL_SAFE_NO_PAD.decode(secret).map(|bytes| bytes.len()), Ok(COOKIE_BYTES));
                    let pair = format!("{}={secret}", sessions.cookie_name(kind));
                    let sent = |value: &HeaderValue| value.as_bytes().windows(pair.len()).any(|part| part == pair.as_bytes());
                    prop_assert!(values.iter().any(sent));
                }
            }
        }

        /// In one header or, as in HTTP/2, in several.
        #[test]
        fn a_cookie_is_found_among_others(
            others in proptest::collection::vec(another(), 0..4),
            at in any::<prop::sample::Index>(),
            apart: bool,
            secure: bool,
        ) {
            let sessions = sessions(secure);
            for kind in [CookieKind::Form, CookieKind::Session] {
                let secret = BrowserSecret::new(&SystemEntropy).unwrap();
                let set = sessions.set_cookie(kind, &secret).unwrap();
                let pair = set.to_str().unwrap().split(';').next().unwrap().as_bytes().to_vec();
                let mut pairs = others.clone();
                pairs.insert(at.index(others.len() + 1), pair);
                let values = if apart { pairs } else { vec![pairs.join(&b"; "[..])] };
                let values: Vec<_> = values.iter().map(|value| HeaderValue::from_bytes(value).unwrap()).collect();
                let found = sessions.cookie(kind, &headers(&values));
                prop_assert!(found.iter().any(|found| found.row_id() == secret.row_id()));
            }
        }
    }
}
