use gridauth::Access;
use gridauth::guard::GuardId;

fn of_another_guard(access: Access, guard: GuardId) -> Access {
    Access { guard, ..access }
}

fn main() {
    let _ = of_another_guard;
}
