use crate::model::SessionId;

/// A session that was ended.
pub(crate) struct EndedSession {
    pub(crate) session: SessionId,
    pub(crate) subject: String,
    /// The clients that got an ID token in it.
    pub(crate) clients: Vec<String>,
}
