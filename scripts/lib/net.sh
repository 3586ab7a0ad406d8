# Addresses: which are of this machine, which are free, and which answer.
# shellcheck shell=bash

# is_local HOST: whether HOST names this machine's loopback interface.
is_local() { [[ $1 == localhost || $1 == 127.* || $1 == ::1 ]]; }

# split_address HOST:PORT DEFAULT_PORT: sets host and port; an IPv6 address stands in brackets.
split_address() {
    if [[ $1 =~ ^\[(.*)\](:([0-9]+))?$ || $1 =~ ^([^:]*)(:([0-9]+))?$ ]]; then
        host=${BASH_REMATCH[1]} port=${BASH_REMATCH[3]:-$2}
    else
        die "'$1' is not an address (HOST:PORT, or [HOST]:PORT for IPv6)" 2
    fi
}

# split_mqtt_address CONFIG: sets mqtt_scheme, mqtt_host and mqtt_port as the programs understand a printed
# configuration.
split_mqtt_address() {
    local address host port
    local -A ports=([mqtt]=1883 [mqtts]=8883)
    address=$(sed -n 's/^host = //p' <<<"$1")
    port=$(sed -n 's/^port = //p' <<<"$1")
    mqtt_scheme=mqtt
    ! grep -qE '^(tls = true|cafile = |capath = |cert = )' <<<"$1" || mqtt_scheme=mqtts
    if [[ $address == *://* ]]; then
        mqtt_scheme=${address%%://*}
        address=${address#*://}
        split_address "${address%%/*}" "$port"
        address=$host
    fi
    address=${address#[}
    mqtt_host=${address%]}
    mqtt_port=${port:-${ports[$mqtt_scheme]:-1883}}
}

# join_address HOST PORT: prints the two as one.
join_address() {
    if [[ $1 == *:* ]]; then
        echo "[$1]:$2"
    else
        echo "$1:$2"
    fi
}

# free_ports HOST PORT...: prints for each PORT a different port of HOST that nothing listens on: PORT itself if it is
# free, and any for 0. The others lie below the ports of outgoing connections, which could otherwise take one before the
# server does.
free_ports() {
    "$python" - "$@" <<'PYTHON'
import random, socket, sys
host, *wanted = sys.argv[1:]
taken = []  # stays bound until all are found, so that none is found twice
for first in map(int, wanted):
    for port in ([first] if first else []) + random.sample(range(20000, 30000), 100):
        s = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        try:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: ended connections do not count
            s.bind((host, port))
            s.listen()
        except (OSError, OverflowError):
            s.close()
            continue
        taken.append(s)
        print(port)
        break
    else:
        sys.exit(f"no free port on {host}")
PYTHON
}

# probe mqtt HOST PORT, probe kafka BROKERS: 0 it answers, 3 nothing there, 4 something accepts the connection but does
# not speak the plain protocol (it may want TLS).
probe() {
    local status=0
    "$python" "$root/scripts/lib/probe.py" "$@" || status=$?
    ((status != 1 && status != 2)) || die "cannot find out whether a broker answers (probe $*)"
    return "$status"
}
