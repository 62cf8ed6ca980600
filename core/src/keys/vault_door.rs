use std::fmt;
use std::sync::Arc;

use tokio::sync::OnceCell;

use super::{KeyStoreError, ServerSecret, Vault};
use crate::env::{Clock, Entropy};
use crate::store::Store;

/// Opens the vault when it is first needed. A server that seals nothing has no secret of its own in the store.
pub(crate) struct VaultDoor {
    store: Store,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    secret: Option<ServerSecret>,
    previous: Option<ServerSecret>,
    vault: OnceCell<Arc<Vault>>,
}

impl VaultDoor {
    /// The door to the vault of this store, under the secrets of the application, if it has any.
    pub(crate) fn new(
        store: Store,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        secret: Option<ServerSecret>,
        previous: Option<ServerSecret>,
    ) -> Self {
        Self { store, clock, entropy, secret, previous, vault: OnceCell::new() }
    }

    /// Whether the application gives a secret, so that something may be sealed under another one.
    pub(crate) fn has_secret(&self) -> bool {
        self.secret.is_some() || self.previous.is_some()
    }

    /// The vault.
    ///
    /// # Errors
    /// [`KeyStoreError`] if the store's own secret is needed and can be neither read nor made.
    pub(crate) async fn open(&self) -> Result<&Arc<Vault>, KeyStoreError> {
        let open = async || {
            let (secret, previous) = (self.secret.as_ref(), self.previous.as_ref());
            Vault::open(&self.store, secret, previous, &*self.clock, &*self.entropy).await.map(Arc::new)
        };
        self.vault.get_or_try_init(open).await
    }

    /// The source of randomness, for sealing.
    pub(crate) fn entropy(&self) -> &dyn Entropy {
        &*self.entropy
    }
}

impl fmt::Debug for VaultDoor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VaultDoor").finish_non_exhaustive()
    }
}
