#!/bin/sh
# Gives each container of a single server its secrets: copies the files of /from/NAME into the volume /to/NAME, for the user id that
# reads them there. The files on the host are for the installation's own user alone. CONSUMERS is a list of NAME=UID. Safe to repeat:
# a file is exchanged in one step, and what is no longer among the secrets goes.
set -eu
umask 077

for consumer in $CONSUMERS; do
  name=${consumer%=*}
  uid=${consumer#*=}
  for file in /from/"$name"/*; do
    key=${file##*/}
    cat "$file" > /to/"$name"/.new
    chmod 0400 /to/"$name"/.new
    chown "$uid:$uid" /to/"$name"/.new
    mv -f /to/"$name"/.new /to/"$name"/"$key"
  done
  for file in /to/"$name"/*; do
    [ -e /from/"$name"/"${file##*/}" ] || rm -f "$file"
  done
  chmod 0500 /to/"$name"
  chown "$uid:$uid" /to/"$name"
  echo "$name has its secrets"
done
