#!/usr/bin/env bash
#
# Keeps snapshots of folders: makes new ones, thins out old ones, and puts one back.

set -euo pipefail

readonly VERSION="1.4.0"
declare -ri MAX_AGE_DAYS=90
declare -A KEEP=([hourly]=24 [daily]=7 [weekly]=4)
export LC_ALL=C

STORE="${SNAPKEEP_STORE:-$HOME/.snapkeep}"
dry_run=0
verbose=0

# shellcheck source=lib/log.sh
source "$(dirname "$0")/lib/log.sh"
. ./lib/lock.sh

# Says how the program is called.
usage() {
  cat <<TEXT
usage: snapkeep [-n] [-v] create FOLDER | prune | restore NAME FOLDER
TEXT
}

die() {
  log_error "$*"
  exit 1
}

# Runs a command, or only shows it where nothing may be changed.
function run {
  if ((dry_run)); then
    printf 'would run: %s\n' "$*"
  else
    "$@"
  fi
}

# Names of all snapshots, the newest first.
snapshots() {
  find "$STORE" -mindepth 1 -maxdepth 1 -type d -name '????-??-??T*' -printf '%f\n' | sort -r
}

# Makes a snapshot that shares unchanged files with the one before.
create() {
  local source=$1 name previous
  name=$(date -u +%Y-%m-%dT%H%M%S)
  previous=$(snapshots | head -n 1)
  [[ -d $source ]] || die "$source is no folder"
  run mkdir -p "$STORE/$name.part"
  run rsync -a --delete ${previous:+--link-dest="$STORE/$previous"} "$source/" "$STORE/$name.part/"
  run mv "$STORE/$name.part" "$STORE/$name"
  log_info "made $name"
}

# Removes snapshots that no rule keeps.
#
# The newest snapshot of each hour, day and week is kept, as many of each as KEEP says. A snapshot that is older
# than MAX_AGE_DAYS goes in any case, but the last one that is left never does.
prune() {
  local -A seen=() kept=()
  local -A counts=([hourly]=0 [daily]=0 [weekly]=0)
  local name stamp bucket rule oldest left removed=0
  oldest=$(date -u -d "-$MAX_AGE_DAYS days" +%Y-%m-%dT%H%M%S)
  left=$(snapshots | wc -l)
  while read -r name; do
    stamp=${name%%.*}
    if [[ $stamp < $oldest ]] && ((left > 1)); then
      log_debug "$name is too old"
      run rm -rf -- "${STORE:?}/$name"
      ((left -= 1, removed += 1))
      continue
    fi
    for rule in hourly daily weekly; do
      case $rule in
        hourly) bucket=${stamp:0:13} ;;
        daily) bucket=${stamp:0:10} ;;
        weekly) bucket=$(date -u -d "${stamp:0:10}" +%G-W%V) ;;
        *) die "nobody knows the rule $rule" ;;
      esac
      bucket=$rule/$bucket
      if [[ -z ${seen[$bucket]:-} ]] && ((counts[$rule] < KEEP[$rule])); then
        seen[$bucket]=1
        kept[$name]=$rule
        counts[$rule]=$((counts[$rule] + 1))
        log_debug "$name is kept as $rule"
      fi
    done
    if [[ -z ${kept[$name]:-} ]] && ((left > 1)); then
      log_debug "$name is kept by no rule"
      run rm -rf -- "${STORE:?}/$name"
      ((left -= 1, removed += 1))
    fi
  done < <(snapshots)
  log_info "removed $removed, left $left"
}

restore() {
  local name=$1 target=$2
  [[ -d $STORE/$name ]] || die "there is no snapshot $name"
  run rsync -a "$STORE/$name/" "$target/"
}

if ! command -v rsync >/dev/null; then
  rsync() { cp -a "${@: -2:1}." "${@: -1}"; }
fi

main() {
  local option
  while getopts 'nvh' option; do
    case $option in
      n) dry_run=1 ;;
      v) verbose=1 ;;
      *) usage; exit 2 ;;
    esac
  done
  shift $((OPTIND - 1))
  trap release_lock EXIT
  acquire_lock "$STORE/lock"
  case ${1:-} in
    create | prune | restore) "$@" ;;
    *) usage; exit 2 ;;
  esac
}

main "$@"
