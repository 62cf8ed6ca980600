//! The parameters in the query of a request to the admin API.

use std::time::Duration;

use super::answer::Refusal;
use crate::http::{Request, refuse_repeated};
use crate::protocol::{OAuthError, Parameters};
use crate::server::ListOptions;
use crate::store::Cursor;

/// The longest overlap of two secrets: a year.
const LONGEST_OVERLAP: u64 = 365 * 24 * 60 * 60;

/// The parameters.
pub(super) struct Query(Parameters);

impl Query {
    pub(super) fn of(request: &Request) -> Result<Self, OAuthError> {
        let parameters = Parameters::parse(request.uri().query().unwrap_or_default().as_bytes())?;
        refuse_repeated(&parameters)?;
        Ok(Self(parameters))
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name)
    }

    pub(super) fn required(&self, name: &str) -> Result<&str, Refusal> {
        self.get(name).ok_or_else(|| Refusal::invalid(format!("the parameter {name} is missing")))
    }

    /// The page of a listing: `limit` and `after`.
    pub(super) fn page(&self) -> Result<ListOptions, Refusal> {
        let mut options = ListOptions::new();
        if let Some(limit) = self.get("limit") {
            let parsed = limit.parse().ok().filter(|limit| (1..=ListOptions::MAX_LIMIT).contains(limit));
            let wrong = || Refusal::invalid(format!("limit must be 1 to {}", ListOptions::MAX_LIMIT));
            options = options.limit(parsed.ok_or_else(wrong)?);
        }
        if let Some(after) = self.get("after") {
            options = options.after(Cursor(after.to_owned()));
        }
        Ok(options)
    }

    /// `overlap`, in seconds.
    pub(super) fn overlap(&self) -> Result<Duration, Refusal> {
        let secs = self.required("overlap")?.parse().ok().filter(|secs| *secs <= LONGEST_OVERLAP);
        let wrong = || Refusal::invalid(format!("overlap must be 0 to {LONGEST_OVERLAP} seconds"));
        secs.map(Duration::from_secs).ok_or_else(wrong)
    }
}
