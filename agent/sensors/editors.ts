/** The editors sensor: people in editors that run here and are shown elsewhere (VS Code and its kin, JetBrains). */
import type { Options } from '../types/options.ts'
import { editorNames } from './editor-names.ts'
import type { EditorsSample } from './editors-judge.ts'
import { type GatedSample, gated } from './gated.ts'
import { connectionHold } from './hold-option.ts'
import { processTable } from './processes.ts'
import type { Sensor } from './sensor.ts'

export const editorsOptions = {
  connection_hold_minutes: connectionHold(
    'how long a remote editor that is connected and not used, or extensions at work without one, can hold the machine, from the last real activity',
  ),
} as const satisfies Options

/** Servers of remote editors, by the bytes that their clients send. */
export const editors: Sensor<GatedSample<EditorsSample>, typeof editorsOptions> = gated({
  name: 'editors',
  sampleVersion: 1,
  options: editorsOptions,
  absence: 'no remote editor runs here',
  async present(host, signal) {
    const table = await processTable(host, signal)
    if (![...table.values()].some(({ comm }) => editorNames.test(comm))) return false
    const { remoteEditors } = await import('./editors-judge.ts')
    const { servers, helpers } = await remoteEditors.findEditors(host, signal)
    return servers.length + helpers.length > 0
  },
  load: async () => (await import('./editors-judge.ts')).remoteEditors.subject,
})
