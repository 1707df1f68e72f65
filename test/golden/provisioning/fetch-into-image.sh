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
if install -m 0755 "$agent" /usr/local/bin/idle-agent.new && mv /usr/local/bin/idle-agent.new /usr/local/bin/idle-agent; then
  say '/usr/local/bin/idle-agent is in the image; have agent_in_image: true in the template'
else
  rm -f /usr/local/bin/idle-agent.new
  fail 'cannot write /usr/local/bin/idle-agent'
fi
