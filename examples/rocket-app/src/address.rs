//! The address, before Rocket listens on it: Rocket binds when it is launched, but the issuer has to be known before.

use std::io;
use std::net::SocketAddr;

use gridauth_demo::Stop;
use tokio::net::TcpSocket;

/// An address that is taken and not yet listened on, so that Rocket still can.
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

/// Takes an address. It stays taken until what this returns is dropped.
pub(crate) fn reserve(address: SocketAddr) -> Result<Reserved, Stop> {
    bind(address).map_err(|error| {
        Stop::cannot_start(format_args!("GRIDAUTH_LISTEN: {address} cannot be listened on: {error}"))
    })
}

fn bind(address: SocketAddr) -> io::Result<Reserved> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // Rocket sets this as well: of two such sockets on one address one may listen.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(Reserved { address: socket.local_addr()?, _socket: socket })
}
