//! A request's positional parameters.

use super::errors::{RpcError, RpcResult};
use jsonrpsee::types::Params;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

/// The parameters of one request, taken one by one. Messages name the parameter, its place and what is wrong.
pub(super) struct Arguments<'a> {
    rest: std::vec::IntoIter<&'a RawValue>,
    taken: usize,
}

impl<'a> Arguments<'a> {
    /// Splits the parameters; none at all, `null` and an empty list are the same.
    ///
    /// # Errors
    /// When they are not a list, or more than `most`.
    pub(super) fn new(params: &'a Params<'_>, most: usize) -> RpcResult<Self> {
        let list: Vec<&RawValue> = match params.as_str() {
            None | Some("null") => Vec::new(),
            Some(text) => serde_json::from_str(text)
                .map_err(|_| RpcError::invalid_params("the parameters must be a list: named ones are not supported"))?,
        };
        if list.len() > most {
            let message = format!("too many parameters: {} came, the method takes at most {most}", list.len());
            return Err(RpcError::invalid_params(message));
        }
        Ok(Self { rest: list.into_iter(), taken: 0 })
    }

    /// The next parameter, which must be there.
    pub(super) fn required<T: DeserializeOwned>(&mut self, name: &str) -> RpcResult<T> {
        self.optional(name)?.ok_or_else(|| {
            RpcError::invalid_params(format!("missing value for required parameter {} ({name})", self.taken - 1))
        })
    }

    /// The next parameter, if it is there and not `null`.
    pub(super) fn optional<T: DeserializeOwned>(&mut self, name: &str) -> RpcResult<Option<T>> {
        let index = self.taken;
        self.taken += 1;
        let Some(raw) = self.rest.next() else { return Ok(None) };
        serde_json::from_str(raw.get()).map_err(|error| {
            RpcError::invalid_params(format!("invalid parameter {index} ({name}): {}", reason(&error)))
        })
    }
}

/// What serde says, without the line and column of a text that the caller never sees as such.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rsplit_once(" at line ") {
        Some((reason, _)) => reason.to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::Address;

    fn error<T>(result: RpcResult<T>) -> String {
        let Err(error) = result else { panic!("must be refused") };
        assert_eq!(error.code(), -32602);
        error.to_string()
    }

    #[test]
    fn parameters_are_taken_in_order() {
        let params = Params::new(Some("[1, null, \"a\"]"));
        let mut arguments = Arguments::new(&params, 3).unwrap();
        assert_eq!(arguments.required::<u64>("number").unwrap(), 1);
        assert_eq!(arguments.optional::<u64>("other").unwrap(), None);
        assert_eq!(arguments.required::<String>("text").unwrap(), "a");
        assert_eq!(arguments.optional::<String>("more").unwrap(), None);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let params = Params::new(Some("[\"0x12\"]"));
        let mut arguments = Arguments::new(&params, 2).unwrap();
        let message = error(arguments.required::<Address>("address"));
        assert!(message.starts_with("invalid parameter 0 (address): "), "{message}");
        assert!(!message.contains("line"), "{message}");
        assert_eq!(error(arguments.required::<u64>("block")), "missing value for required parameter 1 (block)");
        let params = Params::new(Some("[1, 2, 3]"));
        assert_eq!(error(Arguments::new(&params, 2)), "too many parameters: 3 came, the method takes at most 2");
        let params = Params::new(Some("{\"block\": 1}"));
        assert!(error(Arguments::new(&params, 2)).contains("must be a list"));
    }

    #[test]
    fn no_parameters_may_be_written_in_three_ways() {
        for text in [None, Some("null"), Some("[]")] {
            assert!(Arguments::new(&Params::new(text), 0).is_ok());
        }
    }
}
