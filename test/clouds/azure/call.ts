// One call of ARM: who makes it, which VM it is about, and what the operations act on.

import type { CloudClock } from '../clock.ts'
import type { CloudAnswer } from '../http-server.ts'
import type { Principal, TokenStore } from './identity.ts'
import type { VmPower } from './power.ts'
import type { Directory } from './roles.ts'
import type { ComputePolicy, RequestKind, Throttle } from './throttle.ts'
import type { Vm } from './vm.ts'

/** An asynchronous operation as its status shows it. */
export interface AsyncOperation {
  readonly id: string
  readonly vm: Vm
  readonly startedAt: number
  endedAt: number | undefined
  /** How it ended; `undefined` is well. */
  errorCode: string | undefined
}

/** What the operations act on. */
export interface Account extends Directory {
  readonly tokens: TokenStore
  readonly throttle: Throttle
  readonly power: VmPower
  readonly clock: CloudClock
  readonly operations: Map<string, AsyncOperation>
  /** Seconds that a poller is told to wait. */
  readonly pollSeconds: number
}

export interface Call {
  readonly account: Account
  readonly principal: Principal
  readonly vm: Vm
  /** The VM's id as the caller wrote it. */
  readonly vmPath: string
  readonly query: URLSearchParams
  readonly body: Buffer
  readonly now: number
  /** `https://` and the host that the caller asked. */
  readonly origin: string
}

export interface Operation {
  /** The name in the vendor's specification; the log's action. */
  readonly id: string
  readonly method: string
  /** What follows the VM's id, in lower case. */
  readonly below: string
  /** Any one of these rights is enough; with none named, everybody may. */
  readonly rights: readonly string[]
  readonly kind: RequestKind
  /** What a lock takes it for; reads pass every lock. */
  readonly lock?: 'write' | 'delete'
  /** The compute provider's bucket that it costs. */
  readonly policy?: ComputePolicy
  readonly run: (call: Call) => CloudAnswer
}
