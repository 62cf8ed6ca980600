//! What only the server may create cannot be created by hand, and the compiler explains the usual mistakes.

#[test]
fn misuse_does_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
