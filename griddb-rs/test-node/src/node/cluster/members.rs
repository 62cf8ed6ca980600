//! The cluster's view: its members, and the owner and backup of each partition.

use crate::node::partition::Role;
use crate::node::{ClusterRole, Node, PartitionAddresses, Power, View};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;

/// The state of a node's process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Up,
    Paused,
    Down,
}

struct Member {
    node: Arc<Node>,
    status: Status,
    /// Whether the cluster still counts on it.
    belongs: bool,
    /// Incremented by every event of the node, so that a pending change notices that it is outdated.
    incident: u64,
}

/// The nodes that hold a partition.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Assignment {
    pub(super) owner: Option<usize>,
    pub(super) backup: Option<usize>,
}

/// A partition without an owner, its previous owner, and its next one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Vacancy {
    at: usize,
    from: usize,
    to: usize,
}

pub(super) struct Members {
    members: Vec<Member>,
    pub(super) master: Option<usize>,
    assignments: Vec<Assignment>,
}

impl Members {
    /// Spreads owners and backups over the nodes.
    pub(super) fn new(nodes: Vec<Arc<Node>>) -> Self {
        let count = nodes.len();
        let partitions = nodes.first().map_or(0, |node| node.each_partition().count());
        let assignment = |partition: usize| {
            // use every pair of owner and backup in turn
            let owner = partition % count;
            let other = 1 + partition / count % (count - 1).max(1);
            Assignment { owner: Some(owner), backup: (count > 1).then_some((owner + other) % count) }
        };
        let member = |node| Member { node, status: Status::Up, belongs: true, incident: 0 };
        let mut members = Self {
            members: nodes.into_iter().map(member).collect(),
            master: Some(0),
            assignments: (0..partitions).map(assignment).collect(),
        };
        members.publish();
        members.catch_up();
        members
    }

    pub(super) fn assignment(&self, partition: i32) -> Option<Assignment> {
        self.assignments.get(usize::try_from(partition).ok()?).copied()
    }

    pub(super) fn find(&self, owner: usize, backup: usize) -> Option<i32> {
        let wanted =
            |assignment: &Assignment| assignment.owner == Some(owner) && assignment.backup == Some(backup);
        i32::try_from(self.assignments.iter().position(wanted)?).ok()
    }

    pub(super) fn power(&self, node: usize) -> Power {
        self.members[node].node.power()
    }

    /// Records what happened to a node, and numbers it.
    pub(super) fn set_status(&mut self, node: usize, status: Status) -> u64 {
        let member = &mut self.members[node];
        member.status = status;
        member.incident += 1;
        member.incident
    }

    pub(super) fn incident(&self, node: usize) -> u64 {
        self.members[node].incident
    }

    pub(super) fn belongs(&self, node: usize) -> bool {
        self.members[node].belongs
    }

    /// Whether nothing else has happened to the node since.
    pub(super) fn is_still(&self, node: usize, incident: u64) -> bool {
        self.members[node].incident == incident
    }

    /// Whether the majority of the nodes is up.
    pub(super) fn quorum(&self) -> bool {
        let up = self.members.iter().filter(|member| member.status == Status::Up).count();
        up * 2 > self.members.len()
    }

    fn is_usable(&self, node: usize) -> bool {
        let member = &self.members[node];
        member.belongs && member.status == Status::Up
    }

    fn partition_number(at: usize) -> i32 {
        i32::try_from(at).unwrap_or(i32::MAX)
    }

    fn set_role(&self, node: usize, at: usize, role: Role) {
        if let Some(mut partition) = self.members[node].node.partition(Self::partition_number(at)) {
            partition.role = role;
            if role != Role::Owner {
                partition.unlink();
            }
        }
    }

