use gridauth::Access;
use gridauth::Guard;

fn of_another_guard(access: Access, guard: Guard) -> Access {
    Access { guard, ..access }
}

fn main() {
    let _ = of_another_guard;
}
