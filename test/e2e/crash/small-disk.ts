// A disk small enough to be filled, in a mount namespace that only this test looks into.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readdirSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'

export interface SmallDisk {
  /** A state folder on it, empty; its `run` is another file system, as /run is. */
  readonly stateDir: string
  /** Takes all the room there is, and the names of new files, too, where told so. */
  fill(names: boolean): void
  free(): void
  close(): Promise<void>
}

/** What there is room for: bytes as mount takes them, and names of files. */
interface Room {
  readonly size: string
  readonly names: number
}

function script({ size, names }: Room): string {
  return [
    `mount -t tmpfs -o size=${size},nr_inodes=${names},mode=755 tmpfs /mnt`,
    'mkdir -m 700 /mnt/state',
    'mkdir /mnt/state/run /mnt/filler',
    'mount -t tmpfs -o size=256k,mode=755 tmpfs /mnt/state/run',
    'echo ready',
    // Until its input is closed, or whoever holds that has ended.
    'exec cat',
  ].join(' && ')
}

function isFull(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOSPC'
}

/** Does it until there is no room. */
function untilFull(take: () => void): void {
  try {
    for (;;) take()
  } catch (error) {
    if (!isFull(error)) throw error
  }
}

function fillRoom(path: string): void {
  const descriptor = openSync(path, 'w')
  try {
    untilFull(() => void writeSync(descriptor, Buffer.alloc(4096, 'x')))
  } finally {
    closeSync(descriptor)
  }
}

/** Makes one; root only. */
export async function makeSmallDisk(room: Room = { size: '256k', names: 64 }): Promise<SmallDisk> {
  const keeper = spawn('unshare', ['--mount', '--', 'sh', '-c', `exec 2>&1; ${script(room)}`], {
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  const ended = once(keeper, 'close')
  const [said] = (await Promise.race([once(keeper.stdout, 'data'), ended])) as [unknown]
  if (String(said) !== 'ready\n') throw new Error(`no small disk: ${String(said)}`)
  const place = `/proc/${keeper.pid}/root/mnt`
  const filler = join(place, 'filler')
  return {
    stateDir: join(place, 'state'),
    fill(names) {
      fillRoom(join(filler, 'room'))
      let count = 0
      if (names) untilFull(() => closeSync(openSync(join(filler, `name-${count++}`), 'w')))
    },
    free() {
      for (const name of readdirSync(filler)) rmSync(join(filler, name))
    },
    async close() {
      keeper.stdin.end()
      await ended
    },
  }
}
