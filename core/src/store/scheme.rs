use std::pin::Pin;
use std::sync::{PoisonError, RwLock};

use super::{Backend, OpenError};

/// The future that opens a store.
pub type OpenFuture<'a> = Pin<Box<dyn Future<Output = Result<Box<dyn Backend>, OpenError>> + Send + 'a>>;

/// A kind of URL that [`Store::open`](super::Store::open) understands because a crate registered it.
///
/// ```
/// use gridauth::Store;
/// use gridauth::store::memory::MemoryStore;
/// use gridauth::store::{Backend, Scheme, register_scheme};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// register_scheme(Scheme {
///     name: "scratch",
///     provider: "my-crate",
///     form: "scratch:",
///     open: |_url| Box::pin(async { Ok(Box::new(MemoryStore::new()) as Box<dyn Backend>) }),
/// })?;
/// let store = Store::open("scratch:").await?;
/// # store.ping().await?;
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Scheme {
    /// The part of the URL before the colon, in lower case.
    pub name: &'static str,
    /// The crate that registers it.
    pub provider: &'static str,
    /// How its URLs look, for error messages.
    pub form: &'static str,
    /// Opens the store of a whole URL. An error must not contain a password.
    pub open: for<'a> fn(&'a str) -> OpenFuture<'a>,
}

/// A scheme cannot be registered: another crate, or gridauth itself, has it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{by} opens {scheme}: URLs already")]
pub struct SchemeTaken {
    /// The scheme.
    pub scheme: &'static str,
    /// The crate that has it.
    pub by: &'static str,
}

static REGISTERED: RwLock<Vec<Scheme>> = RwLock::new(Vec::new());

/// The schemes that [`Store::open`](super::Store::open) has by itself.
const BUILT_IN: [&str; 3] = ["memory", "file", "griddb"];

/// Crates that register a scheme, for the error where none did: the scheme, the crate, and its feature.
const KNOWN: [(&str, &str, &str); 3] = [
    ("postgres", "gridauth-sqlx", "postgres"),
    ("postgresql", "gridauth-sqlx", "postgres"),
    ("sqlite", "gridauth-sqlx", "sqlite"),
];

/// Makes [`Store::open`](super::Store::open) understand another kind of URL, in this process. A crate with a store offers a
/// function that does so, and an application calls it before it opens a store. The same crate may register a scheme again.
///
/// # Errors
/// [`SchemeTaken`] if another crate has registered it.
pub fn register_scheme(scheme: Scheme) -> Result<(), SchemeTaken> {
    if BUILT_IN.contains(&scheme.name) {
        return Err(SchemeTaken { scheme: scheme.name, by: "gridauth" });
    }
    let mut registered = REGISTERED.write().unwrap_or_else(PoisonError::into_inner);
    match registered.iter_mut().find(|other| other.name == scheme.name) {
        Some(other) if other.provider != scheme.provider => {
            Err(SchemeTaken { scheme: scheme.name, by: other.provider })
        }
        Some(other) => {
            *other = scheme;
            Ok(())
        }
        None => {
            registered.push(scheme);
            Ok(())
        }
    }
}

/// The registered scheme of this name.
pub(super) fn registered(name: &str) -> Option<Scheme> {
    let registered = REGISTERED.read().unwrap_or_else(PoisonError::into_inner);
    registered.iter().find(|scheme| scheme.name == name).copied()
}

/// How the URLs of registered schemes look.
pub(super) fn forms() -> Vec<&'static str> {
    let registered = REGISTERED.read().unwrap_or_else(PoisonError::into_inner);
    registered.iter().map(|scheme| scheme.form).collect()
}

/// What to do for a URL whose scheme nobody registered, if it is known who would.
pub(super) fn advice(name: &str) -> Option<String> {
    let (_, provider, feature) = KNOWN.into_iter().find(|(scheme, ..)| *scheme == name)?;
    let call = provider.replace('-', "_");
    Some(format!(
        "add the crate {provider} with the feature {feature}, and call {call}'s register() before the store is opened"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Store;
    use crate::store::memory::MemoryStore;

    const fn scheme(name: &'static str, provider: &'static str) -> Scheme {
        let open: for<'a> fn(&'a str) -> OpenFuture<'a> =
            |_| Box::pin(async { Ok(Box::new(MemoryStore::new()) as Box<dyn Backend>) });
        Scheme { name, provider, form: "testing:PATH", open }
    }

    #[tokio::test]
    async fn a_registered_scheme_opens_a_store_and_is_listed() {
        assert!(Store::open("testing:x").await.unwrap_err().bad_url);
        register_scheme(scheme("testing", "one")).unwrap();
        register_scheme(scheme("testing", "one")).unwrap();
        Store::open("testing:x").await.unwrap().ping().await.unwrap();
        let error = Store::open("redis:x").await.unwrap_err();
        assert!(error.reason.contains("testing:PATH"), "{error}");
    }

    #[test]
    fn a_scheme_belongs_to_the_crate_that_came_first() {
        register_scheme(scheme("owned", "one")).unwrap();
        let taken = register_scheme(scheme("owned", "two")).unwrap_err();
        assert_eq!(taken, SchemeTaken { scheme: "owned", by: "one" });
        for name in BUILT_IN {
            assert_eq!(register_scheme(scheme(name, "one")).unwrap_err().by, "gridauth");
        }
    }

    /// The password of the URL is in no error.
    #[tokio::test]
    async fn the_error_names_the_crate_that_is_missing() {
        for (url, feature) in [
            ("postgres://app:s3cret@db/app", "postgres"),
            ("postgresql://app:s3cret@db/app", "postgres"),
            ("sqlite:s3cret.db", "sqlite"),
        ] {
            let error = Store::open(url).await.unwrap_err();
            let text = error.to_string();
            assert!(error.bad_url && text.contains("gridauth-sqlx") && text.contains(feature), "{text}");
            assert!(!text.contains("s3cret"), "{text}");
        }
    }
}
