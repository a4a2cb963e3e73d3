// A peer that knows docs/wire.md and nothing else: it joins a mesh over TCP with Noise and Yamux, listens to all gossip, checks
// what needs no state, fetches blocks, hands transactions over, and says as JSON lines what it saw. It ends once it has seen and
// done everything that its arguments ask for.

import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { gossipsub, StrictNoSign, TopicValidatorResult } from '@libp2p/gossipsub'
import { identify } from '@libp2p/identify'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { multiaddr } from '@multiformats/multiaddr'
import { sha256 } from '@noble/hashes/sha2.js'
import { createLibp2p } from 'libp2p'
import { parseArgs } from 'node:util'
import snappy from 'snappyjs'
import { announcementHash, block as readBlock, checkLeader, checkpointHash, compactBlock, rawHash, signer } from './chain.mjs'
import { decode, encode, plain, unhexed } from './codec.mjs'
import { answer, ask } from './frames.mjs'
import { GOSSIP } from './layouts.mjs'

const { values: options } = parseArgs({
  options: {
    peer: { type: 'string' }, // a multiaddr with /p2p/
    'chain-id': { type: 'string' },
    'genesis-hash': { type: 'string' },
    blocks: { type: 'string', default: '5' }, // how many consecutive ones to see by gossip
    range: { type: 'string', default: '8' }, // how many to fetch, from height 1
    push: { type: 'string' }, // a raw transaction to hand over by push-transactions
    gossip: { type: 'string' }, // one to publish by gossip
    seconds: { type: 'string', default: '120' }
  }
})
const chain = { id: BigInt(options['chain-id']), genesis: options['genesis-hash'].toLowerCase() }
const topicOf = (kind) => `/baton/${chain.id}/${chain.genesis.slice(2, 10)}/${kind}/1`

const tell = (event, fields) => console.log(JSON.stringify({ event, ...plain(fields) }))
process.on('uncaughtException', (error) => fail(error))
process.on('unhandledRejection', (error) => fail(error))
const fail = (error) => {
  tell('failed', { reason: String(error?.stack ?? error) })
  process.exit(1)
}
setTimeout(() => fail(`not done in ${options.seconds} s`), Number(options.seconds) * 1000).unref()

// What was seen by gossip.
const seen = { kinds: {}, blocks: new Map(), announcements: new Map(), run: 0 }
let news = () => {}
const until = async (condition) => {
  while (!condition()) await new Promise((resolve) => { news = resolve })
}

const take = {
  block (compact) {
    const block = compactBlock(compact)
    checkLeader(chain, block, compact.signature)
    seen.blocks.set(block.number, block)
    seen.run = 1
    for (let at = block; seen.blocks.get(at.number - 1n)?.hash === at.parentHash; at = seen.blocks.get(at.number - 1n)) {
      seen.run += 1
    }
    tell('block', { ...block, run: seen.run })
  },
  schedule ({ announcement: { message, signature } }) {
    const scheduler = signer(chain, 'announcement', message, signature)
    const hash = announcementHash(message)
    const before = seen.announcements.get(message.previous)
    if (before !== undefined && (before.epoch + 1n !== message.epoch || message.first > before.last + 1n)) {
      throw new Error('the announcement does not follow the one that it links to')
    }
    seen.announcements.set(hash, message)
    tell('announcement', { ...message, hash, scheduler, linked: before !== undefined })
  },
  seal ({ message, signature }) {
    tell('seal', { ...message, scheduler: signer(chain, 'seal', message, signature) })
  },
  heartbeat ({ message, signature }) {
    tell('heartbeat', { ...message, member: signer(chain, 'heartbeat', message, signature) })
  },
  checkpoint ({ content, signature: endorsement }) {
    const { checkpoint: { message, signature }, parent } = content
    if (parent !== null && checkpointHash(parent.checkpoint) !== message.parent.hash) throw new Error('another parent')
    const endorser = signer(chain, 'endorsement', { kind: 'checkpoint', content }, endorsement)
    tell('checkpoint', { ...message, scheduler: signer(chain, 'checkpoint', message, signature), endorser })
  },
  vote ({ message, signature }) {
    tell('vote', { ...message.vote, member: signer(chain, 'vote', message, signature) })
  },
  quorum ({ content, signature }) {
    const { certificate, parent } = content
    if (parent !== null && checkpointHash(parent) !== certificate.checkpoint.parent.hash) throw new Error('another parent')
    const endorser = signer(chain, 'endorsement', { kind: 'quorum', content }, signature)
    tell('quorum', { head: certificate.checkpoint.head, round: certificate.checkpoint.round, endorser })
  }
}

// The verdict on a gossip message.
function judge (kind, data) {
  const [layout, cap] = GOSSIP[kind]
  try {
    if (data.length > cap) throw new Error('too large')
    const message = decode(layout, snappy.uncompress(data, cap))
    take[kind]?.(message)
    seen.kinds[kind] = (seen.kinds[kind] ?? 0) + 1
    news()
    return TopicValidatorResult.Accept
  } catch (error) {
    tell('rejected', { kind, reason: String(error.stack) })
    return TopicValidatorResult.Reject
  }
}

