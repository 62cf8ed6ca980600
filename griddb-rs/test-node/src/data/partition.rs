//! The state of one partition. Only [`Change`]s modify it, so that a backup can follow.

use super::change::Change;
use super::container::{Container, TxnId};
use super::journal::{Journal, Undo};
use super::result_set::ResultSet;
use super::session::{ClientId, Session, Transaction};
use std::collections::HashMap;
use tokio::time::Instant;

/// Containers, sessions, transactions and result sets of one partition.
#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    containers: HashMap<i64, Container>,
    by_name: HashMap<Vec<u8>, i64>,
    next_container: i64,
    sessions: HashMap<ClientId, Session>,
    transactions: HashMap<TxnId, Transaction>,
    next_transaction: TxnId,
    result_sets: HashMap<i64, ResultSet>,
    next_result_set: i64,
    journal: Journal,
    /// The number of changes so far, for error texts.
    pub(crate) changes: u64,
}

impl State {
    pub(crate) fn new(synced_always: bool) -> Self {
        Self { journal: Journal::new(synced_always), ..Self::default() }
    }

    pub(crate) fn container(&self, id: i64) -> Option<&Container> {
        self.containers.get(&id)
    }

    pub(crate) fn named(&self, identity: &[u8]) -> Option<&Container> {
        self.containers.get(self.by_name.get(identity)?)
    }

    pub(crate) fn container_names(&self) -> impl Iterator<Item = String> {
        self.containers
            .values()
            .map(|container| String::from_utf8_lossy(&container.key.exact_base()).into_owned())
    }

    pub(crate) fn next_container(&self) -> i64 {
        self.next_container
    }

    pub(crate) fn session(&self, client: &ClientId) -> Option<&Session> {
        self.sessions.get(client)
    }

    pub(crate) fn session_mut(&mut self, client: &ClientId) -> Option<&mut Session> {
        self.sessions.get_mut(client)
    }

    /// Whether an open transaction has locked or changed rows of the container.
    pub(crate) fn is_busy(&self, container: i64) -> bool {
        self.transactions.values().any(|txn| txn.container == container && !txn.rows.is_empty())
    }

    pub(crate) fn next_transaction(&self) -> TxnId {
        self.next_transaction
    }

    pub(crate) fn unsynced(&self) -> usize {
        self.journal.unsynced()
    }

    pub(crate) fn sync(&mut self) {
        self.journal.sync();
    }

    pub(crate) fn result_set(&self, id: i64) -> Option<&ResultSet> {
        self.result_sets.get(&id)
    }

    pub(crate) fn keep_result_set(&mut self, set: ResultSet) -> i64 {
        self.next_result_set += 1;
        self.result_sets.insert(self.next_result_set, set);
        self.next_result_set
    }

    pub(crate) fn drop_result_set(&mut self, id: i64) {
        self.result_sets.remove(&id);
    }

    /// Whether anything here can time out. Most partitions have nothing, and nodes check often.
    pub(crate) fn has_deadlines(&self) -> bool {
        !(self.transactions.is_empty() && self.sessions.is_empty() && self.result_sets.is_empty())
    }

    /// Expired transactions and sessions, as the changes that end them.
    pub(crate) fn expired(&mut self, now: Instant) -> Vec<Change> {
        self.result_sets.retain(|_, set| set.expires > now);
        let transactions =
            self.transactions.iter().filter(|(_, txn)| txn.expires.is_some_and(|expires| expires <= now));
        let mut changes: Vec<_> = transactions.map(|(txn, _)| Change::Abort(*txn)).collect();
        let sessions = self.sessions.iter().filter(|(_, session)| session.expires <= now);
        changes.extend(sessions.map(|(client, _)| Change::CloseSession(*client)));
        changes
    }

    /// Forgets the timeouts of expired transactions without aborting them, as a node does that is not the owner.
    pub(crate) fn miss_timeouts(&mut self, now: Instant) {
        for txn in self.transactions.values_mut() {
            txn.expires = txn.expires.filter(|expires| *expires > now);
        }
    }

