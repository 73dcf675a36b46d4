#!/bin/sh
# Inside Debian 13: brings the copy of /source in /opt/rondo up to date and runs make there. By
# checksum, so that an unchanged file keeps its time and make its environment.
set -eu
rsync -rlp --checksum --delete --exclude=/.git --filter=':- .gitignore' /source/ /opt/rondo/
cd /opt/rondo
make "$@"
