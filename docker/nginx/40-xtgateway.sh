#!/bin/sh
# nginx's image runs this before nginx: makes config/nginx/xtgateway.conf fit for docker/compose.yaml. There a gateway has a name
# instead of an address, which is looked up again while nginx runs, as the number of gateways may change.
set -eu

from=${XTGATEWAY_FROM:-/etc/xtgateway/xtgateway.conf}
to=${XTGATEWAY_TO:-/etc/nginx/conf.d/xtgateway.conf}
tls=${XTGATEWAY_TLS:-/etc/ssl/xtgateway}
own=${XTGATEWAY_OWN_TLS:-/etc/nginx/xtgateway-tls}

if [ ! -e "$tls/fullchain.pem" ]; then
  echo "$0: no certificate in $tls, so one is made that no client trusts by itself"
  mkdir -p "$own"
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 365 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout "$own/privkey.pem" -out "$own/fullchain.pem" 2>/dev/null
  tls=$own
fi

# Docker's own resolver; one line for all gateways.
{
  echo 'resolver 127.0.0.11 valid=5s ipv6=off;'
  sed -e '/server 127\.0\.0\.1:8001 /d' \
    -e 's|server 127\.0\.0\.1:8000 |server gateway:8000 resolve |' \
    -e "s|/etc/ssl/xtgateway/|$tls/|" \
    -e 's|/var/log/nginx/xtgateway\.log|/dev/stdout|' "$from"
} >"$to"
