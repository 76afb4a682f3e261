//! The world, scripted.

mod clock;
mod directory;
mod faulty;

pub use clock::ManualClock;
pub use directory::{Answer, FakeDirectory};
pub use faulty::{Fault, FaultyStore};
