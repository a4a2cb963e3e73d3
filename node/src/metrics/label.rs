//! Labels whose values are known beforehand: each of them is there, at zero, before anything has happened.

use prometheus_client::{
    encoding::{EncodeMetric, MetricEncoder},
    metrics::{MetricType, TypedMetric},
};
use std::{
    fmt::{self, Debug},
    marker::PhantomData,
    sync::Arc,
};

/// What a label can say.
pub trait Label: Copy + Debug + Send + Sync + 'static {
    /// The label's name.
    const NAME: &'static str;
    /// Everything that it can say.
    const ALL: &'static [Self];

    /// Where this is in [`ALL`](Self::ALL).
    fn place(self) -> usize;

    /// How it is written.
    fn text(self) -> &'static str;
}

/// Makes an enum a label. A variant that is left out does not compile.
macro_rules! label {
    ($type:ty as $name:literal { $($variant:ident = $text:literal,)+ }) => {
        impl $crate::metrics::Label for $type {
            const NAME: &'static str = $name;
            const ALL: &'static [Self] = &[$(Self::$variant),+];

            fn place(self) -> usize {
                enum Place { $($variant),+ }
                match self { $(Self::$variant => Place::$variant as usize),+ }
            }

            fn text(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }
    };
}

pub(super) use label;

/// One metric for each value of a label.
#[derive(Clone, Debug)]
pub struct PerLabel<L, M> {
    metrics: Arc<[M]>,
    label: PhantomData<L>,
}

impl<L: Label, M> PerLabel<L, M> {
    /// The one of this value.
    #[must_use]
    pub fn get(&self, label: L) -> &M {
        &self.metrics[label.place()]
    }
}

impl<L: Label, M: Default> Default for PerLabel<L, M> {
    fn default() -> Self {
        Self { metrics: L::ALL.iter().map(|_| M::default()).collect(), label: PhantomData }
    }
}

impl<L: Label, M: EncodeMetric + TypedMetric> EncodeMetric for PerLabel<L, M> {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        for (label, metric) in L::ALL.iter().zip(self.metrics.iter()) {
            metric.encode(encoder.encode_family(&[(L::NAME, label.text())])?)?;
        }
        Ok(())
    }

    fn metric_type(&self) -> MetricType {
        M::TYPE
    }
}
