#!/bin/bash
# The page of a made-up report of 2,000 trials, used in a real Chromium.
#
#   npm install playwright-core; NODE_PATH=.../node_modules crates/dml-report/tests/browser/page.sh [FOLDER for screenshots]
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
screenshots=${1:+$(realpath "$1")}
cd "$here/../../../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
[ -n "${built:-}" ] || cargo build --quiet --package dml-report --example synthetic_report
"${CARGO_TARGET_DIR:-target}/debug/examples/synthetic_report" "$work" 2000
CHROMIUM=${CHROMIUM:-$(command -v chromium)} node "$here/page.cjs" "$work/report/index.html" $screenshots
