#!/bin/sh
# Hands a renewed certificate to Parley, which notices by itself. certbot and lego run this as root.
set -eu

if [ -n "${RENEWED_LINEAGE:-}" ]; then
  cert="$RENEWED_LINEAGE/fullchain.pem"
  key="$RENEWED_LINEAGE/privkey.pem"
else
  cert="$LEGO_CERT_PATH"
  key="$LEGO_CERT_KEY_PATH"
fi
install -m 640 -g parley "$cert" /etc/parley/cert.pem
install -m 640 -g parley "$key" /etc/parley/key.pem
