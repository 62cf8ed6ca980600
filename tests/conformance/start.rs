//! Starting, stopping and starting again.

use gridauth_conformance::{Context, cases};

cases! {
    "DEMO_APP.md, Start" => it_says_where_it_listens,
}

fn it_says_where_it_listens(context: &Context) {
    assert_ne!(context.app().client.address.port(), 0);
}
