# shellcheck shell=bash
# Where builds go, and the one cargo tool that is not part of Rust. Source it, then call its functions.

readonly CACHE=${XDG_CACHE_HOME:-${HOME:?}/.cache}/cortex-change
readonly TOOLS=$CACHE/tools
readonly CARGO_DENY_VERSION=0.20.2
readonly TARGET_GIB_MAX=30

# Builds go to a folder outside the checkout, so that every checkout reuses the built dependencies. Each checkout leaves
# its own crates there; past TARGET_GIB_MAX the folder is emptied. A folder that the caller chose is left alone.
use_target_folder() {
  if [[ -n ${CARGO_TARGET_DIR:-} ]]; then
    return
  fi
  export CARGO_TARGET_DIR=$CACHE/target
  mkdir -p "$CARGO_TARGET_DIR"
  local gib
  gib=$(du --summarize --block-size=1G "$CARGO_TARGET_DIR" | cut --fields=1)
  if ((gib > TARGET_GIB_MAX)); then
    echo "emptying $CARGO_TARGET_DIR: $gib GiB"
    rm -rf "$CARGO_TARGET_DIR"
  fi
}

# Builds cargo-deny from crates.io into the cache, unless that version is there: about a minute, once.
require_cargo_deny() {
  export PATH=$TOOLS/bin:$PATH
  if [[ $(cargo-deny --version 2>/dev/null) == "cargo-deny $CARGO_DENY_VERSION" ]]; then
    return
  fi
  env --unset=CARGO_TARGET_DIR CARGO_PROFILE_DEV_DEBUG=false \
    cargo install --quiet --locked --debug --root "$TOOLS" --version "$CARGO_DENY_VERSION" cargo-deny
}
