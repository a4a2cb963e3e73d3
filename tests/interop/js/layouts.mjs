// Every message of docs/wire.md, in the order and under the names of that page.

import { bytes, choice, fixed, flag, option, pair, sequence, structure, text, u32, u64 } from './codec.mjs'

const MAX_MEMBERS = 1024
const address = fixed(20)
const hash = fixed(32)
const signature = fixed(65)
const blsKey = fixed(48)
const blsSignature = fixed(96)

const signed = (message) => structure({ message, signature })
const endorsed = (content) => structure({ content, signature })

const blockRef = structure({ height: u64, hash })
const position = structure({ era: u64, term: u64, epoch: u64 })
const seal = structure({ era: u64, term: u64, height: u64, hash })
const proposal = structure({ era: u64, term: u64, epoch: u64, height: u64, hash })

const skipReason = choice({
  silent: null, behind: null, late: null, invalid: null, jailed: null, left: null, equivocated: null
})
const announcement = structure({
  era: u64,
  term: u64,
  epoch: u64,
  leader: address,
  first: u64,
  last: u64,
  parent: hash,
  previous: hash,
  skipped: sequence(structure({ sequencer: address, reason: skipReason }), MAX_MEMBERS)
})

const checkpointRef = structure({ position: structure({ era: u64, term: u64, round: u64 }), hash })
const checkpoint = structure({
  era: u64,
  term: u64,
  round: u64,
  head: blockRef,
  stateRoot: hash,
  parent: checkpointRef,
  setRoot: hash,
  anchor: structure({ number: u64, hash }),
  nextSetRoot: option(hash)
})
const quorumCertificate = structure({ checkpoint, signers: bytes, signature: blsSignature })
const finalityProof = structure({ checkpoint, child: quorumCertificate })
const vote = structure({ era: u64, term: u64, round: u64, checkpoint: hash })
const castVote = structure({ vote, signature: blsSignature })

const report = structure({
  era: u64,
  term: u64,
  certified: checkpointRef,
  head: structure({ term: u64, block: blockRef }),
  signed: blockRef
})
const cause = choice({
  'no-seal': null,
  'no-certificate': null,
  equivocation: null,
  invalid: null,
  planned: null,
  resigned: null,
  unfair: null,
  joined: null
})
const termChange = structure({ report, vote: blsSignature, cause, sentAt: u64 })
const termCertificate = structure({
  era: u64,
  term: u64,
  reports: sequence(structure({ report, signers: bytes }), MAX_MEMBERS),
  signature: blsSignature,
  highest: option(quorumCertificate)
})

const sequencer = structure({ address, blsPublicKey: blsKey, weight: fixed(32), peerId: text(64) })
const setChange = structure({
  proof: finalityProof,
  members: sequence(sequencer, MAX_MEMBERS),
  priorities: sequence(structure({ address, priority: fixed(64) }), MAX_MEMBERS)
})

const ballot = structure({ vote, signature: blsSignature })
const evidence = choice({
  announcement: pair(signed(announcement)),
  block: pair(signed(proposal)),
  seal: pair(signed(seal)),
  checkpoint: pair(signed(checkpoint)),
  vote: structure({ signer: address, votes: pair(ballot) })
})

const signedBlock = structure({ block: bytes, signature })
const compactBlock = structure({
  header: bytes,
  signature,
  transactions: sequence(choice({ hash, whole: bytes }), 65536)
})
const transactions = sequence(bytes, 16384)
const sequencerRecord = structure({ peerId: text(64), addresses: sequence(text(256), 8), sequence: u64 })

// Kind of gossip: layout and cap.
export const GOSSIP = {
  heartbeat: [signed(structure({ era: u64, term: u64, height: u64, head: hash, sentAt: u64, version: text(32) })), 512],
  schedule: [structure({ announcement: signed(announcement), certificate: option(termCertificate) }), 640 << 10],
  block: [compactBlock, 8 << 20],
  seal: [signed(seal), 512],
  'term-change': [endorsed(structure({ change: signed(termChange), certificate: option(quorumCertificate) })), 1 << 10],
  certificate: [endorsed(termCertificate), 512 << 10],
  checkpoint: [endorsed(structure({ checkpoint: signed(checkpoint), parent: option(quorumCertificate) })), 1 << 10],
  vote: [signed(castVote), 512],
  quorum: [endorsed(structure({ certificate: quorumCertificate, parent: option(checkpoint) })), 1 << 10],
  evidence: [endorsed(evidence), 64 << 10],
  'set-change': [endorsed(setChange), 512 << 10],
  'sequencer-record': [signed(sequencerRecord), 4 << 10],
  transactions: [transactions, 1 << 20]
}

const segment = structure({
  certificates: sequence(termCertificate, 4096),
  announcements: sequence(signed(announcement), 4096),
  blocks: sequence(structure({ block: signedBlock, seal: signed(seal) }), 128),
  finality: option(finalityProof),
  change: option(setChange)
})
const status = structure({
  version: u32,
  chainId: u64,
  genesisHash: hash,
  head: blockRef,
  finalized: u64,
  earliest: u64,
  era: u64,
  term: u64,
  epoch: u64,
  agent: text(64)
})
const branch = structure({
  certificates: sequence(termCertificate, 4096),
  announcements: sequence(signed(announcement), 4096),
  blocks: sequence(structure({ block: signedBlock, seal: option(signed(seal)) }), 64)
})
const headerProof = structure({ headers: sequence(bytes, 1024), finality: option(finalityProof) })
const trieRange = structure({
  leaves: sequence(structure({ key: bytes, value: bytes }), 16384),
  proof: sequence(bytes, 16384),
  more: flag
})
const piece = choice({
  accounts: hash,
  storage: structure({ tries: sequence(structure({ account: hash, root: hash }), 256), from: hash }),
  code: sequence(hash, 64)
})
const chunk = choice({
  unavailable: null,
  accounts: trieRange,
  storage: sequence(trieRange, 256),
  code: sequence(bytes, 64)
})
const submission = choice({ accepted: null, refused: text(256) })

// Protocol: layout and cap of the request, of the response.
export const PROTOCOLS = {
  status: [[status, 1 << 10], [status, 1 << 10]],
  'blocks-by-range': [[structure({ from: u64, count: u32, known: position }), 128], [segment, 16 << 20]],
  'submit-block': [[signedBlock, 8 << 20], [submission, 1 << 10]],
  'submit-vote': [[signed(castVote), 512], [submission, 1 << 10]],
  'sequencer-records': [[structure({}), 16], [sequence(signed(sequencerRecord), 1024), 3 << 20]],
  'push-transactions': [[transactions, 1 << 20], [structure({ count: u32, refused: sequence(u32, 16384) }), 64 << 10]],
  'transactions-by-hash': [
    [structure({ hashes: sequence(hash, 16384) }), 1 << 20],
    [structure({ transactions: sequence(bytes, 16384) }), 8 << 20]
  ],
  'blocks-by-hash': [[structure({ hash, count: u32 }), 64], [branch, 16 << 20]],
  'set-changes': [
    [structure({ from: u64, count: u32 }), 64],
    [structure({ changes: sequence(setChange, 256), finality: option(finalityProof) }), 2 << 20]
  ],
  headers: [
    [choice({ proof: hash, below: structure({ block: blockRef, count: u32 }) }), 128],
    [headerProof, 2 << 20]
  ],
  'snapshot-offers': [[structure({}), 16], [structure({ offers: sequence(headerProof, 8) }), 1 << 20]],
  'snapshot-chunk': [[structure({ block: blockRef, part: piece }), 32 << 10], [chunk, 2 << 20]]
}
