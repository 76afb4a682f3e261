use clerk_sync_testkit::Answer as Clerk;
use clerk_sync_testkit::sample::user_id;
use serde_json::json;

use clerk_sync::http::{HttpLimits, routes};

use super::{ask, ask_in_time, me, request, router};
use crate::harness::wire::{deleted_event, token_with};
use crate::harness::{Person, World};

#[tokio::test]
async fn shows_the_whole_user_in_the_envelope() {
    let world = World::in_memory();
    let mut ada = Person::new("ada", world.now());
    ada.first = Some("Ada".into());
    ada.username = Some("countess".into());
    world.put(&ada);
    let answer = ask(&router(&world), me(&world.token("ada"), &[])).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("vary"), "authorization, cookie");
    assert_eq!(answer.header("preference-applied"), "");
    assert_eq!(
        answer.json(),
        json!({
            "success": true,
            "message": "User details fetched successfully",
            "data": {
                "id": "user_ada", "email": "ada@example.com", "email_verified": true,
                "username": "countess", "first_name": "Ada", "last_name": null, "image_url": null,
                "phone": null, "role": "admin", "external_id": null, "public_metadata": {},
                "locked": false, "created_at": 1_700_000_000_000_i64, "updated_at": 1_769_500_801_016_i64,
                "last_sign_in_at": null,
            },
        })
    );
}

#[tokio::test]
async fn each_state_of_a_user_has_its_answer() {
    type Change = fn(&mut Person);
    let rows: [(&str, Change, u16, &str); 4] = [
        ("banned", |person| person.banned = true, 403, "user_banned"),
        ("deprovisioned", |person| person.deprovisioned = true, 403, "user_deprovisioned"),
        ("locked", |person| person.locked = true, 200, ""),
        ("nothing", |_| {}, 200, ""),
    ];
    for (name, change, status, code) in rows {
        let world = World::in_memory();
        let mut person = Person::new(name, world.now());
        change(&mut person);
        world.put(&person);
        // Made just in time, and known.
        for _ in 0..2 {
            let answer = ask(&router(&world), me(&world.token(name), &[])).await;
            match status {
                200 => assert_eq!((answer.status.as_u16(), &answer.json()["success"]), (200, &json!(true))),
                _ => answer.is_problem(status, code),
            }
        }
    }
}

#[tokio::test]
async fn a_deleted_user_is_unauthenticated_for_good() {
    let world = World::in_memory();
    world.sign_up("ada");
    world.deliver("1", &deleted_event("ada", world.now())).await.unwrap();
    for prefer in [&[][..], &[("prefer", "wait=10")]] {
        ask(&router(&world), me(&world.token("ada"), prefer)).await.is_problem(401, "user_deleted");
    }
}

#[tokio::test]
async fn a_pending_session_is_refused_and_makes_no_row() {
    let world = World::in_memory();
    world.sign_up("ada");
    let token = token_with("ada", world.now(), json!({"sts": "pending"}));
    ask(&router(&world), me(&token, &[])).await.is_problem(403, "session_pending");
    assert!(world.store.entries(None, 9).await.unwrap().is_empty());
}

#[tokio::test]
async fn no_valid_token_is_one_answer_whatever_is_wrong() {
    let world = World::in_memory();
    let router = router(&world);
    let forged = format!("{}x", world.token("ada"));
    let expired = token_with("ada", world.now().plus_millis(-600_000), json!({}));
    let basic = request("GET", "/me", &[("authorization", "Basic dXNlcjpwYXNz")]);
    let requests = [
        request("GET", "/me", &[]),
        me("", &[]),
        me(&forged, &[]),
        me(&expired, &[]),
        me("a.b", &[]),
        basic,
        request("GET", "/me", &[("cookie", "__session=a.b.c")]),
    ];
    let mut bodies = Vec::new();
    for request in requests {
        let answer = ask(&router, request).await;
        answer.is_problem(401, "unauthenticated");
        bodies.push(answer.text);
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "the answers tell what was wrong");
    assert!(world.calls.take().is_empty());
}

