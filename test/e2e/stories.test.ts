// The built executable from the outside, one file for all stories: they mostly wait, so they run side by side, the longest first.
import { vi } from 'vitest'
import './stories/terminal.ts'
import './stories/idle.ts'
import './stories/leases.ts'
import './stories/attacks.ts'
import './stories/steady-load.ts'
import './stories/lock.ts'
import './stories/own-files.ts'
import './stories/crashes.ts'
import './stories/refusals.ts'
import './stories/ownership.ts'
import './stories/operator.ts'
import './stories/waiting.ts'
import './stories/exit-codes.ts'
import './stories/everybody.ts'
import './stories/network-safety.ts'

vi.setConfig({ maxConcurrency: 16 })
