//! Statements about users, databases and privileges.

use super::{Request, Statement};
use crate::error::{ErrorCode, Refusal};
use crate::node::Node;
use crate::node::connection::Peer;
use crate::wire::schema::is_name;

impl Node {
    pub(super) fn account(&self, peer: &Peer, request: Request<'_>) -> Result<(), Refusal> {
        let login = peer.login.as_deref().ok_or(ErrorCode::AUTH_REQUIRED)?;
        let Request { statement, mut body, .. } = request;
        let name = body.string()?;
        let own_password = statement == Statement::PutUser && login.user == name;
        if !login.administrator && !own_password {
            return Err(match statement {
                Statement::PutUser => ErrorCode::MESSAGE_INVALID.into(),
                _ => ErrorCode::NOT_ALLOWED.into(),
            });
        }
        if !is_name(name) {
            return Err(ErrorCode::LIMITS_EXCEEDED.because("name of a user or a database"));
        }
        match statement {
            Statement::PutUser => {
                let _property = body.u8()?;
                let secret = if body.bool()? { Some(body.string()?) } else { None };
                let replace = body.bool()?;
                self.accounts().put_user(name, secret, replace)?;
            }
            Statement::DropUser => self.accounts().drop_user(name),
            Statement::PutDatabase => self.accounts().put_database(name),
            Statement::DropDatabase => self.accounts().drop_database(name)?,
            Statement::PutPrivilege | Statement::DropPrivilege => {
                let _property = body.u8()?;
                for _ in 0..body.count32()? {
                    let user = body.string()?;
                    let may_write = body.string()? == b"ALL";
                    if statement == Statement::PutPrivilege {
                        self.accounts().put_privilege(name, user, may_write)?;
                    } else {
                        self.accounts().drop_privilege(name, user);
                    }
                }
            }
            _ => return Err(ErrorCode::NOT_SUPPORTED.because("not in the test node")),
        }
        Ok(())
    }
}
