//! A query or a form body: parsed strictly, and to the same pairs as by any other parser of forms.
#![no_main]

use gridauth::protocol::Parameters;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(parameters) = Parameters::parse(data) else { return };
    let pairs: Vec<_> = parameters.iter().collect();
    assert!(pairs.len() <= Parameters::MAX);
    let others: Vec<_> = form_urlencoded::parse(data).collect();
    assert!(pairs.iter().copied().eq(others.iter().map(|(name, value)| (&**name, &**value))));
    for (name, value) in &pairs {
        assert!(!name.contains(char::is_control));
        assert!(*name == "password" || !value.contains(char::is_control));
        assert_ne!(parameters.get(name), Some(""));
        let count = pairs.iter().filter(|(other, _)| other == name).count();
        assert_eq!(parameters.is_repeated(name), count > 1);
    }
    let again = Parameters::parse(parameters.encode_without(&[]).as_bytes()).expect("it was encoded by us");
    assert!(again.iter().eq(parameters.iter()));
});
