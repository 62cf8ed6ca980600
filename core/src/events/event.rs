use serde::Serialize;

/// What happened. The names that [`name`](Self::name) returns never change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event<'a> {
    /// A server was built.
    #[non_exhaustive]
    ServerBuilt {
        /// The issuer identifier.
        issuer: &'a str,
        /// The kind of store, such as `file`.
        store: &'a str,
        /// The grant types, space-separated.
        grants: &'a str,
    },
    /// A user signed in.
    #[non_exhaustive]
    SignedIn {
        /// The authentication methods, by their names in RFC 8176, space-separated.
        amr: &'a str,
    },
    /// A sign-in was refused.
    #[non_exhaustive]
    SignInRefused {
        /// Why.
        why: SignInRefusal,
        /// A keyed digest of what was typed as the name ([`Events::digest`](super::Events::digest)). The subject is told only where a
        /// user has the name.
        typed: &'a str,
    },
    /// A user signed up.
    SignedUp,
    /// The session of a user ended before its time: by a sign-out, a logout, or the application.
    SignedOut,
    /// A password was changed. The user's sessions and grants end with it.
    PasswordChanged,
    /// A user was removed.
    UserRemoved,
    /// An attempt has to wait, after too many failures.
    #[non_exhaustive]
    Throttled {
        /// What there were too many of.
        limit: Limit,
        /// Whether this attempt reached the limit. It is false where an earlier one did.
        reached: bool,
        /// How many seconds to wait.
        seconds: u64,
        /// A keyed digest of the username or the client id, as [`SignInRefused`](Self::SignInRefused) and
        /// [`ClientRefused`](Self::ClientRefused) have it.
        typed: Option<&'a str>,
    },
    /// A client authenticated. A public client only identifies itself.
    #[non_exhaustive]
    ClientAuthenticated {
        /// The method, by its registered name (RFC 7591 section 2).
        method: &'a str,
    },
    /// A client was refused.
    #[non_exhaustive]
    ClientRefused {
        /// Why. The client is told `invalid_client` in all of these cases.
        why: ClientRefusal,
        /// The method of the credentials, if there were any.
        method: Option<&'a str>,
        /// Where no client has the id: a keyed digest of what was presented as the id.
        typed: Option<&'a str>,
    },
    /// An authorization code was issued.
    #[non_exhaustive]
    CodeIssued {
        /// The granted scope.
        scope: &'a str,
    },
    /// An authorization code was redeemed.
    CodeRedeemed,
    /// An authorization code was presented a second time. The grant is revoked.
    CodeReplayed,
    /// An access token was issued.
    #[non_exhaustive]
    TokenIssued {
        /// The grant type.
        grant_type: &'a str,
        /// The scope of the token.
        scope: &'a str,
        /// How many seconds it is valid.
        expires_in: u64,
        /// Whether a refresh token was issued with it.
        refresh_token: bool,
    },
    /// A refresh token was used and replaced by another one.
    RefreshTokenRotated,
    /// A refresh token that had just been rotated was presented again, within the grace window. The client got the same tokens again.
    RefreshTokenRepeated,
    /// A refresh token that had been rotated was presented again: somebody else may have it too. The grant is revoked.
    RefreshTokenReused,
    /// An access token was revoked. The rest of its grant stays.
    #[non_exhaustive]
    TokenRevoked {
        /// Why.
        why: RevocationCause,
    },
    /// A grant was revoked, with all its tokens.
    #[non_exhaustive]
    GrantRevoked {
        /// Why.
        why: RevocationCause,
    },
    /// A guard rejected a request.
    #[non_exhaustive]
    TokenRefused {
        /// Why. Most causes are one answer on the wire.
        why: TokenRefusal,
        /// The scope that the request needs, where the token's is insufficient.
        scope: Option<&'a str>,
    },
    /// A user allowed a client to act for them.
    #[non_exhaustive]
    Consented {
        /// The scope that the user was asked about.
        scope: &'a str,
    },
    /// A user refused a client.
    #[non_exhaustive]
    ConsentRefused {
        /// The scope that the user was asked about.
        scope: &'a str,
    },
    /// A user's consent to a client was withdrawn.
    ConsentWithdrawn,
    /// The registration of a client changed.
    #[non_exhaustive]
    ClientChanged {
        /// How.
        change: ClientChange,
    },
    /// A signing key was made or removed.
    #[non_exhaustive]
    SigningKeyChanged {
        /// How.
        change: SigningKeyChange,
        /// The key's id.
        kid: &'a str,
        /// Its algorithm.
        algorithm: &'a str,
    },
    /// The store cannot be reached.
    #[non_exhaustive]
    StoreLost {
        /// The error of the operation that failed.
        error: &'a str,
    },
    /// The store can be reached again.
    #[non_exhaustive]
    StoreBack {
        /// How many seconds it could not be reached.
        seconds: u64,
    },
}

