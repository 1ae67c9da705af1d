#!/bin/bash
# A machine of its own over this one: what is installed, written and removed in it is gone with it. Then the package's whole life.
#   machine.sh FOLDER OLD.deb NEW.deb, in namespaces of its own (unshare --mount --pid --fork)
set -eu
trap 'echo "broke off in line $LINENO: $BASH_COMMAND" >&2' ERR
if [ "${1:-}" != inside ]; then
  folder=$1
  mount -t tmpfs none "$folder"
  mkdir "$folder/changed" "$folder/work" "$folder/machine"
  mount -t overlay none -o "lowerdir=/,upperdir=$folder/changed,workdir=$folder/work" "$folder/machine"
  mount -t proc proc "$folder/machine/proc"
  mount --rbind /dev "$folder/machine/dev"
  mount -t tmpfs none "$folder/machine/run"
  mount -t tmpfs -o mode=1777 none "$folder/machine/tmp"
  cp "$2" "$folder/machine/tmp/old.deb"
  cp "$3" "$folder/machine/tmp/new.deb"
  cp "$0" "$folder/machine/tmp/machine.sh"
  exec chroot "$folder/machine" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root bash /tmp/machine.sh inside
fi

cd /
export DEBIAN_FRONTEND=noninteractive
unit=/lib/systemd/system/wazapp.service
state=/var/lib/wazapp

holds() { # what, a test
  local what=$1
  shift
  if "$@"; then echo "holds: $what"; else echo "does not hold: $what" >&2 && exit 1; fi
}
is() { # what, found, expected
  if [ "$2" = "$3" ]; then echo "holds: $1"; else echo "$1: $2 instead of $3" >&2 && exit 1; fi
}
absent() { [ ! -e "$1" ]; }
# As the unit runs it: its user, its settings, its command.
as_the_unit() {
  local settings
  settings=$(sed -n 's/^Environment=//p' $unit; grep -v '^#' /etc/wazapp/env || true)
  cd $state
  setpriv --reuid wazapp --regid wazapp --clear-groups --no-new-privs env -i PATH=/usr/bin:/bin $settings "$@"
}
# As an operator types it, who is root.
admin() { (cd /root && wazapp --service "$@"); }
start() {
  rm -f $state/data/wazapp.json
  # shellcheck disable=SC2046
  as_the_unit $(sed -n 's/^ExecStart=//p' $unit) --listen 127.0.0.1:0 >/tmp/log 2>&1 &
  server=$!
  local tries=0
  until as_the_unit wazapp health >/dev/null 2>&1; do
    tries=$((tries + 1))
    if [ $tries -gt 600 ] || ! kill -0 $server; then cat /tmp/log >&2 && exit 1; fi
    sleep 0.1
  done
}
stop() {
  kill -TERM "$(sed 's/.*"pid":\([0-9]*\).*/\1/' $state/data/wazapp.json)"
  wait $server
}

dpkg -i /tmp/old.deb >/tmp/dpkg 2>&1
is "the version" "$(dpkg-query -W -f '${Version}' wazapp)" 0.1.0
is "the state's folder is its user's alone" "$(stat -c '%U:%G %a' $state)" "wazapp:wazapp 700"
is "settings are root's alone" "$(stat -c '%U:%G %a' /etc/wazapp/env)" "root:root 600"
is "its user cannot log in" "$(getent passwd wazapp | cut -d: -f7)" /usr/sbin/nologin
holds "it starts with the machine" test -L /etc/systemd/system/multi-user.target.wants/wazapp.service
echo 'WAZAPP_ALLOW_TARGETS=127.0.0.0/8' >>/etc/wazapp/env
start
admin org create Acme >/dev/null

# An upgrade puts the new program in place while the old one runs on, and asks nothing of what was set.
dpkg -i /tmp/new.deb >/tmp/dpkg 2>&1
is "the new version" "$(dpkg-query -W -f '${Version}' wazapp)" 0.1.1
holds "the old one runs on until it is told" kill -0 $server
stop
start
is "what was there is there" "$(admin org list --json | grep -c '"slug":"acme"')" 1
is "a command makes nothing that the service cannot read" "$(find $state/data ! -user wazapp | wc -l)" 0
is "what was set is set" "$(grep -c WAZAPP_ALLOW_TARGETS /etc/wazapp/env)" 1
stop
# A server with an external database leaves this mark; a command that is not told of it says what to type.
echo 'wazapp_owner@db.example.org:5432/wazapp' >$state/data/external-database
as_the_unit wazapp org list >/tmp/refused 2>&1 && exit 1
holds "no second database is made" grep -q 'Type:  sudo wazapp --service org list ' /tmp/refused
rm $state/data/external-database

dpkg --remove wazapp >/tmp/dpkg 2>&1
holds "the program is gone" absent /usr/bin/wazapp
holds "nothing warns of what stays" test "$(grep -c -i warning /tmp/dpkg)" = 0
holds "data stays" test -e $state/data/master-key
holds "settings stay" test -e /etc/wazapp/env

dpkg --purge wazapp >/tmp/dpkg 2>&1
holds "data stays when it is purged" test -e $state/data/master-key
holds "it says where" grep -q "/var/lib/wazapp" /tmp/dpkg
holds "nothing starts with the machine" absent /etc/systemd/system/multi-user.target.wants/wazapp.service

# What stayed is found again; and whoever wants nothing to stay says so.
dpkg -i /tmp/new.deb >/tmp/dpkg 2>&1
start
is "it is found again" "$(admin org list --json | grep -c '"slug":"acme"')" 1
stop
WAZAPP_PURGE_DATA=yes dpkg --purge wazapp >/tmp/dpkg 2>&1
for left in $state /etc/wazapp /usr/share/wazapp /usr/share/doc/wazapp $unit /etc/systemd/system/wazapp.service; do
  holds "nothing is left at $left" absent "$left"
done
is "nor a user" "$(getent passwd wazapp | wc -l)" 0
echo "its whole life"
