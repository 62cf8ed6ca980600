//! Two scopes, one per line: they behave as sets of tokens, whatever is in them.
#![no_main]

use std::collections::HashSet;

use gridauth::protocol::Scope;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (first, second) = text.split_once('\n').unwrap_or((text, ""));
    let (Ok(first), Ok(second)) = (first.parse::<Scope>(), second.parse::<Scope>()) else { return };
    let (own, other): (HashSet<_>, HashSet<_>) = (first.iter().collect(), second.iter().collect());
    assert_eq!(own.len(), first.iter().count(), "a token twice");
    assert_eq!(first.as_str().parse::<Scope>().as_ref(), Ok(&first));
    assert_eq!(first.covers(&second), other.is_subset(&own));
    assert_eq!(first.covers_list(second.as_str()), other.is_subset(&own));
    assert_eq!(first.union(&second).iter().collect::<HashSet<_>>(), own.union(&other).copied().collect());
    let both = first.filter(|token| second.contains(token));
    assert_eq!(both.iter().collect::<HashSet<_>>(), own.intersection(&other).copied().collect());
    assert_eq!(first.is_empty(), own.is_empty());
});
