/** Stands in for the sensors' option tables until agent/sensors/table.ts exists. */
import type { Options } from '../types.ts'

export const sensors: readonly { readonly name: string; readonly options: Options }[] = [
  {
    name: 'cpu',
    options: {
      cores: {
        type: 'number',
        default: 0.1,
        min: 0.01,
        max: 64,
        unit: 'cores',
        about: 'Core-seconds per second above which the machine works.',
      },
    },
  },
  {
    name: 'sessions',
    options: {
      connection_hold_minutes: {
        type: 'number',
        default: 60,
        min: 0,
        max: 10080,
        unit: 'minutes',
        about: 'How long an open connection holds.',
      },
      output_hold_minutes: {
        type: 'number',
        default: 120,
        min: 0,
        max: 10080,
        unit: 'minutes',
        about: 'How long output without input holds.',
      },
    },
  },
  {
    name: 'network',
    options: {
      in_bytes_per_second: {
        type: 'number',
        default: 10000,
        min: 0,
        max: 1e9,
        unit: 'bytes per second',
        about: 'Received rate.',
      },
      out_bytes_per_second: {
        type: 'number',
        default: 5000,
        min: 0,
        max: 1e9,
        unit: 'bytes per second',
        about: 'Sent rate.',
      },
    },
  },
]
