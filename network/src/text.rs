//! Short texts from other people: bounded, printable, safe to log.

use serde::{Deserialize, Serialize};
use std::fmt;
use thiserror::Error;

/// At most `MAX` bytes of printable ASCII. Decoding refuses anything else.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Text<const MAX: usize>(String);

/// A text that is too long or holds more than printable ASCII.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not a printable ASCII text of at most {max} bytes")]
pub struct InvalidText {
    /// The longest that it may be, in bytes.
    pub max: usize,
}

const fn printable(character: char) -> bool {
    matches!(character, ' '..='~')
}

impl<const MAX: usize> Text<MAX> {
    /// Makes any text fit: what is not printable ASCII becomes `?`, what is too much is cut off.
    #[must_use]
    pub fn fit(text: &str) -> Self {
        Self(text.chars().take(MAX).map(|c| if printable(c) { c } else { '?' }).collect())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const MAX: usize> TryFrom<String> for Text<MAX> {
    type Error = InvalidText;

    fn try_from(text: String) -> Result<Self, InvalidText> {
        if text.len() <= MAX && text.chars().all(printable) { Ok(Self(text)) } else { Err(InvalidText { max: MAX }) }
    }
}

impl<const MAX: usize> From<Text<MAX>> for String {
    fn from(text: Text<MAX>) -> Self {
        text.0
    }
}

impl<const MAX: usize> fmt::Display for Text<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fits_or_refuses() {
        assert_eq!(Text::<4>::fit("ab\ncdé").as_str(), "ab?c");
        assert!(Text::<4>::try_from("abcde".to_owned()).is_err());
        assert!(Text::<4>::try_from("a\u{1b}".to_owned()).is_err());
        assert_eq!(Text::<4>::try_from("abcd".to_owned()).unwrap().as_str(), "abcd");
    }
}
