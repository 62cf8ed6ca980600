//! Any text as a URL: it is parsed or refused, and an error never contains its password.

#![no_main]

use griddb_rs::Config;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = Config::parse(text);
    if let Err(error) = Config::parse(&format!("griddb://user:sesame{text}")) {
        assert!(!error.to_string().contains("sesame") || text.contains("sesame"));
    }
});
