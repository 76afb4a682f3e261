//! What can only be seen from inside: what is asked, beside the indexes it is asked of.

mod answers;
mod commands;
mod plans;
#[allow(dead_code, reason = "shared with the tests outside, which use all of it")]
#[path = "../tests/it/server.rs"]
mod server;

use mongodb::bson::doc;

use crate::connect::require;

/// `hello` as servers answer it.
#[test]
fn only_what_has_transactions_is_accepted() {
    let node = doc! { "isWritablePrimary": true, "maxWireVersion": 25, "setName": "rs0", "setVersion": 1 };
    let router = doc! { "isWritablePrimary": true, "maxWireVersion": 25, "msg": "isdbgrid" };
    let alone = doc! { "isWritablePrimary": true, "maxWireVersion": 25, "readOnly": false };
    // A member that waits for rs.initiate() belongs to no set yet.
    let waiting = doc! { "isWritablePrimary": false, "secondary": false, "isreplicaset": true };
    require(&node).unwrap();
    require(&router).unwrap();
    for hello in [alone, waiting] {
        let text = require(&hello).unwrap_err().to_string();
        assert!(text.contains("--replSet") && text.contains("rs.initiate()"), "{text}");
    }
}
