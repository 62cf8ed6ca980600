//! Reserves the address. Rocket binds it only at launch, but the issuer depends on the port.

use std::io;
use std::net::SocketAddr;

use gridauth_demo::StartError;
use tokio::net::TcpSocket;

/// An address that is bound but not listened on, so that Rocket still can.
pub(crate) struct Reserved {
    _socket: TcpSocket,
    address: SocketAddr,
}

impl Reserved {
    /// The address, with its real port.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Reserves an address until the returned value is dropped.
pub(crate) fn reserve(address: SocketAddr) -> Result<Reserved, StartError> {
    bind(address).map_err(|error| {
        StartError::cannot_start(format_args!("GRIDAUTH_LISTEN: {address} cannot be listened on: {error}"))
    })
}

fn bind(address: SocketAddr) -> io::Result<Reserved> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // Rocket sets it too. One of two such sockets on the same address may listen.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(Reserved { address: socket.local_addr()?, _socket: socket })
}
