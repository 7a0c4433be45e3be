#!/bin/bash
# answers.sh PORT PATH: succeeds when 127.0.0.1:PORT answers GET PATH with 200 within four seconds. For health checks: bash
# asks by itself, so that a check needs no curl in the image and costs no Node process.
set -eu
port=$1 path=$2
exec 3<>"/dev/tcp/127.0.0.1/$port"
printf 'GET %s HTTP/1.1\r\nHost: 127.0.0.1:%s\r\nConnection: close\r\n\r\n' "$path" "$port" >&3
read -r -t 4 _ code _ <&3
[ "$code" = 200 ] || { echo "$path: $code"; exit 1; }
