//! One file for each kind of input.

mod announcement;
mod block;
mod executed;
mod heartbeat;
mod seal;
mod start;
mod timer;
