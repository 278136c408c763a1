#!/usr/bin/env bash
# Fetch the decks of ngspice's own tests from the source package of Debian, into a folder.
# Never fails: without a network the tests that need them are skipped, each with its reason.
set -u

folder=${1:?usage: fetch-ngspice-tests.sh FOLDER}
if [ -d "$folder/tests" ]; then
    echo "ngspice's tests: already in $folder."
    exit 0
fi
if ! command -v apt-get >/dev/null || ! [ -r /usr/share/keyrings/debian-archive-keyring.gpg ]; then
    echo "ngspice's tests: not fetched; that takes apt-get and Debian's keys. Put the folder 'tests' of ngspice's"
    echo "                 sources into $folder yourself."
    exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/state/lists/partial" "$work/cache/archives/partial"
echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian bookworm main" \
    >"$work/sources.list"
apt=(apt-get -qq -o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts=- -o Dir::State="$work/state"
    -o Dir::Cache="$work/cache" -o Debug::NoLocking=1 -o APT::Get::List-Cleanup=0)
cd "$work" || exit 0
if timeout 120 "${apt[@]}" update >/dev/null 2>&1 &&
    timeout 120 "${apt[@]}" source --download-only ngspice >/dev/null 2>&1; then
    for archive in ngspice_*.orig.tar.*; do
        mkdir -p sources && tar -xf "$archive" -C sources --strip-components=1
    done
fi
if [ -d "$work/sources/tests" ]; then
    mkdir -p "$folder" && cp -r "$work/sources/tests" "$folder/tests.part" && mv "$folder/tests.part" "$folder/tests"
    echo "ngspice's tests: fetched to $folder."
else
    echo "ngspice's tests: could not be fetched. The tests that run them are skipped."
fi
exit 0