// Gossipsub for some kinds, under its own protocol ids or others.
const channel = (kinds, protocols) => (components) => {
  const instance = gossipsub({
    globalSignaturePolicy: StrictNoSign,
    msgIdFn: ({ topic, data }) => sha256(Buffer.concat([Buffer.from(topic), Buffer.of(0), data])),
    allowedTopics: kinds.map(topicOf),
    maxInboundDataLength: (8 << 20) + 4096,
    heartbeatInterval: 400,
    fallbackToFloodsub: false
  })(components)
  // It has no option for that.
  instance.protocols = protocols ?? instance.protocols
  return instance
}
const chainKinds = Object.keys(GOSSIP).filter((kind) => kind !== 'transactions')

const node = await createLibp2p({
  addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
  transports: [tcp()],
  connectionEncrypters: [noise()],
  streamMuxers: [yamux()],
  services: {
    identify: identify({ protocolPrefix: 'ipfs', agentVersion: 'baton-interop-js/0' }),
    ping: ping(),
    chain: channel(chainKinds),
    transactions: channel(['transactions'], ['/baton/transactions/1.1.0', '/baton/transactions/1.0.0'])
  }
})
for (const kind of Object.keys(GOSSIP)) {
  const pubsub = node.services[kind === 'transactions' ? 'transactions' : 'chain']
  pubsub.topicValidators.set(topicOf(kind), (peer, message) => judge(kind, message.data))
  pubsub.subscribe(topicOf(kind))
}

const own = {
  version: 1,
  chainId: chain.id,
  genesisHash: chain.genesis,
  head: { height: 0, hash: chain.genesis },
  finalized: 0,
  earliest: 0,
  era: 0,
  term: 0,
  epoch: 0,
  agent: 'baton-interop-js/0'
}
await answer(node, chain, 'status', () => own)

const address = multiaddr(options.peer)
const connection = await node.dial(address)
const peer = connection.remotePeer
node.addEventListener('peer:disconnect', ({ detail }) => detail.equals(peer) && fail('the peer went away'))
const askStatus = async () => {
  const status = await ask(node, peer, chain, 'status', own)
  tell('status', status)
  if (status.chainId !== chain.id || status.genesisHash !== chain.genesis) throw new Error('another chain')
  return status
}
// Whoever dialed asks again and again.
await askStatus()
const asking = setInterval(() => askStatus().catch(fail), 5000)

const wanted = BigInt(options.range)
const fetched = []
while (BigInt(fetched.length) < wanted) {
  const from = BigInt(fetched.length) + 1n
  const request = { from, count: wanted - from + 1n, known: { era: 0n, term: 0n, epoch: 0n } }
  const { announcements, blocks } = await ask(node, peer, chain, 'blocks-by-range', request)
  const schedule = new Map()
  for (const { message, signature } of announcements) {
    schedule.set(announcementHash(message), { ...message, scheduler: signer(chain, 'announcement', message, signature) })
  }
  for (const { block: { block: encoded, signature }, seal } of blocks) {
    const block = readBlock(encoded)
    checkLeader(chain, block, signature)
    const parent = fetched.at(-1)?.hash ?? chain.genesis
    if (block.parentHash !== parent) throw new Error(`block ${block.number} does not follow ${parent}`)
    const announced = schedule.get(block.announcement)
    if (announced === undefined) throw new Error(`block ${block.number} stands on no announcement`)
    if (announced.leader !== block.beneficiary || block.number < announced.first || block.number > announced.last) {
      throw new Error(`block ${block.number} is not its leader's`)
    }
    if (seal.message.hash !== block.hash) throw new Error('the seal is of another block')
    if (signer(chain, 'seal', seal.message, seal.signature) !== announced.scheduler) throw new Error('not the scheduler')
    fetched.push(block)
  }
  if (blocks.length === 0) await until(() => seen.blocks.size > 0)
}
tell('range', { from: 1, hashes: fetched.map(({ hash }) => hash), transactions: fetched.flatMap((it) => it.transactions) })

const { blocks: branch } = await ask(node, peer, chain, 'blocks-by-hash', { hash: fetched.at(-1).hash, count: 4 })
tell('branch', { hashes: branch.map(({ block }) => readBlock(block.block).hash) })

const records = await ask(node, peer, chain, 'sequencer-records', {})
tell('records', {
  members: records.map(({ message, signature }) => signer(chain, 'sequencer-record', message, signature)),
  peers: records.map(({ message }) => message.peerId)
})

if (options.push !== undefined) {
  const raw = unhexed(options.push)
  tell('pushed', await ask(node, peer, chain, 'push-transactions', [raw]))
  tell('found', await ask(node, peer, chain, 'transactions-by-hash', { hashes: [rawHash(raw)] }))
}
if (options.gossip !== undefined) {
  const topic = topicOf('transactions')
  const pubsub = node.services.transactions
  await until(() => pubsub.getSubscribers(topic).length > 0)
  const data = snappy.compress(encode(GOSSIP.transactions[0], [unhexed(options.gossip)]))
  const { recipients } = await pubsub.publish(topic, data)
  tell('published', { recipients: recipients.length })
}

const linked = () => [...seen.announcements.values()].some(({ previous }) => seen.announcements.has(previous))
await until(() => seen.run >= Number(options.blocks) && linked() && seen.kinds.seal > 0)
tell('done', { kinds: seen.kinds })
clearInterval(asking)
await node.stop()
process.exit(0)
