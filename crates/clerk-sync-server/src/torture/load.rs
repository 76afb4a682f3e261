//! Load while a fault lasts: people sign up, are renamed and deleted in Clerk at a steady rate, which makes the
//! webhooks, and ask for `/me`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use clerk_sync_emulator::{Emulator, Id, UserPatch};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::rig::{Answer, me, somebody};

/// Requests for `/me` under way at most; a server that answers none is not asked more.
const ASKING: usize = 512;
/// Webhooks a sign-up makes, about: user, session and e-mail.
const EVENTS_OF_A_SIGN_UP: u32 = 3;

/// Answers that are right only under some faults.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Allowed {
    /// The server may be gone.
    pub(crate) no_answer: bool,
    /// It may take signatures for too old or too new.
    pub(crate) unauthenticated: bool,
}

/// Somebody of the crowd.
pub(crate) struct Member {
    pub(crate) id: Id,
    session: Id,
    gone: AtomicBool,
}

impl Member {
    pub(crate) fn is_gone(&self) -> bool {
        self.gone.load(Ordering::SeqCst)
    }
}

/// Everybody there is or was, and what they were answered.
#[derive(Default)]
pub(crate) struct Crowd {
    pub(crate) members: Vec<Arc<Member>>,
    pub(crate) answers: BTreeMap<String, usize>,
    pub(crate) wrong: BTreeMap<String, usize>,
    pub(crate) slowest: Duration,
    changes: usize,
}

/// A running load.
pub(crate) struct Load {
    stop: watch::Sender<bool>,
    task: JoinHandle<Result<Crowd>>,
}

/// Where it goes, and how much of it.
pub(crate) struct Plan {
    pub(crate) clerk: Arc<Emulator>,
    pub(crate) browser: reqwest::Client,
    pub(crate) urls: Vec<String>,
    /// Events a second.
    pub(crate) rate: u32,
    pub(crate) seed: u64,
    pub(crate) allowed: Allowed,
}

impl Load {
    /// Goes on with a crowd until it is stopped.
    pub(crate) fn start(plan: Plan, crowd: Crowd) -> Self {
        let (stop, stopped) = watch::channel(false);
        Self { stop, task: tokio::spawn(run(plan, crowd, stopped)) }
    }

    /// Stops it; the requests under way come to their end.
    pub(crate) async fn stop(self) -> Result<Crowd> {
        self.stop.send_replace(true);
        self.task.await.context("the load broke")?
    }
}

async fn run(plan: Plan, mut crowd: Crowd, mut stopped: watch::Receiver<bool>) -> Result<Crowd> {
    let mut dice = StdRng::seed_from_u64(plan.seed);
    let mut asking = JoinSet::new();
    let mut beat = tokio::time::interval(Duration::from_secs(1) / plan.rate.max(1));
    let mut owed = 0_u32;
    loop {
        tokio::select! {
            _ = beat.tick() => {}
            // Whoever holds the other end has it for as long as we run.
            _ = stopped.wait_for(|stop| *stop) => break,
        }
        if owed > 0 {
            owed -= 1;
        } else {
            owed = crowd.change(&plan.clerk, &mut dice)?;
        }
        // Every fourth beat somebody asks.
        if dice.random_range(0..4) == 0 && asking.len() < ASKING {
            let member = Arc::clone(&crowd.members[dice.random_range(0..crowd.members.len())]);
            let url = &plan.urls[dice.random_range(0..plan.urls.len())];
            // The deleted have no session any more, and nothing to ask with.
            if let Ok(token) = plan.clerk.session_token(&member.session) {
                asking.spawn(ask(plan.browser.clone(), url.clone(), token, member));
            }
        }
        while let Some(asked) = asking.try_join_next() {
            crowd.note(asked?, plan.allowed);
        }
    }
    while let Some(asked) = asking.join_next().await {
        crowd.note(asked?, plan.allowed);
    }
    Ok(crowd)
}

/// What somebody was answered.
struct Asked {
    member: Arc<Member>,
    answer: Option<Answer>,
}

async fn ask(browser: reqwest::Client, url: String, token: String, member: Arc<Member>) -> Asked {
    Asked { member, answer: me(&browser, &url, &token, 0).await.ok() }
}

impl Crowd {
    /// One change in Clerk; answers how many beats to leave out for the webhooks it makes beside the first.
    fn change(&mut self, clerk: &Emulator, dice: &mut StdRng) -> Result<u32> {
        self.changes += 1;
        let number = self.changes;
        if self.members.len() < 10 || dice.random_range(0..10) == 0 {
            let (id, session) = clerk.sign_up(somebody("Ada", &format!("ada{number}@example.com")))?;
            self.members.push(Arc::new(Member { id, session, gone: AtomicBool::new(false) }));
            return Ok(EVENTS_OF_A_SIGN_UP - 1);
        }
        let member = &self.members[dice.random_range(0..self.members.len())];
        if member.is_gone() {
            return Ok(0);
        }
        if dice.random_range(0..30) == 0 {
            // Said before it is done, so that no answer in between is taken for a wrong one.
            member.gone.store(true, Ordering::SeqCst);
            clerk.delete_user(&member.id)?;
        } else {
            let name = format!("Ada {number}");
            clerk.update_user(
                &member.id,
                UserPatch { first_name: Some(Some(name)), ..UserPatch::default() },
            )?;
        }
        Ok(0)
    }

    fn note(&mut self, asked: Asked, allowed: Allowed) {
        let gone = asked.member.is_gone();
        let Some(answer) = asked.answer else {
            *self.answers.entry("no answer".to_owned()).or_default() += 1;
            if !allowed.no_answer {
                *self.wrong.entry("no answer".to_owned()).or_default() += 1;
            }
            return;
        };
        self.slowest = self.slowest.max(answer.took);
        let (shown, right) = match (answer.status, answer.code()) {
            (200, _) => ("200".to_owned(), true),
            (503, _) if answer.retry_after.is_some() => ("503 with Retry-After".to_owned(), true),
            (503, _) => ("503 without Retry-After".to_owned(), false),
            (401, "user_deleted") => ("401 user_deleted".to_owned(), gone),
            (401, "unauthenticated") => ("401 unauthenticated".to_owned(), allowed.unauthenticated),
            // Deleted in Clerk before anybody told us of them.
            (404, "user_not_synced") => ("404 user_not_synced".to_owned(), gone),
            (status, code) => (format!("{status} {code}"), false),
        };
        if !right {
            *self.wrong.entry(shown.clone()).or_default() += 1;
        }
        *self.answers.entry(shown).or_default() += 1;
    }
}
