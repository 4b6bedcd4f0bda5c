# shellcheck shell=bash
# What every script does: options, the connection, the call, the outcome. Sourced, never run.
#
# Exit status: 0 done; 2 refused, or wrong usage; 3 the mesh could not be reached, the outcome is not known; 1 anything else.
set -euo pipefail

if ((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] < 404)); then
  echo "${0##*/}: bash 4.4 or later is needed" >&2
  exit 2
fi
shopt -s inherit_errexit

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
declare -A option=()
declare -a words=()
as_json=''
for each; do
  [[ $each != --json ]] || as_json=yes
done
request_id=''

wire() { python3 -ES "$here/wire" ${as_json:+--json} "$@"; }

# The comment at a script's beginning is its help.
usage() { sed -n '2,/^[^#]/{s/^# \{0,1\}//p;}' "$0"; }

refuse() { # FIELD DESCRIPTION [HINT]
  wire refuse "$1" "$2" "${3:-${0##*/} --help}" || exit $?
}

# Do what the first word says: the function do_WORD. A - in it is a _ there.
dispatch() { # "VERBS…" ARGUMENT…
  local tasks=$1 verb=${2-}
  shift
  case $verb in
    '') usage >&2 && exit 2 ;;
    -h | --help) usage && exit 0 ;;
  esac
  shift
  [[ " $tasks " == *" $verb "* ]] || refuse "$verb" 'it is none of the tasks here' "one of: $tasks"
  "do_${verb//-/_}" "$@"
}

