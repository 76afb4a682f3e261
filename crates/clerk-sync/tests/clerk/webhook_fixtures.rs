//! Every recorded event and what is read of it.

use clerk_sync::clerk::receive::{EventKind, read};
use clerk_sync_core::{Fact, Snapshot, Timestamp};

use crate::support::{NOW, fixture_bytes, fixture_path};

fn millis(time: Option<Timestamp>) -> String {
    time.map_or("-".into(), |time| time.as_millis().to_string())
}

fn snapshot_line(snapshot: &Snapshot) -> String {
    let profile = &snapshot.profile;
    let mut line = format!("{} v{}", snapshot.id, millis(snapshot.version));
    if let Some(claim) = &profile.email {
        line += &format!(" {}{}", claim.address.as_str(), if claim.verified { "" } else { "?" });
    }
    let texts = [
        ("username", profile.username.as_ref().map(|name| name.as_str())),
        ("first", profile.first_name.as_deref()),
        ("last", profile.last_name.as_deref()),
        ("image", profile.image_url.as_deref()),
        ("phone", profile.phone.as_deref()),
        ("ext", profile.external_id.as_deref()),
        ("meta", Some(profile.public_metadata.as_str()).filter(|text| *text != "{}")),
    ];
    for (name, text) in texts {
        if let Some(text) = text {
            line += &format!(" {name}={text}");
        }
    }
    for (name, set) in
        [("banned", profile.banned), ("locked", profile.locked), ("deprovisioned", profile.deprovisioned)]
    {
        if set {
            line += &format!(" {name}");
        }
    }
    line + &format!(" created={} sign_in={}", millis(profile.created_at), millis(snapshot.last_sign_in_at))
}

/// One line for a fixture: kind, fact, and whatever is not as usual.
fn line(path: &str) -> String {
    let reading = read(&fixture_bytes(path), NOW);
    let kind = match &reading.kind {
        EventKind::Unreadable { reason, .. } => format!("unreadable({reason})"),
        kind => format!("{kind:?}").to_lowercase(),
    };
    let fact = match &reading.fact {
        None => String::new(),
        Some(Fact::Snapshot { snapshot, .. }) => format!(" {}", snapshot_line(snapshot)),
        Some(Fact::Deleted { id, at, .. }) => format!(" deleted {id} at {}", at.as_millis()),
        Some(Fact::SignedIn { id, at }) => format!(" signed in {id} at {}", at.as_millis()),
        Some(other) => panic!("{path}: {other:?}"),
    };
    let instance = reading.instance_id.unwrap_or_default();
    let foreign =
        if instance == "ins_2YBXZJDbZvAXWH4uUgTJ7RbSMqY" { String::new() } else { format!(" [{instance}]") };
    let dropped = if reading.keep_body { "" } else { " (body dropped)" };
    format!("{kind}{fact}{foreign}{dropped}")
}

#[test]
fn every_recorded_event_is_read_as_written_down() {
    let mut read = String::new();
    for directory in ["webhooks", "webhooks-hostile"] {
        let entries = std::fs::read_dir(fixture_path(directory)).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        for name in names {
            let path = format!("{directory}/{name}");
            read += &format!("{path}: {}\n", line(&path));
        }
    }
    for (read, written) in read.lines().zip(include_str!("webhook_fixtures.txt").lines()) {
        assert_eq!(read, written);
    }
    assert!(read == include_str!("webhook_fixtures.txt"), "a line for every fixture; all read:\n{read}");
}
