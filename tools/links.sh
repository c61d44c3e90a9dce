#!/bin/sh
# links.sh - the names of the commands in a folder, each a link to the one file there that they all are.
#   links.sh make FOLDER TARGET [NAME ...]     what already has such a name and is no link of ours stays, and is told
#   links.sh remove FOLDER TARGET [NAME ...]   takes away those that are ours, and nothing else
# kafka-topics.sh may well be Apache Kafka's own, beside which somebody installs us.
what=$1 folder=$2 target=$3
shift 3

ours() { [ -L "$1" ] && [ "$(readlink "$1")" = "$target" ]; }

make_link() {
	if { [ -e "$1" ] || [ -L "$1" ]; } && ! ours "$1"; then
		echo "warning: $folder/$1 is not ours and stays as it is" >&2
	else
		ln -sfn "$target" "$1"
	fi
}

remove_link() { ! ours "$1" || rm -f "$1"; }

[ "$what" = make ] || [ -d "$folder" ] || exit 0
cd "$folder" || exit 1
for name in "$@"; do
	"${what}_link" "$name" || exit 1
done
