// Request/response of docs/wire.md: one stream a request; a frame is 4 bytes of length, big endian, and that many bytes.

import { decode, encode } from './codec.mjs'
import { PROTOCOLS } from './layouts.mjs'

async function readFrame (stream, cap) {
  const parts = []
  let have = 0
  let want = 4
  for await (const part of stream) {
    parts.push(part.subarray())
    have += part.byteLength
    if (want === 4 && have >= 4) {
      const length = Buffer.concat(parts).readUInt32BE()
      if (length > cap) throw new Error(`a frame of ${length} bytes is more than ${cap}`)
      want = 4 + length
    }
    if (have >= want) break
  }
  if (have !== want || want === 4) throw new Error('the frame was cut off')
  return new Uint8Array(Buffer.concat(parts).subarray(4))
}

async function writeFrame (stream, payload) {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(payload.length)
  if (!stream.send(Buffer.concat([length, payload]))) await stream.onDrain()
}

const idOf = (chain, name) =>
  name === 'status' ? '/baton/status/1' : `/baton/${chain.id}/${chain.genesis.slice(2, 10)}/${name}/1`

// Asks a peer, and waits for its answer.
export async function ask (node, peer, chain, name, request) {
  const signal = AbortSignal.timeout(20_000)
  const [[requestLayout], [responseLayout, cap]] = PROTOCOLS[name]
  const stream = await node.dialProtocol(peer, idOf(chain, name), { signal })
  signal.addEventListener('abort', () => stream.abort(new Error(`${name}: no answer in time`)))
  await writeFrame(stream, encode(requestLayout, request))
  const answer = decode(responseLayout, await readFrame(stream, cap))
  stream.close({ signal }).catch(() => {})
  return answer
}

// Answers what peers ask.
export function answer (node, chain, name, respond) {
  const [[requestLayout, cap], [responseLayout]] = PROTOCOLS[name]
  return node.handle(idOf(chain, name), async (stream, connection) => {
    try {
      const request = decode(requestLayout, await readFrame(stream, cap))
      await writeFrame(stream, encode(responseLayout, respond(request, connection.remotePeer)))
      await stream.close()
    } catch (error) {
      stream.abort(error)
    }
  })
}
