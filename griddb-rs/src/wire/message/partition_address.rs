//! GET_PARTITION_ADDRESS (protocol 3.1 and 3.2): the master, and the owner of a partition.

use std::net::{Ipv4Addr, SocketAddrV4};

use crate::wire::{
    envelope::simple_request,
    options,
    reader::{DecodeError, Reader},
    statement::Statement,
};

/// More partitions than any cluster has: the server's own limit is 10,000.
const MOST_PARTITIONS: u32 = 1 << 16;

/// A node's knowledge of its cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClusterInfo {
    /// The number of partitions, at least one.
    pub partitions: u32,
    /// Whether the node that answered is the master.
    pub is_master: bool,
    /// The master's address.
    pub master: SocketAddrV4,
}

/// Appends the request for the master, which every node of a cluster answers.
pub fn encode_master(out: &mut Vec<u8>, id: i64) {
    simple_request(out, Statement::GetPartitionAddress, 0, id, |out| {
        out.extend_from_slice(&options::NONE);
        out.push(1);
    });
}

/// Reads the answer about the master.
pub fn decode_master(reader: &mut Reader<'_>) -> Result<ClusterInfo, DecodeError> {
    let partitions = partition_count(reader)?;
    reader.bytes(2, "owner counts")?;
    let is_master = reader.bool("master flag")?;
    if reader.i8("hash mode")? != 0 {
        return Err(DecodeError::Invalid("hash mode"));
    }
    Ok(ClusterInfo { partitions, is_master, master: address(reader)? })
}

/// Appends the request for a partition's owner, which only the master answers.
pub fn encode_owner(out: &mut Vec<u8>, id: i64, partition: u32) {
    simple_request(out, Statement::GetPartitionAddress, partition, id, |out| {
        out.extend_from_slice(&options::NONE)
    });
}

/// Reads the owner; `None` while the partition has none.
pub fn decode_owner(reader: &mut Reader<'_>) -> Result<Option<SocketAddrV4>, DecodeError> {
    partition_count(reader)?;
    match reader.u8("owner count")? {
        0 => Ok(None),
        _ => address(reader).map(Some),
    }
}

fn partition_count(reader: &mut Reader<'_>) -> Result<u32, DecodeError> {
    match u32::try_from(reader.i32("partition count")?) {
        Ok(count @ 1..=MOST_PARTITIONS) => Ok(count),
        _ => Err(DecodeError::Invalid("partition count")),
    }
}

fn address(reader: &mut Reader<'_>) -> Result<SocketAddrV4, DecodeError> {
    let ip = [reader.u8("address")?, reader.u8("address")?, reader.u8("address")?, reader.u8("address")?];
    let port = u16::try_from(reader.i32("port")?).map_err(|_| DecodeError::Invalid("port"))?;
    Ok(SocketAddrV4::new(Ipv4Addr::from(ip), port))
}
