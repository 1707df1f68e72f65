/** What a cloud is to the agent: who we are, our tags, and a way to stop ourselves. */

import type { OptIn, Outcome, Refused } from '../types/outcome.ts'
import type { Method, WantedAction } from '../types.ts'

export interface Identity {
  readonly id: string
  readonly region?: string
  /** The provider's time of the last start, resume included (AWS `pendingTime`). */
  readonly startedAt?: string
}

/** An operator's tags, raw; `undefined` where the tag does not exist. */
export interface OperatorTags {
  readonly KeepAwakeUntil?: string
  readonly Protected?: string
  /** Keys of the tags by which a service or a group marks what it owns; left out where there are none. */
  readonly owners?: readonly string[]
}

/** What is asked about who else has a say over the instance. */
export interface OwnershipQuestion {
  /** What the operator allows. */
  readonly allow: readonly OptIn[]
  /** As `operatorTags` told them; left out where tags cannot be read. */
  readonly owners?: readonly string[]
  /** True where hibernation is what would be sent: then the machine must be ready for it. */
  readonly hibernate: boolean
}

/** Who else has a say over the instance, and what a stop would cost besides its memory. */
export interface Ownership {
  /** Why nothing may be sent: the first reason found. */
  readonly refusal?: Refused
  /** Hibernation is not to be tried. */
  readonly stopOnly: boolean
  /** What the audit log should have beside the call. */
  readonly note?: string
}

/** Whether the role allows one call. */
export interface Permission {
  readonly action: string
  /** What it is for. */
  readonly reason: string
  /** What the cloud answered, where it does not allow it. */
  readonly problem?: string
  /** How far the cloud's clock is ahead of this machine's, in milliseconds, where its answer says so. */
  readonly clockOffsetMs?: number
}

/** How a machine is prepared for hibernation, and what to say where it is not. */
export interface HibernationHelp {
  /** The systemd unit of the program that prepares it. */
  readonly unit: string
  /** Where that keeps memory. */
  readonly swapFile: string
  /** Name of the VM agent's extension that does it, where there is one. */
  readonly extension?: string
  /** What to do where the machine is not prepared. */
  readonly prepare: string
  readonly notEnabled: string
  /** What to do where it is not enabled. */
  readonly enable: string
  /** What becomes of the machine where the preparation failed. */
  readonly failed: string
  /** Who asks the machine to hibernate. */
  readonly provider: string
}

/** What `doctor` tells an operator to do, in the words of this cloud. */
export interface Help {
  readonly metadata: string
  readonly identity: string
  /** Codes of errors that mean that there is no identity. */
  readonly identityCodes: readonly string[]
  readonly api: string
  readonly operatorTags: string
  /** Whom to give a missing permission. */
  readonly grantTo: string
  /** Permissions that it can do without, and how: what follows the remedy. */
  readonly spare: Readonly<Record<string, string>>
  readonly hibernation: HibernationHelp
  /** What becomes of a machine that is shut down from inside, where that is not a stop. */
  readonly shutdown?: string
}

export interface Cloud {
  readonly name: string
  readonly defaultAction: WantedAction
  /** True where the provider tells the last start, so that not being able to read it forbids acting. */
  readonly tellsStart: boolean
  /** Who we are. At most two requests. Throws CloudError. */
  identify(signal: AbortSignal): Promise<Identity>
  /** The operator's tags, fresh. Throws CloudError where they cannot be read. */
  operatorTags(prefix: string, signal: AbortSignal): Promise<OperatorTags>
  /** Who else owns the instance; asked only when an action is due. Absent: nobody can. Throws CloudError and HostError where it cannot be told. */
  ownership?(asked: OwnershipQuestion, signal: AbortSignal): Promise<Ownership>
  /** Was the instance launched with hibernation? Throws CloudError. */
  canHibernate(signal: AbortSignal): Promise<boolean>
  /** Writes all given tags in one call. Throws CloudError. */
  writeTags(tags: Readonly<Record<string, string>>, signal: AbortSignal): Promise<void>
  /** Sends the one call that stops this instance, once. Never throws for an answer of the cloud. */
  act(method: Method, signal: AbortSignal): Promise<Outcome>
  /** Why the last stop that was accepted failed, where the cloud tells it; asked once, when the machine runs again in another boot. Throws CloudError. */
  stopFailure?(signal: AbortSignal): Promise<string | undefined>
  /** Configuration that an operator may have given to this machine through the cloud, in base64, '' without any, as it was when the check asked; contacts nothing. */
  givenConfig?(): string | undefined
  /** For `doctor`; absent where nothing can be stopped. */
  help?(): Promise<Help>
  /** Asks for each call that is ever made whether it would be allowed, without making it; for `doctor`. Throws CloudError where it cannot be asked. */
  permissions?(prefix: string, signal: AbortSignal): Promise<readonly Permission[]>
}
