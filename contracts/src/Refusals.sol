// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Why the registry refuses
/// @notice Every error says what was tried, on what, and so what to do instead.
interface Refusals {
    /// @notice Only the staker or the operator itself may do this.
    error NotAuthorized(address operator, address sender);
    /// @notice The operator has a stake here; it registers again only after exit and withdrawal.
    error AlreadyRegistered(address operator);
    /// @notice There is no stake of this operator.
    error NotRegistered(address operator);
    /// @notice The operator is leaving, or has no stake: nothing can be added or rotated.
    error NotActive(address operator);
    /// @notice The operator has not asked to leave; `requestExit` comes first.
    error NotExiting(address operator);
    /// @notice The operator was slashed and stays out; register another address with other keys.
    error SlashedForEver(address operator);
    /// @notice It can be done from `from` on, in seconds since 1970.
    error TooEarly(uint64 from);

    /// @notice The stake is below the minimum of today.
    error StakeTooLow(uint256 stake, uint256 minimum);
    /// @notice Nothing is added.
    error NothingAdded();
    /// @notice What is sent along must be the amount where the native token is staked, and zero where it is an ERC-20.
    error WrongValue(uint256 sent, uint256 expected);
    /// @notice The token delivered something else than the amount, as tokens with a fee on transfers do.
    error InexactTransfer(uint256 received, uint256 expected);
    /// @notice The recipient does not accept the native token.
    error PaymentRefused(address to, uint256 amount);
    /// @notice The zero address and the registry itself cannot be paid out to.
    error InvalidPayout(address payout);
    /// @notice There is no contract at the token's address.
    error InvalidToken(address token);

    /// @notice The signature on `registrationDigest` is malformed, or by `recovered` and not by the operator.
    error InvalidOperatorSignature(address operator, address recovered);
    /// @notice A key has 128 bytes and a signature 256: points as EIP-2537 writes them.
    error InvalidBlsLength(uint256 publicKeyBytes, uint256 signatureBytes);
    /// @notice The proof of possession does not hold: it must be on `possessionMessage` for this operator, by this key.
    error InvalidPossession(address operator, bytes blsPublicKey);
    /// @notice The key belongs to `holder`, now or before; every operator brings a key of its own.
    error BlsKeyTaken(bytes blsPublicKey, address holder);
    /// @notice Without a proof of possession a rotation must name the key that the operator has.
    error PossessionMissing(address operator, bytes blsPublicKey);
    /// @notice The peer id needs 1 to 64 bytes, the multiaddr at most 256.
    error InvalidHintLength(string hint, uint256 bytesGiven, uint256 most);
    /// @notice Peer id and multiaddr are printable ASCII without blanks.
    error InvalidHintCharacter(string hint, uint256 offset);
    /// @notice No rotation was asked for, or leaving has dropped it.
    error NoRotation(address operator);

    /// @notice The owner has not bound the registry to its chain yet.
    error NotActivated();
    /// @notice The registry is bound to this chain for ever.
    error AlreadyActivated(bytes32 genesisHash);
    /// @notice The hash of a block 0 is not zero.
    error ZeroGenesisHash();
    /// @notice A parameter must lie between `least` and `most`.
    error ParameterOutOfBounds(string parameter, uint256 value, uint256 least, uint256 most);
    /// @notice No change of parameters is scheduled.
    error NothingScheduled();

    /// @notice The two messages are one.
    error SameMessage();
    /// @notice The message is not of this kind, or for another chain than (`chainId`, `genesisHash`).
    error ForeignMessage(string kind, uint64 chainId, bytes32 genesisHash);
    /// @notice The RLP at this byte of the preimage is not canonical, or does not end with the preimage.
    error MalformedMessage(uint256 offset);
    /// @notice The two messages take different positions, as an honest key's do.
    error DifferentPositions();
    /// @notice Signature 0 or 1 of the evidence is malformed, or not by the operator's key.
    error InvalidEvidenceSignature(uint256 which);
    /// @notice The BLS key never was this operator's.
    error ForeignBlsKey(address operator, bytes blsPublicKey);
    /// @notice The fault was slashed already.
    error AlreadySlashed(bytes32 fault);
}
