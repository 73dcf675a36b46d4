#!/bin/sh
# Names what set-up needs and the machine lacks, with how to get it.
missing=0
need() {
    echo "missing: $1" >&2
    echo "  Debian, Ubuntu: sudo apt-get install $2" >&2
    missing=1
}
if ! command -v python3 >/dev/null; then
    need "Python 3.11 or newer" "python3 python3-venv"
elif ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    need "Python 3.11 or newer (python3 is $(python3 -V 2>&1))" "python3.11 python3.11-venv"
elif ! python3 -c 'import venv, ensurepip' 2>/dev/null; then
    need "Python's venv module" "python3-venv"
fi
command -v c++ >/dev/null || command -v g++ >/dev/null || need "a C++ compiler" "g++"
exit $missing
