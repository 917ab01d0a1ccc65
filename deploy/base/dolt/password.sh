#!/bin/sh
# Gives Dolt's root a password before Dolt starts for the first time, and shows it in the Secret "dolt" to whoever may read that.
# The volume decides, since the password is part of the data there; the Secret follows it at each start.
set -eu
umask 077

password=/var/lib/dolt/root-password
api=/run/secrets/api

if ! [ -s "$password" ]; then
  if [ -d /var/lib/dolt/data ]; then
    echo "Dolt's data on this volume were made without a password: apply deploy/overlays/passwordless-dolt again, then delete this pod" >&2
    exit 1
  fi
  given=$(cat /run/secrets/dolt/password 2>/dev/null || :) # where the Secret was made by hand, before; the newline that files end with is no part of it
  if [ -n "$given" ]; then
    printf %s "$given" >"$password.new"
  else
    head -c 24 /dev/urandom | od -An -v -tx1 | tr -d ' \n' >"$password.new"
  fi
  mv "$password.new" "$password"
fi

# The token goes by a file and the password by a pipe: neither is in the arguments of a process.
printf 'Authorization: Bearer %s\n' "$(cat "$api/token")" >/tmp/authorization
printf '{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "dolt", "labels": {"app": "dolt"}}, "data": {"password": "%s"}}' \
  "$(base64 <"$password" | tr -d '\n')" |
  curl --silent --show-error --fail --output /tmp/answer --retry 10 --retry-connrefused --max-time 60 \
    --cacert "$api/ca.crt" --header @/tmp/authorization --header 'Content-Type: application/apply-patch+yaml' \
    --request PATCH --data-binary @- \
    "https://kubernetes.default.svc/api/v1/namespaces/$(cat "$api/namespace")/secrets/dolt?fieldManager=dolt&force=true"
