//! Tests of the mempool as a whole.

mod actor;
mod model;
mod pool;
mod support;
mod throughput;
