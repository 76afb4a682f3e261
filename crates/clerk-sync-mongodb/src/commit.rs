//! All changes of a commit, or none.

mod plan;
mod write;

use clerk_sync_core::{Change, Commit, StoreError};
use mongodb::ClientSession;
use mongodb::bson::doc;
use mongodb::error::{Error, UNKNOWN_TRANSACTION_COMMIT_RESULT};

use crate::error::{code, is_held, is_lost, store_error, unavailable};
use crate::gate::Pass;
use crate::{MongoStore, connect};
pub(crate) use plan::{plan, release};
pub(crate) use write::Write;

const DOING: &str = "commit";

/// How often a transaction's end is asked for while nobody knows whether it has come. The driver itself asks
/// twice each time.
const COMMIT_ATTEMPTS: u32 = 3;

impl MongoStore {
    pub(crate) async fn apply(&self, changes: Vec<Change>) -> Result<Commit, StoreError> {
        let writes = plan(&changes)?;
        match writes.as_slice() {
            [] => Ok(Commit::Done),
            // One document is changed as a whole or not at all; no transaction could add to that.
            [write] if write.is_of_one_document() => {
                self.gate
                    .run(DOING, async {
                        self.end_left_open().await;
                        match write.run_alone(&self.database).await {
                            Ok(true) => Ok(Commit::Done),
                            Ok(false) => Ok(Commit::Stale),
                            Err(error) => lost_or_failed(error),
                        }
                    })
                    .await
            }
            _ => {
                let pass = self.gate.enter(DOING).await?;
                let store = self.clone();
                // A caller that goes away in the middle must not leave a transaction behind that keeps others
                // from the same records: it goes on to its end, within its time, without its caller.
                let transaction = tokio::spawn(store.transaction(writes, release(&changes), pass));
                transaction.await.unwrap_or_else(|_| Err(unavailable("commit: the runtime is ending")))
            }
        }
    }

    async fn transaction(
        self,
        writes: Vec<Write>,
        release: Option<Write>,
        pass: Pass,
    ) -> Result<Commit, StoreError> {
        let mut session = self.client.start_session().await.map_err(|error| store_error(DOING, error))?;
        let answer = pass.run(DOING, self.transaction_in(&mut session, writes, release)).await;
        if pass.is_over() {
            // The driver aborts no transaction whose first write it has seen no answer to, and the server may
            // have begun it. The caller is not kept waiting; its place is.
            tokio::spawn(async move {
                self.end(&session).await;
                drop((session, pass));
            });
        }
        answer
    }

    async fn transaction_in(
        &self,
        session: &mut ClientSession,
        mut writes: Vec<Write>,
        mut release: Option<Write>,
    ) -> Result<Commit, StoreError> {
        self.end_left_open().await;
        self.note_session(session).await;
        loop {
            let options = connect::transaction(&self.options);
            let started = session.start_transaction().with_options(options).await;
            started.map_err(|error| store_error(DOING, error))?;
            let error = match self.write_all(&writes, session).await {
                Ok(true) => {
                    let answer = finish(session).await;
                    if !matches!(answer, Ok(Commit::Done)) {
                        self.end(session).await;
                    }
                    return answer;
                }
                Ok(false) => {
                    abort(session).await;
                    return Ok(Commit::Stale);
                }
                Err(error) => error,
            };
            // Where no server answers, an abort would wait for one; the driver sends it when it can.
            if code(&error).is_some() {
                abort(session).await;
            }
            // Who holds it may be of this very commit, and let it go later on.
            let Some(release) = release.take_if(|_| is_held(&error)) else { return lost_or_failed(error) };
            writes.insert(0, release);
        }
    }

    /// Ends whatever the server has left of a transaction whose commit it did not confirm: were it open, it
    /// would keep others from the same records for a minute. The driver aborts nothing it has begun to commit.
    async fn end(&self, session: &ClientSession) {
        let kill = doc! { "killSessions": [session.id().clone()] };
        // Without an answer the server ends it by itself, later.
        let admin = self.client.database("admin");
        let _ = tokio::time::timeout(self.options.timeout, admin.run_command(kill)).await;
    }

    /// Answers whether every write found what it expected.
    async fn write_all(&self, writes: &[Write], session: &mut ClientSession) -> Result<bool, Error> {
        for write in writes {
            if !write.run(&self.database, session).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Ends a transaction. Asking again is safe: the server knows it by its number.
async fn finish(session: &mut ClientSession) -> Result<Commit, StoreError> {
    let mut attempt = 1;
    loop {
        match session.commit_transaction().await {
            Ok(()) => return Ok(Commit::Done),
            Err(error) if error.contains_label(UNKNOWN_TRANSACTION_COMMIT_RESULT) => {
                if attempt == COMMIT_ATTEMPTS {
                    return Err(store_error("commit: nobody knows whether it is done", error));
                }
                attempt += 1;
            }
            Err(error) => return lost_or_failed(error),
        }
    }
}

/// Waited for, so that whoever is told to look again does not meet what is left of this very transaction.
async fn abort(session: &mut ClientSession) {
    // What cannot be aborted has ended already, or is ended by the server.
    let _ = session.abort_transaction().await;
}

fn lost_or_failed(error: Error) -> Result<Commit, StoreError> {
    if is_lost(&error)? { Ok(Commit::Stale) } else { Err(store_error(DOING, error)) }
}
