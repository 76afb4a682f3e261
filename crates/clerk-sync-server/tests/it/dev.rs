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

/// What Clerk's SDK does on a page whose development server forwards `/__clerk` and `/me`.
#[tokio::test]
async fn a_page_of_ones_own_signs_up_and_asks_for_its_row() {
    let dev = Running::start(&["dev", "--listen", "127.0.0.1:0"], &[]);
    let browser = reqwest::Client::new();
    let post = async |path: &str, form: &'static str, cookie: &str| {
        let request = browser.post(format!("{}/__clerk/v1/client{path}", dev.url)).body(form);
        let request = request
            .header("content-type", "application/x-www-form-urlencoded")
            .header("origin", "http://localhost:5173")
            .header("cookie", cookie);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        let cookies = answer.headers().get_all("set-cookie").iter().map(|it| it.to_str().unwrap());
        let cookie = cookies.filter_map(|it| it.split(';').next()).collect::<Vec<_>>().join("; ");
        (answer.json::<Value>().await.unwrap(), cookie)
    };
    let (begun, cookie) = post("/sign_ups", "email_address=ada%40example.com&first_name=Ada", "").await;
    let attempt = format!("/sign_ups/{}", begun["response"]["id"].as_str().unwrap());
    post(&format!("{attempt}/prepare_verification"), "strategy=email_code", &cookie).await;
    let code = "strategy=email_code&code=424242";
    let (done, _) = post(&format!("{attempt}/attempt_verification"), code, &cookie).await;
    let session = done["response"]["created_session_id"].as_str().unwrap();
    let (token, _) = post(&format!("/sessions/{session}/tokens"), "", &cookie).await;

    let me = browser.get(format!("{}/me", dev.url)).bearer_auth(token["jwt"].as_str().unwrap()).send().await;
    let me: Value = me.unwrap().json().await.unwrap();
    assert_eq!((&me["data"]["first_name"], &me["data"]["email"]), (&json!("Ada"), &json!("ada@example.com")));
}

#[test]
fn a_folder_without_the_sdk_is_named() {
    let output = super::program::run(&["emulator", "--clerk-js", "nowhere"], &[]);
    let said = super::program::text(&output.stderr);
    assert!(
        output.status.code() == Some(1) && said.contains("nowhere has no dist/clerk.browser.js"),
        "{said}"
    );
}

#[test]
fn it_listens_on_loopback_only() {
    let output = super::program::run(&["dev", "--listen", "0.0.0.0:0"], &[]);
    assert_eq!(output.status.code(), Some(1));
}
