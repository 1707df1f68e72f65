// The built executable from the outside, one file for all stories: they mostly wait, so they run side by side.
import { vi } from 'vitest'
import './stories/idle.ts'
import './stories/refusals.ts'
import './stories/operator.ts'
import './stories/exit-codes.ts'
import './stories/network-safety.ts'

vi.setConfig({ maxConcurrency: 16 })
