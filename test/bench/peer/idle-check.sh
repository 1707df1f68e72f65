#!/bin/bash
# The peer of `make bench`: the idle check that the source description states, in bash with curl and the AWS CLI v2.
#
# Written for this bench from that description, and run by nothing else. It does what the description lists at every
# check and keeps its state in the instance's tags, as the description says. Where that leaves a choice, the cheaper way
# was taken: one describe-tags for all tags, no `aws --version` for the log, no second of waiting to measure a rate.
set -euo pipefail

readonly AGENT_VERSION='1.0.0'
readonly PREFIX='CloudWorkstation'
readonly IDLE_MINUTES=${PEER_IDLE_MINUTES:-5}
readonly HIBERNATE_MINUTES=${PEER_HIBERNATE_MINUTES:-10}
# Limits above which the machine counts as busy. The bench raises them, so that its own work does not count.
readonly LOAD_LIMIT=${PEER_LOAD_LIMIT:-0.3}
readonly SESSION_LIMIT=${PEER_SESSION_LIMIT:-0}
readonly GPU_LIMIT=${PEER_GPU_LIMIT:-5}
readonly CONNECTION_LIMIT=${PEER_CONNECTION_LIMIT:-5}
readonly LOG_FILE=${PEER_LOG_FILE:-/dev/null}

log() {
  echo "$(date '+%Y-%m-%d %H:%M:%S') [PEER v$AGENT_VERSION] $*" | tee -a "$LOG_FILE"
}

# Nothing but this machine may ever be asked, and nothing but a simulated instance may ever be stopped.
readonly LOOPBACK='^http://(127\.0\.0\.1|\[::1\]):[0-9]{1,5}/?$'
for name in AWS_EC2_METADATA_SERVICE_ENDPOINT AWS_ENDPOINT_URL_EC2; do
  if [[ ! "${!name:-}" =~ $LOOPBACK ]]; then
    echo "peer: $name must be set to http://127.0.0.1:PORT; this script is for the bench alone" >&2
    exit 2
  fi
done
readonly METADATA=${AWS_EC2_METADATA_SERVICE_ENDPOINT%/}
# AWS CLI 2.9 appends its paths without a slash.
export AWS_EC2_METADATA_SERVICE_ENDPOINT="$METADATA/"
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY

# 1. Instance metadata (IMDSv2).
TOKEN=$(curl -sf --max-time 5 -X PUT "$METADATA/latest/api/token" -H 'X-aws-ec2-metadata-token-ttl-seconds: 21600')
metadata() {
  curl -sf --max-time 5 -H "X-aws-ec2-metadata-token: $TOKEN" "$METADATA/latest/meta-data/$1"
}
INSTANCE_ID=$(metadata instance-id)
REGION=$(metadata placement/region)

# AWS CLI 2.9 does not know AWS_ENDPOINT_URL_EC2 yet.
ec2() {
  aws ec2 "$@" --region "$REGION" --endpoint-url "$AWS_ENDPOINT_URL_EC2" --no-cli-pager
}
set_tags() {
  ec2 create-tags --resources "$INSTANCE_ID" --tags "$@"
}

# 2. System activity.
ACTIVITY=''
LOAD=$(uptime | sed 's/.*load average: *//' | cut -d, -f1)
if [ "$(echo "$LOAD > $LOAD_LIMIT" | bc -l)" -eq 1 ]; then ACTIVITY="load $LOAD"; fi
SESSIONS=$(who | wc -l)
if [ "$SESSIONS" -gt "$SESSION_LIMIT" ]; then ACTIVITY="$SESSIONS sessions"; fi
if command -v nvidia-smi >/dev/null; then
  GPU=$(nvidia-smi --query-gpu=utilization.gpu --format=csv,noheader,nounits | sort -n | tail -1)
  if [ "${GPU:-0}" -gt "$GPU_LIMIT" ]; then ACTIVITY="GPU $GPU%"; fi
fi
CONNECTIONS=$(ss -Htn state established 2>/dev/null | wc -l)
if [ "$CONNECTIONS" -gt "$CONNECTION_LIMIT" ]; then ACTIVITY="$CONNECTIONS connections"; fi

# 3. State, from the tags.
STATUS='' SINCE='' ACTION=''
TAGS=$(ec2 describe-tags --filters "Name=resource-id,Values=$INSTANCE_ID" \
  --query "Tags[?starts_with(Key, '$PREFIX:')].[Key,Value]" --output text)
while IFS=$'\t' read -r key value; do
  case "$key" in
    "$PREFIX:IdleStatus") STATUS=$value ;;
    "$PREFIX:IdleSince") SINCE=$value ;;
    "$PREFIX:IdleAction") ACTION=$value ;;
  esac
done <<<"$TAGS"

# 4. What follows from it.
if [ -n "$ACTIVITY" ]; then
  if [ "$STATUS" != active ] || [ -n "$ACTION" ]; then
    set_tags "Key=$PREFIX:IdleStatus,Value=active" "Key=$PREFIX:IdleSince,Value=" "Key=$PREFIX:IdleAction,Value="
  fi
  log "active: $ACTIVITY"
  exit 0
fi
if [ "$STATUS" != idle ] || [ -z "$SINCE" ]; then
  SINCE=$(date -u '+%Y-%m-%dT%H:%M:%SZ')
  set_tags "Key=$PREFIX:IdleStatus,Value=idle" "Key=$PREFIX:IdleSince,Value=$SINCE" "Key=$PREFIX:IdleAction,Value="
  log "idle since $SINCE"
  exit 0
fi
MINUTES=$((($(date +%s) - $(date -d "$SINCE" +%s)) / 60))
if [ "$MINUTES" -lt "$HIBERNATE_MINUTES" ]; then
  if [ "$MINUTES" -ge "$IDLE_MINUTES" ]; then
    log "idle for $MINUTES min, hibernates at $HIBERNATE_MINUTES min"
  else
    log "idle for $MINUTES min"
  fi
  exit 0
fi
CONFIGURED=$(ec2 describe-instances --instance-ids "$INSTANCE_ID" \
  --query 'Reservations[0].Instances[0].HibernationOptions.Configured' --output text)
if [ "$CONFIGURED" = True ]; then
  set_tags "Key=$PREFIX:IdleAction,Value=hibernating"
  ec2 stop-instances --instance-ids "$INSTANCE_ID" --hibernate >/dev/null
  log "hibernating after $MINUTES min"
else
  set_tags "Key=$PREFIX:IdleAction,Value=stopping"
  ec2 stop-instances --instance-ids "$INSTANCE_ID" >/dev/null
  log "stopping after $MINUTES min"
fi
