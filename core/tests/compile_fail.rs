//! Types that only the server can make cannot be made by hand, and the compiler explains the usual mistakes.

#[test]
fn misuse_does_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
