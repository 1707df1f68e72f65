/** Programs that may stand in the foreground of a terminal without doing anybody's work. Data only; names as the kernel cuts them, at 15 bytes. */
import { loginPrompts } from './login-prompts.ts'

/** Shells: nobody's work at their prompt, somebody's with a script or a command. */
export const shells: ReadonlySet<string> = new Set([
  ...[
    'bash',
    'sh',
    'dash',
    'zsh',
    'fish',
    'ksh',
    'ksh93',
    'mksh',
    'tcsh',
    'csh',
    'ash',
    'busybox',
    'rbash',
    'nu',
    'xonsh',
  ],
])

/** Only carry something else: what they carry is judged in their place. */
export const carriers: ReadonlySet<string> = new Set([
  ...loginPrompts,
  ...[
    'login',
    'sudo',
    'su',
    'doas',
    'runuser',
    'pkexec',
    'newgrp',
    'sg',
    'env',
    'nice',
    'ionice',
    'nohup',
    'stdbuf',
    'script',
  ],
  ...['tmux', 'tmux: client', 'tmux: server', 'screen', 'SCREEN', 'byobu', 'zellij', 'abduco', 'dtach', 'mosh-server'],
  ...['sshd', 'sshd-session', 'ssm-session-wor', 'gitstatusd', 'gitstatusd-linu'],
])

/** Show on their own terminal what is written to those of the programs in them. */
export const multiplexerClients: ReadonlySet<string> = new Set([
  ...['tmux: client', 'screen', 'zellij', 'abduco', 'dtach'],
])

/** Pass everything through where they have given what they run a terminal of its own. */
export const relays: ReadonlySet<string> = new Set(['sudo', 'su', 'doas', 'runuser', 'script'])

/** Made to be looked at or typed into; they wake by themselves, and that is no progress. */
export const onlookers: ReadonlySet<string> = new Set([
  // editors
  ...[
    'vim',
    'vi',
    'vim.basic',
    'vim.tiny',
    'vim.nox',
    'view',
    'vimdiff',
    'nvim',
    'nano',
    'pico',
    'emacs',
    'emacs-nox',
    'emacsclient',
  ],
  ...['emacs-gtk', 'micro', 'helix', 'hx', 'joe', 'jed', 'ed', 'mcedit', 'kak', 'ne'],
  // pagers and file browsers
  ...[
    'less',
    'more',
    'most',
    'pager',
    'man',
    'info',
    'bat',
    'batcat',
    'mc',
    'ranger',
    'nnn',
    'lf',
    'vifm',
    'ncdu',
    'fzf',
    'tig',
  ],
  // monitors
  ...[
    'top',
    'htop',
    'btop',
    'btm',
    'atop',
    'glances',
    'watch',
    'nvtop',
    'nvitop',
    'gpustat',
    'nvidia-smi',
    'nload',
    'iotop',
    'iftop',
  ],
  ...[
    'bmon',
    'vnstat',
    'nethogs',
    'bashtop',
    'gotop',
    'ctop',
    'k9s',
    'lazydocker',
    'lazygit',
    'powertop',
    'vmstat',
    'iostat',
  ],
  ...['mpstat', 'pidstat', 'dstat', 'sar', 'tail', 'multitail', 'lnav', 'journalctl', 'dmesg', 'cmatrix', 'tty-clock'],
  // clients for another machine, or for somebody who types
  ...[
    'ssh',
    'mosh',
    'mosh-client',
    'telnet',
    'et',
    'minicom',
    'picocom',
    'irssi',
    'weechat',
    'mutt',
    'neomutt',
    'w3m',
    'lynx',
    'elinks',
  ],
])

/** Interpreters: at their prompt like an editor, with a script or a command a job. */
export const interpreters =
  /^(python[\d.]*|pypy[\d.]*|ipython[\d.]*|bpython|ptpython|node|nodejs|MainThread|node-MainThread|deno|bun|R|Rscript|julia|irb|ghci|octave(-cli.*)?|lua[\d.]*|php[\d.]*|scala|jshell|gdb|pdb3?|bc|dc)$/

/** Clients of databases take names as plain arguments: only these options give them something to run. */
export const databaseClients = /^(psql|mysql|mariadb|sqlite3|redis-cli|mongosh?|clickhouse-clie|duckdb|cqlsh|influx)$/
export const databaseCommand = /^(-[cfe]|--(command|file|execute|eval|query|queries-file)(=.*)?)$/

/** Options that take the next argument as their value, so that it is no script: of shells, and of interpreters. */
export const shellValueOption = /^(--init-file|--rcfile|[-+][oO])$/
export const interpreterValueOption = /^(-W|-X|--require|--import)$/

/** Options that give a command or a module to run. */
export const commandOption = /^(-[a-zA-Z]*[cmef]|-p|--(eval|print|command|file|run|check|test|watch)(=.*)?)$/

/** Letters of ssh's options that take the rest of their word, or else the next argument, as their value (ssh(1)). */
export const sshValueOptions = 'BbcDEeFIiJLlmOoPpQRSWw'

/** Serve a connection over ssh and do no work of their own: they move files or pass bytes on, and those are counted. */
export const sshServices: ReadonlySet<string> = new Set([
  ...['sftp-server', 'scp', 'nc', 'ncat', 'netcat', 'nc.openbsd', 'nc.traditional', 'socat'],
])

/** In command lines of what editors keep on a machine for their windows: ~/.vscode-server/, ~/.cursor-server/, ~/.zed_server/, JetBrains. */
export const editorServer: RegExp = /\/\.[\w-]+[-_]server\/|\/JetBrains\/RemoteDev/
