// The fault table: the built executable with everything that it rests on broken, one row at a time. They mostly wait, so they run side by side, the longest first.
import { vi } from 'vitest'
import './stories/metadata-faults.ts'
import './stories/api-faults.ts'
import './stories/state-faults.ts'
import './stories/wall-clock.ts'
import './stories/frozen.ts'
import './stories/still-running.ts'
import './stories/source-faults.ts'
import './stories/command-faults.ts'
import './stories/subject-faults.ts'
import './stories/veto-faults.ts'
import './stories/source-list.ts'

vi.setConfig({ maxConcurrency: 12 })
