//! Amounts of what is staked.

use alloy_primitives::{
    Address, U256,
    utils::{ParseUnits, format_units, parse_units},
};
use thiserror::Error;

/// The token that a registry takes: L1's own, or an ERC-20.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// The contract of an ERC-20; none for L1's own.
    pub address: Option<Address>,
    /// Its symbol; `ETH` for L1's own.
    pub symbol: String,
    /// Decimal places of its unit.
    pub decimals: u8,
}

/// A text that is no amount.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "`{text}` is not an amount of {symbol}; write a number such as 32 or 0.5, with at most {decimals} decimal places"
)]
pub struct InvalidAmount {
    text: String,
    symbol: String,
    decimals: u8,
}

impl Token {
    /// L1's own.
    #[must_use]
    pub fn native() -> Self {
        Self { address: None, symbol: "ETH".to_owned(), decimals: 18 }
    }

    /// Reads an amount in the token's unit.
    ///
    /// # Errors
    /// [`InvalidAmount`] if it is none, or more precise than the token.
    pub fn parse(&self, text: &str) -> Result<U256, InvalidAmount> {
        let invalid = || InvalidAmount { text: text.to_owned(), symbol: self.symbol.clone(), decimals: self.decimals };
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !digits(whole) || !digits(fraction) || fraction.len() > usize::from(self.decimals) {
            return Err(invalid());
        }
        parse_units(text, self.decimals).map(ParseUnits::get_absolute).map_err(|_| invalid())
    }

    /// An amount with the token's symbol, without zeros at its end.
    #[must_use]
    pub fn format(&self, amount: U256) -> String {
        format!("{} {}", self.number(amount), self.symbol)
    }

    /// An amount without symbol.
    #[must_use]
    pub fn number(&self, amount: U256) -> String {
        let text = format_units(amount, self.decimals).unwrap_or_else(|_| amount.to_string());
        match text.contains('.') {
            true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
            false => text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_as_they_are_written() {
        let ether = Token::native();
        for (text, wei) in [("32", 32_000_000_000_000_000_000u128), ("0.5", 500_000_000_000_000_000), ("0", 0)] {
            assert_eq!(ether.parse(text).unwrap(), U256::from(wei));
            assert_eq!(ether.format(U256::from(wei)), format!("{text} ETH"));
        }
        let coarse = Token { address: Some(Address::ZERO), symbol: "GOLD".to_owned(), decimals: 2 };
        assert_eq!(coarse.format(coarse.parse("1.50").unwrap()), "1.5 GOLD");
        assert_eq!(Token { decimals: 0, ..coarse.clone() }.format(U256::from(700)), "700 GOLD");
        for text in ["", ".5", "-1", "+1", "1e3", "1,5", "0x1", "1.234", "all", &"9".repeat(90)] {
            let error = coarse.parse(text).unwrap_err().to_string();
            assert!(error.contains("is not an amount of GOLD"), "{error}");
        }
    }
}
