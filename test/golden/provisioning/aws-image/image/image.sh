#!/bin/sh
# Puts idle-agent into an image; run it as root while the image is made. Made by "idle-agent provision".
PROXY='http://proxy.example.com:3128'

say() { echo "idle-agent: $*"; }
fail() {
  say "NOT INSTALLED: $1"
  exit 1
}
work=$(mktemp -d /var/tmp/idle-agent.XXXXXX) || fail 'no room for a temporary folder in /var/tmp'
trap 'rm -rf "$work"' EXIT
agent=/usr/local/bin/idle-agent
[ -x "$agent" ] || fail "the image holds no $agent"

"$agent" version || fail 'the executable does not run here: it needs glibc 2.28 or newer'
if install -m 0755 "$agent" /usr/local/bin/idle-agent.new && mv /usr/local/bin/idle-agent.new /usr/local/bin/idle-agent; then
  say '/usr/local/bin/idle-agent is in the image; have agent_in_image: true in the template'
else
  rm -f /usr/local/bin/idle-agent.new
  fail 'cannot write /usr/local/bin/idle-agent'
fi