#[tokio::test]
async fn a_cookie_is_as_good_as_a_header() {
    let world = World::in_memory();
    world.sign_up("ada");
    let cookie = format!("theme=dark; __session={}", world.token("ada"));
    assert_eq!(ask(&router(&world), request("GET", "/me", &[("cookie", &cookie)])).await.status, 200);
}

#[tokio::test]
async fn not_synced_after_two_answers() {
    let world = World::in_memory();
    let answer = ask_in_time(&world, &router(&world), me(&world.token("ada"), &[])).await;
    answer.is_problem(404, "user_not_synced");
    assert_eq!(answer.header("retry-after"), "2");
    assert_eq!(world.clerk.calls(&user_id("ada")), 2);
}

#[tokio::test]
async fn what_cannot_be_decided_is_503_with_its_cause() {
    let rows = [
        (Clerk::Throttled(4_500), "throttled", "5"),
        (Clerk::Unavailable(1), "unavailable", "1"),
        (Clerk::RefusedKey, "refused_key", "30"),
    ];
    for (planned, cause, seconds) in rows {
        let world = World::in_memory();
        world.clerk.plan(&user_id("ada"), planned);
        let answer = ask(&router(&world), me(&world.token("ada"), &[])).await;
        answer.is_problem(503, "unavailable");
        assert_eq!((&answer.json()["cause"], answer.header("retry-after")), (&json!(cause), seconds));
    }
    let world = World::in_memory();
    world.calls.set_down(true);
    let answer = ask(&router(&world), me(&world.token("ada"), &[])).await;
    answer.is_problem(503, "unavailable");
    assert_eq!(answer.json()["cause"], "store");
}

#[tokio::test]
async fn the_preference_is_read_and_confirmed() {
    let rows = [
        ("wait=10", "wait=10", 10),
        ("wait=100", "wait=25", 25),
        ("respond-async, WAIT=\"3\"", "wait=3", 3),
        ("wait=0", "", 0),
        ("wait=-1", "", 0),
        ("wait=soon", "", 0),
    ];
    for (prefer, applied, seconds) in rows {
        let world = World::in_memory();
        let started = world.now();
        let answer =
            ask_in_time(&world, &router(&world), me(&world.token("ada"), &[("prefer", prefer)])).await;
        answer.is_problem(404, "user_not_synced");
        assert_eq!(answer.header("preference-applied"), applied, "{prefer}");
        let held = world.now().millis_since(started);
        assert!((seconds * 1_000..=seconds * 1_000 + 5_000).contains(&held), "{prefer}: held for {held} ms");
    }
}

#[tokio::test]
async fn without_a_place_it_is_busy() {
    let world = World::in_memory();
    world.sign_up("ada");
    let none = HttpLimits { users_at_once: 0, held_at_once: 0, ..HttpLimits::default() };
    let full = routes(world.sync.clone(), &none);
    for prefer in [&[][..], &[("prefer", "wait=10")]] {
        let answer = ask(&full, me(&world.token("ada"), prefer)).await;
        answer.is_problem(503, "unavailable");
        assert_eq!(answer.json()["cause"], "busy");
    }
    assert!(world.calls.take().is_empty());
    // Where only the places for waiting are gone, the answer comes without the wait.
    let unheld = routes(world.sync.clone(), &HttpLimits { held_at_once: 0, ..HttpLimits::default() });
    let answer = ask(&unheld, me(&world.token("ada"), &[("prefer", "wait=10")])).await;
    assert_eq!((answer.status.as_u16(), answer.header("preference-applied")), (200, ""));
    // A place is given back.
    let one = routes(world.sync.clone(), &HttpLimits { users_at_once: 1, ..HttpLimits::default() });
    for _ in 0..3 {
        assert_eq!(ask(&one, me(&world.token("ada"), &[])).await.status, 200);
    }
}
