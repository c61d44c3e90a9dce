# The two servers that up leaves running and down ends. Each has a folder in .run/: its files, its log, pid and port.
start_s=60

pid_of() { cat "$run/$1/pid"; }
zookeeper_at() { echo "127.0.0.1:$(cat "$run/zookeeper/port")"; }
broker_at() { echo "127.0.0.1:$(cat "$run/broker/port")"; }

ours() { # NAME: whether the process that its pid file names is still the one that was started
	local pid
	pid=$(cat "$run/$1/pid" 2>/dev/null) && [ -r "/proc/$pid/cmdline" ] &&
		tr '\0' '\n' < "/proc/$pid/cmdline" | grep -qF "$run/$1/"
}

listens() { (exec 3<> "/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

free_port() { # PORT: it or the next that nobody listens on
	local port=$1
	while listens "$port"; do port=$((port + 1)); done
	echo "$port"
}

launch() { # NAME PORT COMMAND...: in its own process group
	local name=$1 port=$2; shift 2
	echo "$port" > "$run/$name/port"
	setsid "$@" > "$run/$name/log" 2>&1 < /dev/null &
	echo $! > "$run/$name/pid"
}

await() { # NAME COMMAND...: until it succeeds
	local name=$1 end=$((SECONDS + start_s)); shift
	until "$@" > /dev/null 2>&1; do
		ours "$name" || { tail -20 "$run/$name/log" >&2; die "$name ended while it started; its log is .run/$name/log"; }
		[ $SECONDS -lt $end ] || die "$name does not serve after $start_s s; its log is .run/$name/log"
		sleep 0.2
	done
}

zookeeper_serves() { # it answers imok before it takes sessions, but not this
	exec 3<> "/dev/tcp/127.0.0.1/$1" && echo srvr >&3 && grep -q 'Mode: standalone' <&3
}

start_zookeeper() {
	local dir=$run/zookeeper port
	if ours zookeeper; then say "ZooKeeper runs already at $(zookeeper_at)"; return; fi
	mkdir -p "$dir/data"
	port=$(free_port "${ZOOKEEPER_PORT:-2181}")
	say "starting ZooKeeper on 127.0.0.1:$port (its log: .run/zookeeper/log)"
	printf '%s\n' tickTime=2000 "dataDir=$dir/data" "clientPort=$port" clientPortAddress=127.0.0.1 \
		admin.enableServer=false 4lw.commands.whitelist=srvr > "$dir/zoo.cfg"
	launch zookeeper "$port" env ZOO_LOG_DIR="$dir" ZOO_LOG4J_PROP=INFO,CONSOLE \
		/usr/share/zookeeper/bin/zkServer.sh start-foreground "$dir/zoo.cfg"
	await zookeeper zookeeper_serves "$port"
}

start_broker() {
	local dir=$run/broker port
	if ours broker; then say "samsa-broker runs already at $(broker_at)"; return; fi
	mkdir -p "$dir/data"
	port=$(free_port "${SAMSA_PORT:-9092}")
	say "starting samsa-broker on 127.0.0.1:$port (its log: .run/broker/log)"
	launch broker "$port" build/samsa-broker etc/server.properties --override "log.dirs=$dir/data" \
		--override "listeners=PLAINTEXT://127.0.0.1:$port" --override "zookeeper.connect=$(zookeeper_at)"
	await broker kcat -L -b "127.0.0.1:$port" -m 2
}

stop() { # NAME
	local pid end=$((SECONDS + start_s))
	if ! ours "$1"; then say "$1 does not run"; rm -f "$run/$1/pid"; return; fi
	pid=$(pid_of "$1")
	say "stopping $1 (process $pid)"
	kill -s TERM -- "-$pid"
	while ours "$1"; do
		[ $SECONDS -lt $end ] || { say "it did not end in $start_s s, killing it"; kill -s KILL -- "-$pid"; }
		sleep 0.2
	done
	rm -f "$run/$1/pid"
}
