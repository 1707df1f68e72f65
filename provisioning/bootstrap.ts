/** The shell script that puts the agent on a machine at its first boot, or into an image. */
import { stringify } from 'yaml'
import type { Download } from './agent-source.ts'

/** What the script is made from. */
export interface Bootstrap {
  /** What it says of itself, a line each. */
  readonly about: readonly string[]
  /** By architecture; none where the executable is in the image. */
  readonly downloads: readonly Download[]
  /** The configuration file; left out where an image is made, which gets the executable alone. */
  readonly config: object | undefined
  /** Where the default of `install` will not do. */
  readonly schedule?: 'timer' | undefined
  readonly proxy: string | undefined
}

/** A word of the shell that stands for exactly this text. */
export function shellWord(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`
}

/** YAML as an operator would write it; long values are not folded. For readers of YAML 1.1, as cloud-init's is: no, on and 12:30 are texts. */
export function yaml(value: unknown): string {
  return stringify(value, { lineWidth: 0, version: '1.1' })
}

/** Where `install` puts it. */
const installed = '/usr/local/bin/idle-agent'

/** The script; everything that is not fixed is a quoted word at its top. */
export function bootstrapScript({ about, downloads, config, proxy, schedule }: Bootstrap): string {
  const head = ['#!/bin/sh', ...about.map((line) => `# ${line}`)]
  const settings = [
    ...downloads.flatMap(({ url, sha256, architecture }) => {
      const suffix = architecture === 'x64' ? '' : '_ARM64'
      return [`AGENT_URL${suffix}=${shellWord(url)}`, `AGENT_SHA256${suffix}=${shellWord(sha256)}`]
    }),
    ...(proxy === undefined ? [] : [`PROXY=${shellWord(proxy)}`]),
    ...(schedule === undefined ? [] : [`SCHEDULE=${shellWord(schedule)}`]),
    ...(config === undefined ? [] : [`CONFIG=${shellWord(yaml(config))}`]),
  ]
  const get = downloads.length === 0 ? inImage : fetched
  return `${[...head, ...settings, '', ...get, ...(config === undefined ? keep : install)].join('\n')}\n`
}

const say = `say() { echo "idle-agent: $*"; }
fail() {
  say "NOT INSTALLED: $1"
  exit 1
}
work=$(mktemp -d /var/tmp/idle-agent.XXXXXX) || fail 'no room for a temporary folder in /var/tmp'
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM`

/** A failing installation is taken back with its executable; the image keeps its own. */
const inImage = [
  say,
  `agent=${installed}
[ -x "$agent" ] || fail "the image holds no $agent"
ln -f "$agent" "$agent.image" || fail "cannot write beside $agent"
trap '[ -e "$agent" ] || mv "$agent.image" "$agent"; rm -rf "$work" "$agent.image"' EXIT
`,
]

const fetched = [
  `TRIES=\${IDLE_AGENT_TRIES:-6} # with pauses of 5 s, 10 s, 20 s ...
PAUSE=\${IDLE_AGENT_PAUSE:-5}
LIMIT=\${IDLE_AGENT_LIMIT:-600} # seconds for one download
`,
  say,
  `agent=$work/idle-agent

case $(uname -m) in
  x86_64) ;;
  aarch64 | arm64) AGENT_URL=\${AGENT_URL_ARM64-} AGENT_SHA256=\${AGENT_SHA256_ARM64-} ;;
  *) fail "there is no executable for $(uname -m)" ;;
esac
[ -n "\${AGENT_URL-}" ] || fail "no executable is named for $(uname -m)"

fetch() {
  if [ -n "\${PROXY-}" ]; then export http_proxy="$PROXY" https_proxy="$PROXY"; fi
  if command -v curl >/dev/null; then
    curl -gfsSL --connect-timeout 10 --speed-limit 1000 --speed-time 30 --max-time "$LIMIT" -o "$agent" "$AGENT_URL" 2>&1
  elif command -v wget >/dev/null; then
    timeout "$LIMIT" wget -nv -T 10 -t 1 -O "$agent" "$AGENT_URL" 2>&1
  else
    echo 'neither curl nor wget is here to fetch it with'
    return 1
  fi
}

try=1
while :; do
  if said=$(fetch); then
    sum=$(sha256sum "$agent" | cut -d' ' -f1)
    [ "$sum" = "$AGENT_SHA256" ] && break
    why="what $AGENT_URL gave ($(wc -c <"$agent") bytes) has the sum $sum, not $AGENT_SHA256"
  else
    why="cannot fetch $AGENT_URL: $(echo "$said" | tail -n 1)"
  fi
  rm -f "$agent"
  [ "$try" -ge "$TRIES" ] && fail "$why"
  say "try $try of $TRIES: $why; again in $PAUSE s"
  sleep "$PAUSE"
  try=$((try + 1)) PAUSE=$((PAUSE * 2))
done
chmod 0755 "$agent"
`,
]

const runs = `"$agent" version || fail 'the executable does not run here: it needs glibc 2.28 or newer, libstdc++, and a /var/tmp that programs run from'`

const install = [
  runs,
  `# Whatever is there already stays, even where this fails.
was=$([ -e /etc/idle-agent ] && echo there)
if printf '%s' "$CONFIG" >"$work/config.yaml" && "$agent" install --config "$work/config.yaml" \${SCHEDULE:+--schedule "$SCHEDULE"}; then
  say 'installed'
else
  [ -n "$was" ] || "$agent" uninstall >/dev/null 2>&1 # nothing half installed
  fail 'see the lines above'
fi`,
]

const keep = [
  runs,
  `if install -m 0755 "$agent" ${installed}.new && mv ${installed}.new ${installed}; then
  say '${installed} is in the image; have agent_in_image: true in the template'
else
  rm -f ${installed}.new
  fail 'cannot write ${installed}'
fi`,
]
