//! What the simulator changes about the protocol: rules that it breaks to see the breach seen, and signatures that cost
//! nothing.
//!
//! Everything here is off until a thread turns it on, and compiles to nothing without the feature `simulation`, which only
//! the simulator asks for. A program for users is built without it.

pub mod mutation;
pub mod tags;
