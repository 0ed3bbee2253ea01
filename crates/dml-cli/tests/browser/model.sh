#!/bin/bash
# The page of made-up models, of 1,000 and of 60,000 images, used in a real Chromium.
#
#   npm install playwright-core; NODE_PATH=.../node_modules crates/dml-cli/tests/browser/model.sh [FOLDER for screenshots]
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
screenshots=${1:+$(realpath "$1")}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
CHROMIUM=${CHROMIUM:-$(command -v chromium)} node "$here/model.cjs" "$work" $screenshots
