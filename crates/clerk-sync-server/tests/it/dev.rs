use serde_json::{Value, json};

use super::program::Running;

async fn state(browser: &reqwest::Client, url: &str) -> Value {
    browser.get(format!("{url}/dev/state")).send().await.unwrap().json().await.unwrap()
}

#[tokio::test]
async fn the_page_signs_somebody_up_and_shows_the_row() {
    let dev = Running::start(&["dev", "--listen", "127.0.0.1:0"], &[]);
    let browser = reqwest::Client::new();
    let url = &dev.url;
    let page = browser.get(url).send().await.unwrap();
    assert_eq!(page.status(), 200);
    let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"));
    let html = page.text().await.unwrap();
    for asset in ["/dev/page.js", "/dev/page.css"] {
        assert!(html.contains(asset));
        assert_eq!(browser.get(format!("{url}{asset}")).send().await.unwrap().status(), 200);
    }

    let late = json!({ "webhook_delay_ms": [3_600_000, 3_600_000] });
    let weather = browser.put(format!("{url}/dev/weather")).json(&late).send().await.unwrap();
    assert_eq!(weather.status(), 204);
    let form = json!({ "first_name": "Ada", "email": "ada@example.com", "phone": "" });
    let signed_up: Value =
        browser.post(format!("{url}/dev/sign-ups")).json(&form).send().await.unwrap().json().await.unwrap();
    let token = signed_up["token"].as_str().unwrap();
    let me = browser.get(format!("{url}/me")).bearer_auth(token).send().await.unwrap();
    assert_eq!(me.status(), 200);
    let me: Value = me.json().await.unwrap();
    assert_eq!((&me["data"]["first_name"], &me["data"]["role"]), (&json!("Ada"), &json!("admin")));

    let seen = state(&browser, url).await;
    assert_eq!(seen["rows"][0]["email"], "ada@example.com");
    assert_eq!(
        (&seen["rows"][0]["source"], &seen["rows"][0]["webhook_at"]),
        (&json!("lookup"), &Value::Null)
    );
    let kinds: Vec<_> = seen["timeline"].as_array().unwrap().iter().map(|entry| &entry["kind"]).collect();
    assert!(kinds.contains(&&json!("user_created")) && kinds.contains(&&json!("api_call")), "{kinds:?}");

    let twice = browser.post(format!("{url}/dev/sign-ups")).json(&form).send().await.unwrap();
    assert_eq!(twice.status(), 422, "Clerk lets nobody sign up twice with one address");
    // A form of another origin cannot send JSON without asking first.
    let plain = browser.post(format!("{url}/dev/replay")).body("{}").send().await.unwrap();
    assert_eq!(plain.status(), 415);
}

#[test]
fn it_listens_on_loopback_only() {
    let output = super::program::run(&["dev", "--listen", "0.0.0.0:0"], &[]);
    assert_eq!(output.status.code(), Some(1));
}
