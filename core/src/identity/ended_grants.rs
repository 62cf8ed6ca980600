/// Which grants end with the session in which they were made: when the user signs out, when a client or the application ends the
/// session, not when it expires. For [`Builder::session_end_revokes`](crate::Builder::session_end_revokes).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndedGrants {
    /// Those without the scope `offline_access`: their clients have access while the user is signed in (OpenID Connect Core section
    /// 11).
    #[default]
    WithoutOfflineAccess,
    /// All of them.
    All,
    /// None of them.
    None,
}
