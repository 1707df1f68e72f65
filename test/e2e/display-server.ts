// An X display on a socket, as far as the question for its last input goes (X11 protocol, 8; MIT-SCREEN-SAVER), and everything that it may do instead.
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { dirname } from 'node:path'

/** Its answer to a greeting and one question: the setup with one screen, then the reply of 32 bytes. */
function answerTo(question: number): Buffer {
  const setup = Buffer.alloc(48)
  setup[0] = 1
  setup.writeUInt16LE((setup.length - 8) / 4, 6)
  setup.writeUInt32LE(77, 40)
  const reply = Buffer.alloc(32)
  reply[0] = 1
  // QueryExtension is 98: it is there, under a number; any other asks for its times, which are an hour.
  if (question === 98) reply.set([1, 150], 8)
  else reply.writeUInt32LE(3_600_000, 16)
  return Buffer.concat([setup, reply])
}

/** What it does with whoever asks. */
export const displayAnswers = {
  'as it should': (socket: Socket, answer: Buffer) => socket.end(answer),
  'hanging: never': () => {},
  'hanging: a byte at a time': (socket: Socket, answer: Buffer) => drip(socket, answer),
  'unreadable: closes': (socket: Socket) => socket.destroy(),
  'garbage: a page': (socket: Socket) => socket.end(`\u0001${'<html>It works</html>'.repeat(20)}`),
  'garbage: nothing': (socket: Socket) => socket.end(),
  'truncated: in the middle': (socket: Socket, answer: Buffer) => socket.end(answer.subarray(0, answer.length / 2)),
  'huge: 100 MB': (socket: Socket) => pour(socket, 1600),
} as const

export type DisplayAnswer = keyof typeof displayAnswers

function drip(socket: Socket, answer: Buffer): void {
  let at = 0
  const timer = setInterval(() => {
    socket.write(answer.subarray(at, at + 1))
    at += 1
  }, 100)
  socket.on('close', () => clearInterval(timer))
}

function pour(socket: Socket, blocks: number): void {
  if (blocks === 0) return void socket.end()
  if (!socket.destroyed) socket.write(Buffer.alloc(65_536, 1), () => pour(socket, blocks - 1))
}

export interface DisplayServer {
  /** What it does from now on. */
  answer: DisplayAnswer
  close(): void
}

/** Starts one whose socket is at `path`. */
export async function startDisplay(path: string): Promise<DisplayServer> {
  mkdirSync(dirname(path), { recursive: true })
  const sockets = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    const chunks: Buffer[] = []
    socket.on('data', (chunk) => chunks.push(chunk))
    socket.on('end', () => {
      const asked = Buffer.concat(chunks)
      displayAnswers[own.answer](socket, answerTo(asked[12 + sizeOfCookie(asked)] ?? 0))
    })
  }).listen(path)
  await once(server, 'listening')
  const own: DisplayServer = {
    answer: 'as it should',
    close() {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
  return own
}

/** Bytes of the name and the data of a cookie in a greeting, padded to four each. */
function sizeOfCookie(greeting: Buffer): number {
  const padded = (length: number) => length + ((4 - (length % 4)) % 4)
  return greeting.length < 12 ? 0 : padded(greeting.readUInt16LE(6)) + padded(greeting.readUInt16LE(8))
}
