#!/bin/sh
# Installs idle-agent at the first boot: give this as user data to an EC2 instance, as custom data or user data to an Azure
# VM. cloud-init runs it as root; what it says is in /var/log/cloud-init-output.log. What the machine's role or identity
# has to be allowed is in iam/; "sudo idle-agent doctor" tells what is missing. Set the address of the executable and its sum
# (dist/SHA256SUMS), for each architecture that you launch; keep the rest. metadata_root_only: true lets only root reach the
# role, and needs nftables (docs/security.md). "idle-agent provision" makes this, and the rest, from a template.
AGENT_URL='https://example.com/idle-agent-linux-x64'
AGENT_SHA256='0000000000000000000000000000000000000000000000000000000000000000'
AGENT_URL_ARM64='https://example.com/idle-agent-linux-arm64'
AGENT_SHA256_ARM64='0000000000000000000000000000000000000000000000000000000000000000'
CONFIG='idle_detection:
  idle_threshold_minutes: 5
  hibernate_threshold_minutes: 10
  check_interval_minutes: 2
  metadata_root_only: false
'

TRIES=${IDLE_AGENT_TRIES:-6} # with pauses of 5 s, 10 s, 20 s ...
PAUSE=${IDLE_AGENT_PAUSE:-5}
LIMIT=${IDLE_AGENT_LIMIT:-600} # seconds for one download

say() { echo "idle-agent: $*"; }
fail() {
  say "NOT INSTALLED: $1"
  exit 1
}
work=$(mktemp -d /var/tmp/idle-agent.XXXXXX) || fail 'no room for a temporary folder in /var/tmp'
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
agent=$work/idle-agent

case $(uname -m) in
  x86_64) ;;
  aarch64 | arm64) AGENT_URL=${AGENT_URL_ARM64-} AGENT_SHA256=${AGENT_SHA256_ARM64-} ;;
  *) fail "there is no executable for $(uname -m)" ;;
esac
[ -n "${AGENT_URL-}" ] || fail "no executable is named for $(uname -m)"

fetch() {
  if [ -n "${PROXY-}" ]; then export http_proxy="$PROXY" https_proxy="$PROXY"; fi
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

"$agent" version || fail 'the executable does not run here: it needs glibc 2.28 or newer, libstdc++, and a /var/tmp that programs run from'
# Whatever is there already stays, even where this fails.
was=$([ -e /etc/idle-agent ] && echo there)
if printf '%s' "$CONFIG" >"$work/config.yaml" && "$agent" install --config "$work/config.yaml" ${SCHEDULE:+--schedule "$SCHEDULE"}; then
  say 'installed'
else
  [ -n "$was" ] || "$agent" uninstall >/dev/null 2>&1 # nothing half installed
  fail 'see the lines above'
fi
