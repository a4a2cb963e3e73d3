// Decodes the golden files of network/tests/golden and prints them as JSON, one line a file. What was decoded must encode to
// the same bytes, and must stand in its frame as docs/wire.md says.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { decode, encode, plain } from './codec.mjs'
import { block, compactBlock } from './chain.mjs'
import { GOSSIP, PROTOCOLS } from './layouts.mjs'

const directory = process.argv[2]

// Layout, cap and payload of a file.
function look (name, content) {
  const gossip = name.match(/^gossip-(.*)$/)?.[1].replace(/^evidence-.*/, 'evidence')
  if (gossip !== undefined) return [...GOSSIP[gossip], content]
  const [, protocol, part] = name.match(/^(.*?)(?:-(request|response))?$/)
  const [layout, cap] = PROTOCOLS[protocol][part === 'response' ? 1 : 0]
  if (content.readUInt32BE() !== content.length - 4) throw new Error('the frame has another length')
  return [layout, cap, content.subarray(4)]
}

// Blocks are RLP inside: shown as what this peer reads of them.
function show (value) {
  if (Array.isArray(value)) return value.map(show)
  if (value === null || typeof value !== 'object' || value instanceof Uint8Array) return plain(value)
  if (value.header instanceof Uint8Array) return { ...plain(value), header: plain(compactBlock(value)) }
  return Object.fromEntries(Object.entries(value).map(([name, item]) =>
    [name, name === 'block' && item instanceof Uint8Array ? plain(block(item)) : show(item)]))
}

for (const file of readdirSync(directory).sort()) {
  const name = file.replace(/\.hex$/, '')
  const content = Buffer.from(readFileSync(join(directory, file), 'utf8').replace(/\s/g, ''), 'hex')
  try {
    const [layout, cap, payload] = look(name, content)
    if (payload.length > cap) throw new Error(`more than ${cap} bytes`)
    const value = decode(layout, new Uint8Array(payload))
    if (!Buffer.from(encode(layout, value)).equals(payload)) throw new Error('it encodes to other bytes')
    console.log(JSON.stringify({ name, value: show(value) }))
  } catch (error) {
    console.error(`${name}: ${error.stack}`)
    process.exitCode = 1
  }
}