    /// Stops replication to and from a node that is gone.
    pub(super) fn unlink(&mut self, node: usize) {
        let gone = Arc::as_ptr(&self.members[node].node);
        for member in &self.members {
            for mut partition in member.node.each_partition() {
                if partition.backup.as_ref().is_some_and(|backup| std::ptr::eq(backup.as_ptr(), gone)) {
                    partition.unlink();
                }
            }
        }
        for mut partition in self.members[node].node.each_partition() {
            partition.unlink();
        }
    }

    /// Drops the node from the cluster. What the node itself believes stays as it is.
    pub(super) fn leave(&mut self, node: usize) {
        self.unlink(node);
        self.members[node].belongs = false;
        for Assignment { owner, backup } in &mut self.assignments {
            for role in [owner, backup] {
                *role = role.filter(|known| *known != node);
            }
        }
    }

    /// A restarted node knows of no cluster.
    pub(super) fn prepare_restart(&mut self, node: usize) {
        if self.members[node].status == Status::Down {
            self.members[node].node.view().role = ClusterRole::Alone;
            for at in 0..self.assignments.len() {
                self.set_role(node, at, Role::Off);
            }
        }
    }

    /// The remaining nodes stop serving: no master, no owners.
    pub(super) fn dissolve(&mut self) {
        self.master = None;
        for node in 0..self.members.len() {
            if self.is_usable(node) {
                self.members[node].node.view().role = ClusterRole::Alone;
                for mut partition in self.members[node].node.each_partition() {
                    partition.role = Role::Off;
                }
            }
        }
    }

    /// Elects a new master, if the majority of the nodes is there.
    pub(super) fn elect(&mut self) -> bool {
        if self.master.is_some() || !self.quorum() {
            return false;
        }
        self.master = (0..self.members.len()).find(|node| self.is_usable(*node));
        self.assign();
        true
    }

    /// Makes backups the owners of partitions without an owner, or else the node with the latest copy. Gives a
    /// backup to partitions without one.
    pub(super) fn assign(&mut self) {
        for at in 0..self.assignments.len() {
            let Assignment { owner, backup } = self.assignments[at];
            let usable = |node: &usize| self.is_usable(*node);
            let owner = owner.filter(usable).or(backup.filter(usable)).or_else(|| self.latest(at));
            let backup = backup.filter(|node| usable(node) && owner != Some(*node));
            // spread the load: use the next node after the owner
            let count = self.members.len();
            let next = owner.and_then(|owner| (1..count).map(|step| (owner + step) % count).find(usable));
            self.assignments[at] = Assignment { owner, backup: backup.or(next) };
        }
        self.publish();
    }

    fn latest(&self, at: usize) -> Option<usize> {
        let usable = (0..self.members.len()).filter(|node| self.is_usable(*node));
        usable.max_by_key(|node| {
            let partition = self.members[*node].node.partition(Self::partition_number(at));
            partition.map_or(0, |partition| partition.state.changes)
        })
    }

    /// A node rejoins the cluster.
    pub(super) fn join(&mut self, node: usize) {
        let was_away = !self.members[node].belongs;
        self.members[node].belongs = true;
        if self.master.is_none() || !was_away {
            return;
        }
        // where it believed to be the owner, it still serves reads until it has caught up
        for at in 0..self.assignments.len() {
            let partition = self.members[node].node.partition(Self::partition_number(at));
            let role = partition.map_or(Role::Off, |partition| partition.role);
            let mine = self.assignments[at].owner == Some(node);
            if role == Role::Owner && !mine {
                self.set_role(node, at, Role::Backup);
            }
        }
        self.assign();
    }

    /// Tells every usable node its roles and the assignments.
    fn publish(&mut self) {
        for at in 0..self.assignments.len() {
            let assignment = self.assignments[at];
            for node in (0..self.members.len()).filter(|node| self.is_usable(*node)) {
                let partition = self.members[node].node.partition(Self::partition_number(at));
                let role = partition.map_or(Role::Off, |partition| partition.role);
                if assignment.owner == Some(node) && role != Role::Owner {
                    self.set_role(node, at, Role::Owner);
                } else if assignment.owner != Some(node)
                    && assignment.backup != Some(node)
                    && role != Role::Backup
                {
                    self.set_role(node, at, Role::Off);
                }
            }
        }
        self.publish_view();
    }

