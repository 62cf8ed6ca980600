use crate::GridAuth;
use crate::guard::{Access, Rejection};

/// What a guard found, with the server that it asked. An adapter keeps it with the request, so that the guards and
/// extractors behind the first need not ask again.
///
/// ```
/// use gridauth::guard::Checked;
/// use gridauth::{GridAuth, Store};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let build = || GridAuth::builder("https://id.example.com").store(Store::memory()).build();
/// let (one, other) = (build().await?, build().await?);
/// let checked = Checked::new(&one, one.authenticate_token("x").await);
/// assert!(checked.by(&one.clone()).is_some_and(Result::is_err));
/// assert!(checked.by(&other).is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct Checked {
    auth: GridAuth,
    found: Result<Access, Rejection>,
}

impl Checked {
    /// What was found when this server was asked.
    pub fn new(auth: &GridAuth, found: Result<Access, Rejection>) -> Self {
        Self { auth: auth.clone(), found }
    }

    /// The server that was asked.
    pub fn server(&self) -> &GridAuth {
        &self.auth
    }

    /// What was found, whichever server was asked.
    pub fn found(&self) -> &Result<Access, Rejection> {
        &self.found
    }

    /// The access that was found, if it has every scope of the space-separated list `scope`.
    ///
    /// # Errors
    /// What was found instead, or what [`Access::require`] says.
    pub fn require(&self, scope: &str) -> Result<&Access, Rejection> {
        let access = self.found.as_ref().map_err(Clone::clone)?;
        access.require(scope).map(|()| access)
    }

    /// What was found, if it was this server that was asked: the word of one server means nothing to another.
    pub fn by(&self, auth: &GridAuth) -> Option<&Result<Access, Rejection>> {
        self.auth.is_same_server(auth).then_some(&self.found)
    }
}
