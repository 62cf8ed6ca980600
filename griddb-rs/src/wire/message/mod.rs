//! One file per statement: its request and its answer.

pub mod connect;
pub mod container;
pub mod failure;
pub mod flush;
pub mod index;
pub mod login;
pub mod partition_address;
pub mod query;
pub mod row;
pub mod session;
