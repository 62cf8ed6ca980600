//! The addresses to ask: configured ones, and those behind host names and the provider.

use std::{
    future::Future,
    net::{Ipv4Addr, SocketAddr},
    pin::Pin,
};

use tokio::{
    net::lookup_host,
    time::{Instant, timeout_at},
};

use crate::{
    config::Config,
    error::{Error, ErrorKind},
};

/// A lookup of addresses that takes time.
pub(super) type Listing<'a> = Pin<Box<dyn Future<Output = Result<Vec<SocketAddr>, Error>> + Send + 'a>>;

/// The hosts that are configured as addresses.
pub(super) fn literal(config: &Config) -> impl Iterator<Item = SocketAddr> {
    config.hosts.iter().filter_map(|(host, port)| address(host, *port))
}

/// One lookup for each host name and for the provider.
pub(super) fn others(config: &Config, deadline: Instant) -> Vec<Listing<'_>> {
    let names = config.hosts.iter().filter(|(host, port)| address(host, *port).is_none());
    let listings = names.map(|(host, port)| Box::pin(resolve(host, *port, deadline)) as Listing<'_>);
    #[cfg(feature = "provider")]
    let listings = {
        let provider = config.provider.iter();
        listings.chain(provider.map(|url| Box::pin(super::provider::nodes(url, deadline)) as Listing<'_>))
    };
    listings.collect()
}

fn address(host: &str, port: u16) -> Option<SocketAddr> {
    host.parse().ok().map(|ip: Ipv4Addr| SocketAddr::from((ip, port)))
}

/// The IPv4 addresses of a host, at least one. GridDB's client port is IPv4 only.
pub(super) async fn resolve(host: &str, port: u16, deadline: Instant) -> Result<Vec<SocketAddr>, Error> {
    let unresolved =
        |what: &str| Error::with_message(ErrorKind::Unavailable, format!("the host {host} {what}"));
    let found = match timeout_at(deadline, lookup_host((host, port))).await {
        Ok(Ok(found)) => found.filter(SocketAddr::is_ipv4).collect::<Vec<_>>(),
        Ok(Err(error)) => {
            let message = format!("the host {host} cannot be resolved");
            return Err(Error::with_both(ErrorKind::Unavailable, message, error));
        }
        Err(_) => return Err(unresolved("did not resolve in time")),
    };
    if found.is_empty() { Err(unresolved("has no IPv4 address")) } else { Ok(found) }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn addresses_are_used_as_they_are_and_names_are_resolved() {
        let config = Config::parse("griddb://u:p@10.0.0.1,localhost:7,127.0.0.1:8/c").unwrap();
        let literal: Vec<String> = literal(&config).map(|address| address.to_string()).collect();
        assert_eq!(literal, ["10.0.0.1:10001", "127.0.0.1:8"]);
        let mut others = others(&config, Instant::now() + Duration::from_secs(5));
        assert_eq!(others.len(), 1);
        assert!(others.remove(0).await.unwrap().contains(&"127.0.0.1:7".parse().unwrap()));
    }

    #[tokio::test]
    async fn a_host_name_without_an_address_is_an_error() {
        let deadline = Instant::now() + Duration::from_secs(5);
        for host in ["::1", "nowhere.invalid"] {
            let error = resolve(host, 1, deadline).await.unwrap_err();
            assert!(error.is_unavailable(), "{error}");
        }
    }
}
