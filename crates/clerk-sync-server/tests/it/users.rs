use clerk_sync_emulator::{UserPatch, Weather};
use serde_json::Value;

use super::program::text;
use super::setup::{SetUp, person};

#[tokio::test(flavor = "multi_thread")]
async fn users_are_listed_by_filters_and_page_by_page() {
    let set_up = SetUp::healthy().await;
    let all = set_up.json(&["users", "list"], &[]);
    assert_eq!(all.len(), 2);
    let ids = |words: &[&str]| -> Vec<String> {
        let found = set_up.json(&[&["users", "list"], words].concat(), &[]);
        found.iter().map(|user| user["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids(&["--live"]), [set_up.ada.as_str()]);
    assert_eq!(ids(&["--deleted"]), [set_up.gone.as_str()]);
    assert_eq!(ids(&["--email", "ADA@"]), [set_up.ada.as_str()]);
    assert_eq!(ids(&["--email", "gone@"]), [""; 0], "nothing of the deleted is left");
    assert_eq!(ids(&["--source", "webhook"]).len(), 2);
    assert_eq!(ids(&["--source", "lookup"]), [""; 0]);
    assert_eq!(ids(&["--dirty"]), [""; 0]);
    let first = ids(&["--limit", "1"]);
    let second = ids(&["--limit", "1", "--after", &first[0]]);
    assert_eq!([first, second].concat(), ids(&[]));
    let said = text(&set_up.run(&["users", "list", "--limit", "1"], &[]).stdout);
    assert!(said.contains("--after user_"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_is_shown_with_the_facts_that_made_the_row() {
    let set_up = SetUp::healthy().await;
    let shown = set_up.json(&["users", "show", &set_up.ada], &[]);
    let user = &shown[0];
    assert_eq!((&user["email"], &user["role"]), (&"ada@example.com".into(), &"admin".into()));
    let facts = user["facts"].as_array().unwrap();
    let whats: Vec<&str> = facts.iter().map(|fact| fact["what"].as_str().unwrap()).collect();
    assert!(whats.contains(&"user.created") && whats.contains(&"user.updated"), "{whats:?}");
    let current: Vec<&Value> = facts.iter().filter(|fact| fact["shown"] == true).collect();
    assert!(current.iter().any(|fact| fact["version"] == user["updated_at"]), "{facts:?}");
    assert!(current[0]["delivery"].as_str().unwrap().starts_with("msg_"));
    let gone = text(&set_up.run(&["users", "show", &set_up.gone], &[]).stdout);
    assert!(gone.contains("deleted_at") && gone.contains("user.deleted"), "{gone}");
    assert!(!set_up.run(&["users", "show", "user_none"], &[]).status.success());

    // Made by a call: that is said too, though no event tells of it.
    set_up.clerk.set_weather(Weather { webhooks_off: true, ..Weather::default() }).unwrap();
    let (jit, session) = set_up.clerk.sign_up(person("jit")).unwrap();
    let token = set_up.clerk.session_token(&session).unwrap();
    let me = reqwest::Client::new().get(format!("{}/me", set_up.server.url)).bearer_auth(token);
    assert_eq!(me.send().await.unwrap().status(), 200);
    let shown = set_up.json(&["users", "show", &jit], &[]);
    let facts = shown[0]["facts"].as_array().unwrap();
    assert_eq!((facts.len(), &facts[0]["source"]), (1, &"lookup".into()));
    assert_eq!((&facts[0]["shown"], &facts[0]["version"]), (&true.into(), &shown[0]["updated_at"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_nobody_told_of_is_refetched() {
    let set_up = SetUp::healthy().await;
    set_up.clerk.set_weather(Weather { webhooks_off: true, ..Weather::default() }).unwrap();
    let patch = UserPatch { last_name: Some(Some("King".into())), ..UserPatch::default() };
    set_up.clerk.update_user(&set_up.ada, patch).unwrap();
    let said = set_up.run(&["users", "refetch", &set_up.ada], &[]);
    assert!(said.status.success(), "{}", text(&said.stderr));
    assert!(text(&said.stdout).contains("last_name: \"Lovelace\" -> \"King\""), "{}", text(&said.stdout));
    let again = text(&set_up.run(&["users", "refetch", &set_up.ada], &[]).stdout);
    assert!(again.contains("nothing differed"), "{again}");
    // Unknown here and known there; known nowhere; deleted.
    let new = set_up.clerk.create_user(person("new")).unwrap();
    let made = set_up.json(&["users", "refetch", &new], &[]);
    assert_eq!((&made[0]["email"], &made[0]["source"]), (&"new@example.com".into(), &"lookup".into()));
    for (id, why) in [("user_none", "no such user"), (set_up.gone.as_str(), "nothing lifts that")] {
        let refused = set_up.run(&["users", "refetch", id], &[]);
        assert!(
            !refused.status.success() && text(&refused.stderr).contains(why),
            "{}",
            text(&refused.stderr)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_user_is_erased_from_the_event_log() {
    let set_up = SetUp::healthy().await;
    let about_nobody = format!(
        "INSERT INTO clerk_delivery (id, event_type, received_at, digest, status, attempts, body) VALUES
           ('msg_invited', 'organizationInvitation.created', 1, zeroblob(32), 'processed', 1,
            '{{\"data\":{{\"email_address\":\"gone@example.com\"}}}}'),
           ('msg_member', 'organizationMembership.created', 1, zeroblob(32), 'processed', 1,
            '{{\"data\":{{\"public_user_data\":{{\"user_id\":\"{}\",\"first_name\":\"gone\"}}}}}}'),
           ('msg_other', 'organization.created', 1, zeroblob(32), 'processed', 1, '{{\"data\":{{}}}}')",
        set_up.gone
    );
    let copy = set_up.copy(&about_nobody);
    let on_copy = [("DATABASE_URL", copy.as_str())];
    let alive = set_up.run(&["users", "erase", &set_up.ada], &on_copy);
    assert!(!alive.status.success() && text(&alive.stderr).contains("delete them in Clerk first"));
    assert!(!set_up.run(&["users", "erase", "user_none"], &on_copy).status.success());

    let of_gone = set_up.json(&["events", "list", "--user", &set_up.gone], &on_copy);
    let receipt = set_up.json(&["users", "erase", &set_up.gone], &on_copy);
    let receipt = &receipt[0];
    assert_eq!(receipt["user_id"], set_up.gone.as_str());
    assert_eq!(receipt["deliveries_about_the_user"], of_gone.len());
    assert_eq!(receipt["bodies_erased"], of_gone.len() + 2);
    assert!(receipt["erased_at"].as_str().unwrap().ends_with('Z'));

    let path = copy.trim_start_matches("sqlite:");
    let connection = rusqlite::Connection::open(path).unwrap();
    let count = |sql: &str| connection.query_row(sql, (), |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(count("SELECT count(*) FROM clerk_delivery WHERE body LIKE '%gone@%'"), 0);
    assert_eq!(count("SELECT count(*) FROM clerk_delivery WHERE body LIKE '%ada@example.com%'"), {
        let original = rusqlite::Connection::open(&set_up.file).unwrap();
        let sql = "SELECT count(*) FROM clerk_delivery WHERE body LIKE '%ada@example.com%'";
        original.query_row(sql, (), |row| row.get::<_, i64>(0)).unwrap()
    });
    assert_eq!(count("SELECT count(*) FROM clerk_delivery WHERE id = 'msg_other' AND body IS NOT NULL"), 1);
    drop(connection);
    // Not a byte of it is left in the file either, once the log is folded back.
    let bytes = std::fs::read(path).unwrap();
    assert!(!bytes.windows(16).any(|window| window == b"gone@example.com"), "the file still has the address");

    let again = set_up.json(&["users", "erase", &set_up.gone], &on_copy);
    assert_eq!(again[0]["bodies_erased"], 0);
    let kept = set_up.json(&["events", "list", "--user", &set_up.gone], &on_copy);
    assert_eq!(kept.len(), of_gone.len());
    let replayed = set_up.run(&["events", "replay", kept[0]["id"].as_str().unwrap()], &on_copy);
    assert!(!replayed.status.success() && text(&replayed.stdout).contains("erased"));
}
