// What `doctor` says of GPUs: each fault with its remedy, and nothing where there is no GPU.
import { expect, it } from 'vitest'
import { type GpuFacts, gpuFindings } from '../../agent/doctor/gpu.ts'

const fine: GpuFacts = { name: 'GPU 0', accounting: 'on', persistent: true }
const other: GpuFacts = { ...fine, name: 'GPU 1' }
const broken: GpuFacts = { name: 'GPU 1', problem: 'nvidia-smi hangs since 09:12 UTC' }

it.each<[string, readonly GpuFacts[], string, RegExp, RegExp | undefined]>([
  ['two in order', [fine, other], 'ok', /^2 GPUs: read and accounted$/, undefined],
  ['MIG', [{ name: 'GPU 0', mig: true, persistent: true }], 'ok', /^1 GPU: split into instances \(MIG\)/, undefined],
  ['one that accounts nothing', [{ name: 'GPU 0' }], 'ok', /^1 GPU: read; the driver accounts nothing$/, undefined],
  [
    'one of two that cannot be read',
    [fine, broken],
    'fault',
    /^GPU 1: nvidia-smi hangs since 09:12 UTC$/,
    /sensors.gpu.enabled: false/,
  ],
  [
    'none that can be read',
    [{ ...broken, name: 'GPU 0' }, broken],
    'fault',
    /^2 GPUs: nvidia-smi hangs/,
    /mend its driver/,
  ],
  [
    'accounting that is off',
    [fine, { ...other, accounting: 'off' }],
    'worry',
    /^accounting is off/,
    /idle-agent install/,
  ],
  ['no persistence', [{ ...fine, persistent: false }], 'worry', /^persistence mode is off/, /idle-agent install/],
])('%s', (_, gpus, level, text, remedy) => {
  expect(gpuFindings(gpus)).toEqual([
    {
      name: 'gpu',
      level,
      text: expect.stringMatching(text),
      ...(remedy === undefined ? {} : { remedy: expect.stringMatching(remedy) }),
    },
  ])
})

it('says everything at once', () => {
  const gpus: readonly GpuFacts[] = [broken, { name: 'GPU 0', accounting: 'off', persistent: false }]
  expect(gpuFindings(gpus).map(({ level }) => level)).toEqual(['fault', 'worry', 'worry'])
})

it('says nothing without a GPU, and one line where the operator left them out', () => {
  expect(gpuFindings([])).toEqual([])
  expect(gpuFindings(undefined)).toEqual([{ name: 'gpu', level: 'ok', text: 'left out by sensors.gpu.enabled: false' }])
})
