// What is signed, and what identifies things.

import { RLP } from '@ethereumjs/rlp'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { keccak_256 as keccak } from '@noble/hashes/sha3.js'
import { hexed, unhexed } from './codec.mjs'

const SKIP_REASONS = ['silent', 'behind', 'late', 'invalid', 'jailed', 'left', 'equivocated']

const integer = (bytes) => (bytes.length === 0 ? 0n : BigInt(hexed(bytes)))

const proposalRlp = ({ era, term, epoch, height, hash }) => [era, term, epoch, height, unhexed(hash)]
const sealRlp = ({ era, term, height, hash }) => [era, term, height, unhexed(hash)]
const heartbeatRlp = ({ era, term, height, head, sentAt, version }) => [era, term, height, unhexed(head), sentAt, version]
const recordRlp = ({ peerId, addresses, sequence }) => [peerId, addresses, sequence]
const announcementRlp = (it) => [
  it.era, it.term, it.epoch, unhexed(it.leader), it.first, it.last, unhexed(it.parent), unhexed(it.previous),
  it.skipped.map(({ sequencer, reason }) => [unhexed(sequencer), SKIP_REASONS.indexOf(reason) + 1])
]
const anchorRlp = ({ number, hash }) => [number, unhexed(hash)]
const checkpointRlp = (it) => [
  it.era, it.term, it.round, [it.head.height, unhexed(it.head.hash)], unhexed(it.stateRoot),
  [[it.parent.position.era, it.parent.position.term, it.parent.position.round], unhexed(it.parent.hash)],
  unhexed(it.setRoot), anchorRlp(it.anchor), ...(it.nextSetRoot === null ? [] : [unhexed(it.nextSetRoot)])
]
const quorumRlp = (it) => [checkpointRlp(it.checkpoint), it.signers, unhexed(it.signature)]
const voteRlp = ({ era, term, round, checkpoint }) => [era, term, round, unhexed(checkpoint)]
const castVoteRlp = ({ vote, signature }) => [voteRlp(vote), unhexed(signature)]

// What an endorsement is about: the RLP of all parts in order, and nothing for one that is missing.
const contentOf = {
  checkpoint: ({ checkpoint: { message, signature }, parent }) => [
    message.era, [checkpointRlp(message), unhexed(signature), ...(parent === null ? [] : [quorumRlp(parent)])]
  ],
  quorum: ({ certificate, parent }) => [
    certificate.checkpoint.era, [quorumRlp(certificate), ...(parent === null ? [] : [checkpointRlp(parent)])]
  ]
}
const endorsementRlp = ({ kind, content }) => {
  const [era, parts] = contentOf[kind](content)
  return [kind, era, keccak(Buffer.concat(parts.map((part) => RLP.encode(part))))]
}

// Domain and RLP of what operators sign.
export const SIGNED = {
  block: ['baton/block/1', proposalRlp],
  seal: ['baton/seal/1', sealRlp],
  heartbeat: ['baton/heartbeat/1', heartbeatRlp],
  'sequencer-record': ['baton/sequencer-record/1', recordRlp],
  announcement: ['baton/announcement/1', announcementRlp],
  checkpoint: ['baton/checkpoint/1', checkpointRlp],
  vote: ['baton/cast-vote/1', castVoteRlp],
  endorsement: ['baton/endorsement/1', endorsementRlp]
}

const identify = (rlp) => hexed(keccak(RLP.encode(rlp)))
export const announcementHash = (announcement) => identify(announcementRlp(announcement))
export const checkpointHash = (checkpoint) => identify(checkpointRlp(checkpoint))

// Who signed `message`: an address.
export function signer (chain, what, message, signature) {
  const [domain, rlp] = SIGNED[what]
  const number = Buffer.alloc(8)
  number.writeBigUInt64BE(chain.id)
  const preimage = Buffer.concat([Buffer.from(domain), number, unhexed(chain.genesis), RLP.encode(rlp(message))])
  const raw = unhexed(signature)
  if (raw[64] !== 27 && raw[64] !== 28) throw new Error(`recovery byte ${raw[64]}`)
  const [r, s] = [raw.subarray(0, 32), raw.subarray(32, 64)].map(integer)
  const parsed = new secp256k1.Signature(r, s, raw[64] - 27)
  if (parsed.hasHighS()) throw new Error('s is in the upper half')
  const key = parsed.recoverPublicKey(keccak(preimage)).toBytes(false)
  return hexed(keccak(key.subarray(1)).subarray(12))
}

// The parts of a header that the protocol speaks of.
function header (fields) {
  const extra = fields[12]
  if (extra.length !== 24) throw new Error(`extra_data has ${extra.length} bytes`)
  return {
    hash: hexed(keccak(RLP.encode(fields))),
    parentHash: hexed(fields[0]),
    beneficiary: hexed(fields[2]),
    stateRoot: hexed(fields[3]),
    number: integer(fields[8]),
    timestamp: integer(fields[11]),
    era: integer(extra.subarray(0, 8)),
    term: integer(extra.subarray(8, 16)),
    epoch: integer(extra.subarray(16)),
    announcement: fields.length > 19 ? hexed(fields[19]) : null
  }
}

// A transaction as it stands in a block's list: a legacy one is a list, a typed one a byte string.
const transactionHash = (item) => hexed(keccak(Array.isArray(item) ? RLP.encode(item) : item))

// Reads a block whose transactions are given by hash or whole.
export function compactBlock ({ header: encoded, transactions }) {
  return { ...header(RLP.decode(encoded)), transactions: transactions.map((it) => it.hash ?? rawHash(it.whole)) }
}

// The hash of a transaction in its envelope.
export const rawHash = (raw) => hexed(keccak(raw))

// Reads a block; its header's hash is computed, not believed.
export function block (encoded) {
  const [fields, transactions] = RLP.decode(encoded)
  return { ...header(fields), transactions: transactions.map(transactionHash) }
}

// Checks that the beneficiary signed the block.
export function checkLeader (chain, block, signature) {
  const { era, term, epoch, number: height, hash } = block
  const leader = signer(chain, 'block', { era, term, epoch, height, hash }, signature)
  if (leader !== block.beneficiary) throw new Error(`${leader} signed what pays ${block.beneficiary}`)
}
