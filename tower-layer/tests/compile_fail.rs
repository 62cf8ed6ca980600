//! The usual mistakes do not compile, and the compiler says how to fix them.

#[test]
fn mistakes_are_explained() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
