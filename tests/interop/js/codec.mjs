// The codec of docs/wire.md: how numbers, byte strings, options, sequences, structures and choices are laid out.
//
// A layout is an object with `read(reader)` and `write(writer, value)`. Numbers become BigInt, byte strings of a fixed length
// hex texts, others Uint8Array.

export const VERSION = 1

const hexed = (bytes) => '0x' + Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex')
const unhexed = (text) => new Uint8Array(Buffer.from(text.slice(2), 'hex'))
export { hexed, unhexed }

class Reader {
  constructor (bytes) {
    this.bytes = bytes
    this.at = 0
  }

  take (count) {
    if (count > this.bytes.length - this.at) throw new Error(`cut off: ${count} bytes are missing at ${this.at}`)
    this.at += count
    return this.bytes.subarray(this.at - count, this.at)
  }

  number () {
    const first = this.take(1)[0]
    if (first < 251) return BigInt(first)
    const width = { 251: 2, 252: 4, 253: 8 }[first]
    if (width === undefined) throw new Error(`no number of ours begins with ${first}`)
    return BigInt(hexed(this.take(width)))
  }

  // A length, which is looked at before anything is allocated.
  length (most) {
    const length = this.number()
    if (length > BigInt(most)) throw new Error(`${length} is more than ${most}`)
    return Number(length)
  }
}

class Writer {
  parts = []

  put (bytes) {
    this.parts.push(Buffer.from(bytes))
  }

  number (value) {
    value = BigInt(value)
    const [marker, width] = value < 251n ? [] : value < 1n << 16n ? [251, 2] : value < 1n << 32n ? [252, 4] : [253, 8]
    if (marker === undefined) return this.put([Number(value)])
    this.put([marker])
    this.put(Buffer.from(value.toString(16).padStart(2 * width, '0'), 'hex'))
  }
}

const within = (bits) => (value) => {
  if (value >> BigInt(bits)) throw new Error(`${value} has more than ${bits} bits`)
  return value
}

const number = (bits) => ({
  read: (reader) => within(bits)(reader.number()),
  write: (writer, value) => writer.number(within(bits)(BigInt(value)))
})

export const u32 = number(32)
export const u64 = number(64)

export const fixed = (length) => ({
  read: (reader) => {
    if (reader.length(length) !== length) throw new Error(`not ${length} bytes`)
    return hexed(reader.take(length))
  },
  write: (writer, value) => {
    writer.number(length)
    writer.put(unhexed(value))
  }
})

export const bytes = {
  read: (reader) => reader.take(reader.length(reader.bytes.length)),
  write: (writer, value) => {
    writer.number(value.length)
    writer.put(value)
  }
}

export const text = (most) => ({
  read: (reader) => new TextDecoder('utf-8', { fatal: true }).decode(reader.take(reader.length(most))),
  write: (writer, value) => bytes.write(writer, new TextEncoder().encode(value))
})

export const option = (layout) => ({
  read: (reader) => {
    const tag = reader.take(1)[0]
    if (tag > 1) throw new Error(`an option begins with ${tag}`)
    return tag === 1 ? layout.read(reader) : null
  },
  write: (writer, value) => {
    writer.put([value === null ? 0 : 1])
    if (value !== null) layout.write(writer, value)
  }
})

export const flag = {
  read: (reader) => {
    const tag = reader.take(1)[0]
    if (tag > 1) throw new Error(`a flag is ${tag}`)
    return tag === 1
  },
  write: (writer, value) => writer.put([value ? 1 : 0])
}

export const sequence = (layout, most) => ({
  read: (reader) => Array.from({ length: reader.length(most) }, () => layout.read(reader)),
  write: (writer, value) => {
    writer.number(value.length)
    for (const item of value) layout.write(writer, item)
  }
})

export const pair = (layout) => ({
  read: (reader) => [layout.read(reader), layout.read(reader)],
  write: (writer, value) => value.forEach((item) => layout.write(writer, item))
})

export const structure = (fields) => ({
  read: (reader) => Object.fromEntries(Object.entries(fields).map(([name, layout]) => [name, layout.read(reader)])),
  write: (writer, value) => Object.entries(fields).forEach(([name, layout]) => layout.write(writer, value[name]))
})

// One of several, by its number; a variant without content has no layout.
export const choice = (variants) => {
  const names = Object.keys(variants)
  return {
    read: (reader) => {
      const name = names[reader.length(names.length - 1)]
      return variants[name] === null ? name : { [name]: variants[name].read(reader) }
    },
    write: (writer, value) => {
      const name = typeof value === 'string' ? value : Object.keys(value)[0]
      writer.number(names.indexOf(name))
      if (variants[name] !== null) variants[name].write(writer, value[name])
    }
  }
}

export function decode (layout, encoded) {
  const reader = new Reader(encoded)
  const version = reader.take(1)[0]
  if (version !== VERSION) throw new Error(`format version ${version}`)
  const value = layout.read(reader)
  if (reader.at !== encoded.length) throw new Error(`${encoded.length - reader.at} bytes are left over`)
  return value
}

export function encode (layout, value) {
  const writer = new Writer()
  writer.put([VERSION])
  layout.write(writer, value)
  return new Uint8Array(Buffer.concat(writer.parts))
}

// For people and tests: numbers as such, or as texts where JavaScript has none; byte strings in hex.
export function plain (value) {
  if (typeof value === 'bigint') return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value.toString()
  if (value instanceof Uint8Array) return hexed(value)
  if (Array.isArray(value)) return value.map(plain)
  if (value !== null && typeof value === 'object') {
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, plain(item)]))
  }
  return value
}
