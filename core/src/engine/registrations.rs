//! The rows of clients that registered themselves: made when a user first allows one something, or when it changes itself.

use super::Engine;
use crate::clients::row_id;
use crate::events::{ClientChange, Event};
use crate::model::Client;
use crate::protocol::OAuthError;
use crate::store::{By, Change, Key, Kind, Record, StoreError};

impl Engine {
    /// Stores a registration that does not fit into an id. It has an end, until a user allows the client something.
    pub(crate) async fn insert_registration(&self, client: &Client) -> Result<(), OAuthError> {
        let mut client = client.clone();
        self.seal_secret(&mut client).await?;
        match self.store.insert(Key::new(Kind::Client, &row_id(client.id())), client.to_row()).await? {
            true => Ok(()),
            false => Err(OAuthError::server_error("a new client id was already taken")),
        }
    }

    /// A user has allowed this client something: from now on its registration has no end.
    pub(crate) async fn keep_registration(&self, client: &Client) -> Result<(), OAuthError> {
        if client.expires.is_none() || !client.is_self_registered() {
            return Ok(());
        }
        let mut kept = Client { expires: None, ..client.clone() };
        self.seal_secret(&mut kept).await?;
        let row_id = row_id(client.id());
        // The row may appear or disappear between insert and change. Then each of them fails, and the other is tried.
        for _ in 0..8 {
            if self.store.insert(Key::new(Kind::Client, &row_id), kept.to_row()).await? {
                self.events
                    .emit(Event::ClientChanged { change: ClientChange::Registered }.of_client(client.id()));
                return Ok(());
            }
            let keep = |stored: &Client| match stored.body.deleted {
                true => (Change::Keep, false),
                false => (Change::Replace(Client { expires: None, ..stored.clone() }.to_row()), true),
            };
            match self.store.change::<Client, bool>(&row_id, keep).await? {
                Some((_, true)) => return Ok(()),
                Some((_, false)) => return Err(OAuthError::access_denied("the client has deleted itself")),
                None => {}
            }
        }
        Err(OAuthError::unavailable(1))
    }

    /// Replaces the registration of a client, which keeps its id and its end. `None` if it has deleted itself meanwhile.
    pub(crate) async fn replace_registration(&self, client: Client) -> Result<Option<Client>, OAuthError> {
        let mut client = client;
        self.seal_secret(&mut client).await?;
        let row_id = row_id(client.id()).into_owned();
        for _ in 0..8 {
            let replace = |stored: &Client| match stored.body.deleted {
                true => (Change::Keep, None),
                false => {
                    let replaced = Client { expires: stored.expires, ..client.clone() };
                    (Change::Replace(replaced.to_row()), Some(replaced))
                }
            };
            let replaced = match self.store.change::<Client, Option<Client>>(&row_id, replace).await? {
                Some((_, replaced)) => replaced,
                // Without a row it lives in its id, and a row that it had has ended with it.
                None if client.expires.is_none() => return Ok(None),
                None if self.store.insert(Key::new(Kind::Client, &row_id), client.to_row()).await? => {
                    Some(client.clone())
                }
                None => continue,
            };
            if replaced.is_some() {
                self.events
                    .emit(Event::ClientChanged { change: ClientChange::Replaced }.of_client(client.id()));
            }
            return Ok(replaced);
        }
        Err(OAuthError::unavailable(1))
    }

    /// Deletes a client that registered itself, with everything that it was granted. As long as its id could be opened, a row says that
    /// it is gone.
    pub(crate) async fn delete_registration(&self, client: &Client) -> Result<(), StoreError> {
        let row_id = row_id(client.id());
        let key = Key::new(Kind::Client, &row_id);
        let opens_until = client.registered.after(crate::clients::UNUSED_FOR);
        if opens_until <= self.clock.now() {
            self.store.remove(key).await?;
        } else {
            self.store.put(key, client.tombstone(opens_until).to_row()).await?;
        }
        let grants = self.remove_entries(Kind::Grant, By::Client(client.id()), |_| true).await;
        let consents = self.remove_entries(Kind::Consent, By::Client(client.id()), |_| true).await;
        self.events.emit(Event::ClientChanged { change: ClientChange::Removed }.of_client(client.id()));
        grants?;
        consents?;
        Ok(())
    }
}
