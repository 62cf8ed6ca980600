gridauth::scopes! {
    Orders = "orders.read,orders.pay";
    Nothing = "";
}

fn main() {}
