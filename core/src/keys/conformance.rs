//! A conformance kit for signers: what the server relies on, checked on a [`Signer`] of an application.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! use gridauth::env::{Clock, SystemClock};
//! use gridauth::keys::conformance;
//! # use std::sync::Arc;
//! # use gridauth::jose::{Algorithm, KeySet, PrivateKey};
//! # use gridauth::keys::{CurrentKey, Signer, SignerError};
//! # use gridauth::env::Timestamp;
//! # struct MySigner(Arc<PrivateKey>);
//! # #[gridauth::async_trait]
//! # impl Signer for MySigner {
//! #     fn algorithms(&self) -> Vec<Algorithm> { vec![self.0.algorithm()] }
//! #     async fn current(&self, _: Algorithm, _: Timestamp) -> Result<CurrentKey, SignerError> {
//! #         Ok(CurrentKey::new(self.0.public().thumbprint(), Arc::new(())))
//! #     }
//! #     async fn sign(&self, _: &CurrentKey, input: &[u8]) -> Result<Vec<u8>, SignerError> {
//! #         Ok(self.0.sign(input)?)
//! #     }
//! #     async fn published(&self, _: Timestamp) -> Result<KeySet, SignerError> {
//! #         Ok(KeySet::new([self.0.public().clone()]))
//! #     }
//! # }
//! # let my_signer = MySigner(Arc::new(PrivateKey::generate(Algorithm::Es256)?));
//!
//! let problems = conformance::check(&my_signer, SystemClock.now()).await;
//! assert!(problems.is_empty(), "{problems:?}");
//! # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
//! ```

use std::collections::BTreeSet;

use super::{CurrentKey, Signer};
use crate::env::Timestamp;
use crate::jose::{Algorithm, KeySet};

/// Checks a signer at this moment. Returns what is wrong with it, one text each; nothing if the server can rely on it.
pub async fn check(signer: &dyn Signer, now: Timestamp) -> Vec<String> {
    let mut problems = Vec::new();
    let algorithms = signer.algorithms();
    if algorithms.is_empty() {
        problems.push("it has no algorithm".to_owned());
    }
    let (published, verifying) = match (signer.published(now).await, signer.verifying(now).await) {
        (Ok(published), Ok(verifying)) => (published, verifying),
        (Err(error), _) | (_, Err(error)) => {
            problems.push(format!("its keys cannot be determined: {error}"));
            return problems;
        }
    };
    problems.extend(problems_of_keys(&published));
    for key in published.iter().filter_map(|key| key.id()) {
        if !verifying.contains(key) {
            problems.push(format!("the key {key:?} is published, and does not verify"));
        }
    }
    for algorithm in algorithms {
        problems.extend(problems_of_algorithm(signer, algorithm, &published, now).await);
    }
    problems
}

/// Each published key has an id of its own.
fn problems_of_keys(published: &KeySet) -> Vec<String> {
    let mut ids = BTreeSet::new();
    let mut problems = Vec::new();
    for key in published.iter() {
        match key.id() {
            None => problems.push("a published key has no kid".to_owned()),
            Some(id) if !ids.insert(id) => problems.push(format!("two published keys have the kid {id:?}")),
            Some(_) => {}
        }
    }
    problems
}

/// What the current key signs is verified by the published key of its id, and by no other input.
async fn problems_of_algorithm(
    signer: &dyn Signer,
    algorithm: Algorithm,
    published: &KeySet,
    now: Timestamp,
) -> Vec<String> {
    let mut problems = Vec::new();
    let current: CurrentKey = match signer.current(algorithm, now).await {
        Ok(current) => current,
        Err(error) => return vec![format!("{algorithm}: there is no current key: {error}")],
    };
    let Some(public) = published.iter().find(|key| key.id() == Some(current.id())) else {
        return vec![format!("{algorithm}: the current key {:?} is not published", current.id())];
    };
    let long = vec![b'x'; 16 * 1024];
    for input in [&b"header.claims"[..], b"", &long] {
        match signer.sign(&current, input).await {
            Ok(signature) if !public.verifies(algorithm, input, &signature) => {
                problems.push(format!(
                    "{algorithm}: a signature of {} bytes is not that of the current key",
                    input.len()
                ));
            }
            Ok(signature) if public.verifies(algorithm, b"another input", &signature) => {
                problems.push(format!("{algorithm}: a signature verifies for another input"));
            }
            Ok(_) => {}
            Err(error) => problems.push(format!("{algorithm}: the current key does not sign: {error}")),
        }
    }
    problems
}
