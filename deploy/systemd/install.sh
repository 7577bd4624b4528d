#!/bin/sh
# Installs Tidegate as a service on a Debian machine, or takes it away again; may be run any number of times.
#   ./install.sh path/to/tidegate     install or replace the binary, the user, the unit, and settings where there are none
#   ./install.sh --uninstall          stop it and take unit and binary away; data, settings and user stay
set -eu
[ "$(id -u)" = 0 ] || { echo "run this as root" >&2; exit 1; }
here=$(cd "$(dirname "$0")" && pwd)
root=${DESTDIR:-}

if [ "${1:-}" = --uninstall ]; then
    [ -n "$root" ] || systemctl disable --now tidegate.service || true
    rm -f "$root/etc/systemd/system/tidegate.service" "$root/usr/local/bin/tidegate"
    [ -n "$root" ] || systemctl daemon-reload
    echo "Tidegate is gone; /var/lib/tidegate and /etc/tidegate were left as they are"
    exit 0
fi

binary=${1:?give the path of the binary, such as target/binary/tidegate}
[ -x "$binary" ] || { echo "$binary is no program" >&2; exit 1; }
if [ -z "$root" ] && ! getent passwd tidegate >/dev/null; then
    useradd --system --user-group --home-dir /var/lib/tidegate --no-create-home --shell /usr/sbin/nologin tidegate
fi
install -D -m 0755 "$binary" "$root/usr/local/bin/tidegate"
install -D -m 0644 "$here/tidegate.service" "$root/etc/systemd/system/tidegate.service"
# The service reads its keys there, and writes nothing. systemd itself reads the settings.
install -d -m 0750 "$root/etc/tidegate" "$root/etc/tidegate/keys"
[ -n "$root" ] || chgrp tidegate "$root/etc/tidegate" "$root/etc/tidegate/keys"
if [ ! -e "$root/etc/tidegate/tidegate.env" ]; then
    install -m 0600 "$here/tidegate.env" "$root/etc/tidegate/tidegate.env"
    echo "fill in /etc/tidegate/tidegate.env, then: systemctl enable --now tidegate"
fi
[ -n "$root" ] || systemctl daemon-reload
echo "Tidegate is installed"
