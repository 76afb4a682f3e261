use serde_json::Value;

use super::program::text;
use super::setup::SetUp;

fn ids(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["id"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_are_listed_by_filters_and_page_by_page() {
    let set_up = SetUp::healthy().await;
    let all = set_up.json(&["events", "list"], &[]);
    assert!(all.len() >= 4, "{all:?}");
    let times: Vec<&str> = all.iter().map(|event| event["received_at"].as_str().unwrap()).collect();
    assert!(times.is_sorted_by(|a, b| a >= b), "{times:?}");
    let of_type = |name: &str| all.iter().filter(|event| event["type"] == name).count();
    for name in ["user.created", "user.deleted", "session.created"] {
        assert_eq!(set_up.json(&["events", "list", "--type", name], &[]).len(), of_type(name), "{name}");
    }
    let about_ada = set_up.json(&["events", "list", "--user", &set_up.ada], &[]);
    assert!(!about_ada.is_empty() && about_ada.iter().all(|event| event["user_id"] == set_up.ada.as_str()));
    assert!(set_up.json(&["events", "list", "--status", "dead"], &[]).is_empty());
    assert_eq!(set_up.json(&["events", "list", "--since", "1h"], &[]).len(), all.len());
    assert!(set_up.json(&["events", "list", "--until", "1h"], &[]).is_empty());

    let mut paged = set_up.json(&["events", "list", "--limit", "2"], &[]);
    loop {
        let last = paged.last().unwrap()["id"].as_str().unwrap().to_owned();
        let page = set_up.json(&["events", "list", "--limit", "2", "--after", &last], &[]);
        if page.is_empty() {
            break;
        }
        paged.extend(page);
    }
    assert_eq!(ids(&paged), ids(&all));

    let words = ["events", "list", "--limit", "1"];
    let listed = text(&set_up.run(&words, &[]).stdout);
    assert!(listed.contains("processed") && listed.contains("--after msg_"), "{listed}");
    for wrong in [["--since", "yesterday"], ["--status", "done"], ["--after", "msg_none"], ["--user", "ada"]]
    {
        assert!(!set_up.run(&["events", "list", wrong[0], wrong[1]], &[]).status.success(), "{wrong:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payload_is_shown_only_when_asked_for() {
    let set_up = SetUp::healthy().await;
    let created = set_up.json(&["events", "list", "--type", "user.created", "--user", &set_up.ada], &[]);
    let id = created[0]["id"].as_str().unwrap();
    let shown = set_up.run(&["events", "show", id], &[]);
    let said = text(&shown.stdout);
    assert!(
        shown.status.success() && said.contains("timeline") && said.contains("processed by attempt 1"),
        "{said}"
    );
    assert!(
        said.contains(&set_up.ada) && !said.contains("ada@example.com") && !said.contains("\"ada\""),
        "{said}"
    );
    let whole = text(&set_up.run(&["events", "show", id, "--payload"], &[]).stdout);
    assert!(whole.contains("ada@example.com"), "{whole}");
    let json = set_up.json(&["events", "show", id, "--payload"], &[]);
    assert_eq!(json[0]["payload"]["data"]["id"], set_up.ada.as_str());
    assert!(!set_up.run(&["events", "show", "msg_none"], &[]).status.success());
}

/// Rows are lost and a delivery is a dead letter: replaying brings all of it back, and twice is once.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_lost_comes_back_by_replay() {
    let set_up = SetUp::healthy().await;
    let before = set_up.json(&["users", "list"], &[]);
    let copy = set_up.copy(
        "UPDATE clerk_delivery SET status = 'dead', outcome = NULL, processed_at = NULL, attempts = 12,
           error = 'planted' WHERE event_type = 'user.created';
         DELETE FROM clerk_user; DELETE FROM clerk_claim;",
    );
    let on_copy = [("DATABASE_URL", copy.as_str())];
    let dead = set_up.json(&["events", "list", "--status", "dead"], &on_copy);
    assert_eq!(dead.len(), 2);

    // Many: said first, done with --yes.
    let rehearsed = set_up.json(&["events", "replay", "--status", "dead"], &on_copy);
    assert!(
        rehearsed.iter().all(|one| one["dry_run"] == true && one["outcome"] == "created"),
        "{rehearsed:?}"
    );
    assert_eq!(set_up.json(&["events", "list", "--status", "dead"], &on_copy), dead, "it was a rehearsal");
    let said = text(&set_up.run(&["events", "replay", "--status", "dead"], &on_copy).stdout);
    assert!(said.contains("2 would be replayed") && said.contains("--yes"), "{said}");
    let replayed = set_up.json(&["events", "replay", "--status", "dead", "--yes"], &on_copy);
    assert!(
        replayed.iter().all(|one| one["dry_run"] == false && one["outcome"] == "created"),
        "{replayed:?}"
    );
    assert!(set_up.json(&["events", "list", "--status", "dead"], &on_copy).is_empty());

    // The rest of the log catches up with what came after.
    set_up.json(&["events", "replay", "--since", "1h", "--yes"], &on_copy);
    let stored = |users: &[Value]| -> Vec<(Value, Value, Value)> {
        users.iter().map(|u| (u["id"].clone(), u["last_name"].clone(), u["email"].clone())).collect()
    };
    let after = set_up.json(&["users", "list"], &on_copy);
    assert_eq!(stored(&after), stored(&before));
    let again = set_up.json(&["events", "replay", "--since", "1h", "--yes"], &on_copy);
    let harmless = ["unchanged", "older", "gone", "already_deleted", "signed_in", "acknowledged"];
    assert!(again.iter().all(|one| harmless.contains(&one["outcome"].as_str().unwrap())), "{again:?}");
    assert_eq!(stored(&set_up.json(&["users", "list"], &on_copy)), stored(&before));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_delivery_is_replayed_by_its_id() {
    let set_up = SetUp::healthy().await;
    let created = set_up.json(&["events", "list", "--type", "user.deleted"], &[]);
    let id = created[0]["id"].as_str().unwrap();
    let dry = set_up.json(&["events", "replay", id, "--dry-run"], &[]);
    assert_eq!((&dry[0]["outcome"], &dry[0]["dry_run"]), (&"already_deleted".into(), &true.into()));
    let done = set_up.json(&["events", "replay", id], &[]);
    assert_eq!((&done[0]["outcome"], &done[0]["dry_run"]), (&"already_deleted".into(), &false.into()));
    let unknown = set_up.run(&["events", "replay", "msg_none"], &[]);
    assert!(!unknown.status.success() && text(&unknown.stdout).contains("no such delivery"));
    let nothing = set_up.run(&["events", "replay", "--yes"], &[]);
    assert!(!nothing.status.success() && text(&nothing.stderr).contains("--status"));
}

/// The log was copied from another instance: its events change nothing here.
#[tokio::test(flavor = "multi_thread")]
async fn events_of_another_instance_are_not_applied() {
    let set_up = SetUp::healthy().await;
    let other = super::setup::clerk(clerk_sync_emulator::Options { seed: 2, ..Default::default() }).await;
    let copy = set_up.copy("DELETE FROM clerk_user; DELETE FROM clerk_claim;");
    let variables = [("DATABASE_URL", copy.as_str()), ("CLERK_API_URL", other.url())];
    for words in [&["events", "replay", "--since", "1h"][..], &["events", "replay", "--since", "1h", "--yes"]]
    {
        let replayed = set_up.json(words, &variables);
        assert!(!replayed.is_empty());
        let harmless = ["foreign_instance", "acknowledged"];
        assert!(
            replayed.iter().all(|one| harmless.contains(&one["outcome"].as_str().unwrap())),
            "{replayed:?}"
        );
        assert!(replayed.iter().any(|one| one["outcome"] == "foreign_instance"));
    }
    assert!(set_up.json(&["users", "list"], &variables).is_empty());
}
