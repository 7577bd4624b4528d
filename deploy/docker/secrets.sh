#!/bin/sh
# Writes secrets.env beside this script, once: the keys that compose.server.yaml gives to the server.
set -eu
umask 077
cd "$(dirname "$0")"
[ ! -e secrets.env ] || { echo "secrets.env is there; delete it to make new keys" >&2; exit 1; }
key=$(openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 2>/dev/null | openssl base64 -A)
token_key=$(openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 2>/dev/null | openssl base64 -A)
cat > secrets.env.new <<KEYS
UPLOAD_SIGNING_KEY=$(openssl rand -hex 32)
AUTH_SERVICE_TOKEN=$(openssl rand -hex 32)
CLOUDFRONT_KEY_PAIR_ID=K$(openssl rand -hex 6)
CLOUDFRONT_PRIVATE_KEY_PEM=$key
AUTH_OWN_KEY_PEM=$token_key
KEYS
mv secrets.env.new secrets.env
echo "wrote $(pwd)/secrets.env"
