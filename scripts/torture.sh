#!/usr/bin/env bash
# The fault harness: runs a real publisher, bridge, Mosquitto and Kafka, makes faults at random instants, then reads
# Kafka back with an independent client and says whether the promise was kept: no message lost, none doubled
# (at-least-once: no more than the bound), each key in order.
#
# Usage: scripts/torture.sh [OPTION]...
#        scripts/torture.sh --store sqlite|postgresql [--messages N] [--kills N] [--seed N]
#                   the same for store: two of them are killed and frozen at random and named instants, and made to
#                   leave; Kafka and PostgreSQL are killed, frozen and silent, and a backend is killed in its commit;
#                   every message must be in the database once (default: 200000 messages, 200 kills)
#        scripts/torture.sh --whole [--messages N] [--kills N] [--seed N]
#                   the whole way, exactly once: publisher (with --resume), bridge, store (SQLite), Kafka and Mosquitto
#                   are killed; every message must be in the database as often as it was published (default: 40000
#                   messages, 100 kills)
#        scripts/torture.sh --downlink [--messages N] [--rate N] [--kills N] [--window N] [--qos 1|2] [--seed N]
#                   the way back, at least once: downlink is killed at random and named instants, Mosquitto and Kafka
#                   are killed; an MQTT subscriber must get every message, in the order of its key, and no more twice
#                   than --window a kill (default: 100000 messages, 500 a second, 100 kills, a window of 500, QoS 1)
#
#   --mode MODE     at-least-once or exactly-once; without it, one after the other
#   --messages N    publish N messages; or
#   --seconds S     publish for S seconds (default 60)
#   --rate N        messages a second (default 1000)
#   --kills N       kill the bridge by SIGKILL so many times (default 20)
#   --faults LIST   which faults, separated by commas; 'default', or 'all':
#                     bridge-kill        SIGKILL of the bridge at a random instant
#                     failpoints         the same at a named instant of its code (before the append, after the commit,
#                                        ...)
#                     power-loss         the same, and the spool is cut back to what was synced; with --sync always
#                     refused-start      the same, and the spool is damaged: three starts must be refused and change
#                                        nothing, then the damage is undone
#                     failing-allocations
#                                        the same, and before it one allocation in thousands fails, libraries included,
#                                        on which the bridge may end by itself
#                     kafka-kill, kafka-term, kafka-stop
#                                        SIGKILL, SIGTERM, or SIGSTOP of Kafka for some seconds
#                     kafka-drop         the network to Kafka swallows everything for some seconds
#                     mosquitto-restart  SIGTERM, and a start with its persistence
#                     mqtt-cut           the MQTT connection is reset
#                     mqtt-half-open     the network to Mosquitto swallows everything for some seconds
#                     grants-less        Mosquitto takes and grants nothing above QoS 0 for some seconds
#                     disk-full          the spool's disk is full for some seconds
#                     spool-max          Kafka is away until a small spool is at its bound
#                     clock-back, clock-ahead
#                                        the bridge's clock is a day behind, or two hours ahead, for some seconds
#                     topic-vanish       Kafka's topic is deleted
#                     cluster-vanish     Kafka is another, empty cluster from then on
#                     late               for some seconds, requests to Kafka and packets to Mosquitto of every kind are
#                                        held, one after the other; each is delivered up to a minute after the client
#                                        has given it up
#                   'default' is all of them but power-loss, refused-start, failing-allocations, disk-full, spool-max,
#                   the clocks, what vanishes, late and grants-less.
#   --outage S      the faults that last, last S seconds (default: 2 to 10 by chance)
#   --backlog       all messages wait in Mosquitto before the bridge starts
#   --receive-maximum N
#                   the bridge's option of this name (default: 1000, or 20 for exactly-once)
#   --routes        the bridge carries by routes to four topics, one for each key; two of its filters overlap. Not where a
#                   topic vanishes
#   --seed N        repeats a run's faults: kinds, order and planned times (default: by the clock)
#   --json          the result as one line of JSON a run
#
# It installs what is missing and builds the bridge with failpoints in build-torture/, unless ROOMSTREAM_BIN names a
# folder of such programs. Everything listens on 127.0.0.1 and lives in a temporary folder (below TMPDIR), which stays
# only when the promise was broken. Exit status: 0 the promise was kept, 1 it was broken or something failed, 2 used
# wrongly, 130 interrupted.

set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
. "$root/scripts/lib/process.sh"
. "$root/scripts/lib/lock.sh"
. "$root/scripts/lib/python.sh"
. "$root/scripts/lib/install.sh"
. "$root/scripts/lib/build.sh"
. "$root/scripts/lib/kafka.sh"

# A mount namespace (for the disk that gets full, and another boot id). It ends with its last process.
own_mounts() {
    if ((EUID == 0)); then
        exec unshare --mount "$@"
    else
        exec unshare --map-root-user --mount "$@"
    fi
}

main() {
    [[ ${1:-} != -h && ${1:-} != --help ]] || { show_usage && exit; }
    install_needs "$needs_to_run"
    install_needs "$needs_to_test"
    fetch_kafka
    export ROOMSTREAM_KAFKA_JARS=$kafka_jars
    if [[ -z ${ROOMSTREAM_BIN:-} ]]; then
        build_preset torture
        export ROOMSTREAM_BIN=$root/build-torture/bin
    fi
    find_python confluent_kafka,xxhash ||
        die "no python3 with the modules confluent_kafka and xxhash (Debian: python3-confluent-kafka, python3-xxhash)"
    export PYTHONPATH=$root/tests/torture:$root/tests/flow:$root/tests/spool PYTHONDONTWRITEBYTECODE=1
    case " $* " in
        *' --whole '*) exec "$python" "$root/tests/torture/whole.py" "$@" ;;
        *' --store '*) exec "$python" "$root/tests/torture/store.py" "$@" ;;
        *' --downlink '*) exec "$python" "$root/tests/torture/downlink.py" "$@" ;;
        *disk-full* | *power-loss* | *' all '*) own_mounts "$python" "$root/tests/torture/torture.py" "$@" ;;
        *) exec "$python" "$root/tests/torture/torture.py" "$@" ;;
    esac
}

main "$@"
