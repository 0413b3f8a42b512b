# shellcheck shell=bash
# Other people's implementations of what we sign, for the tests. Source it, then call `require_peers FOLDER`.

readonly PEERS=(slack_sdk==3.47.0 standardwebhooks==1.1.0)

# Makes a Python of its own with the libraries from PyPI, besides those of Debian's packages, and names it to the tests.
# Where PyPI is not at hand, Python's own HMAC takes their place.
require_peers() {
  local folder=$1/peers
  export CORTEX_CHANGE_PEERS=$folder/bin/python
  if "$CORTEX_CHANGE_PEERS" -c 'import slack_sdk, standardwebhooks' 2>/dev/null; then
    return
  fi
  /usr/bin/python3 -m venv --clear --system-site-packages "$folder"
  "$folder/bin/pip" install --quiet --disable-pip-version-check "${PEERS[@]}" ||
    echo "skipped: ${PEERS[*]} cannot be installed from PyPI"
}
