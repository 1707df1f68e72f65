say() { echo "idle-agent: $*"; }
fail() {
  say "NOT INSTALLED: $1"
  exit 1
}
work=$(mktemp -d /var/tmp/idle-agent.XXXXXX) || fail 'no room for a temporary folder in /var/tmp'
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
agent=/usr/local/bin/idle-agent
[ -x "$agent" ] || fail "the image holds no $agent"
ln -f "$agent" "$agent.image" || fail "cannot write beside $agent"
trap '[ -e "$agent" ] || mv "$agent.image" "$agent"; rm -rf "$work" "$agent.image"' EXIT

"$agent" version || fail 'the executable does not run here: it needs glibc 2.28 or newer, libstdc++, and a /var/tmp that programs run from'
# Whatever is there already stays, even where this fails.
was=$([ -e /etc/idle-agent ] && echo there)
if printf '%s' "$CONFIG" >"$work/config.yaml" && "$agent" install --config "$work/config.yaml" ${SCHEDULE:+--schedule "$SCHEDULE"}; then
  say 'installed'
else
  [ -n "$was" ] || "$agent" uninstall >/dev/null 2>&1 # nothing half installed
  fail 'see the lines above'
fi
