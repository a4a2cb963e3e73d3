//! How a metric is defined.

use prometheus_client::{
    metrics::gauge::Gauge,
    registry::{Metric, Registry},
};
use std::sync::atomic::AtomicU64;

/// A gauge of what cannot be negative.
pub type Level = Gauge<u64, AtomicU64>;

/// Defines a struct of metrics: a field's name is the metric's after `baton_`, its documentation the help that is shown.
macro_rules! metrics {
    (
        $(#[doc = $about:literal])+
        pub struct $name:ident {
            $($(#[doc = $help:literal])+ pub $metric:ident: $kind:ty,)+
        }
    ) => {
        $(#[doc = $about])+
        #[derive(Clone, Debug)]
        pub struct $name {
            $($(#[doc = $help])+ pub $metric: $kind,)+
        }

        impl $name {
            pub(super) fn register(registry: &mut prometheus_client::registry::Registry) -> Self {
                Self { $($metric: $crate::metrics::define::register(registry, stringify!($metric), concat!($($help),+)),)+ }
            }
        }
    };
}

pub(super) use metrics;

/// Makes a metric and registers it.
pub(super) fn register<M: Metric + Clone + Default>(registry: &mut Registry, name: &str, help: &str) -> M {
    let metric = M::default();
    // The registry ends the help with a full stop of its own.
    registry.register(name, help.trim().trim_end_matches('.'), metric.clone());
    metric
}