    /// Tells every usable node the assignments.
    pub(super) fn publish_view(&self) {
        let address = |node: usize| self.members[node].node.address;
        let addresses = |assignment: &Assignment| PartitionAddresses {
            owner: assignment.owner.map(address),
            backups: assignment.backup.map(address).into_iter().collect(),
        };
        let partitions = Arc::new(self.assignments.iter().map(addresses).collect());
        let nobody = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0);
        for (node, member) in self.members.iter().enumerate().filter(|(node, _)| self.is_usable(*node)) {
            let role = match self.master {
                None => ClusterRole::Alone,
                Some(master) if master == node => ClusterRole::Master,
                Some(_) => ClusterRole::Follower,
            };
            let master = self.master.map_or(nobody, address);
            *member.node.view() = View { role, master, partitions: Arc::clone(&partitions) };
        }
    }

    /// Copies partitions to the backups that do not follow yet. Other nodes drop old copies.
    pub(super) fn catch_up(&mut self) {
        if self.master.is_none() {
            return;
        }
        for at in 0..self.assignments.len() {
            let Assignment { owner: Some(owner), backup } = self.assignments[at] else { continue };
            for node in (0..self.members.len()).filter(|node| self.is_usable(*node)) {
                if node == owner {
                    continue;
                }
                if backup == Some(node) {
                    self.copy(at, owner, node);
                } else {
                    self.set_role(node, at, Role::Off);
                }
            }
        }
    }

    /// Makes `to` follow `from`, unless it already does. Owners are locked before backups, as for changes.
    fn copy(&self, at: usize, from: usize, to: usize) {
        let number = Self::partition_number(at);
        let (owner_node, backup_node) = (&self.members[from].node, &self.members[to].node);
        let Some(mut owner) = owner_node.partition(number) else { return };
        let follows = |link: &std::sync::Weak<Node>| std::ptr::eq(link.as_ptr(), Arc::as_ptr(backup_node));
        if owner.role != Role::Owner || owner.backup.as_ref().is_some_and(follows) {
            return;
        }
        if let Some(mut backup) = backup_node.partition(number) {
            backup.state = owner.state.clone();
            backup.role = Role::Backup;
            backup.unlink();
        }
        owner.unlink();
        owner.backup = Some(Arc::downgrade(backup_node));
    }

    /// Swaps owner and backup of a partition.
    pub(super) fn swap(&mut self, partition: i32) -> bool {
        let Some(vacancy) = self.vacate(partition, Role::Backup) else { return false };
        self.fill(vacancy);
        true
    }

    /// Takes a partition from its owner. Its backup becomes the owner once the vacancy is [filled](Self::fill).
    /// `None` if it has no backup.
    pub(super) fn vacate(&mut self, partition: i32, meanwhile: Role) -> Option<Vacancy> {
        let at = usize::try_from(partition).ok()?;
        let Assignment { owner: Some(from), backup: Some(to) } = self.assignments.get(at).copied()? else {
            return None;
        };
        if let Some(mut partition) = self.members[from].node.partition(partition) {
            partition.replicate();
        }
        for node in [from, to] {
            self.set_role(node, at, meanwhile);
        }
        self.assignments[at].owner = None;
        Some(Vacancy { at, from, to })
    }

    /// Fills a vacancy, unless a change of the cluster has filled it already.
    pub(super) fn fill(&mut self, Vacancy { at, from, to }: Vacancy) {
        if self.assignments[at].owner.is_some() || !self.is_usable(to) {
            return;
        }
        let backup = self.is_usable(from).then_some(from);
        self.assignments[at] = Assignment { owner: Some(to), backup };
        self.set_role(to, at, Role::Owner);
        if let Some(backup) = backup {
            self.copy(at, to, backup);
        }
        self.publish_view();
    }
}
