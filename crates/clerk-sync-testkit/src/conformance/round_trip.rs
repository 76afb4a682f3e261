//! What is stored comes back as it was.

use std::collections::BTreeSet;

use clerk_sync_core::{Change, Entry, Record, Revision, Source, Timestamp, Tombstone};

use super::{Tested, bury, done, insert_all, is_live, stored, update};
use crate::sample::{NOW, any_delivery, any_record, at, delivery, generated, record, user_id};

/// Generated records, without those that hold what another of them holds.
fn records() -> Vec<Record> {
    let mut keys = BTreeSet::new();
    let mut fresh =
        |kind: &str, key: Option<&str>| key.is_none_or(|key| keys.insert(format!("{kind} {key}")));
    let all = generated(&any_record(), 300);
    all.into_iter()
        .filter(|record| fresh("e", record.email_key()) && fresh("u", record.username_key()))
        .collect()
}

/// Every field, whatever letters it is written in.
pub async fn every_field_of_a_record(store: Tested) {
    let records = records();
    insert_all(&store, &records).await;
    for record in &records {
        is_live(&store, record).await;
    }
}

/// An update writes every field: a record takes the content of another, and back to none.
pub async fn every_field_of_an_update(store: Tested) {
    let mut rev = Revision::FIRST;
    insert_all(&store, &[record("ada")]).await;
    for mut content in records() {
        content.id = user_id("ada");
        content.rev = rev.next();
        done(&store, [update(content.clone(), rev)]).await;
        is_live(&store, &content).await;
        rev = content.rev;
    }
    let mut plain = record("ada");
    plain.rev = rev.next();
    done(&store, [update(plain.clone(), rev)]).await;
    is_live(&store, &plain).await;
}

/// Every field of a delivery, as first logged and as logged again.
pub async fn every_field_of_a_delivery(store: Tested) {
    let deliveries = generated(&any_delivery(), 200);
    for (delivery, other) in deliveries.iter().zip(deliveries.iter().skip(1)) {
        done(&store, [Change::Log { delivery: delivery.clone(), expected: None }]).await;
        assert_eq!(store.delivery(&delivery.id).await.expect("a delivery").as_ref(), Some(delivery));
        let mut again = other.clone();
        again.id = delivery.id.clone();
        done(&store, [Change::Log { delivery: again.clone(), expected: Some(delivery.attempts) }]).await;
        assert_eq!(store.delivery(&delivery.id).await.expect("a delivery"), Some(again));
    }
}

/// A tombstone tells when, and what told of it.
pub async fn a_tombstone_of_every_source(store: Tested) {
    for source in Source::ALL {
        let tombstone = Tombstone { id: user_id(source.as_str()), at: at(7), source };
        done(&store, [bury(tombstone.clone(), None)]).await;
        assert_eq!(stored(&store, &tombstone.id).await, Some(Entry::Gone(tombstone)));
    }
}

/// A body of a megabyte, and metadata of 64 KiB.
pub async fn large_bodies(store: Tested) {
    let mut large = delivery("large");
    large.body = Some("ß\"\\\n".repeat(200_000));
    done(&store, [Change::Log { delivery: large.clone(), expected: None }]).await;
    assert_eq!(store.delivery(&large.id).await.expect("a delivery"), Some(large));
    let mut ada = record("ada");
    ada.profile.public_metadata = format!("{{\"a\":\"{}\"}}", "x".repeat(65_536));
    insert_all(&store, std::slice::from_ref(&ada)).await;
    is_live(&store, &ada).await;
}

/// A millisecond is not lost, before 1970 either, and neither are far ends of time.
pub async fn times_are_exact_to_the_millisecond(store: Tested) {
    let times = [-1, 0, 1, 999, -62_135_596_800_001, 253_402_300_799_999];
    let times = times.map(Timestamp::from_millis);
    for (i, time) in times.into_iter().chain([NOW, at(1)]).enumerate() {
        let mut user = record(&format!("u{i}"));
        user.version = Some(time);
        user.profile.created_at = Some(time);
        user.last_sign_in_at = Some(time);
        user.recorded_at = time;
        user.changed_at = time;
        user.webhook_at = Some(time);
        insert_all(&store, std::slice::from_ref(&user)).await;
        is_live(&store, &user).await;
    }
}
