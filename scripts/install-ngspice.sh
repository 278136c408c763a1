#!/usr/bin/env bash
# Install ngspice and its shared library, where this system's package manager has them and the user may.
# Never fails: without ngspice the tests that need it are skipped, each with its reason.
set -u

if command -v ngspice >/dev/null && ldconfig -p 2>/dev/null | grep -q libngspice; then
    echo "ngspice: already installed ($(ngspice --version 2>/dev/null | grep -o 'ngspice-[0-9.+]*' | head -n 1))."
    exit 0
fi
if ! command -v apt-get >/dev/null; then
    echo "ngspice: not installed, and no apt-get here. Install ngspice with its shared library yourself to run"
    echo "         the tests against SPICE; they are skipped now."
    exit 0
fi
if [ "$(id -u)" -eq 0 ]; then
    root=()
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    root=(sudo -n)
else
    echo "ngspice: not installed, and installing needs root. Run: sudo apt-get install ngspice libngspice0"
    echo "         The tests against SPICE are skipped now."
    exit 0
fi
echo "ngspice: installing with apt-get (ngspice, libngspice0) ..."
if "${root[@]}" apt-get update -qq >/dev/null 2>&1 &&
    DEBIAN_FRONTEND=noninteractive "${root[@]}" apt-get install -y -qq ngspice libngspice0 >/dev/null 2>&1; then
    echo "ngspice: installed."
else
    echo "ngspice: apt-get could not install it. The tests against SPICE are skipped."
fi
exit 0
