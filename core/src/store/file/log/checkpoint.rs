use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;

/// A position in the log. The database stores the one up to which it holds every record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in super::super) struct Checkpoint(u64);

impl Checkpoint {
    /// Before the first record.
    pub(in super::super) const START: Self = Self(0);

    /// The end of a generation.
    pub(super) const fn after(generation: u64) -> Self {
        Self(generation)
    }

    /// The generation that ends here.
    pub(super) const fn generation(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Checkpoint {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}
