//! How clients prove who they are.

pub mod secret;
