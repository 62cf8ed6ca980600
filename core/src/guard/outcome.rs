use super::{Access, Guard, Rejection, Requirement};

/// The outcome of a guard's check. An adapter keeps it with the request, so that later guards and extractors need not look the
/// token up again.
///
/// ```
/// use gridauth::guard::GuardOutcome;
/// use gridauth::http::BearerToken;
/// use gridauth::{GridAuth, Store};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let build = || GridAuth::builder("https://id.example.com").store(Store::memory()).build();
/// let (one, other) = (build().await?, build().await?);
/// let outcome = GuardOutcome::new(one.guard(), one.authenticate(&BearerToken::new("x")).await);
/// assert!(outcome.of(one.guard()).is_some_and(Result::is_err));
/// assert!(outcome.of(other.guard()).is_none());
/// assert!(one.guard().authenticate_once(Some(&outcome), &BearerToken::new("x")).await.is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct GuardOutcome {
    guard: Guard,
    found: Result<Access, Rejection>,
}

impl GuardOutcome {
    /// The outcome of a check by this guard.
    pub fn new(guard: &Guard, found: Result<Access, Rejection>) -> Self {
        Self { guard: guard.clone(), found }
    }

    /// The guard.
    pub fn guard(&self) -> &Guard {
        &self.guard
    }

    /// The result, whichever guard it came from.
    pub fn found(&self) -> &Result<Access, Rejection> {
        &self.found
    }

    /// The access, if it fulfils what a route requires.
    ///
    /// # Errors
    /// The guard's rejection, or that of [`Guard::permit`].
    pub fn require(&self, requirement: &Requirement) -> Result<&Access, Rejection> {
        let access = self.found.as_ref().map_err(Clone::clone)?;
        self.guard.permit(access, requirement).map(|()| access)
    }

    /// The result, if it came from this guard. A token that one guard accepts means nothing to another.
    pub fn of(&self, guard: &Guard) -> Option<&Result<Access, Rejection>> {
        (self.guard.id() == guard.id()).then_some(&self.found)
    }
}
