#!/bin/sh
# Makes each namespace of /config/namespaces, or gives it the declared retention, and adds the search attributes it lacks.
# A line is: NAME RETENTION [ATTRIBUTE=TYPE…]. TEMPORAL_ADDRESS and TEMPORAL_TLS_… are read by the command itself.
set -eu
. /scripts/wait.sh

until answer=$(temporal operator cluster health --command-timeout 5s 2>&1); do
  wait_for "Temporal at $TEMPORAL_ADDRESS is not healthy: $answer"
done

declare_namespace() { # NAME RETENTION
  until answer=$(temporal operator namespace describe --namespace "$1" --command-timeout 10s 2>&1); do
    case $answer in
      *'not found'* | *NotFound*)
        answer=$(temporal operator namespace create --namespace "$1" --retention "$2" --command-timeout 10s 2>&1) &&
          echo "namespace $1 made, closed workflows are kept for $2" && return
        case $answer in *'already exists'* | *AlreadyExists*) continue ;; esac ;;
    esac
    wait_for "namespace $1 cannot be declared: $answer"
  done
  temporal operator namespace update --namespace "$1" --retention "$2" --command-timeout 10s > /dev/null
  echo "namespace $1 keeps closed workflows for $2"
}

declare_attribute() { # NAMESPACE NAME TYPE
  # The list is a table of names and types.
  until listed=$(temporal operator search-attribute list --namespace "$1" --command-timeout 10s 2>&1); do
    wait_for "the search attributes of $1 cannot be listed: $listed"
  done
  type=$(echo "$listed" | awk -v name="$2" '$1 == name { print $2 }')
  if [ -z "$type" ]; then
    temporal operator search-attribute create --namespace "$1" --name "$2" --type "$3" --command-timeout 10s
    echo "namespace $1 has the search attribute $2 of type $3"
  elif [ "$type" != "$3" ]; then
    echo "search attribute $2 of namespace $1 has type $type and is declared as $3; Temporal cannot change it, so give it a new name" | tee /dev/termination-log
    exit 1
  fi
}

while read -r name retention attributes; do
  declare_namespace "$name" "$retention"
  for attribute in $attributes; do
    declare_attribute "$name" "${attribute%=*}" "${attribute#*=}"
  done
done < /config/namespaces
echo 'every namespace is as declared'
