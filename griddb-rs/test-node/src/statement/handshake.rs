//! Statements about the connection and the cluster.

use super::{Request, Statement};
use crate::error::{ErrorCode, Refusal};
use crate::node::accounts::Login;
use crate::node::connection::Peer;
use crate::node::{ClusterRole, Node};
use crate::wire::read::Reader;
use crate::wire::write::Write;
use std::net::SocketAddrV4;
use std::sync::Arc;

const PROTOCOL_VERSION: i32 = 15;
const LONGEST_APPLICATION_NAME: usize = 64;

impl Node {
    /// Executes a statement that does not concern a partition's data.
    pub(super) fn node_wide(
        &self,
        peer: &mut Peer,
        mut request: Request<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Refusal> {
        match request.statement {
            Statement::Connect => self.connect(&mut request.body, out),
            Statement::Login => self.log_in(peer, request, out),
            Statement::Logout => {
                peer.login = None;
                Ok(())
            }
            Statement::GetPartitionAddress => self.partition_address(peer, request, out),
            _ => self.account(peer, request),
        }
    }

    fn connect(&self, body: &mut Reader<'_>, out: &mut Vec<u8>) -> Result<(), Refusal> {
        let version = body.i32()?;
        // the transport block may be omitted
        let (mut plain, mut secure) = (true, false);
        if body.left() > 0 {
            let size = body.count32()?;
            let mut transport = Reader::new(body.take(size)?);
            (plain, secure) = (transport.bool()?, transport.bool()?);
        }
        self.must_be_in_cluster()?;
        if version != PROTOCOL_VERSION {
            let text = format!("(connectClientVersion={version}, serverVersion={PROTOCOL_VERSION})");
            return Err(ErrorCode::CLIENT_VERSION.because(text));
        }
        if !plain && secure {
            return Err(ErrorCode::OPERATION.because("Unacceptable security option requested"));
        }
        out.put_u8(0);
        out.put_i32(PROTOCOL_VERSION);
        out.put_bool(false);
        out.put_i32(2);
        out.put_bool(true);
        out.put_bool(false);
        Ok(())
    }

    fn log_in(&self, peer: &mut Peer, request: Request<'_>, out: &mut Vec<u8>) -> Result<(), Refusal> {
        let Request { options, mut body, .. } = request;
        let user = body.string()?;
        let secret = body.string()?;
        let _statement_timeout = body.i32()?;
        let immediate = body.bool()?;
        let cluster = body.string()?;
        peer.login = None;
        self.must_be_in_cluster()?;
        if !cluster.is_empty() && cluster != self.options.cluster.as_bytes() {
            let current = &self.options.cluster;
            return Err(ErrorCode::CLUSTER_NAME.because(format!("cluster name invalid (current={current})")));
        }
        if let Some(name) = &options.application {
            let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-./=".contains(byte);
            if name.len() > LONGEST_APPLICATION_NAME || !name.iter().all(allowed) {
                return Err(ErrorCode::LIMITS_EXCEEDED.because("application name"));
            }
        }
        let database = options.database.as_deref().unwrap_or(b"public");
        let access = self.accounts().check(user, secret, database);
        let access = access.ok_or_else(|| ErrorCode::AUTH_FAILED.because("invalid user name or password"))?;
        out.put_u8(0);
        out.put_i64(access.database);
        peer.login = Some(Arc::new(Login {
            user: user.to_vec(),
            administrator: access.administrator,
            database: access.database,
            may_write: access.may_write,
            immediate,
            timeout: options.transaction_timeout.unwrap_or(-1),
        }));
        Ok(())
    }

    fn partition_address(&self, peer: &Peer, request: Request<'_>, out: &mut Vec<u8>) -> Result<(), Refusal> {
        let Request { head, mut body, .. } = request;
        if peer.login.is_none() {
            return Err(ErrorCode::AUTH_REQUIRED.into());
        }
        let asks_for_master = body.left() > 0 && body.bool()?;
        let view = self.view().clone();
        let is_master = view.role == ClusterRole::Master;
        if !is_master && (!asks_for_master || view.role == ClusterRole::Alone) {
            return Err(self.wrong_cluster_role(head.partition));
        }
        out.put_count32(view.partitions.len());
        if asks_for_master {
            out.put_u8(0);
            out.put_u8(0);
            out.put_bool(is_master);
            out.put_u8(0);
            put_address(out, view.master);
            return Ok(());
        }
        let addresses = usize::try_from(head.partition).ok().and_then(|number| view.partitions.get(number));
        let (owner, backups) = addresses.map_or((None, [].as_slice()), |named| (named.owner, &named.backups));
        for addresses in [owner.as_slice(), backups] {
            out.put_u8(u8::try_from(addresses.len()).unwrap_or(u8::MAX));
            for address in addresses {
                put_address(out, *address);
            }
        }
        Ok(())
    }

    pub(super) fn must_be_in_cluster(&self) -> Result<(), Refusal> {
        if self.view().role == ClusterRole::Alone { Err(self.wrong_cluster_role(0)) } else { Ok(()) }
    }

    pub(super) fn wrong_cluster_role(&self, partition: i32) -> Refusal {
        let actual = match self.view().role {
            ClusterRole::Master => "MASTER",
            ClusterRole::Follower => "FOLLOWER",
            ClusterRole::Alone => "SUB_CLUSTER",
        };
        ErrorCode::CLUSTER_ROLE
            .because(format!("(pId={partition}, required={{MASTER}}, actual={actual}, LSN=0)"))
    }
}

fn put_address(out: &mut Vec<u8>, address: SocketAddrV4) {
    out.put(&address.ip().octets());
    out.put_i32(i32::from(address.port()));
}
