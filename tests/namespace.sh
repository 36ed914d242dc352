#!/bin/sh
# namespace.sh REPOSITORY BASE SCRATCH COMMAND...
#
# Prepares a mount namespace in which the files of examples/schedulers run as they are, and runs the
# command in it: the repository is /opt/scrubtrace, BASE is /var/lib/scrubtrace, and there is a user
# scrubtrace. What is written to /etc, /opt, /var, /root and /run goes with the namespace, except
# for BASE. CLOSED lists folders on the way to the code that only their owner may pass.
set -eu
repository=$1 base=$2 scratch=$3
shift 3
mount --bind "$base" /mnt
mount --bind "$repository" /media
mount -t tmpfs tmpfs "$scratch"
for top in etc opt var root; do
    mkdir -p "$scratch/$top/upper" "$scratch/$top/work"
    mount -t overlay overlay /$top \
        -o "lowerdir=/$top,upperdir=$scratch/$top/upper,workdir=$scratch/$top/work"
done
mount -t tmpfs tmpfs /run
mkdir -p /opt/scrubtrace /var/lib/scrubtrace
mount --bind /media /opt/scrubtrace
mount --bind /mnt /var/lib/scrubtrace
for folder in ${CLOSED:-}; do
    chmod o+x "$folder"
done
getent passwd scrubtrace >/dev/null ||
    useradd --system --home-dir /var/lib/scrubtrace --shell /bin/sh scrubtrace
chown -R scrubtrace /var/lib/scrubtrace
exec "$@"
