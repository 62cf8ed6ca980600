use gridauth::guard::AnyScope;
use gridauth_tower::Access;

fn forged(access: gridauth::Access) -> Access<AnyScope> {
    Access { access, scope: std::marker::PhantomData }
}

fn main() {
    let _ = forged;
}
