use clerk_sync_core::StoreErrorKind;
use mongodb::bson::{Document, doc};

use crate::error::{is_held, is_lost, matched, store_error};

fn refused(error: Document) -> Document {
    doc! { "ok": 1, "n": 0, "writeErrors": [error] }
}

#[test]
fn what_was_met_is_counted() {
    assert_eq!(matched(doc! { "ok": 1, "n": 3, "nModified": 1 }).unwrap(), 3);
    assert!(matched(doc! { "ok": 1 }).is_err());
}

/// The server says `ok` and refuses a write: each is judged as the driver's own error would be.
#[test]
fn a_refused_write_is_no_success() {
    let duplicate = |more: Document| {
        let mut error = doc! { "index": 2, "code": 11_000 };
        error.extend(more);
        refused(error)
    };
    let transient = "TransientTransactionError";
    let mut labelled = refused(doc! { "code": 8_000, "errmsg": "busy" });
    labelled.insert("errorLabels", vec![transient]);
    let mut elsewhere = refused(doc! { "code": 10_107, "errmsg": "not primary" });
    elsewhere.insert("errorLabels", vec![transient]);
    let late = doc! { "ok": 1, "n": 1, "writeConcernError": { "code": 64, "errmsg": "timed out" } };
    let ours = "E11000 duplicate key error collection: x index: clerk_user_email_key dup key";
    // The answer, whether it is a race lost, and whether somebody holds what is to be taken.
    let cases = [
        (duplicate(doc! { "keyPattern": { "email_key": 1 } }), Some(true), true),
        (duplicate(doc! { "keyPattern": { "username_key": 1 } }), Some(true), true),
        (duplicate(doc! { "keyPattern": { "_id": 1 } }), Some(true), false),
        (duplicate(doc! { "keyPattern": { "phone": 1 }, "errmsg": "a@x.test" }), None, false),
        (duplicate(doc! { "errmsg": ours }), Some(true), true),
        (duplicate(doc! { "errmsg": "index: app_phone dup key" }), None, false),
        (refused(doc! { "code": 112 }), Some(true), false),
        (labelled, Some(true), false),
        (elsewhere, Some(false), false),
        (refused(doc! { "code": 121 }), Some(false), false),
        (refused(doc! {}), Some(false), false),
        (late, Some(false), false),
    ];
    for (answer, lost, held) in cases {
        let error = matched(answer.clone()).unwrap_err();
        assert_eq!(is_lost(&error).ok(), lost, "{answer}");
        assert_eq!(is_held(&error), held, "{answer}");
    }
    let invalid = matched(refused(doc! { "code": 121, "errmsg": "a@x.test" })).unwrap_err();
    let invalid = store_error("commit", invalid);
    assert_eq!(invalid.kind(), StoreErrorKind::Corrupt);
    assert!(!format!("{invalid:?}").contains("x.test"), "{invalid:?}");
}
