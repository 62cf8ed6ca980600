use gridauth::store::{Key, Kind, Query};

/// A call to a store: the method, and what tells one call of it from another.
#[derive(Clone, Copy, Debug)]
pub enum Call<'a> {
    /// `get` of this key.
    Get(Key<'a>),
    /// `insert` at this key.
    Insert(Key<'a>),
    /// `put` at this key.
    Put(Key<'a>),
    /// `update` of this key.
    Update(Key<'a>),
    /// `remove` of this key.
    Remove(Key<'a>),
    /// `list` for this page.
    List(&'a Query<'a>),
    /// `ping`.
    Ping,
    /// `remove_expired` for this kind.
    RemoveExpired(Kind),
}
