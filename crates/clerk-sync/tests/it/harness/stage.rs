//! An executor of one thread that runs until nothing can move without time, Clerk or a caller.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

use super::World;
use super::probe::Calls;

/// Rung by a waker; wakes the thread too, which may be waiting for a store of its own thread.
struct Bell {
    rung: AtomicBool,
    thread: Thread,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.rung.store(true, Ordering::SeqCst);
        self.thread.unpark();
    }
}

struct Task<T> {
    number: usize,
    future: Pin<Box<dyn Future<Output = T> + Send>>,
    bell: Arc<Bell>,
}

/// Futures under way, polled in the order in which they came.
pub(crate) struct Stage<T> {
    tasks: Vec<Task<T>>,
    started: usize,
    calls: Arc<Calls>,
}

impl<T> Stage<T> {
    pub(crate) fn new(world: &World) -> Self {
        Self { tasks: Vec::new(), started: 0, calls: Arc::clone(&world.calls) }
    }

    /// Adds a future, which is not polled yet, and answers its number.
    pub(crate) fn enter(&mut self, future: impl Future<Output = T> + Send + 'static) -> usize {
        let bell = Arc::new(Bell { rung: AtomicBool::new(true), thread: std::thread::current() });
        self.started += 1;
        self.tasks.push(Task { number: self.started, future: Box::pin(future), bell });
        self.started
    }

    /// Adds the workers, which never end.
    pub(crate) fn employ(&mut self, world: &World) -> usize {
        let sync = world.sync.clone();
        self.enter(async move {
            sync.run(std::future::pending()).await;
            std::future::pending().await
        })
    }

    /// Drops a future where it stands.
    pub(crate) fn drop_task(&mut self, number: usize) {
        self.tasks.retain(|task| task.number != number);
    }

    /// How many are under way.
    pub(crate) fn under_way(&self) -> usize {
        self.tasks.len()
    }

    /// Polls whoever was woken until nobody is, and answers what ended, in order.
    pub(crate) fn settle(&mut self) -> Vec<(usize, T)> {
        let mut ended = Vec::new();
        loop {
            let mut moved = false;
            self.tasks.retain_mut(|task| {
                if !task.bell.rung.swap(false, Ordering::SeqCst) {
                    return true;
                }
                moved = true;
                let waker = Waker::from(Arc::clone(&task.bell));
                match task.future.as_mut().poll(&mut Context::from_waker(&waker)) {
                    Poll::Ready(answer) => {
                        ended.push((task.number, answer));
                        false
                    }
                    Poll::Pending => true,
                }
            });
            if moved {
                continue;
            }
            if self.calls.under_way() == 0 {
                return ended;
            }
            std::thread::park();
        }
    }
}

/// The answer of a future that needs neither time nor anybody else.
pub(crate) fn now<T>(world: &World, future: impl Future<Output = T> + Send + 'static) -> T {
    let mut stage = Stage::new(world);
    stage.enter(future);
    let answer = stage.settle().pop();
    answer.map(|(_, answer)| answer).expect("it waits for something")
}
