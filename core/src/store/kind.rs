/// The kind of a row. Each kind has its own key space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// A resource owner, by username.
    User,
    /// A client, by `client_id`.
    Client,
    /// One authorization with its code and tokens, by grant id.
    Grant,
    /// A browser's session, by the digest of its cookie.
    Session,
    /// The scope that a user has allowed a client, by user and client.
    Consent,
    /// A device authorization, by the digest of its user code.
    DeviceCode,
    /// A pushed authorization request, by the digest of its request URI.
    PushedRequest,
    /// The id of an assertion, or of a DPoP proof at the token endpoint, that has been used.
    AssertionId,
    /// A key for signing tokens, by key id.
    SigningKey,
    /// A setting of the deployment, by name.
    Setting,
    /// A row of the application, for grants, extensions or data of its own. The application chooses the ids.
    Custom,
    /// A client that has to be told of the end of a session, by client and session.
    Outbox,
    /// Names grants that ended a moment ago, for the other processes of the store.
    Ended,
    /// An event of the audit, by time and random bytes. Rows of this kind are never changed.
    Audit,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 14] = [
        Self::User,
        Self::Client,
        Self::Grant,
        Self::Session,
        Self::Consent,
        Self::DeviceCode,
        Self::PushedRequest,
        Self::AssertionId,
        Self::SigningKey,
        Self::Setting,
        Self::Custom,
        Self::Outbox,
        Self::Ended,
        Self::Audit,
    ];

    /// A short lower-case name, which never changes: stores may build table names from it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Client => "client",
            Self::Grant => "grant",
            Self::Session => "session",
            Self::Consent => "consent",
            Self::DeviceCode => "device_code",
            Self::PushedRequest => "pushed_request",
            Self::AssertionId => "assertion_id",
            Self::SigningKey => "signing_key",
            Self::Setting => "setting",
            Self::Custom => "custom",
            Self::Outbox => "outbox",
            Self::Ended => "ended",
            Self::Audit => "audit",
        }
    }
}
