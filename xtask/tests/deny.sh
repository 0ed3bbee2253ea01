#!/bin/bash
# Licences, versions and sources of all that comes in from outside are as deny.toml allows. `cargo install --locked cargo-deny` brings what
# it needs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
cargo-deny --locked check licenses bans sources
