// Every file and folder that the vetoes read on the machine of world.ts, and what is said where one is broken.

/** No reason to hold, although other faults of that kind are one. */
export const nothing = /^$/

export interface VetoSourceRow {
  readonly path: string
  readonly kind: 'file' | 'folder'
  readonly veto: string
  /** What is said, by the beginning of the fault's name; where nothing fits, that fault is no reason to hold. */
  readonly says: Readonly<Record<string, RegExp>>
}

/** A crontab that is none is run by no cron; one that cron might understand may hold a job. */
const crontab = {
  'unreadable: links': /^cron cannot be read: .*links go in circles/,
  'garbage: binary': /^a (cron )?job of .* may be due: its crontab is not understood; it holds until .* at the latest$/,
  huge: /^a (cron )?job of .* may be due: there is more than is read; it holds until .* at the latest$/,
}

function folder(says: RegExp): VetoSourceRow['says'] {
  return { hanging: says, unreadable: says }
}

export const vetoSources: readonly VetoSourceRow[] = [
  {
    ...{ path: '/run/systemd/inhibit', kind: 'folder', veto: 'inhibitor' },
    says: folder(/^inhibitor cannot be read: cannot list \/run\/systemd\/inhibit: /),
  },
  {
    ...{ path: '/run/systemd/inhibit/1', kind: 'file', veto: 'inhibitor' },
    says: {
      'unreadable: links': /^inhibitor cannot be read: .*\/inhibit\/1: .*links go in circles/,
      missing: nothing,
      // What it blocks, and how, stands before the rest.
      truncated: nothing,
      '': /^the systemd inhibitor 1 cannot be understood; it holds until .* UTC at the latest$/,
    },
  },
  {
    ...{ path: '/run/systemd/shutdown/scheduled', kind: 'file', veto: 'shutdown' },
    says: {
      missing: nothing,
      garbage: /^\/run\/systemd\/shutdown\/scheduled cannot be understood; it holds until .* at the latest$/,
      truncated: /^\/run\/systemd\/shutdown\/scheduled cannot be understood; it holds until .* at the latest$/,
      '': /^shutdown cannot be read: cannot read \/run\/systemd\/shutdown\/scheduled: /,
    },
  },
  {
    ...{ path: '/proc/locks', kind: 'file', veto: 'package-manager' },
    says: {
      // Nobody holds any lock.
      'garbage: nothing': nothing,
      huge: /^a package manager may be at work: there are more locks than are read; it holds until .* at the latest$/,
      '': /^package-manager cannot be read: .*\/proc\/locks/,
    },
  },
  {
    ...{ path: '/var/lib/dpkg/lock-frontend', kind: 'file', veto: 'package-manager' },
    says: { 'unreadable: links': /^package-manager cannot be read: .*\/lock-frontend: .*links go in circles/ },
  },
  {
    ...{ path: '/run/cloud-init/status.json', kind: 'file', veto: 'cloud-init' },
    says: {
      missing: nothing,
      'unreadable: links': /^cloud-init cannot be read: .*status\.json: .*links go in circles/,
      '': /^it cannot be told whether cloud-init is at work, until .* UTC at most$/,
    },
  },
  {
    ...{ path: '/etc/timezone', kind: 'file', veto: 'cron' },
    says: {
      missing: nothing,
      'garbage: nothing': nothing,
      'garbage: binary': /may be due: its crontab is not understood/,
      truncated: /may be due: its crontab is not understood/,
      '': /^cron cannot be read: cannot read \/etc\/timezone: /,
    },
  },
  { path: '/etc/crontab', kind: 'file', veto: 'cron', says: crontab },
  { path: '/etc/cron.d/backup', kind: 'file', veto: 'cron', says: crontab },
  { path: '/var/spool/cron/crontabs/alice', kind: 'file', veto: 'cron', says: crontab },
  {
    ...{ path: '/etc/cron.d', kind: 'folder', veto: 'cron' },
    says: folder(/^cron cannot be read: cannot list \/etc\/cron\.d: /),
  },
  {
    ...{ path: '/var/spool/cron/atjobs', kind: 'folder', veto: 'at' },
    says: folder(/^at cannot be read: cannot list \/var\/spool\/cron\/atjobs: /),
  },
  {
    ...{ path: '/run/systemd/system', kind: 'folder', veto: 'timer' },
    says: { 'unreadable: links': /^timer cannot be read: .*\/run\/systemd\/system: .*links go in circles/ },
  },
  {
    ...{ path: '/run/user', kind: 'folder', veto: 'timer' },
    says: folder(/^timer cannot be read: cannot list \/run\/user: /),
  },
]

/** What is right to say of this fault; `undefined` where it is no reason to hold. */
export function saysOf({ says }: Pick<VetoSourceRow, 'says'>, fault: string): RegExp | undefined {
  const entries = Object.entries(says).sort(([a], [b]) => b.length - a.length)
  const found = entries.find(([beginning]) => fault.startsWith(beginning))?.[1]
  return found === nothing ? undefined : found
}
