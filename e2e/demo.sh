#!/usr/bin/env bash
# Uploads a disk image of two parts to a new server and streams it, prints each response and stops at the first
# unexpected one.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
work=$(mktemp -d)
export TIDEGATE_DATA=$work/data PORT=${PORT:-13900} EDGE_PORT=${EDGE_PORT:-13901} S3_PORT=${S3_PORT:-13909}
cd "$work"
"$root/target/debug/tidegate" serve >server.log 2>&1 &
server=$!
trap 'kill $server 2>/dev/null; wait $server 2>/dev/null || true; rm -rf "$work"' EXIT
API=http://127.0.0.1:$PORT
for _ in $(seq 100); do curl -sf "$API/readyz" >/dev/null && break; kill -0 $server || { cat server.log; exit 1; }; sleep 0.1; done

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
json() { curl -sS --fail-with-body -H 'X-User-Id: alice' -H 'Content-Type: application/json' "$@"; }

say "1. A disk image of 100 MiB, and an upload for it"
head -c $((100 << 20)) /dev/urandom > disk.img
json -X POST "$API/v1/images" -d "{\"name\":\"disk.img\",\"size\":$((100 << 20))}" | tee begun.json | jq .
IMAGE=$(jq -r .imageId begun.json) UPLOAD=$(jq -r .uploadId begun.json) PART=$(jq -r .partSize begun.json)

say "2. Its parts, each to a presigned URL"
split -b "$PART" -a 1 --numeric-suffixes=1 disk.img part
echo '[]' > parts.json
for n in 1 2; do
  URL=$(json -X POST "$API/v1/images/$IMAGE/upload-url" -d "{\"uploadId\":\"$UPLOAD\",\"partNumber\":$n}" | jq -r .url)
  echo "PUT ${URL%%\?*}?partNumber=$n&…"
  ETAG=$(curl -sS --fail-with-body -X PUT --upload-file "part$n" -D - -o /dev/null "$URL" | tr -d '\r' | sed -n 's/^etag: //Ip')
  echo "ETag: $ETAG"
  jq --argjson n "$n" --arg etag "$ETAG" '. + [{partNumber: $n, etag: $etag}]' parts.json > next && mv next parts.json
done

say "3. Complete"
jq --arg upload "$UPLOAD" '{uploadId: $upload, parts: .}' parts.json | json -X POST "$API/v1/images/$IMAGE/complete" -d @- | jq .

say "4. A stream URL: a stable address, and cookies for it"
json -c cookies "$API/v1/images/$IMAGE/stream-url" | tee stream.json | jq '{url, size, etag, auth: {type: .auth.type, expiresAt: .auth.expiresAt, cookies: [.auth.cookies[].name]}}'
STREAM=$(jq -r .url stream.json)

say "5. Sixteen bytes from the middle, from the edge"
curl -sS --fail-with-body -b cookies -H 'Range: bytes=52428800-52428815' -D - -o middle "$STREAM"
cmp <(tail -c +52428801 disk.img | head -c 16) middle && echo "the same sixteen bytes"

say "6. The whole image, and its checksum"
curl -sS --fail-with-body -b cookies "$STREAM" | sha256sum | tee got; sha256sum < disk.img | tee want; cmp got want

say "7. Without the cookies"
curl -sS -w '\n%{http_code}\n' "$STREAM" | tee refused; grep -q 403 refused

say "8. Deleted, and gone at once"
json -X DELETE -o /dev/null -w '%{http_code}\n' "$API/v1/images/$IMAGE"
curl -sS -b cookies -w '\n%{http_code}\n' "$STREAM" | tee gone; grep -q 404 gone
say "all as it should be"
