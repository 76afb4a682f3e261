use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use clerk_sync_emulator::{Emulator, NewUser, Options, Weather};

use super::program::Running;

const ORIGIN: &str = "http://localhost:3000";

async fn serving(options: Options) -> (Emulator, Running) {
    let clerk = clerk_sync_emulator::start(Options { authorized_party: Some(ORIGIN.to_owned()), ..options })
        .await
        .unwrap();
    let server = Running::start(
        &["serve", "--listen", "127.0.0.1:0"],
        &[
            ("CLERK_SECRET_KEY", clerk.secret_key()),
            ("CLERK_PUBLISHABLE_KEY", clerk.publishable_key()),
            ("CLERK_WEBHOOK_SECRET", clerk.webhook_secret()),
            ("CLERK_API_URL", clerk.url()),
            ("CLERK_SYNC_AUTHORIZED_PARTIES", ORIGIN),
            ("CLERK_SYNC_ALLOWED_ORIGINS", ORIGIN),
            ("CLERK_SYNC_STALENESS_BOUND_MS", "100"),
        ],
    );
    clerk.set_webhook_url(Some(&format!("{}/webhooks/clerk", server.url))).unwrap();
    (clerk, server)
}

fn ada() -> NewUser {
    NewUser {
        first_name: Some("Ada".into()),
        email_address: vec!["ada@example.com".into()],
        ..NewUser::default()
    }
}

#[tokio::test]
async fn told_to_stop_it_answers_what_is_under_way_and_leaves_well() {
    let weather = Weather { webhooks_off: true, api_latency_ms: [500, 500], ..Weather::default() };
    let (clerk, mut server) = serving(Options { weather, ..Options::default() }).await;
    let (_, session) = clerk.sign_up(ada()).unwrap();
    let token = clerk.session_token(&session).unwrap();
    let url = format!("{}/me", server.url);
    let asking = tokio::spawn(async move { reqwest::Client::new().get(url).bearer_auth(token).send().await });
    // Half a second passes before Clerk answers; the request is under way once Clerk was asked.
    while clerk.calls().total == 0 {
        tokio::task::yield_now().await;
    }
    server.terminate();
    assert_eq!(asking.await.unwrap().unwrap().status(), 200);
    let status = tokio::task::spawn_blocking(move || server.child.wait().unwrap()).await.unwrap();
    assert!(status.success(), "{status}");
}

#[tokio::test]
async fn a_page_of_an_allowed_origin_may_ask_for_its_user_and_nothing_else() {
    let (clerk, server) = serving(Options::default()).await;
    let (_, session) = clerk.sign_up(ada()).unwrap();
    let browser = reqwest::Client::new();
    let preflight = async |origin: &str, path: &str| {
        let request = browser.request(reqwest::Method::OPTIONS, format!("{}{path}", server.url));
        let asked = [
            ("access-control-request-method", "GET"),
            ("access-control-request-headers", "authorization,prefer"),
        ];
        let request = asked.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        request.header("origin", origin).send().await.unwrap()
    };
    let header = |response: &reqwest::Response, name: &str| {
        response.headers().get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
    };
    let allowed = preflight(ORIGIN, "/me").await;
    assert!(allowed.status().is_success());
    assert_eq!(header(&allowed, "access-control-allow-origin"), ORIGIN);
    assert_eq!(header(&allowed, "access-control-allow-credentials"), "true");
    assert_eq!(header(&allowed, "access-control-allow-headers"), "authorization,prefer");
    for (origin, path) in
        [("https://evil.example", "/me"), ("null", "/me"), (ORIGIN, "/metrics"), (ORIGIN, "/webhooks/clerk")]
    {
        assert_eq!(
            header(&preflight(origin, path).await, "access-control-allow-origin"),
            "",
            "{origin} {path}"
        );
    }
    let token = clerk.session_token(&session).unwrap();
    let me = browser
        .get(format!("{}/me", server.url))
        .bearer_auth(token)
        .header("origin", ORIGIN)
        .send()
        .await
        .unwrap();
    assert_eq!((me.status().as_u16(), header(&me, "access-control-allow-origin").as_str()), (200, ORIGIN));
    let exposed = header(&me, "access-control-expose-headers");
    assert_eq!(exposed, "retry-after,preference-applied,x-request-id,sync-source");
    let vary: Vec<_> = me.headers().get_all("vary").iter().map(|value| value.to_str().unwrap()).collect();
    assert!(vary.iter().any(|v| v.contains("origin")) && vary.contains(&"authorization, cookie"), "{vary:?}");
}

#[tokio::test]
async fn metrics_are_as_prometheus_wants_them() {
    let (clerk, server) = serving(Options::default()).await;
    let (_, session) = clerk.sign_up(ada()).unwrap();
    clerk.quiet().await;
    let browser = reqwest::Client::new();
    let token = clerk.session_token(&session).unwrap();
    let me = browser.get(format!("{}/me", server.url)).bearer_auth(token).send().await.unwrap();
    assert_eq!(me.status(), 200);
    let refused = browser.get(format!("{}/me", server.url)).bearer_auth("no token").send().await.unwrap();
    assert_eq!(refused.status(), 401);
    let text = browser.get(format!("{}/metrics", server.url)).send().await.unwrap().text().await.unwrap();
    for line in [
        "clerk_sync_users_created_total{source=\"webhook\"} 1",
        "clerk_sync_me_answers_total{code=\"ok\"} 1",
        "clerk_sync_me_answers_total{code=\"unauthenticated\"} 1",
        "clerk_sync_users 1",
    ] {
        assert!(text.lines().any(|seen| seen == line), "{line} is not in\n{text}");
    }
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is needed; cargo xtask test installs it");
    promtool.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let checked = promtool.wait_with_output().unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
}

#[tokio::test]
async fn headers_without_end_are_cut_off() {
    let (_clerk, server) = serving(Options::default()).await;
    let address = server.url.strip_prefix("http://").unwrap().to_owned();
    let answer = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        let request =
            format!("GET /me HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\r\n", "a".repeat(64 * 1024));
        // The server may close before it has read everything.
        let _ = stream.write_all(request.as_bytes());
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        answer
    })
    .await
    .unwrap();
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");
}
