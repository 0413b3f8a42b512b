# shellcheck shell=bash
# Debian packages for the checks. Source it, then call `require_packages PACKAGE…`.

# Whether a package's programs are there, however they came. To add a package: one line here.
have_package() {
  case $1 in
    chromium) command -v chromium ;;
    chromium-driver) command -v chromedriver ;;
    cvc5) command -v cvc5 ;;
    gcc) command -v cc ;;
    git) command -v git ;;
    libc6-dev) compgen -G '/usr/include/stdlib.h' ;;
    postgresql) command -v postgres || compgen -G '/usr/lib/postgresql/*/bin/postgres' ;;
    python3-aiosmtpd) /usr/bin/python3 -c 'import aiosmtpd' 2>/dev/null ;;
    python3-icalendar) /usr/bin/python3 -c 'import icalendar' 2>/dev/null ;;
    python3-venv) /usr/bin/python3 -c 'import ensurepip, venv' 2>/dev/null ;;
    haproxy) test -x /usr/sbin/haproxy ;;
    prometheus) command -v prometheus ;;
    prometheus-alertmanager) command -v prometheus-alertmanager ;;
    shellcheck) command -v shellcheck ;;
    *) echo "unknown package \`$1\`: add it to scripts/lib/packages.sh" >&2 && exit 2 ;;
  esac >/dev/null
}

# Installs what is missing; when that is not possible, says what to install and exits with 1.
require_packages() {
  local package missing=() as_root=()
  for package in "$@"; do
    have_package "$package" || missing+=("$package")
  done
  if ((${#missing[@]} == 0)); then
    echo "nothing is missing"
    return
  fi
  if ((EUID != 0)); then
    as_root=(sudo)
  fi
  if ! command -v apt-get >/dev/null || { ((EUID != 0)) && ! command -v sudo >/dev/null; }; then
    echo "missing, and neither root nor sudo with apt-get is at hand; install: ${missing[*]}" >&2
    exit 1
  fi
  echo "installing ${missing[*]}"
  "${as_root[@]}" apt-get update -q
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -q --yes --no-install-recommends "${missing[@]}"
}