impl Event<'_> {
    /// The name: the variant's, in snake case.
    pub fn name(&self) -> &'static str {
        match self {
            Self::ServerBuilt { .. } => "server_built",
            Self::SignedIn { .. } => "signed_in",
            Self::SignInRefused { .. } => "sign_in_refused",
            Self::SignedUp => "signed_up",
            Self::SignedOut => "signed_out",
            Self::PasswordChanged => "password_changed",
            Self::UserRemoved => "user_removed",
            Self::Throttled { .. } => "throttled",
            Self::ClientAuthenticated { .. } => "client_authenticated",
            Self::ClientRefused { .. } => "client_refused",
            Self::CodeIssued { .. } => "code_issued",
            Self::CodeRedeemed => "code_redeemed",
            Self::CodeReplayed => "code_replayed",
            Self::TokenIssued { .. } => "token_issued",
            Self::RefreshTokenRotated => "refresh_token_rotated",
            Self::RefreshTokenRepeated => "refresh_token_repeated",
            Self::RefreshTokenReused => "refresh_token_reused",
            Self::TokenRevoked { .. } => "token_revoked",
            Self::GrantRevoked { .. } => "grant_revoked",
            Self::TokenRefused { .. } => "token_refused",
            Self::Consented { .. } => "consented",
            Self::ConsentRefused { .. } => "consent_refused",
            Self::ConsentWithdrawn => "consent_withdrawn",
            Self::ClientChanged { .. } => "client_changed",
            Self::SigningKeyChanged { .. } => "signing_key_changed",
            Self::StoreLost { .. } => "store_lost",
            Self::StoreBack { .. } => "store_back",
        }
    }
}

impl<'a> Event<'a> {
    /// The scope that it names.
    pub(super) fn scope(&self) -> Option<&'a str> {
        match self {
            Self::CodeIssued { scope }
            | Self::TokenIssued { scope, .. }
            | Self::Consented { scope }
            | Self::ConsentRefused { scope } => Some(scope),
            _ => None,
        }
    }
}

