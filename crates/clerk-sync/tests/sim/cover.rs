//! Which of the rare things have happened: a run that never met one proves nothing about it.

macro_rules! goals {
    ($($name:ident: $words:literal,)*) => {
        /// Something a long run must have seen.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Goal { $($name,)* }

        /// Every goal with its name.
        pub(crate) const GOALS: &[(Goal, &str)] = &[$((Goal::$name, $words),)*];
    };
}

goals! {
    Delayed: "delivery late (1)",
    InFlight: "copies of one delivery in flight (2)",
    LostAnswer: "answer to a taken delivery lost (3)",
    Replayed: "message sent again after settling (5)",
    ErrorBefore: "store error before (6)",
    ErrorAfterCommit: "store error after a commit (7)",
    LostRace: "race lost without reason (8)",
    Outage: "store outage met (9)",
    SlowStore: "store slower than the deadline (10)",
    Throttled: "Clerk throttles (11)",
    Unusable: "Clerk unusable (12)",
    Silent: "Clerk silent (13)",
    StaleAnswer: "stale answer served (14)",
    Ties: "tie of versions (16)",
    Kill: "replica killed (17)",
    KillInRepair: "replica killed inside a repair (17)",
    Paused: "replica stood still (18)",
    LeaseLost: "lease lost (18)",
    SkewRefused: "signature refused for a clock (19)",
    Jumped: "clock jumped (19)",
    Rotated: "only the old or the new secret known (20)",
    Deleted: "token of a deleted user (21)",
    TombstoneByRequest: "tombstone met by a request (21)",
    HungUp: "caller gave up (22)",
    ReadOnly: "read-only store met (24)",
    Forged: "forged webhook refused",
    Together: "deliveries in one commit",
    Parked: "delivery stored unapplied",
    Unreadable: "unreadable webhook kept",
    Foreign: "foreign webhook kept",
    Stolen: "address or name taken by a higher claim",
    Returned: "address or name given back",
    BuriedUnknown: "tombstone where no row was",
    JustInTime: "record made by a look-up",
    FromClaims: "record made from claims",
    NotSynced: "404 for a user deleted meanwhile",
    Held: "request held for a user",
    Fenced: "repair refused by its fence",
    StaleRepair: "repair refused for an older answer",
    Repaired: "record repaired",
    AbsentBelieved: "deletion found by a repair",
    Dropped: "delivery never sent (4)",
    NotListed: "user missing from a list (15)",
    TakenAgain: "delivery taken again by an operator",
    Refetched: "user fetched by an operator",
    Paged: "list of several pages",
    CursorGone: "list whose cursor was deleted",
    CaughtUp: "change caught up with by polling",
    PolledOn: "newest changes on several pages",
    Silenced: "webhooks found to be silent",
    FirstFilled: "backfill finished by itself",
    Backfilled: "backfill finished by an operator",
    Resumed: "backfill taken up again",
    ScheduledSweep: "sweep finished by itself",
    Swept: "sweep finished by an operator",
    Proved: "proof finished",
    SweepBusy: "sweep refused, another process is at it",
    SweepSuperseded: "sweep ended by another process",
    Braked: "deletions held back",
    Confirmed: "deletions held back confirmed",
    SweepJudged: "sweep held against the truth",
    PollJudged: "poll held against the truth",
    BackfillJudged: "backfill held against the truth",
    AbsentOnce: "user denied once by Clerk",
    Late: "library started after its users",
    Heard: "commit of another process heard",
}

/// How often each goal was met.
#[derive(Debug, Clone)]
pub(crate) struct Cover {
    counts: [u64; GOALS.len()],
}

impl Default for Cover {
    fn default() -> Self {
        Self { counts: [0; GOALS.len()] }
    }
}

impl Cover {
    pub(crate) fn hit(&mut self, goal: Goal) {
        self.counts[goal as usize] += 1;
    }

    pub(crate) fn hit_times(&mut self, goal: Goal, times: u64) {
        self.counts[goal as usize] += times;
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.counts.iter_mut().zip(other.counts).for_each(|(sum, count)| *sum += count);
    }

    /// Each goal's name and count.
    pub(crate) fn table(&self) -> impl Iterator<Item = (&'static str, u64)> {
        GOALS.iter().map(|(goal, name)| (*name, self.counts[*goal as usize]))
    }
}
