//! The engine drives [`baton_consensus::core::Core`]: it feeds messages, timers and results in and carries the effects out.
//!
//! - [`handle`]: what others may ask of it.
//! - [`actor`]: its loop, on a thread of its own, since it waits for the disk.
//! - [`effects`]: how each effect is carried out. The order is kept: what must be durable is synced before what follows
//!   it is sent.
//! - [`outbox`], [`compact`]: what leaves for the mesh, and in which form.
//! - [`endorser`]: the signature on what is costly to check.
//! - [`course`]: the steps from a block to its finality in the log, for measurements.
//! - [`reports`]: what operators read of it in the log and in the metrics.
//! - [`executor`]: the thread that executes and builds blocks, and the results that wait for their seal.
//! - [`restore`]: what comes back from the disk at the start.
//! - [`view`]: the snapshot that JSON-RPC answers from.

mod actor;
mod clock;
mod compact;
mod course;
mod effects;
mod endorser;
mod executor;
mod handle;
mod outbox;
mod reports;
mod restore;
mod timers;
mod view;

pub use actor::{Engine, EngineConfig};
pub use clock::Clock;
pub use handle::{Branch, CatchUp, EngineHandle, EngineMessage, Origin, Position, Segment};
pub use view::EngineView;
