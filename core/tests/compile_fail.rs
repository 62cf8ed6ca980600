//! What only the server may make cannot be made by hand, and the usual mistakes are explained by the compiler.

#[test]
fn misuse_does_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