/// Defines the causes that an event names: an enum whose variants have stable names in snake case.
macro_rules! causes {
    ($(#[$outer:meta])* $name:ident { $($(#[$inner:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$outer])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$inner])* #[serde(rename = $text)] $variant,)+
        }

        impl $name {
            /// The name, which never changes.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }
    };
}

causes! {
    /// Why a sign-in was refused.
    SignInRefusal {
        /// No user has this name.
        UnknownUser = "unknown_user",
        /// The password is wrong.
        WrongPassword = "wrong_password",
        /// The name is unknown or the password is wrong: the application's own users do not say which.
        WrongCredentials = "wrong_credentials",
    }
}

causes! {
    /// Why a client was refused.
    ClientRefusal {
        /// The request has no credentials that a method of the server can read.
        NoCredentials = "no_credentials",
        /// No client has this id.
        UnknownClient = "unknown_client",
        /// The client is registered for another method than that of the credentials.
        WrongMethod = "wrong_method",
        /// The secret or the assertion is wrong.
        WrongCredentials = "wrong_credentials",
        /// The endpoint or the grant does not accept the client's method.
        MethodNotAccepted = "method_not_accepted",
        /// The registration names something that the server does not have.
        Unusable = "unusable",
    }
}

causes! {
    /// Why a guard rejected a request.
    TokenRefusal {
        /// The request has no `Authorization` header.
        NoToken = "no_token",
        /// The `Authorization` header has another scheme than the guard takes.
        OtherScheme = "other_scheme",
        /// There is more than one `Authorization` header, or one that is not text, or a token in the form as well.
        MalformedRequest = "malformed_request",
        /// The text is not a token of this server.
        Malformed = "malformed",
        /// There is no grant of this token: it was revoked, or it expired long ago, or it never was.
        NoGrant = "no_grant",
        /// The grant is there, and this is no live token of it: it was revoked, or superseded, or never was.
        NotOfGrant = "not_of_grant",
        /// It has expired.
        Expired = "expired",
        /// It is bound to a key, and the request does not prove possession of it.
        Unproven = "unproven",
        /// The proof of possession has no valid nonce (RFC 9449 section 9).
        UseNonce = "use_nonce",
        /// It is for another resource.
        OtherAudience = "other_audience",
        /// The verifier does not accept it.
        NotVerified = "not_verified",
        /// Its user or its client is gone.
        OwnerGone = "owner_gone",
        /// It lacks a scope.
        InsufficientScope = "insufficient_scope",
        /// The user did not sign in as recently, or not in the way, that the request needs (RFC 9470).
        InsufficientAuthentication = "insufficient_authentication",
        /// It could not be checked: the store or the verifier cannot be reached.
        Unavailable = "unavailable",
        /// It could not be checked, for another reason.
        Failed = "failed",
    }
}

causes! {
    /// What there were too many of.
    Limit {
        /// Wrong passwords, or wrong passwords from one source.
        SignIn = "sign_in",
        /// Wrong client secrets.
        ClientSecret = "client_secret",
        /// Wrong user codes (RFC 8628).
        UserCode = "user_code",
        /// Sign-ups from one source.
        SignUp = "sign_up",
        /// Devices from one source that ask for access (RFC 8628).
        DeviceStart = "device_start",
        /// Pushed authorization requests from one source.
        PushedRequest = "pushed_request",
    }
}

causes! {
    /// Why a token or a grant was revoked.
    RevocationCause {
        /// The client asked for it (RFC 7009).
        Client = "client",
        /// A used code or a rotated refresh token was presented again.
        Replay = "replay",
        /// The session ended in which the grant was made.
        SignOut = "sign_out",
        /// The user's consent was withdrawn.
        ConsentWithdrawn = "consent_withdrawn",
        /// Everything of the user ends: the password changed, or the application said so.
        User = "user",
        /// Everything of the client ends.
        ClientRemoved = "client_removed",
        /// The application or an operator ended this one grant.
        Operator = "operator",
        /// The user is gone from the application's own users.
        UserGone = "user_gone",
    }
}

causes! {
    /// How the registration of a client changed.
    ClientChange {
        /// It is new.
        Registered = "registered",
        /// It was replaced by another one.
        Replaced = "replaced",
        /// Something in it was changed.
        Edited = "edited",
        /// It got a new secret.
        SecretRotated = "secret_rotated",
        /// It was removed.
        Removed = "removed",
    }
}

causes! {
    /// How a signing key changed.
    SigningKeyChange {
        /// It was made. It is published now and signs later.
        Made = "made",
        /// It was withdrawn by an operator.
        Withdrawn = "withdrawn",
        /// It was removed, since nothing that it signed is valid any more.
        Removed = "removed",
    }
}
