//! Clients that are slow, break off, or send what nobody signed.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::stage::{Setup, Stage};
use super::{Finding, Ground};

/// Slow clients at once.
const SLOW: usize = 100;
/// How long the server may take to lose patience: ten seconds, and what a busy machine adds.
const PATIENCE: Duration = Duration::from_secs(20);
/// Connections forged webhooks come over, and how many are sent at once on each.
const FORGERS: u32 = 10;
const BATCH: u32 = 25;
/// How an answer begins.
const ANSWER: &str = "HTTP/1.1 ";
/// Forged webhooks a second.
const FORGED: u32 = 5_000;

/// Bodies, and heads, that come a byte a second.
pub(super) async fn slow(ground: &Ground<'_>) -> Result<Finding> {
    let mut stage = Stage::open(ground, Setup::default()).await?;
    stage.load().await;
    let address = stage.address();
    let mut clients = JoinSet::new();
    for number in 0..SLOW {
        let address = address.clone();
        // Every fourth does not get as far as the body.
        let whole_head = number % 4 > 0;
        clients.spawn(async move { (whole_head, trickle(&address, whole_head).await) });
    }
    let (mut told, mut hung_up, mut wrong) = (0, 0, vec![]);
    while let Some(ended) = clients.join_next().await {
        match ended? {
            (true, Ok((answer, took))) if answer.starts_with("HTTP/1.1 408") && took < PATIENCE => told += 1,
            (false, Ok((answer, took)))
                if (answer.is_empty() || answer.starts_with("HTTP/1.1 408")) && took < PATIENCE =>
            {
                hung_up += 1;
            }
            (_, Ok((answer, took))) => {
                let line = answer.lines().next().unwrap_or_default().to_owned();
                wrong.push(format!("{line:?} after {:.0} s", took.as_secs_f64()));
            }
            (_, Err(error)) => wrong.push(format!("{error:#}")),
        }
    }
    stage.healed();
    let done = format!("{told} slow bodies answered 408, {hung_up} slow heads hung up on");
    let mut finding = stage.close(done).await?;
    finding.check(wrong.is_empty(), || format!("slow clients were answered {wrong:?}"));
    others_are_served(&mut finding);
    Ok(finding)
}

/// Sends a request a byte a second; answers what came back, and after how long.
async fn trickle(address: &str, whole_head: bool) -> Result<(String, Duration)> {
    let mut stream = TcpStream::connect(address).await?;
    let head = head("msg_slow", 10_000);
    let (at_once, slowly) = if whole_head { (head.as_str(), "{") } else { ("POST /web", "h") };
    stream.write_all(at_once.as_bytes()).await?;
    let began = Instant::now();
    let (mut reading, mut writing) = stream.into_split();
    let mut answer = String::new();
    let writer = async {
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            if writing.write_all(slowly.as_bytes()).await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    };
    tokio::select! {
        // Broken off is an answer as well; what was said before counts.
        _ = reading.read_to_string(&mut answer) => {}
        () = writer => {}
        () = tokio::time::sleep(PATIENCE * 2) => {}
    }
    Ok((answer, began.elapsed()))
}

/// Clients that vanish: in the middle of the head, of the body, or before they read the answer.
pub(super) async fn half_bodies(ground: &Ground<'_>) -> Result<Finding> {
    let mut stage = Stage::open(ground, Setup::default()).await?;
    stage.load().await;
    let (address, mut dice) = (stage.address(), StdRng::seed_from_u64(ground.settings.seed));
    let until = Instant::now() + Duration::from_secs(ground.pick(15, 3));
    let whole = head("msg_half", 1_000) + &"x".repeat(1_000);
    let mut vanished = 0;
    while Instant::now() < until {
        let mut stream = TcpStream::connect(&address).await?;
        let sent = dice.random_range(1..=whole.len());
        stream.write_all(&whole.as_bytes()[..sent]).await?;
        if vanished % 2 == 0 {
            // Reset instead of a clean end.
            stream.set_zero_linger()?;
        }
        drop(stream);
        vanished += 1;
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    stage.healed();
    let orphans = stage.orphans().await?;
    let mut finding =
        stage.close(format!("{vanished} clients vanished and left {orphans} connections open")).await?;
    finding.check(orphans < vanished / 10, || format!("{orphans} connections of vanished clients stay open"));
    others_are_served(&mut finding);
    Ok(finding)
}

pub(super) async fn bad_signatures(ground: &Ground<'_>) -> Result<Finding> {
    let mut stage = Stage::open(ground, Setup::default()).await?;
    stage.load().await;
    let time = Duration::from_secs(ground.pick(20, 4));
    let began = Instant::now();
    let mut forgers = JoinSet::new();
    for _ in 0..FORGERS {
        forgers.spawn(forge(stage.address(), began + time));
    }
    let mut refused = 0;
    while let Some(forged) = forgers.join_next().await {
        refused += forged??;
    }
    stage.healed();
    let rate = f64::from(refused) / began.elapsed().as_secs_f64();
    let mut finding =
        stage.close(format!("{refused} forged webhooks answered 401, {rate:.0} a second")).await?;
    others_are_served(&mut finding);
    Ok(finding)
}

/// Sends forged webhooks at its share of the rate; answers how many were refused. Any other answer is an error.
async fn forge(address: String, until: Instant) -> Result<u32> {
    let request = head("msg_forged", 2) + "{}";
    let batch = request.repeat(BATCH as usize);
    let mut stream = TcpStream::connect(address).await?;
    let mut beat = tokio::time::interval(Duration::from_secs(1) * (BATCH * FORGERS) / FORGED);
    beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let (mut refused, mut text) = (0, String::new());
    let mut buffer = vec![0; 64 << 10];
    while Instant::now() < until {
        beat.tick().await;
        stream.write_all(batch.as_bytes()).await?;
        let mut left = BATCH as usize;
        while left > 0 {
            let read = stream.read(&mut buffer).await?;
            anyhow::ensure!(read > 0, "the server hung up on a forged webhook");
            text.push_str(&String::from_utf8_lossy(&buffer[..read]));
            // Bodies end without a line break, so an answer may begin anywhere; what is cut off comes next.
            while let Some(at) = text.find(ANSWER).filter(|at| text.len() >= at + ANSWER.len() + 3) {
                let status: String = text.drain(..at + ANSWER.len() + 3).skip(at + ANSWER.len()).collect();
                anyhow::ensure!(status == "401", "a forged webhook was answered {status}");
                left = left.checked_sub(1).context("more answers than requests")?;
                refused += 1;
            }
        }
    }
    Ok(refused)
}

/// The head of a webhook nobody signed.
fn head(id: &str, length: usize) -> String {
    let now =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_secs();
    format!(
        "POST /webhooks/clerk HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         svix-id: {id}\r\nsvix-timestamp: {now}\r\n\
         svix-signature: v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\ncontent-length: {length}\r\n\r\n"
    )
}

/// These faults are other people's: nobody else may notice, but for what a busy machine does.
fn others_are_served(finding: &mut Finding) {
    let count =
        |wanted: &str| finding.answers.iter().filter(|(s, _)| s.starts_with(wanted)).map(|(_, n)| n).sum();
    let (refused, served): (usize, usize) = (count("503"), count("200"));
    finding
        .check(served > refused, || format!("/me was refused {refused} times and answered {served} times"));
}