    /// Applies a change.
    pub(crate) fn apply(&mut self, change: Change) {
        self.changes += 1;
        match change {
            Change::CreateContainer(container) => self.create(*container),
            Change::DropContainer(id) => {
                if let Some(container) = self.containers.remove(&id) {
                    self.by_name.remove(&container.key.identity());
                    self.journal.add(|| Undo::Container(Box::new(container)));
                }
            }
            Change::AlterContainer { container, schema } => {
                self.edit(container, |container| container.alter(schema));
            }
            Change::AddIndex { container, info } => {
                self.edit(container, |container| container.add_index(info));
            }
            Change::RemoveIndex { container, info } => {
                self.edit(container, |container| container.remove_index(&info));
            }
            Change::OpenSession { client, session } => drop(self.sessions.insert(client, session)),
            Change::CloseSession(client) => {
                if let Some(txn) = self.sessions.get(&client).and_then(|session| session.transaction) {
                    self.end(txn, false);
                }
                self.sessions.remove(&client);
            }
            Change::Executed { client, statement } => {
                if let Some(session) = self.sessions.get_mut(&client) {
                    session.last_statement = statement;
                }
            }
            Change::Begin { client, txn, expires } => self.begin(client, txn, expires),
            Change::Lock { txn, row } => {
                if let Some(transaction) = self.transactions.get_mut(&txn)
                    && let Some(container) = self.containers.get_mut(&transaction.container)
                {
                    container.lock(row, txn);
                    transaction.rows.push(row);
                }
            }
            Change::Write { txn, row, version } => {
                if let Some(transaction) = self.transactions.get_mut(&txn)
                    && let Some(container) = self.containers.get_mut(&transaction.container)
                {
                    container.write(row, version, Some(txn));
                    transaction.rows.push(row);
                }
            }
            Change::WriteThrough { container, row, version } => {
                if let Some(target) = self.containers.get_mut(&container) {
                    let before = target.write(row, version, None);
                    self.journal.add(|| Undo::Row { container, row, before });
                }
            }
            Change::Commit(txn) => self.end(txn, true),
            Change::Abort(txn) => self.end(txn, false),
        }
    }

    fn create(&mut self, container: Container) {
        let (id, next) = (container.id, self.next_container);
        self.by_name.insert(container.key.identity(), id);
        self.containers.insert(id, container);
        self.next_container = next.max(id + 1);
        self.journal.add(|| Undo::Created { container: id, next });
    }

    fn edit(&mut self, id: i64, edit: impl FnOnce(&mut Container)) {
        if let Some(container) = self.containers.get_mut(&id) {
            self.journal.add(|| Undo::Container(Box::new(container.clone())));
            edit(container);
        }
    }

    fn begin(&mut self, client: ClientId, txn: TxnId, expires: Instant) {
        let Some(session) = self.sessions.get_mut(&client) else { return };
        session.transaction = Some(txn);
        let transaction =
            Transaction { client, container: session.container, expires: Some(expires), rows: Vec::new() };
        self.transactions.insert(txn, transaction);
        self.next_transaction = self.next_transaction.max(txn + 1);
    }

    fn end(&mut self, txn: TxnId, commit: bool) {
        let Some(transaction) = self.transactions.remove(&txn) else { return };
        if let Some(session) = self.sessions.get_mut(&transaction.client) {
            session.transaction = None;
        }
        let id = transaction.container;
        let Some(container) = self.containers.get_mut(&id) else { return };
        for row in transaction.rows {
            if let Some(before) = container.release(row, commit) {
                self.journal.add(|| Undo::Row { container: id, row, before });
            }
        }
    }

    /// The state that a killed process finds when it restarts.
    pub(crate) fn crash(&mut self) {
        let open: Vec<_> = self.transactions.keys().copied().collect();
        for txn in open {
            self.end(txn, false);
        }
        self.sessions.clear();
        self.result_sets.clear();
        for undo in self.journal.lost() {
            match undo {
                Undo::Row { container, row, before } => {
                    if let Some(container) = self.containers.get_mut(&container) {
                        container.write(row, before, None);
                    }
                }
                Undo::Container(mut container) => {
                    container.drop_uncommitted();
                    self.by_name.insert(container.key.identity(), container.id);
                    self.containers.insert(container.id, *container);
                }
                Undo::Created { container, next } => {
                    if let Some(container) = self.containers.remove(&container) {
                        self.by_name.remove(&container.key.identity());
                    }
                    self.next_container = next;
                }
            }
        }
    }
}