# Read options into `option`, what is repeated joined by newlines, and the rest into `words`.
# A name in KNOWN that ends with = takes a value.
read_options() { # "KNOWN…" ARGUMENT…
  local known=" help json $1 " name value each
  shift
  for each; do
    [[ $each == --help || $each == -h ]] && usage && exit 0
  done
  while (($#)); do
    each=$1
    shift
    case $each in
      --) words+=("$@") && break ;;
      --json) ;;
      --*)
        name=${each#--}
        name=${name%%=*}
        if [[ $known == *" $name= "* ]]; then
          if [[ $each == *=* ]]; then
            value=${each#*=}
          elif (($#)) && [[ $1 != --* ]]; then
            value=$1
            shift
          else
            refuse "--$name" 'it needs a value'
          fi
          option[$name]=${option[$name]+${option[$name]}$'\n'}$value
        elif [[ $known == *" $name "* && $each != *=* ]]; then
          option[$name]=true
        else
          refuse "--$name" 'there is no such option, or it takes no value'
        fi
        ;;
      *) words+=("$each") ;;
    esac
  done
}

# Check how many words stand beside the options.
expect_words() { # NAMES…
  ((${#words[@]} == $#)) || refuse "${*:-words}" "expected ${*:-none}, got ${#words[@]} words"
}

need_option() { # NAME HINT
  [[ -n ${option[$1]-} ]] || refuse "--$1" 'it is needed' "${2-}"
}

named() { # COLLECTION ID…: full names, as the wire has them, one a line
  local collection=$1 each
  shift
  for each; do
    case $each in
      '') ;;
      */*) printf '%s\n' "$each" ;;
      *) printf '%s\n' "$collection/$each" ;;
    esac
  done
}

# A time as the wire has it: a day is its beginning, and what names no zone is UTC.
instant() { # TIME
  local day='[0-9]{4}-[0-9]{2}-[0-9]{2}' clock='[0-9]{2}:[0-9]{2}' zone='(Z|[+-][0-9]{2}:[0-9]{2})?'
  [[ $1 =~ ^($day)(T($clock)(:[0-9]{2}(\.[0-9]{1,9})?)?$zone)?$ ]] || refuse "$1" 'it is no time' '2026-11-24T12:00Z'
  printf '%sT%s%s%s' "${BASH_REMATCH[1]}" "${BASH_REMATCH[3]:-00:00}" "${BASH_REMATCH[4]:-:00}" "${BASH_REMATCH[6]:-Z}"
}

# An act's name: the same again does nothing twice.
name_act() {
  request_id=${option[request-id]-}
  if [[ -z $request_id ]]; then
    request_id=$(cat /proc/sys/kernel/random/uuid 2>/dev/null || uuidgen | tr '[:upper:]' '[:lower:]')
  fi
}

scope=() # fields of a request's scope
read_scope() { # POPULATION; options dataset, project, analyst
  scope=("scope.population=$(named populations "$1")")
  [[ -z ${option[dataset]-} ]] || scope+=("scope.dataset=$(named datasets "${option[dataset]}")")
  [[ -z ${option[project]-} ]] || scope+=("scope.project=$(named projects "${option[project]}")")
  [[ -z ${option[analyst]-} ]] || scope+=("scope.analyst=$(named users "${option[analyst]}")")
}

conditions=() # PATH=TEXT, PATH!=TEXT
read_conditions() { # options dataset, project, analyst
  [[ -z ${option[dataset]-} ]] || conditions+=("scope.dataset=$(named datasets "${option[dataset]}")")
  [[ -z ${option[project]-} ]] || conditions+=("scope.project=$(named projects "${option[project]}")")
  [[ -z ${option[analyst]-} ]] || conditions+=("scope.analyst=$(named users "${option[analyst]}")")
}

loss=() # fields of a loss at PATH
read_loss() { # PATH; options rho, epsilon, delta, threshold-delta
  local kind=rho
  [[ -n ${option[rho]-} ]] || kind=epsilon
  if [[ -n ${option[rho]-} && -n ${option[epsilon]-} || -z ${option[rho]-}${option[epsilon]-} ]]; then
    refuse '--rho' 'say exactly one of --rho and --epsilon' '--rho 0.3, or --epsilon 1 --delta 1e-6'
  fi
  loss=("$1.$kind.${kind}_picos:pico=${option[$kind]}")
  [[ -z ${option[delta]-} ]] || loss+=("$1.$kind.delta_attos:atto=${option[delta]}")
  [[ -z ${option[threshold-delta]-} ]] || loss+=("$1.threshold_delta_attos:atto=${option[threshold-delta]}")
}

# --- the wire ---------------------------------------------------------------------------------------------------------

client=''
find_client() {
  local cache=${XDG_CACHE_HOME:-$HOME/.cache}/sfumato-services found=()
  case ${SFUMATO_ADMIN_CLIENT-} in
    '' | grpcurl)
      client=$(command -v grpcurl || true)
      if [[ -z $client ]]; then
        found=("$cache"/grpcurl-*/grpcurl)
        [[ ! -x ${found[0]} ]] || client=${found[0]}
      fi
      ;;
  esac
  case ${SFUMATO_ADMIN_CLIENT-} in
    '' | buf)
      [[ -n $client ]] || client=$(command -v buf || true)
      [[ -n $client || ! -x $here/../proto/.venv/bin/buf ]] || client=$here/../proto/.venv/bin/buf
      ;;
  esac
  if [[ -z $client ]]; then
    refuse 'PATH' 'neither grpcurl nor buf is there' \
      'go install github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.4, or pip install buf-bin'
  fi
}

address='' security='' token=''
connect() {
  [[ -z $address ]] || return 0
  local found
  find_client
  found=$(wire connection)
  { read -r address && read -r security && read -r token; } <<<"$found"
}

# Call with the request on stdin. The token goes by environment or by a pipe, for argv is everybody's to read.
send() { # METHOD SECONDS
  local roots=${GRPC_DEFAULT_SSL_ROOTS_FILE_PATH-} flags=()
  if [[ ${client##*/} == grpcurl* ]]; then
    [[ $security == tls ]] || flags+=(-plaintext)
    [[ $security != tls || -z $roots ]] || flags+=(-cacert "$roots")
    # shellcheck disable=SC2016  # grpcurl expands it
    SFUMATO_TOKEN=$token "$client" "${flags[@]}" -format-error -expand-headers -connect-timeout 5 -max-time "$2" \
      -max-msg-sz 8388608 -H 'authorization: Bearer ${SFUMATO_TOKEN}' -d @ "$address" "$1"
  else
    local scheme=https
    [[ $security == tls ]] || scheme=http
    [[ $security != tls || -z $roots ]] || flags+=(--cacert "$roots")
    SFUMATO_TOKEN='' "$client" curl "${flags[@]}" --protocol grpc --http2-prior-knowledge --timeout "$2s" \
      -H @<(printf 'authorization: Bearer %s\n' "$token") -d @- "$scheme://$address/$1"
  fi
}

is_reachable() {
  local host=${address%:*}
  host=${host#[}
  # shellcheck disable=SC2016  # the inner bash expands it
  timeout 5 bash -c ': <"/dev/tcp/$0/$1"' "${host%]}" "${address##*:}" 2>/dev/null
}

# Print the answers of METHOD to the request made of FIELDS, or end with the reason in plain words.
call() { # METHOD [FIELD=VALUE…]; environment: seconds
  local method=$1 request said status=0
  shift
  connect
  [[ $method == *.*/* ]] || method=sfumato.v1.$method
  # grpcurl takes a FieldMask as an object of paths, buf as ProtoJSON says: one text.
  request=$(FIELD_MASK_AS=$([[ ${client##*/} == grpcurl* ]] && echo paths || echo text) wire body "$@")
  said=$(mktemp)
  send "$method" "${seconds:-60}" <<<"$request" 2>"$said" || status=$?
  if ((status)); then
    explain <"$said" || status=$?
    rm -f "$said"
    exit "$status"
  fi
  rm -f "$said"
}

# Tell a failed call on stderr; return the exit status that goes with it.
explain() {
  local said told status=0
  said=$(cat)
  if [[ $said != *'"code"'* ]] && ! is_reachable; then
    said="{\"code\": 14, \"message\": \"nobody answers at $address\"}"
  fi
  told=$(wire explain "$request_id" 2>&1 <<<"$said") || status=$?
  if ((status != 3)) && [[ -z $as_json && $said == *'"code"'* ]] && command -v sfumato >/dev/null; then
    told=$(sfumato admin explain-error 2>/dev/null <<<"$said") || told=$(wire explain 2>&1 <<<"$said") || true
  fi
  printf '%s\n' "$told" >&2
  return "$status"
}

# Print all pages of a list as one document: the records for which every one of `conditions` holds.
list() { # METHOD KEY [FIELD=VALUE…]
  local method=$1 key=$2 page all='' next=''
  shift 2
  connect
  while :; do
    page=$(call "$method" "$@" page_size:number=1000 page_token="$next")
    all+=$page$'\n'
    [[ $page == *'"nextPageToken"'* ]] || break
    next=$(wire get nextPageToken <<<"$page")
    [[ -n $next ]] || break
  done
  wire pages "$key" "${conditions[@]}" <<<"$all"
}

# Print a document as it is, or for people.
show() { # KIND DOCUMENT
  if [[ -n $as_json ]]; then
    printf '%s\n' "$2"
  else
    wire view "$1" <<<"$2"
  fi
}
